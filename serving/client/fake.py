"""A recommender without a server, for the tests of those who use the client."""

import json
from collections.abc import Sequence
from typing import Any

from serving import wire
from serving.client import codec
from serving.client.errors import ServingError, error_for

LOWEST_FLOAT = -3.4028234663852886e38

_SLATES = ("recommend", "certify")
_INPUTS = {
    **dict.fromkeys(("user_id", "history", "query_text", "exclude", "allow_category"), "DT_STRING"),
    "k": "DT_INT32",
    "diversity": "DT_FLOAT",
}
_OF_A_SESSION = {
    **dict.fromkeys(("liked", "disliked", "shown", "language"), "DT_STRING"),
    **dict.fromkeys(("fairness", "exploration"), "DT_FLOAT"),
}


class FakeTransport:
    """Recommends `items` in their order, without those of the history and the exclusions.

    Place i (from 0) scores 1 / (i + 1) in every stage. Answers all signatures, keeps every request, and
    fails when told to:

        fake = FakeTransport(["a", "b", "c"])
        Client(transport=fake).recommend("u", history=["a"], k=1)      # → item "b"
        fake.fail_with("UNAVAILABLE")

    Args:
        items: the catalogue, the best first.
        dim: width of the embeddings.
        version: the version that answers.
        diversity: the default strength that the metadata tells.
        session: feedback, fairness, exploration, language and `certify` are known; False is an older export.
    """

    def __init__(
        self,
        items: Sequence[str] = (),
        *,
        dim: int = 4,
        version: int = 1,
        diversity: float = 0.0,
        session: bool = True,
    ):
        self.session = session
        self.items = list(items)
        self.dim = dim
        self.version = version
        self.diversity = diversity
        self.requests: list[tuple[str, Any]] = []
        self._failure: ServingError | None = None

    def fail_with(self, code: str | None, message: str = "fake failure") -> None:
        """From now on every call fails with this canonical code; None ends it."""
        self._failure = error_for(code, message) if code else None

    def call(self, method: str, request: Any, timeout: float) -> Any:
        """Answers as a server would."""
        self.requests.append((method, request))
        if self._failure is not None:
            raise self._failure
        answers = {
            "Predict": self._predict,
            "GetModelMetadata": self._metadata,
            "GetModelStatus": self._status,
        }
        return answers[method](request)

    def close(self) -> None:
        """Nothing to free."""

    def asynchronous(self) -> "AsyncFakeTransport":
        """The same recommender for an AsyncClient."""
        return AsyncFakeTransport(self)

    def _predict(self, request: Any) -> Any:
        response = wire.PredictResponse(model_spec=request.model_spec)
        response.model_spec.version.value = self.version
        kind = request.model_spec.signature_name
        answer = getattr(self, f"_{kind}", None)
        if answer is None:
            raise error_for("FAILED_PRECONDITION", f'Serving signature key "{kind}" not found.', request)
        unknown = set(request.inputs) - set(self._inputs()) if kind in _SLATES else set()
        if unknown:
            raise error_for("INVALID_ARGUMENT", f"Inputs contains invalid name: {sorted(unknown)}", request)
        for name, tensor in answer(request.inputs).items():
            response.outputs[name].CopyFrom(tensor)
        return response

    def _inputs(self) -> dict[str, str]:
        return {**_INPUTS, **(_OF_A_SESSION if self.session else {})}

    def _recommend(self, inputs: Any) -> dict[str, Any]:
        lists = self._lists(inputs)
        scores = _scores(lists)
        reasons = _strings([["fake" if item else "" for item in row] for row in lists])
        return {
            "item_id": _strings(lists),
            "score": scores,
            "retrieval_score": scores,
            "ranking_score": scores,
            "reason": reasons,
        }

    def _certify(self, inputs: Any) -> dict[str, Any]:
        """Nothing moves anything: each item stands where ranking has put it, and was certain to."""
        told = self._recommend(inputs)
        lists = codec.rows_of(told["item_id"])
        return {
            **told,
            "trace": _strings(
                [[_trace(place) if item else "" for place, item in enumerate(row)] for row in lists]
            ),
            "propensity": _floats([[1.0 if item else 0.0 for item in row] for row in lists]),
        }

    def _retrieve(self, inputs: Any) -> dict[str, Any]:
        lists = self._lists(inputs)
        return {"item_id": _strings(lists), "score": _scores(lists)}

    def _lists(self, inputs: Any) -> list[list[str]]:
        hidden = zip(codec.rows_of(inputs["history"]), codec.rows_of(inputs["exclude"]), strict=True)
        lists = [[item for item in self.items if item not in {*seen, *banned}] for seen, banned in hidden]
        k = max(codec.flat(inputs["k"]))
        return [[*row[:k], *[""] * (k - len(row))] for row in lists]

    def _rank(self, inputs: Any) -> dict[str, Any]:
        rows = codec.rows_of(inputs["candidates"])
        place = {item: 1.0 / (index + 1) for index, item in enumerate(self.items)}
        return {"score": _floats([[place.get(item, LOWEST_FLOAT) for item in row] for row in rows])}

    def _embed_text(self, inputs: Any) -> dict[str, Any]:
        return {"embedding": _floats([[float(len(text))] * self.dim for text in codec.flat(inputs["text"])])}

    def _embed_item(self, inputs: Any) -> dict[str, Any]:
        return {
            "embedding": _floats([[float(len(item))] * self.dim for item in codec.flat(inputs["item_id"])])
        }

    def _metadata(self, request: Any) -> Any:
        signatures = wire.SignatureDefMap()
        for kind in _SLATES if self.session else _SLATES[:1]:
            definition = signatures.signature_def[kind]
            definition.defaults["diversity"].CopyFrom(codec.floats([self.diversity]))
            for name, dtype in self._inputs().items():
                definition.inputs[name].dtype = wire.DataType[dtype]
        signatures.signature_def["embed_item"].inputs["item_id"].dtype = wire.DataType["DT_STRING"]
        response = wire.GetModelMetadataResponse(model_spec=request.model_spec)
        response.model_spec.version.value = self.version
        response.metadata["signature_def"].Pack(signatures)
        return response

    def _status(self, request: Any) -> Any:
        response = wire.GetModelStatusResponse()
        response.model_version_status.add(version=self.version, state=wire.State["AVAILABLE"])
        return response


def _trace(place: int) -> str:
    step = {"step": "ranking", "position": place + 1, "score": 1.0 / (place + 1)}
    return json.dumps({"steps": [step], "moved_by": []})


def _strings(rows: list[list[str]]) -> Any:
    return codec.tensor(
        wire.DataType["DT_STRING"], [len(rows), len(rows[0])], [v for row in rows for v in row]
    )


def _floats(rows: list[list[float]]) -> Any:
    return codec.tensor(
        wire.DataType["DT_FLOAT"], [len(rows), len(rows[0])], [v for row in rows for v in row]
    )


def _scores(lists: list[list[str]]) -> Any:
    return _floats([[1.0 / (i + 1) if item else LOWEST_FLOAT for i, item in enumerate(row)] for row in lists])


class AsyncFakeTransport:
    """A FakeTransport that is awaited."""

    def __init__(self, fake: FakeTransport):
        self.fake = fake

    async def call(self, method: str, request: Any, timeout: float) -> Any:
        """As FakeTransport.call."""
        return self.fake.call(method, request, timeout)

    async def close(self) -> None:
        """Nothing to free."""
