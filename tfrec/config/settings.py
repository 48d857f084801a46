"""What all sections have in common: they know their keys, and they do not change."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings that refuse an unknown key, check their defaults too, and are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
