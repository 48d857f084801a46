"""`export.*`: the SavedModel."""

from pydantic import Field

from tfrec.config.settings import Settings


class ExportConfig(Settings):
    """The SavedModel."""

    k: int = Field(100, ge=1, description="the most items that `recommend` returns")
    retrieve_k: int = Field(200, ge=1, description="the most items that `retrieve` returns")
