"""Whatever is sent, a gateway answers with a documented code, and goes on."""

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.client import FakeTransport
from serving.gateway import GatewaySettings, create_app

CODES = {200, 400, 404, 405, 413, 422}  # 401, 403 and 429 need keys, 503 a model that is away

words = st.text(max_size=8) | st.sampled_from(["\x00", "é", "\ud800", "i1", "../..", "%2F"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
anything = st.recursive(
    scalars, lambda part: st.lists(part, max_size=4) | st.dictionaries(words, part, max_size=4)
)
fields = [
    "user_id",
    "session",
    "k",
    "history",
    "query_text",
    "exclude",
    "allow_category",
    "diversity",
    "context",
]
fields += ["events", "kind", "item_id", "time", "event_id", "slate_id"]
bodies = anything | st.dictionaries(st.sampled_from(fields), anything | st.lists(words), max_size=6)
events = st.lists(
    st.dictionaries(st.sampled_from(fields), anything | st.sampled_from(["u", "click", 3.5])), max_size=3
)


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    settings = GatewaySettings(folder=tmp_path_factory.mktemp("gateway"), open=True)
    app = create_app(settings, transport=FakeTransport([f"i{n}" for n in range(20)]).asynchronous())
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def answered(http, path: str, content: bytes) -> None:
    response = http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in CODES, (response.status_code, content)
    if response.status_code != 200:
        assert response.json()["detail"]


def encoded(body) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_any_json_for_a_list(http, body):
    answered(http, "/v1/recommend", encoded(body))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=events)
def test_any_json_for_events(http, sent):
    answered(http, "/v1/events", encoded({"events": sent}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
def test_any_bytes(http, content):
    answered(http, "/v1/recommend", content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(item=st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable()))
def test_any_item(http, item):
    assert http.get(f"/v1/items/{item}/similar").status_code in CODES


def test_it_goes_on_afterwards(http):
    assert http.post("/v1/recommend", json={"user_id": "u", "k": 2}).json()["items"][0]["item_id"] == "i0"
