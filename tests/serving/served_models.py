"""Tiny SavedModels for servers to serve. Needs TensorFlow; conftest.py imports it only when a test asks for one."""

from pathlib import Path

import tensorflow as tf

TEN, FOUR = tf.constant([10]), tf.constant([4])
NO_TEXT, NO_ITEMS, QUARTER = tf.constant([""]), tf.constant([[""]]), tf.constant([0.25])
TAGGED = tf.TensorSpec([None], tf.string, name="inputs")


class Toy(tf.Module):
    """y = x · version, and one signature for each thing a server has to get right."""

    def __init__(self, version: int):
        self.version = tf.Variable(float(version))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="x"),
            tf.TensorSpec([None, None], tf.string, name="words"),
        ]
    )
    def both(self, x, words):
        count = tf.reduce_sum(tf.cast(tf.not_equal(words, ""), tf.int32), 1)
        return {
            "y": x * self.version,
            "joined": tf.strings.reduce_join(words, 1, separator=","),
            "count": count,
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="u"),
            tf.TensorSpec([None], tf.int32, name="k"),
        ]
    )
    def optional(self, u, k=TEN):
        return {"text": tf.strings.join([u, tf.strings.as_string(k)])}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def product(self, x):
        return {"y": tf.matmul(x, tf.constant([[1.0], [10.0], [100.0]]))}

    @tf.function(input_signature=[TAGGED])
    def classify(self, inputs):
        value = tf.io.parse_example(inputs, {"v": tf.io.FixedLenFeature([], tf.float32, 0.0)})["v"]
        scores = tf.stack([value, 1.0 - value], 1)
        return {"classes": tf.tile([["yes", "no"]], [tf.shape(value)[0], 1]), "scores": scores}

    @tf.function(input_signature=[TAGGED])
    def regress(self, inputs):
        parsed = tf.io.parse_example(
            inputs, {name: tf.io.FixedLenFeature([], tf.float32, 0.0) for name in ("v", "w")}
        )
        return {"outputs": parsed["v"] * self.version + parsed["w"]}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], dtype, name=dtype.name)
            for dtype in (tf.float64, tf.int64, tf.int8, tf.uint8, tf.bool, tf.uint32, tf.uint64, tf.float16)
        ]
    )
    def types(self, *values):
        return {f"out_{value.dtype.name}": tf.identity(value) for value in values}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="s")])
    def raw(self, s):
        return {"s_bytes": tf.identity(s)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x):
        return {"sum": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def slow(self, x):
        big = tf.random.stateless_uniform([1500, 1500], [1, 2])
        for _ in range(6):
            big = tf.matmul(big, big) * 1e-3
        return {"y": x * self.version + 0.0 * tf.reduce_sum(tf.clip_by_value(big, 0.0, 1.0))}

    def save(self, path: Path) -> Path:
        names = ("optional", "product", "classify", "regress", "types", "raw", "total", "slow")
        signatures = {"serving_default": self.both, **{name: getattr(self, name) for name in names}}
        tf.saved_model.save(self, str(path), signatures=signatures)
        return path


def text(shape, name):
    return tf.TensorSpec(shape, tf.string, name=name)


class Contract(tf.Module):
    """The signatures of an exported recommender around a fixed list; `reason` tells what arrived."""

    ITEMS = ("a", "b", "c", "d")

    @tf.function(
        input_signature=[
            text([None], "user_id"),
            text([None, None], "history"),
            text([None], "query_text"),
            text([None, None], "exclude"),
            text([None, None], "allow_category"),
            tf.TensorSpec([None], tf.float32, name="diversity"),
            tf.TensorSpec([None], tf.int32, name="k"),
        ]
    )
    def recommend(
        self,
        user_id,
        history,
        query_text=NO_TEXT,
        exclude=NO_ITEMS,
        allow_category=NO_ITEMS,
        diversity=QUARTER,
        k=FOUR,
    ):
        parts = [user_id, query_text, tf.strings.as_string(diversity, precision=2)]
        lists = [
            tf.strings.reduce_join(rows, 1, separator=".") for rows in (history, exclude, allow_category)
        ]
        reason = tf.strings.join([*parts, *lists], separator="|")
        items = tf.tile([[*self.ITEMS, ""]], [tf.shape(user_id)[0], 1])[:, : tf.reduce_max(k)]
        score = tf.tile([[4.0, 3.0, 2.0, 1.0, tf.float32.min]], [tf.shape(user_id)[0], 1])[
            :, : tf.reduce_max(k)
        ]
        reasons = tf.repeat(reason[:, None], tf.shape(items)[1], axis=1)
        return {
            "item_id": items,
            "score": score,
            "retrieval_score": score * 10.0,
            "ranking_score": score * 100.0,
            "reason": reasons,
        }

    @tf.function(
        input_signature=[
            text([None], "user_id"),
            text([None, None], "history"),
            text([None], "query_text"),
            text([None, None], "exclude"),
            text([None, None], "allow_category"),
            tf.TensorSpec([None], tf.int32, name="k"),
        ]
    )
    def retrieve(self, user_id, history, query_text, exclude, allow_category, k):
        found = self.recommend(
            user_id, history, query_text, exclude, allow_category, tf.zeros_like(k, tf.float32), k
        )
        return {"item_id": found["item_id"], "score": found["score"]}

    @tf.function(
        input_signature=[
            text([None], "user_id"),
            text([None, None], "history"),
            text([None], "query_text"),
            text([None, None], "candidates"),
        ]
    )
    def rank(self, user_id, history, query_text, candidates):
        lengths = tf.cast(tf.strings.length(candidates), tf.float32)
        return {"score": tf.where(tf.equal(candidates, ""), tf.float32.min, lengths)}

    @tf.function(input_signature=[text([None], "text")])
    def embed_text(self, text):
        return {"embedding": tf.repeat(tf.cast(tf.strings.length(text), tf.float32)[:, None], 3, axis=1)}

    @tf.function(
        input_signature=[
            text([None], "item_id"),
            text([None], "title"),
            tf.TensorSpec([None], tf.float32, name="price"),
            tf.TensorSpec([None, 2], tf.float32, name="image"),
        ]
    )
    def embed_item(self, item_id, title, price, image):
        lengths = [tf.cast(tf.strings.length(part), tf.float32) for part in (item_id, title)]
        return {"embedding": tf.concat([tf.stack([*lengths, price], 1), image], 1)}

    def save(self, path: Path) -> Path:
        names = ("recommend", "retrieve", "rank", "embed_text", "embed_item")
        tf.saved_model.save(self, str(path), signatures={name: getattr(self, name) for name in names})
        return path


class Tokens(tf.Module):
    """A model whose graph holds an op of TensorFlow Text."""

    def __init__(self):
        import tensorflow_text

        vocabulary = ["[UNK]", "play", "##ing", "red"]
        self.tokenizer = tensorflow_text.FastWordpieceTokenizer(vocabulary, token_out_type=tf.int64)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def count(self, text):
        return {"tokens": tf.cast(self.tokenizer.tokenize(text).row_lengths(), tf.int32)}

    def save(self, path: Path) -> Path:
        tf.saved_model.save(self, str(path), signatures={"serving_default": self.count})
        return path
