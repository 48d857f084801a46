"""The synchronous client. It knows the contract of the exported model, not the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from serving import wire
from serving.client import codec
from serving.client.results import Query, Recommendation, ScoredItem, Signature, TensorSpec, VersionStatus
from serving.client.transport import GrpcTransport, Transport

_STATES = {number: name for name, number in wire.State.items()}
_DTYPES = {number: name[3:].lower() for name, number in wire.DataType.items()}


class Client:
    """Asks one model on one server. Thread-safe; a context manager that closes its connection.

    Args:
        address: "host:port" of the gRPC API.
        model: the model's name on the server.
        version: a fixed version; None means the newest available one.
        timeout: seconds for one call, retries included.
        transport: how calls travel; made from `address` and the further options if None.
        **options: of GrpcTransport (credentials, retries, backoff, max_message_bytes, options).

    All methods raise a ServingError, whose subclasses say what to do about it.
    """

    def __init__(
        self,
        address: str = "",
        *,
        model: str = "recommender",
        version: int | None = None,
        timeout: float = 10.0,
        transport: Transport | None = None,
        **options: Any,
    ):
        self.model = model
        self.version = version
        self.timeout = timeout
        self._transport = transport or GrpcTransport(address, **options)
        self._signatures: tuple[int, Mapping[str, Any]] | None = None  # (version, SignatureDefs) as last seen

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the connection."""
        self._transport.close()

    # the model's functions

    def recommend(
        self,
        user_id: str = "",
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        exclude: Sequence[str] = (),
        allow_category: Sequence[str] = (),
        diversity: float | None = None,
        k: int = 10,
    ) -> list[Recommendation]:
        """At most `k` items, the best first. The arguments are those of Query."""
        query = Query(user_id, history, query_text, exclude, allow_category, diversity)
        return self.recommend_batch([query], k=k)[0]

    def recommend_batch(self, queries: Sequence[Query], *, k: int = 10) -> list[list[Recommendation]]:
        """One list for each query, in one call."""
        if not queries:
            return []
        outputs = self._predict("recommend", _conditions(queries, k), len(queries))
        columns = [codec.rows_of(outputs[name]) for name in Recommendation.__dataclass_fields__]
        return [
            [Recommendation(*values) for values in list(zip(*row, strict=True))[:k] if values[0]]
            for row in zip(*columns, strict=True)
        ]

    def retrieve(
        self,
        user_id: str = "",
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        exclude: Sequence[str] = (),
        allow_category: Sequence[str] = (),
        k: int = 200,
    ) -> list[ScoredItem]:
        """At most `k` candidates of the first stage, the best first."""
        query = Query(user_id, history, query_text, exclude, allow_category)
        outputs = self._predict("retrieve", _conditions([query], k), 1)
        (ids,), (scores,) = codec.rows_of(outputs["item_id"]), codec.rows_of(outputs["score"])
        return [ScoredItem(*pair) for pair in list(zip(ids, scores, strict=True))[:k] if pair[0]]

    def rank(
        self, user_id: str, candidates: Sequence[str], *, history: Sequence[str] = (), query_text: str = ""
    ) -> list[float]:
        """The ranking score of each candidate, in the order given; the lowest float for an unknown one."""
        inputs = _person([Query(user_id, history, query_text)])
        inputs["candidates"] = codec.string_rows([candidates])
        (scores,) = codec.rows_of(self._predict("rank", inputs, 1)["score"])
        return scores[1 : 1 + len(candidates)]  # column 0 belongs to the leading ""

    def embed_text(self, texts: Sequence[str]) -> list[list[float]]:
        """The language vector of each text."""
        if not texts:
            return []
        return codec.rows_of(
            self._predict("embed_text", {"text": codec.strings(texts)}, len(texts))["embedding"]
        )

    def embed_item(self, item_id: str = "", **columns: str | float | Sequence[float]) -> list[float]:
        """The vector of an item, known or new, from its id and columns (categories as "a|b").

        A column left out is sent as the model's default, else as "" or 0.
        """
        inputs = {}
        for name, info in self.signature_defs()["embed_item"].inputs.items():
            if name == "item_id":
                inputs[name] = codec.strings([item_id])
            elif name in columns or name not in self.signature_defs()["embed_item"].defaults:
                inputs[name] = _column(columns.get(name), info)
        (vector,) = codec.rows_of(self._predict("embed_item", inputs, 1)["embedding"])
        return vector

    # the server

    def status(self) -> list[VersionStatus]:
        """Every version the server knows, the newest first."""
        request = wire.GetModelStatusRequest(model_spec=self._spec())
        response = self._transport.call("GetModelStatus", request, self.timeout)
        return [
            VersionStatus(v.version, _STATES.get(v.state, "UNKNOWN"), v.status.error_message)
            for v in response.model_version_status
        ]

    def metadata(self) -> dict[str, Signature]:
        """Signature name → its inputs and outputs, asked anew."""
        self._signatures = None
        return {
            name: Signature(_specs(d.inputs), _specs(d.outputs), frozenset(d.defaults))
            for name, d in self.signature_defs().items()
            if not name.startswith("__")
        }

    def signature_defs(self) -> Mapping[str, Any]:
        """Signature name → SignatureDef message, remembered until the served version changes."""
        if self._signatures is None:
            request = wire.GetModelMetadataRequest(model_spec=self._spec(), metadata_field=["signature_def"])
            response = self._transport.call("GetModelMetadata", request, self.timeout)
            found = wire.SignatureDefMap()
            response.metadata["signature_def"].Unpack(found)
            self._signatures = (response.model_spec.version.value, found.signature_def)
        return self._signatures[1]

    # one call

    def _predict(self, signature: str, inputs: Mapping[str, Any], rows: int) -> Mapping[str, Any]:
        request = wire.PredictRequest(model_spec=self._spec(signature), inputs=inputs)
        definition = self.signature_defs().get(signature)
        if definition is not None:
            # a batch on the server cannot fill in what one of its requests leaves out, so everything is sent
            for name in definition.defaults.keys() - inputs.keys():
                request.inputs[name].CopyFrom(codec.repeated(definition.defaults[name], rows))
        response = self._transport.call("Predict", request, self.timeout)
        known = self._signatures
        if known is not None and known[0] != response.model_spec.version.value:
            self._signatures = None  # the next call learns the new version's defaults
        return response.outputs

    def _spec(self, signature: str = "") -> Any:
        spec = wire.ModelSpec(name=self.model, signature_name=signature)
        if self.version is not None:
            spec.version.value = self.version
        return spec


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
    strengths = {query.diversity for query in queries}
    if strengths != {None}:
        if None in strengths:
            raise ValueError(
                "diversity must be given for all queries of a batch or for none. Received: a mixture."
            )
        inputs["diversity"] = codec.floats([query.diversity or 0.0 for query in queries])
    return inputs


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
