"""A gateway as its users see it: lists, events, similar items, health."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from serving.client import FakeTransport, codec
from serving.gateway import create_app
from tests.serving.gateway.conftest import item_ids, post


def recommend(http, user="u", **conditions):
    return http.post("/v1/recommend", json={"user_id": user, "k": 3, **conditions})


def sent(fake) -> dict:
    """The inputs of the last recommend request to the model, decoded."""
    request = next(
        r for m, r in reversed(fake.requests) if m == "Predict" and r.model_spec.signature_name == "recommend"
    )
    return {
        name: codec.rows_of(tensor)[0] if len(tensor.tensor_shape.dim) == 2 else codec.flat(tensor)[0]
        for name, tensor in request.inputs.items()
    }


def test_a_list_comes_from_the_model_with_its_version(gateway):
    with gateway() as http:
        answer = recommend(http).json()
    assert [item["item_id"] for item in answer["items"]] == ["i0", "i1", "i2"]
    assert [item["score"] for item in answer["items"]] == pytest.approx([1 / 1, 1 / 2, 1 / 3])
    assert {item["propensity"] for item in answer["items"]} == {1.0}
    assert (answer["model_version"], answer["fallback"], answer["history_from"]) == (3, None, "model")


def test_every_condition_reaches_the_model(gateway, fake):
    with gateway() as http:
        recommend(
            http, history=["i9"], query_text="blue", exclude=["i8"], allow_category=["c"], diversity=0.5, k=4
        )
    got = sent(fake)
    assert got["user_id"] == b"u"
    assert got["query_text"] == b"blue"
    assert (got["diversity"], got["k"]) == (0.5, 4)
    assert [got[name] for name in ("history", "exclude", "allow_category")] == [
        ["", "i9"],
        ["", "i8"],
        ["", "c"],
    ]


def test_an_event_changes_the_next_list(gateway, fake):
    with gateway() as http:
        assert item_ids(recommend(http)) == ["i0", "i1", "i2"]
        assert post(http, ("u", "click", "i0"), ("u", "purchase", "i2")).json() == {"accepted": 2}
        answer = recommend(http)
        assert item_ids(recommend(http, user="somebody else")) == ["i0", "i1", "i2"]
    assert item_ids(answer) == ["i1", "i3", "i4"]
    assert answer.json()["history_from"] == "memory"


def test_a_disliked_item_does_not_come_back_and_makes_no_taste(gateway, fake):
    with gateway() as http:
        post(http, ("u", "view", "i0"), ("u", "click", "i1"), ("u", "dislike", "i0"))
        assert item_ids(recommend(http, exclude=["i2"])) == ["i3", "i4", "i5"]
    assert sent(fake)["history"] == ["", "i1"]
    assert sent(fake)["exclude"] == ["", "i2", "i0"]


def test_the_session_reaches_the_model(gateway, fake):
    def event(kind, item, session="s"):
        return {"user_id": "u", "kind": kind, "item_id": item, "session": session}

    with gateway() as http:
        post(http, event("like", "i9", "earlier"), event("impression", "i8", "earlier"))
        post(http, event("impression", "i0"), event("impression", "i1"), event("like", "i1"))
        post(http, event("dislike", "i2"))
        recommend(http, session="s", fairness=0.5, language="zh")
        assert [sent(fake)[name] for name in ("history", "liked", "disliked", "shown")] == [
            ["", "i9"],
            ["", "i1"],
            ["", "i2"],
            ["", "i0"],
        ]
        assert (sent(fake)["fairness"], sent(fake)["language"]) == (0.5, b"zh")
        post(http, {**event("like", "i4"), "user_id": "v"})
        assert recommend(http, user="v", session="s").json()["history_from"] == "memory"


def test_an_older_export_is_still_served(gateway, fake):
    fake.session = False
    with gateway() as http:
        post(http, ("u", "like", "i0"), ("u", "impression", "i3"), ("u", "dislike", "i1"))
        assert item_ids(recommend(http)) == ["i2", "i3", "i4"]
        assert recommend(http, fairness=0.5).json()["detail"] == "The served model does not take: fairness."


def test_a_rollback_to_an_older_export_is_noticed_at_the_first_refusal(gateway, fake):
    with gateway(model={"watch": 60.0}) as http:
        post(http, ("u", "like", "i0"))
        fake.session, fake.version = False, 2
        assert item_ids(recommend(http)) == ["i1", "i2", "i3"]


class Explorer(FakeTransport):
    """Says of each place that it was drawn with probability 1 / place."""

    def _certify(self, inputs):
        told = super()._certify(inputs)
        told["propensity"] = told["score"]
        return told


@pytest.mark.parametrize("asked", [0.5, None, 0.0])
def test_what_was_drawn_is_logged_with_its_probability(settings, asked):
    app = create_app(settings(), transport=Explorer(["a", "b", "c"]).asynchronous())
    with TestClient(app) as http:
        app.state.services.model.abilities = replace(app.state.services.model.abilities, exploration=0.25)
        answer = recommend(http, exploration=asked).json()
    (row,) = pq.read_table(settings().folder / "impressions").to_pylist()
    strength = 0.25 if asked is None else asked
    expected = pytest.approx([1 / 1, 1 / 2, 1 / 3] if strength else [1.0, 1.0, 1.0])
    assert [item["propensity"] for item in answer["items"]] == expected
    assert (row["propensity"], row["exploration"]) == (expected, strength)


def test_a_history_in_the_request_stands_for_what_is_remembered(gateway, fake):
    with gateway() as http:
        post(http, ("u", "click", "i0"))
        assert recommend(http, history=["i5"]).json()["history_from"] == "request"
        assert sent(fake)["history"] == ["", "i5"]
        assert recommend(http, history=[]).json()["history_from"] == "model"


def test_memory_outlives_the_gateway(gateway):
    with gateway() as http:
        post(http, ("u", "click", "i0"))
    with gateway() as http:
        assert item_ids(recommend(http)) == ["i1", "i2", "i3"]


def test_an_event_sent_twice_counts_once_and_a_clock_ahead_does_not_rule(gateway, fake):
    again = {"user_id": "u", "kind": "click", "item_id": "i4", "event_id": "e1", "time": 4e9}
    with gateway() as http:
        post(http, again)
        post(http, again, ("u", "click", "i5"))
        recommend(http)
    assert sent(fake)["history"] == ["", "i4", "i5"]


def test_items_that_go_with_an_item(gateway):
    with gateway() as http:
        assert item_ids(http.get("/v1/items/i3/similar", params={"k": 4})) == ["i0", "i1", "i2", "i4"]
        assert http.get("/v1/items/nothing/with/slashes/similar").status_code == 404
        assert http.get("/v1/items/i3/similar", params={"k": 1000}).status_code == 422


def test_the_page_names_every_route(gateway):
    with gateway() as http:
        paths = http.get("/openapi.json").json()["paths"]
        assert http.get("/docs").status_code == 200
    wanted = ("/v1/recommend", "/v1/events", "/v1/items/{item_id}/similar", "/v1/health", "/metrics")
    assert set(wanted) <= set(paths)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommend", {"user_id": "u", "k": 0}),
        ("/v1/recommend", {"user_id": "u", "colour": "blue"}),
        ("/v1/recommend", {"user_id": 7}),
        ("/v1/recommend", {"diversity": 1.5}),
        ("/v1/recommend", {"context": {"device": "tv"}}),  # the model knows no context
        ("/v1/events", {"events": []}),
        ("/v1/events", {"events": [{"user_id": "u", "kind": "sneeze", "item_id": "a"}]}),
        ("/v1/events", {"events": [{"user_id": "", "kind": "click", "item_id": "a"}]}),
    ],
)
def test_a_request_that_cannot_work_is_refused(gateway, path, body):
    with gateway() as http:
        response = http.post(path, json=body)
    assert response.status_code == 422
    assert response.json()["detail"]


def test_popular_items_stand_in_and_say_so(gateway, fake):
    with gateway(model={"failures": 2, "pause": 60.0, "watch": 60.0}) as http:
        post(http, ("u", "click", "i0"), ("u", "dislike", "i1"))
        fake.fail_with("UNAVAILABLE")
        first = recommend(http).json()
        assert [item["item_id"] for item in first["items"]] == ["i2", "i3", "i4"]
        assert (first["fallback"], first["items"][0]["reason"]) == ("unavailable", "popular")
        recommend(http)
        asked = len(fake.requests)
        assert recommend(http).json()["fallback"] == "breaker"
        assert len(fake.requests) == asked  # the server is left alone
        health = http.get("/v1/health")
        assert (health.status_code, health.json()["status"], health.json()["breaker"]) == (
            200,
            "degraded",
            "open",
        )
        assert recommend(http, allow_category=["c"]).status_code == 503
        assert http.get("/v1/items/i1/similar").status_code == 503


def test_the_model_is_asked_again_after_the_pause(gateway, fake):
    with gateway(model={"failures": 1, "pause": 0.001}) as http:
        fake.fail_with("DEADLINE_EXCEEDED")
        assert recommend(http).json()["fallback"] == "deadline_exceeded"
        fake.fail_with(None)
        assert recommend(http).json()["fallback"] is None


def test_a_gateway_that_starts_without_a_model_uses_the_last_popular_items(gateway, fake):
    with gateway():
        pass
    fake.fail_with("UNAVAILABLE")
    with gateway() as http:
        assert item_ids(recommend(http)) == ["i0", "i1", "i2"]


def test_without_model_and_popular_items_nothing_is_served(gateway, fake):
    fake.fail_with("UNAVAILABLE")
    with gateway() as http:
        assert recommend(http).status_code == 503
        assert http.get("/v1/health").status_code == 503


def test_a_refused_request_does_not_open_the_breaker(gateway, fake):
    with gateway(model={"failures": 1}) as http:
        fake.fail_with("INVALID_ARGUMENT")
        assert recommend(http).status_code == 422
        fake.fail_with(None)
        assert recommend(http).json()["fallback"] is None


def test_health_tells_the_version(gateway):
    with gateway() as http:
        assert http.get("/v1/health").json() == {
            "status": "ok",
            "model_version": 3,
            "breaker": "closed",
            "store": "ok",
        }


def test_a_failing_store_takes_no_list_away_but_acknowledges_nothing(gateway):
    with gateway() as http:
        http.app.state.services.store._reader.close()
        http.app.state.services.store._writer.close()
        assert item_ids(recommend(http)) == ["i0", "i1", "i2"]
        assert post(http, ("u", "click", "i0")).status_code == 503
        assert http.get("/v1/health").json()["store"] == "unavailable"
