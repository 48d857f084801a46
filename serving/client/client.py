"""The synchronous client. It knows the contract of the exported model, not the model."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from serving.client.dialogue import Dialogue, Talk
from serving.client.results import (
    Certified,
    Query,
    Recommendation,
    ScoredItem,
    Signature,
    Slate,
    VersionStatus,
)
from serving.client.transport import GrpcTransport, Transport

Result = TypeVar("Result")


class Client:
    """Asks one model on one server. Thread-safe; a context manager that closes its connection.

    Args:
        address: "host:port" of the gRPC API.
        model: the model's name on the server.
        version: a fixed version; None means the newest available one.
        timeout: seconds for one call, retries included.
        transport: how calls travel; made from `address` and the further options if None.
        **options: of GrpcTransport (credentials, retries, backoff, hedge_after, max_message_bytes, options).

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
        self.timeout = timeout
        self._transport = transport or GrpcTransport(address, **options)
        self._dialogue = Dialogue(model, version)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the connection."""
        self._transport.close()

    def recommend(
        self,
        user_id: str = "",
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        exclude: Sequence[str] = (),
        allow_category: Sequence[str] = (),
        diversity: float | None = None,
        context: Mapping[str, str | float] = {},
        k: int = 10,
        **session: Any,
    ) -> Slate[Recommendation]:
        """At most `k` items, the best first. The arguments, those of the session included, are those of Query."""
        query = Query(user_id, history, query_text, exclude, allow_category, diversity, context, **session)
        return self.recommend_batch([query], k=k)[0]

    def recommend_batch(self, queries: Sequence[Query], *, k: int = 10) -> list[Slate[Recommendation]]:
        """One list for each query, in one call."""
        return self._hold(self._dialogue.recommend(queries, k))

    def certify(self, user_id: str = "", *, k: int = 10, **conditions: Any) -> Slate[Certified]:
        """As recommend, with how each item came to its place; the conditions are those of Query.

        It costs a little more: ask it where somebody wants to know, or to log the propensities of exploration.
        """
        return self._hold(self._dialogue.certify(Query(user_id, **conditions), k))

    def retrieve(
        self,
        user_id: str = "",
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        exclude: Sequence[str] = (),
        allow_category: Sequence[str] = (),
        context: Mapping[str, str | float] = {},
        k: int = 200,
    ) -> list[ScoredItem]:
        """At most `k` candidates of the first stage, the best first."""
        query = Query(user_id, history, query_text, exclude, allow_category, context=context)
        return self._hold(self._dialogue.retrieve(query, k))

    def rank(
        self,
        user_id: str,
        candidates: Sequence[str],
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        context: Mapping[str, str | float] = {},
    ) -> list[float]:
        """The ranking score of each candidate, in the order given; the lowest float for an unknown one."""
        query = Query(user_id, history, query_text, context=context)
        return self._hold(self._dialogue.rank(query, candidates))

    def embed_text(self, texts: Sequence[str]) -> list[list[float]]:
        """The language vector of each text."""
        return self._hold(self._dialogue.embed_text(texts))

    def embed_item(self, item_id: str = "", **columns: str | float | Sequence[float]) -> list[float]:
        """The vector of an item, known or new, from its id and columns (categories as "a|b").

        A column left out is sent as the model's default, else as "" or 0.
        """
        return self._hold(self._dialogue.embed_item(item_id, columns))

    def status(self) -> list[VersionStatus]:
        """Every version the server knows, the newest first."""
        return self._hold(self._dialogue.status())

    def metadata(self) -> dict[str, Signature]:
        """Signature name → its inputs and outputs, asked anew."""
        return self._hold(self._dialogue.metadata())

    def _hold(self, talk: Talk[Result]) -> Result:
        try:
            call = next(talk)
            while True:
                call = talk.send(self._transport.call(call.method, call.request, self.timeout))
        except StopIteration as end:
            return end.value
