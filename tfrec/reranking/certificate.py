"""The certificate of a slate: where each item stood after each step, with which score, and which steps moved it."""

from collections.abc import Mapping

import tensorflow as tf

from tfrec.reranking.draft import Draft


def traces(place: tf.Tensor, drafts: Mapping[str, Draft]) -> tf.Tensor:
    """One line of JSON for each item.

        {"steps": [{"step": "ranking", "position": 3, "score": 0.81}, …], "moved_by": ["diversity"]}

    Args:
        place: int32 `[batch, slate]`, the items by their place in the list of candidates.
        drafts: step → the draft that it left, in order; the first is the order of ranking.

    Returns:
        string `[batch, slate]`; positions are from 1.
    """
    steps, moved, before = [], [], None
    for name, draft in drafts.items():
        position = position_in(draft, place)
        score = tf.strings.as_string(tf.gather(draft.score, position, batch_dims=1), precision=6)
        number = tf.strings.as_string(position + 1)
        steps.append(f'{{"step": "{name}", "position": ' + number + ', "score": ' + score + "}")
        if before is not None:
            moved.append(tf.where(position == before, "", f'"{name}", '))
        before = position
    movers = tf.strings.regex_replace(tf.strings.join(moved), ", $", "") if moved else ""
    return '{"steps": [' + tf.strings.join(steps, separator=", ") + '], "moved_by": [' + movers + "]}"


def position_in(draft: Draft, place: tf.Tensor) -> tf.Tensor:
    """Where candidates stand in a draft, from 0; int32 `[batch, slate]` of their places in the list of candidates."""
    return tf.gather(tf.argsort(draft.place, axis=1), place, batch_dims=1)
