"""The item side: a `ContentTower` whose rows are the catalogue."""

import keras

from tfrec.retrieval.content_tower import ContentTower


@keras.saving.register_keras_serializable(package="tfrec")
class CandidateTower(ContentTower):
    """Item row → vector. An item without training interactions is placed by its content alone."""

    @property
    def items(self) -> int:
        """Rows of the catalogue, padding row 0 included."""
        return self.rows
