"""`tfrec gateway ...`: what can be done with a gateway besides asking it."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from serving.gateway.settings import GatewayError, GatewaySettings, load_settings

app = typer.Typer(
    name="tfrec gateway",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="HTTP in front of a model server, with a memory of what users did a moment ago.",
)
key = typer.Typer(no_args_is_help=True, help="API keys. A running gateway sees changes within a second.")
app.add_typer(key, name="key")

Config = Annotated[Path | None, typer.Option(help="A YAML file of settings: serving/gateway/settings.py.")]
Set = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be repeated.")]
Interactions = Annotated[
    Path,
    typer.Argument(metavar="INTERACTIONS", help="interactions.parquet or .csv, or the dataset's folder."),
]


def main(arguments: list[str]) -> int:
    """Runs one command; what is known to go wrong becomes one line."""
    from serving.client import ServingError
    from serving.feature_store import StoreError

    try:
        app(arguments, prog_name="tfrec gateway", standalone_mode=True)
    except (GatewayError, StoreError, ServingError) as error:
        print(f"tfrec: {error}", file=sys.stderr)
        return 1
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@app.command()
def serve(config: Config = None, set_: Set = []) -> None:  # noqa: B006
    """Serve until SIGTERM."""
    from serving.gateway.__main__ import serve as serve_gateway

    serve_gateway(load_settings(config, set_))


@app.command("import")
def import_(interactions: Interactions, config: Config = None, set_: Set = []) -> None:  # noqa: B006
    """Give the memory the histories that the model was trained on; may be repeated."""
    from serving.feature_store import open_store
    from serving.gateway.histories import import_histories
    from serving.gateway.pseudonyms import load_pseudonyms

    async def run(settings: GatewaySettings) -> int:
        store = await open_store(settings.store_url)
        try:
            return await import_histories(interactions, store, load_pseudonyms(settings.folder))
        finally:
            await store.close()

    settings = load_settings(config, set_)
    settings.folder.mkdir(parents=True, exist_ok=True)
    print(f"Imported the histories of {asyncio.run(run(settings)):,} users.")


@app.command()
def snapshot(
    interactions: Interactions,
    to: Annotated[Path, typer.Option(help="The file to write; name it in the setting `snapshot`.")],
    users: Annotated[int, typer.Option(help="Users drawn from the table.")] = 2_000,
    config: Config = None,
    set_: Set = [],  # noqa: B006
) -> None:
    """Record what lists look like for the training data: drift is measured against that."""
    from serving.client import AsyncClient
    from serving.gateway.monitoring.snapshot import make_snapshot, save_snapshot

    async def run(settings: GatewaySettings) -> None:
        async with AsyncClient(settings.model.server, model=settings.model.name) as client:
            made = await make_snapshot(client, interactions, users=users, popular=settings.limits.k)
        save_snapshot(made, to)
        print(f"Wrote {to}: version {made.model_version}, {made.users:,} users, {', '.join(made.features)}.")

    asyncio.run(run(load_settings(config, set_)))


@key.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and -; it stands in logs.")],
    scopes: Annotated[str, typer.Option(help="Some of read,write,admin.")] = "read,write",
    rate: Annotated[float, typer.Option(help="Requests a second; twice as many at once.")] = 50.0,
    config: Config = None,
    set_: Set = [],  # noqa: B006
) -> None:
    """Make a key and print it: the only time that it can be read."""
    from serving.gateway.services import key_file

    print(key_file(load_settings(config, set_)).create(name, scopes.split(","), rate=rate))


@key.command("revoke")
def key_revoke(name: str, config: Config = None, set_: Set = []) -> None:  # noqa: B006
    """End a key."""
    from serving.gateway.services import key_file

    key_file(load_settings(config, set_)).revoke(name)
    print(f"Revoked: {name}")
