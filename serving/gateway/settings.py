"""The gateway's settings: one YAML file, checked before anything starts."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class GatewayError(RuntimeError):
    """The gateway cannot start; the message says what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Strict):
    """The model server behind the gateway."""

    server: str = Field("127.0.0.1:8500", description="host:port of its gRPC API")
    name: str = Field("recommender", description="the model's name there")
    timeout: float = Field(1.0, gt=0, description="seconds for one call, retries included")
    failures: int = Field(5, ge=1, description="failures in a row that open the circuit breaker")
    pause: float = Field(5.0, gt=0, description="seconds the breaker stays open before one call tries again")
    watch: float = Field(5.0, gt=0, description="seconds between two looks at the model's status")


class LimitSettings(_Strict):
    """What one request may ask for."""

    body: int = Field(65_536, ge=1, description="bytes of a request body")
    history: int = Field(500, ge=1, description="items of a history, of exclusions and of categories each")
    batch: int = Field(100, ge=1, description="events of one request")
    k: int = Field(100, ge=1, description="items of one list")
    text: int = Field(2_000, ge=1, description="characters of a free text or an id")


class JwtSettings(_Strict):
    """JSON web tokens that are accepted beside API keys."""

    key_file: Path = Field(description="the public key (PEM), or the shared secret")
    algorithms: list[str] = Field(["RS256"], min_length=1)
    audience: str = Field(description="the `aud` that a token must name")
    issuer: str | None = None
    rate: float = Field(50.0, gt=0, description="requests a second of one subject")


class GatewaySettings(_Strict):
    """Everything a gateway needs to know.

    `folder` holds what it writes: API keys, the pseudonym key, the popular items, Parquet logs, and the SQLite
    store unless `store` says otherwise.
    """

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    folder: Path = Path("gateway")
    store: str = Field("", description="redis://host:port/db; empty means events.sqlite in the folder")
    keys: Path | None = Field(None, description="the file of API keys; keys.json in the folder by default")
    open: bool = Field(False, description="serve everybody, without keys: for a laptop")
    open_metrics: bool = Field(False, description="serve /metrics without a key: inside a private network")
    model: ModelSettings = ModelSettings()
    limits: LimitSettings = LimitSettings()
    jwt: JwtSettings | None = None
    session: float = Field(
        1_800.0, gt=0, description="seconds that likes and impressions of no named session count"
    )
    snapshot: Path | None = Field(
        None, description="what training looked like, for drift: `tfrec gateway snapshot`"
    )

    @property
    def store_url(self) -> str:
        """Where events are kept."""
        return self.store or str(self.folder / "events.sqlite")


def load_settings(path: Path | None, changes: list[str]) -> GatewaySettings:
    """The settings of a YAML file, with changes of the form "model.server=host:8500".

    Raises:
        GatewayError: a key is unknown or a value does not fit; the message names it.
    """
    try:
        tree = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path else {}
        for change in changes:
            _put(tree, change)
        return GatewaySettings.model_validate(tree)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()]
        raise GatewayError(f"The gateway's settings do not fit. {'; '.join(problems)}.") from None
    except (OSError, yaml.YAMLError) as error:
        raise GatewayError(f"The gateway's settings {path} cannot be read: {error}.") from error


def _put(tree: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals:
        raise GatewayError(f"A setting is changed by KEY=VALUE. Received: {change}.")
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    try:
        tree[last] = json.loads(value)
    except json.JSONDecodeError:
        tree[last] = value
