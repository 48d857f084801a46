"""Gateways in this process, in front of a fake model."""

from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from serving.client import FakeTransport
from serving.gateway import GatewaySettings, create_app
from serving.gateway.services import key_file

CATALOGUE = [f"i{n}" for n in range(20)]


@pytest.fixture
def fake():
    """The model: recommends i0, i1, … without the history and the exclusions."""
    return FakeTransport(CATALOGUE, version=3)


@pytest.fixture
def settings(tmp_path):
    """Settings with changes: `settings(limits={"k": 5})`."""

    def make(**changes) -> GatewaySettings:
        return GatewaySettings.model_validate({"folder": tmp_path / "gateway", "open": True, **changes})

    return make


@pytest.fixture
def gateway(fake, settings):
    """`with gateway(**changes) as http:` runs a gateway with these settings."""

    @contextmanager
    def run(**changes):
        app = create_app(settings(**changes), transport=fake.asynchronous())
        with TestClient(app, raise_server_exceptions=False) as http:
            yield http

    return run


@pytest.fixture
def keyed(gateway, settings):
    """`with keyed() as (http, keys):` runs a gateway that asks for keys; keys["read"] is a header for each scope."""

    @contextmanager
    def run(**changes):
        stored = key_file(settings())
        texts = {name: stored.create(name, [name], rate=1000.0) for name in ("read", "write", "admin")}
        with gateway(**{"open": False, **changes}) as http:
            yield http, {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}

    return run


def item_ids(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["item_id"] for item in response.json()["items"]]


def post(http, *events, **options):
    """Posts events given as (user, kind, item) or as dicts."""
    bodies = [
        event if isinstance(event, dict) else dict(zip(("user_id", "kind", "item_id"), event, strict=True))
        for event in events
    ]
    return http.post("/v1/events", json={"events": bodies}, **options)
