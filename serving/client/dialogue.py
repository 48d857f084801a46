"""What is asked and how the answers are read, without any sending: shared by the synchronous and the
asynchronous client.

Each method is a generator that yields the calls it needs and is sent their responses; its return value is the
result.
"""

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from serving import wire
from serving.client import codec
from serving.client.results import (
    Certified,
    Item,
    Query,
    Recommendation,
    ScoredItem,
    Signature,
    Slate,
    Step,
    TensorSpec,
    VersionStatus,
)

_STATES = {number: name for name, number in wire.State.items()}
_DTYPES = {number: name[3:].lower() for name, number in wire.DataType.items()}

_CONTEXT, _TIME = "context_", "time"  # how the inputs for a moment are called

_STRENGTHS = ("diversity", "fairness", "exploration")
_FEEDBACK = ("liked", "disliked", "shown")
_TOLD = tuple(Recommendation.__dataclass_fields__)

Result = TypeVar("Result")


class Call(NamedTuple):
    """One call to make: the method's name ("Predict") and its request message."""

    method: str
    request: Any


Talk = Generator[Call, Any, Result]


class Dialogue:
    """Everything a client may ask about one model.

    Args:
        model: the model's name on the server.
        version: a fixed version; None means the newest available one.
    """

    def __init__(self, model: str, version: int | None):
        self.model = model
        self.version = version
        self._signatures: tuple[int, Mapping[str, Any]] | None = None  # (version, SignatureDefs) as last seen

    def recommend(self, queries: Sequence[Query], k: int) -> Talk[list[Slate[Recommendation]]]:
        """One list for each query, at most `k` long."""
        return (yield from self._slates("recommend", queries, k, _TOLD, Recommendation))

    def certify(self, query: Query, k: int) -> Talk[Slate[Certified]]:
        """One list, at most `k` long, with how each item came to its place."""
        columns = (*_TOLD, "trace", "propensity")
        (slate,) = yield from self._slates("certify", [query], k, columns, _certified)
        return slate

    def _slates(
        self,
        signature: str,
        queries: Sequence[Query],
        k: int,
        names: Sequence[str],
        item: Callable[..., Item],
    ) -> Talk[list[Slate[Item]]]:
        """The outputs `names` of a signature as lists of `item(*values)`; item_id is the first of them."""
        if not queries:
            return []
        inputs = _conditions(queries, k) | _shaping(queries)
        inputs |= yield from self._moments(signature, queries)
        response = yield from self._predict(signature, inputs, len(queries))
        columns = [codec.rows_of(response.outputs[name]) for name in names]
        lists = [
            [values for values in zip(*row, strict=True) if values[0]] for row in zip(*columns, strict=True)
        ]
        version = response.model_spec.version.value
        return [Slate((item(*values) for values in best[:k]), version=version) for best in lists]

    def retrieve(self, query: Query, k: int) -> Talk[list[ScoredItem]]:
        """At most `k` candidates of the first stage."""
        inputs = _conditions([query], k)
        inputs |= yield from self._moments("retrieve", [query])
        outputs = (yield from self._predict("retrieve", inputs, 1)).outputs
        (ids,), (scores,) = codec.rows_of(outputs["item_id"]), codec.rows_of(outputs["score"])
        return [ScoredItem(*pair) for pair in list(zip(ids, scores, strict=True))[:k] if pair[0]]

    def rank(self, query: Query, candidates: Sequence[str]) -> Talk[list[float]]:
        """The ranking score of each candidate."""
        inputs = _person([query])
        inputs["candidates"] = codec.string_rows([candidates])
        inputs |= yield from self._moments("rank", [query])
        outputs = (yield from self._predict("rank", inputs, 1)).outputs
        (scores,) = codec.rows_of(outputs["score"])
        return scores[1 : 1 + len(candidates)]  # column 0 belongs to the leading ""

    def embed_text(self, texts: Sequence[str]) -> Talk[list[list[float]]]:
        """The language vector of each text."""
        if not texts:
            return []
        outputs = (yield from self._predict("embed_text", {"text": codec.strings(texts)}, len(texts))).outputs
        return codec.rows_of(outputs["embedding"])

    def embed_item(self, item_id: str, columns: Mapping[str, Any]) -> Talk[list[float]]:
        """The vector of one item."""
        signatures = yield from self.signature_defs()
        definition = signatures["embed_item"]
        unknown = sorted(columns.keys() - definition.inputs.keys())
        if unknown:
            raise ValueError(
                f"embed_item takes the columns {sorted(definition.inputs)}. Received: {unknown}."
            )
        inputs = {"item_id": codec.strings([item_id])}
        for name, info in definition.inputs.items():
            if name in columns or name not in {"item_id", *definition.defaults}:
                inputs[name] = _column(columns.get(name), info)
        outputs = (yield from self._predict("embed_item", inputs, 1)).outputs
        (vector,) = codec.rows_of(outputs["embedding"])
        return vector

    def status(self) -> Talk[list[VersionStatus]]:
        """Every version the server knows."""
        response = yield Call("GetModelStatus", wire.GetModelStatusRequest(model_spec=self._spec()))
        return [
            VersionStatus(v.version, _STATES.get(v.state, "UNKNOWN"), v.status.error_message)
            for v in response.model_version_status
        ]

    def metadata(self) -> Talk[dict[str, Signature]]:
        """Signature name → its inputs and outputs, asked anew."""
        self._signatures = None
        signatures = yield from self.signature_defs()
        return {
            name: Signature(
                _specs(d.inputs),
                _specs(d.outputs),
                frozenset(d.defaults),
                {alias: codec.flat(value) for alias, value in d.defaults.items()},
            )
            for name, d in signatures.items()
            if not name.startswith("__")
        }

    def signature_defs(self) -> Talk[Mapping[str, Any]]:
        """Signature name → SignatureDef message, remembered until the served version changes."""
        known = self._signatures
        if known is None:
            request = wire.GetModelMetadataRequest(model_spec=self._spec(), metadata_field=["signature_def"])
            response = yield Call("GetModelMetadata", request)
            found = wire.SignatureDefMap()
            response.metadata["signature_def"].Unpack(found)
            known = self._signatures = (response.model_spec.version.value, found.signature_def)
        return known[1]

    def _moments(self, signature: str, queries: Sequence[Query]) -> Talk[dict[str, Any]]:
        """The context of each query as the inputs that the model has for it."""
        names = sorted({name for query in queries for name in query.context})
        if not names:
            return {}
        taken = (yield from self.signature_defs())[signature].inputs
        inputs = {}
        for name in names:
            key = _TIME if name == _TIME and _TIME in taken else _CONTEXT + name
            if key not in taken:
                known = [
                    key.removeprefix(_CONTEXT) for key in sorted(taken) if key.startswith((_CONTEXT, _TIME))
                ]
                raise ValueError(f"the model knows the context {known}. Received: {name!r}.")
            inputs[key] = _moment([query.context.get(name) for query in queries], taken[key])
        return inputs

    def _predict(self, signature: str, inputs: Mapping[str, Any], rows: int) -> Talk[Any]:
        request = wire.PredictRequest(model_spec=self._spec(signature), inputs=inputs)
        signatures = yield from self.signature_defs()
        definition = signatures.get(signature)
        if definition is not None:
            # a batch on the server cannot fill in what one of its requests leaves out, so everything is sent
            for name in definition.defaults.keys() - inputs.keys():
                request.inputs[name].CopyFrom(codec.repeated(definition.defaults[name], rows))
        response = yield Call("Predict", request)
        known = self._signatures
        if known is not None and known[0] != response.model_spec.version.value:
            self._signatures = None  # the next call learns the new version's defaults
        return response

    def _spec(self, signature: str = "") -> Any:
        spec = wire.ModelSpec(name=self.model, signature_name=signature)
        if self.version is not None:
            spec.version.value = self.version
        return spec


def _certified(*values: Any) -> Certified:
    *told, trace, propensity = values
    certificate = json.loads(trace)
    steps = (Step(step["step"], step["position"], step["score"]) for step in certificate["steps"])
    values = (*told, tuple(steps), tuple(certificate["moved_by"]), propensity)
    return Certified(*values)


def _person(queries: Sequence[Query]) -> dict[str, Any]:
    return {
        "user_id": codec.strings([query.user_id for query in queries]),
        "history": codec.string_rows([query.history for query in queries]),
        "query_text": codec.strings([query.query_text for query in queries]),
    }


def _conditions(queries: Sequence[Query], k: int) -> dict[str, Any]:
    if k < 1:
        raise ValueError(f"k must be at least 1. Received: {k}.")
    inputs = _person(queries)
    inputs["exclude"] = codec.string_rows([query.exclude for query in queries])
    inputs["allow_category"] = codec.string_rows([query.allow_category for query in queries])
    inputs["k"] = codec.ints([k] * len(queries))
    return inputs


def _shaping(queries: Sequence[Query]) -> dict[str, Any]:
    """What is wanted of the slates, as far as any query says it: the rest is the model's own default."""
    inputs = {}
    for name in _STRENGTHS:
        strengths = [getattr(query, name) for query in queries]
        if set(strengths) == {None}:
            continue
        if None in strengths:
            raise ValueError(
                f"{name} must be given for all queries of a batch or for none. Received: a mixture."
            )
        inputs[name] = codec.floats(strengths)
    for name in _FEEDBACK:
        ids = [getattr(query, name) for query in queries]
        if any(ids):
            inputs[name] = codec.string_rows(ids)
    if any(query.language for query in queries):
        inputs["language"] = codec.strings([query.language for query in queries])
    return inputs


def _moment(values: Sequence[str | float | None], info: Any) -> Any:
    if info.dtype == wire.DataType["DT_STRING"]:
        return codec.strings(["" if value is None else str(value) for value in values])
    return codec.tensor(
        info.dtype, [len(values)], [math.nan if value is None else float(value) for value in values]
    )


def _column(value: Any, info: Any) -> Any:
    if info.dtype == wire.DataType["DT_STRING"]:
        return codec.strings([value or ""])
    width = [dim.size for dim in info.tensor_shape.dim][1:]
    values = list(value) if isinstance(value, (list, tuple)) else [value or 0.0] * (width[0] if width else 1)
    return codec.tensor(info.dtype, [1, *[len(values)][: len(width)]], values)


def _specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(_DTYPES[info.dtype], tuple(dim.size for dim in info.tensor_shape.dim))
        for name, info in infos.items()
    }
