"""What each signature is asked: its inputs with their types and shapes, and what they are where a request has none.

The inputs of `tfrec.signatures`; `tfrec.export` writes both into the SavedModel.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrec.config import Config

Specs = dict[str, dict[str, tf.TensorSpec]]
Defaults = dict[str, dict[str, np.ndarray]]

FEEDBACK = ("liked", "disliked", "shown")
STRENGTHS = ("diversity", "fairness", "exploration")
FILTERED = ("user_id", "history", "query_text", "exclude", "allow_category", "k")
ASKED = {*FILTERED, *FEEDBACK, *STRENGTHS, "language"}  # the other inputs of a request are its context


def input_specs(moment: Mapping[str, tf.TensorSpec], columns: Mapping[str, tf.TensorSpec]) -> Specs:
    """Signature → input → its type and shape.

    Args:
        moment: the inputs that tell a request's context.
        columns: those that describe an item.
    """
    texts, lists = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
    person = {"user_id": texts, "history": lists}
    asked = {**person, "query_text": texts}
    filtered = {**asked, "exclude": lists, "allow_category": lists, "k": tf.TensorSpec([None], tf.int32)}
    session = {
        **dict.fromkeys(STRENGTHS, tf.TensorSpec([None], tf.float32)),
        **dict.fromkeys(FEEDBACK, lists),
        "language": texts,
    }
    inputs = {
        "recommend": {**filtered, **session, **moment},
        "serving_default": person,
        "certify": {**filtered, **session, **moment},
        "retrieve": {**filtered, **moment},
        "rank": {**asked, "candidates": lists, **moment},
        "embed_text": {"text": texts},
        "embed_item": {"item_id": texts, **columns},
    }
    return {
        name: {alias: tf.TensorSpec(spec.shape, spec.dtype, alias) for alias, spec in specs.items()}
        for name, specs in inputs.items()
    }


def input_defaults(config: Config, moment: Mapping[str, np.ndarray]) -> Defaults:
    """Signature → input → what it is where a request of one row leaves it out.

    Args:
        config: of the run.
        moment: of the inputs that tell a request's context.
    """
    no_list, no_text = np.array([[""]], object), np.array([""], object)
    optional = {"history": no_list, "query_text": no_text, "exclude": no_list, "allow_category": no_list}
    settings = config.reranking
    session = {
        **{name: np.array([getattr(settings, name)], np.float32) for name in STRENGTHS},
        **dict.fromkeys(FEEDBACK, no_list),
        "language": np.array([settings.language], object),
    }
    sizes = {name: np.array([k], np.int32) for name, k in config.export.model_dump().items()}
    recommend = {**optional, **session, "k": sizes["k"], **moment}
    return {
        "serving_default": {"history": no_list},
        "recommend": recommend,
        "certify": recommend,
        "retrieve": {**optional, "k": sizes["retrieve_k"], **moment},
        "rank": {"history": no_list, "query_text": no_text, **moment},
    }
