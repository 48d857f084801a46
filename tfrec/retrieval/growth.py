"""A trained model for a catalogue that has grown: new items stand where their content puts them, nothing is learned."""

import keras
import numpy as np

from tfrec.data.item_content import ItemContent
from tfrec.retrieval.two_tower import TwoTower


def grown(model: TwoTower, content: ItemContent) -> TwoTower:
    """The towers with rows for the `content.added` last items of `content`, which have no id part.

    What the model says of the other items is the same, number for number.
    """
    rows, slots = content.category.shape
    config = model.get_config()
    config["candidate"]["config"].update(rows=rows, slots=slots)
    config["blend"]["config"].update(items=rows)
    larger = TwoTower.from_config(config)
    copy_weights(model, larger)
    tower, blend, new = larger.candidate, larger.blend, slice(rows - content.added, rows)
    # values that only new items have are there to filter by; the tower has no embedding of them
    category = np.where(content.category < tower.categories, content.category, 0)
    tower.set_content(content=content.table, category=category)
    lexical = np.zeros((rows, 0), np.float32) if content.lexical is None else content.lexical
    place = blend.place(content.vectors[new], lexical[new])
    blend.content.assign(np.concatenate([blend.content.numpy()[: rows - content.added], place]))
    return larger


def copy_weights(model: keras.Model, larger: keras.Model) -> None:
    """Gives the weights to a model of the same structure, some of whose tables have more rows or columns: zeros."""
    for ours, theirs in zip(model.variables, larger.variables, strict=True):
        values = keras.ops.convert_to_numpy(ours)
        whole = np.zeros(theirs.shape, values.dtype)
        whole[tuple(map(slice, values.shape))] = values
        theirs.assign(whole)
