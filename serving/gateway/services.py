"""All parts of a running gateway, opened together and closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from serving.client import AsyncClient, AsyncTransport
from serving.feature_store import FeatureStore, open_store
from serving.gateway.access import KeyFile, RateLimit, TokenVerifier
from serving.gateway.breaker import CircuitBreaker
from serving.gateway.log import EVENTS, IMPRESSIONS, Journal
from serving.gateway.model import Model
from serving.gateway.monitoring import GatewayMetrics, Snapshot
from serving.gateway.popular import PopularItems
from serving.gateway.pseudonyms import Pseudonyms, load_pseudonyms
from serving.gateway.settings import GatewayError, GatewaySettings


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    settings: GatewaySettings
    store: FeatureStore
    model: Model
    pseudonyms: Pseudonyms
    events: Journal
    impressions: Journal
    metrics: GatewayMetrics
    keys: KeyFile
    tokens: TokenVerifier | None
    rate_limit: RateLimit


def key_file(settings: GatewaySettings) -> KeyFile:
    """Where the gateway's API keys are."""
    return KeyFile(settings.keys or settings.folder / "keys.json")


def check_access(settings: GatewaySettings) -> None:
    """GatewayError if nobody could ask, and that was not meant."""
    if not settings.open and settings.jwt is None and key_file(settings).is_empty():
        raise GatewayError(
            "Nobody has a key. Make one: `tfrec gateway key create NAME --scopes read,write`; or serve everybody: "
            "`--set open=true`."
        )


@asynccontextmanager
async def open_services(
    settings: GatewaySettings, *, transport: AsyncTransport | None = None
) -> AsyncIterator[Services]:
    """The parts of a gateway, watching the model and tending the logs until the block is left.

    Args:
        transport: to a model server; None means gRPC to `settings.model.server`.
    """
    check_access(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    metrics = GatewayMetrics(Snapshot.load(settings.snapshot) if settings.snapshot else None)
    breaker = CircuitBreaker(failures=settings.model.failures, pause=settings.model.pause)
    popular = PopularItems(settings.folder / "popular.json")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            AsyncClient(
                settings.model.server,
                model=settings.model.name,
                timeout=settings.model.timeout,
                transport=transport,
                options=[("grpc.lb_policy_name", "round_robin")],  # over all addresses of a name
            )
        )
        store = await open_store(settings.store_url)
        stack.push_async_callback(store.close)
        events = Journal(settings.folder / "events", EVENTS)
        stack.push_async_callback(events.close)
        impressions = Journal(settings.folder / "impressions", IMPRESSIONS)
        stack.push_async_callback(impressions.close)
        model = Model(client, breaker, popular, k=settings.limits.k, learned=metrics.know_popular)
        await model.look()
        for work in (model.watch(settings.model.watch), events.tend(), impressions.tend()):
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        yield Services(
            settings=settings,
            store=store,
            model=model,
            pseudonyms=load_pseudonyms(settings.folder),
            events=events,
            impressions=impressions,
            metrics=metrics,
            keys=key_file(settings),
            tokens=TokenVerifier(settings.jwt) if settings.jwt else None,
            rate_limit=RateLimit(),
        )


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
