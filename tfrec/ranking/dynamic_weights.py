"""Feature maps that language weighs anew for every pair of user and candidate: a part of the ranking score."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

Tensor = Any
Form = Literal["attention", "max"]


@keras.saving.register_keras_serializable(package="tfrec")
class DynamicWeights(keras.layers.Layer):
    """J bilinear maps of user and candidate, of which the language vectors of both say what each counts.

    With t_u, t_i the language vectors of user and item and p_u, p_i what the item space of behaviour knows of them,

        u = A [p_u ⊕ t_u],   v = B [p_i ⊕ t_i]                   (projected to `units`)
        w = softmax(g(t_u ⊕ t_i)),   g a network of one hidden layer

    the score is, by `form`,

        attention:   Σ_j w_j · (uᵀ M_j v)
        max:         max_j (uᵀ M_j v) / ‖M_j‖_F                  (here the largest map wins, and there is no g)

    times a gain that starts at 0. Nothing of it is kept from one request to the next: the vectors of the user are means
    over the history of the request, so that a new event changes the weights at once.

    Args:
        maps: J.
        units: width of u, v and the hidden layer of g.
        form: "attention" or "max".
    """

    def __init__(self, maps: int, units: int, *, form: Form = "attention", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if maps < 1 or form not in ("attention", "max"):
            raise ValueError(
                "`maps` must be at least 1 and `form` 'attention' or 'max'. "
                f"Received: maps={maps}, form={form!r}"
            )
        self.maps, self.units, self.form = maps, units, form
        same = {"dtype": self.dtype_policy}
        self.user, self.item = (keras.layers.Dense(units, use_bias=False, name=n, **same) for n in "uv")
        self.of_user = keras.layers.Dense(units, name="of_user", **same)
        self.of_item = keras.layers.Dense(units, use_bias=False, name="of_item", **same)
        self.weigh = keras.layers.Dense(maps, name="weigh", dtype="float32")

    def build(self, shapes: Sequence[Any]) -> None:
        """Shapes of p_u, p_i, t_u, t_i."""
        known, language = shapes[0][-1], shapes[2][-1]
        for layer in (self.user, self.item):
            layer.build((None, known + language))
        if self.form == "attention":
            self.of_user.build((None, language))
            self.of_item.build((None, language))
            self.weigh.build((None, self.units))
        self.matrices = self.add_weight(
            shape=(self.maps, self.units, self.units), initializer="orthogonal", name="maps"
        )
        self.gain = self.add_weight(shape=(), initializer="zeros", name="gain")
        self.built = True

    def call(self, vectors: list[Tensor]) -> Tensor:
        """p_u `[batch, dim]`, p_i `[batch, list, dim]`, t_u and t_i likewise → float32 `[batch, list]`."""
        users, items, user_texts, item_texts = vectors
        u = self.user(ops.concatenate([users, user_texts], -1))
        v = self.item(ops.concatenate([items, item_texts], -1))
        mapped = ops.einsum("br,jrs->bjs", u, ops.cast(self.matrices, u.dtype))
        products = ops.cast(ops.matmul(v, ops.transpose(mapped, (0, 2, 1))), "float32")
        if self.form == "max":
            sizes = ops.norm(ops.cast(self.matrices, "float32"), axis=(1, 2))
            best = ops.max(products / sizes, axis=-1)
        else:
            best = ops.sum(products * self.weights_of(user_texts, item_texts), axis=-1)
        return best * ops.cast(self.gain, "float32")

    def weights_of(self, user_texts: Tensor, item_texts: Tensor) -> Tensor:
        """w of the attention form: t_u `[batch, width]`, t_i `[batch, list, width]` → float32 `[batch, list, maps]`."""
        hidden = ops.gelu(self.of_user(user_texts)[:, None] + self.of_item(item_texts))
        return ops.softmax(self.weigh(hidden))

    def get_config(self) -> dict[str, Any]:
        names = ("maps", "units", "form")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
