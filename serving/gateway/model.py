"""The gateway's door to the model server: breaker, deadline, and what is known of the server's state."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from serving.client import AsyncClient, Query, ScoredItem, ServingError, Slate
from serving.client.errors import InvalidRequestError
from serving.gateway.breaker import CircuitBreaker
from serving.gateway.popular import PopularItems
from serving.gateway.queries import Abilities

log = logging.getLogger(__name__)

Result = TypeVar("Result")
_QUERY = tuple(Query.__dataclass_fields__)
LOWEST_FLOAT = -3.4e38  # what `rank` gives an item that the catalogue does not have


class ModelUnavailableError(Exception):
    """The model cannot answer now. `cause` is one word: breaker, or the server's code in lower case."""

    def __init__(self, cause: str):
        super().__init__(f"The model cannot be asked: {cause}.")
        self.cause = cause


class UnknownItemError(LookupError):
    """The catalogue has no such item."""


class Model:
    """Calls the model server, as far as the breaker allows.

    Args:
        client: for the model; its timeout is each call's.
        popular: told the model's list for nobody by `look`.
        k: the length of that list.
        learned: told the ids of that list.
    """

    def __init__(
        self,
        client: AsyncClient,
        breaker: CircuitBreaker,
        popular: PopularItems,
        *,
        k: int,
        learned: Callable[[Sequence[str]], None] = lambda _: None,
    ):
        self.client = client
        self.breaker = breaker
        self.popular = popular
        self.version = 0  # the newest available one; 0 while none is
        self.abilities = Abilities()
        self._abilities_of = 0  # the version that has them
        self._k = k
        self._learned = learned
        learned(popular.items)

    async def recommend(self, query: Query, k: int) -> Slate[Any]:
        """One list. Where it is drawn by chance it is of Certified items, which tell their propensities.

        Raises:
            ModelUnavailableError: no answer.
            InvalidRequestError: the model refuses the request.
        """
        return await self._guarded(lambda: self._list(query, k))

    async def _list(self, query: Query, k: int) -> Slate[Any]:
        if self.abilities.certifies and self.abilities.exploration_of(query) > 0:
            return await self.client.certify(k=k, **{name: getattr(query, name) for name in _QUERY})
        (slate,) = await self.client.recommend_batch([query], k=k)
        return slate

    async def learn(self) -> bool:
        """Asks what the served model takes; True if that is not what was known."""
        before = self.abilities
        try:
            self.abilities = Abilities.of(await self.client.metadata())
        except ServingError as error:
            log.warning("The model server does not tell its signatures: %s", error.code)
        return self.abilities != before

    async def similar(self, item_id: str, k: int) -> list[ScoredItem]:
        """What recall finds for somebody whose history is this one item.

        Raises:
            UnknownItemError: not in the catalogue.
            ModelUnavailableError: no answer.
        """
        found, (score,) = await self._guarded(
            lambda: asyncio.gather(
                self.client.retrieve(history=[item_id], k=k), self.client.rank("", [item_id])
            )
        )
        if score <= LOWEST_FLOAT:
            raise UnknownItemError(item_id)
        return found

    async def watch(self, seconds: float) -> None:
        """Looks at the model's status for ever, and learns each new version's popular list."""
        while True:
            await self.look()
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """One look."""
        try:
            states = await self.client.status()
            self.version = max((v.version for v in states if v.state == "AVAILABLE"), default=0)
            if self.version and self.version != self._abilities_of:
                await self.learn()
                self._abilities_of = self.version
            if self.version and self.version != self.popular.version:
                self.popular.remember(await self.client.recommend(k=self._k))
                self._learned(self.popular.items)
        except ServingError as error:
            self.version = 0
            log.warning("The model server does not answer: %s", error.code)

    async def _guarded(self, call: Callable[[], Awaitable[Result]]) -> Result:
        if not self.breaker.allows():
            raise ModelUnavailableError("breaker")
        try:
            result = await call()
        except (InvalidRequestError, ValueError):
            self.breaker.succeeded()  # the server is well: the request is not
            raise
        except ServingError as error:
            self.breaker.failed()
            raise ModelUnavailableError(error.code.lower()) from error
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()
        return result
