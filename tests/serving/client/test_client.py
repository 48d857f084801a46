"""The client against the fake and against a served model that follows the contract."""

import threading
import time
from concurrent import futures

import grpc
import pytest

from serving import wire
from serving.client import (
    Client,
    DeadlineError,
    FakeTransport,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    Query,
    Recommendation,
    ScoredItem,
    ServerError,
    ServingError,
    Step,
    TensorSpec,
    UnavailableError,
    VersionStatus,
    codec,
)
from serving.client.errors import error_for
from serving.model_server.process import running_server

LOWEST = -3.4028234663852886e38


@pytest.fixture
def fake():
    return FakeTransport(["a", "b", "c", "d"], diversity=0.5)


@pytest.fixture(scope="module", params=[(), ("--enable_batching",)], ids=["plain", "batching"])
def client(request, contract_path):
    with (
        running_server(contract_path, rest=False, flags=request.param) as server,
        Client(server.grpc_address) as c,
    ):
        yield c


def sent(fake, name):
    (inputs,) = [request.inputs for method, request in fake.requests if method == "Predict"]
    return (
        codec.rows_of(inputs[name]) if len(inputs[name].tensor_shape.dim) == 2 else codec.flat(inputs[name])
    )


def test_a_slate_tells_the_version_that_made_it(fake):
    with Client(transport=fake) as client:
        versions = [client.recommend("u").version]
        fake.version = 2
        versions += [slate.version for slate in client.recommend_batch([Query("u"), Query("v")])]
    assert versions == [1, 2, 2]


def test_recommend_takes_the_first_k_and_drops_padding(fake):
    with Client(transport=fake) as client:
        assert client.recommend("u", history=["b"], k=2) == [
            Recommendation("a", 1.0, 1.0, 1.0, "fake"),
            Recommendation("c", 1 / 2, 1 / 2, 1 / 2, "fake"),
        ]
        assert [r.item_id for r in client.recommend("u", exclude=["a", "b", "c"], k=3)] == ["d"]


def test_a_certificate_tells_how_each_item_came_to_its_place(fake):
    with Client(transport=fake) as client:
        slate = client.certify("u", history=["b"], liked=["a"], k=2)
        plain = client.recommend("u", history=["b"], k=2)
    told = ("item_id", "score", "retrieval_score", "ranking_score", "reason")
    assert [[getattr(one, name) for name in told] for one in slate] == [
        [getattr(one, name) for name in told] for one in plain
    ]
    assert [(one.steps, one.moved_by, one.propensity) for one in slate] == [
        ((Step("ranking", 1, 1.0),), (), 1.0),
        ((Step("ranking", 2, 1 / 2),), (), 1.0),
    ]
    assert slate.version == 1


def test_every_variable_list_begins_with_an_empty_string(fake):
    Client(transport=fake).recommend_batch([Query("u", ["a", "b"], exclude=["x"]), Query("v")], k=3)
    assert sent(fake, "history") == [["", "a", "b"], ["", "", ""]]
    assert sent(fake, "exclude") == [["", "x"], ["", ""]]
    assert sent(fake, "allow_category") == [[""], [""]]
    assert sent(fake, "k") == [3, 3]


def test_what_is_not_given_is_sent_as_the_models_default(fake):
    Client(transport=fake).recommend_batch([Query("u"), Query("v")])
    assert sent(fake, "diversity") == [0.5, 0.5]


def test_given_diversity_is_sent(fake):
    Client(transport=fake).recommend("u", diversity=0.75)
    assert sent(fake, "diversity") == [0.75]


def test_the_session_is_sent_as_far_as_it_is_known(fake):
    client = Client(transport=fake)
    client.recommend("u", liked=["a"], shown=["b", "c"], fairness=0.5, language="zh")
    assert (sent(fake, "liked"), sent(fake, "shown")) == ([["", "a"]], [["", "b", "c"]])
    assert (sent(fake, "fairness"), sent(fake, "language")) == ([0.5], [b"zh"])
    (request,) = [request for method, request in fake.requests if method == "Predict"]
    assert not {"disliked", "exploration"} & set(request.inputs)  # a model without these inputs would refuse
    fake.requests.clear()
    client.recommend_batch([Query("u", disliked=["a"]), Query("v")])
    assert sent(fake, "disliked") == [["", "a"], ["", ""]]


def test_retrieve_has_no_slate_to_shape(fake):
    Client(transport=fake).retrieve("u", exclude=["a"], k=2)
    (request,) = [request for method, request in fake.requests if method == "Predict"]
    assert set(request.inputs) == {"user_id", "history", "query_text", "exclude", "allow_category", "k"}


def test_defaults_are_learned_anew_when_the_version_changes(fake):
    client = Client(transport=fake)
    client.recommend("u")
    fake.version, fake.diversity = 2, 0.125
    client.recommend("u")  # answered by version 2: the client notices
    fake.requests.clear()
    client.recommend("u")
    assert sent(fake, "diversity") == [0.125]


def test_an_unknown_column_of_an_item(fake):
    with pytest.raises(ValueError, match=r"Received: \['colour'\]"):
        Client(transport=fake).embed_item("a", colour="red")


def test_an_empty_batch_asks_nobody(fake):
    assert Client(transport=fake).recommend_batch([]) == []
    assert fake.requests == []


def test_bad_arguments(fake):
    client = Client(transport=fake)
    with pytest.raises(ValueError, match="k must be at least 1"):
        client.recommend("u", k=0)
    with pytest.raises(ValueError, match="Received: a mixture"):
        client.recommend_batch([Query("u", diversity=0.1), Query("v")])
    with pytest.raises(ValueError, match="exploration must be given for all"):
        client.recommend_batch([Query("u", exploration=0.1), Query("v")])
    with pytest.raises(TypeError, match="colour"):
        client.recommend("u", colour="red")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_ARGUMENT", InvalidRequestError),
        ("NOT_FOUND", NotFoundError),
        ("DEADLINE_EXCEEDED", TimeoutError),
        ("RESOURCE_EXHAUSTED", OverloadedError),
        ("UNAVAILABLE", ConnectionError),
        ("DATA_LOSS", ServerError),
    ],
)
def test_failures_have_classes(fake, code, kind):
    fake.fail_with(code, "because")
    with pytest.raises(kind) as caught:
        Client(transport=fake).status()
    assert isinstance(caught.value, ServingError)
    assert (caught.value.code, caught.value.message) == (code, "because")


def test_an_error_carries_its_request():
    assert error_for("NOT_FOUND", "m", request="the request").request == "the request"


def test_recommend_over_grpc(client):
    # the toy's reason: user|text|diversity|history|exclude|categories as they arrived
    got = client.recommend(
        "u", history=["x", "y"], query_text="t", exclude=["z"], allow_category=["c"], diversity=0.5, k=2
    )
    reason = "u|t|0.50|.x.y|.z|.c"
    assert got == [
        Recommendation("a", 4.0, 40.0, 400.0, reason),
        Recommendation("b", 3.0, 30.0, 300.0, reason),
    ]
    assert client.recommend("u")[0].reason == "u||0.25|||"
    assert [r.item_id for r in client.recommend("u", k=5)] == ["a", "b", "c", "d"]


def test_a_batch_over_grpc(client):
    first, second = client.recommend_batch([Query("u", ["1", "2", "3"]), Query("v")], k=1)
    assert (first[0].reason, second[0].reason) == ("u||0.25|.1.2.3||", "v||0.25|...||")


def test_retrieve_over_grpc(client):
    assert client.retrieve("u", k=2) == [ScoredItem("a", 4.0), ScoredItem("b", 3.0)]


def test_rank_over_grpc(client):
    assert client.rank("u", ["aaa", "", "bb"]) == pytest.approx([3.0, LOWEST, 2.0])


def test_embeddings_over_grpc(client):
    assert client.embed_text(["a", "bcd"]) == [[1.0] * 3, [3.0] * 3]
    assert client.embed_item("id", title="abc", price=1.5, image=[5.0, 6.0]) == [2.0, 3.0, 1.5, 5.0, 6.0]
    assert client.embed_item("id") == [2.0, 0.0, 0.0, 0.0, 0.0]


def test_status_and_metadata_over_grpc(client):
    assert client.status() == [VersionStatus(3, "AVAILABLE")]
    recommend = client.metadata()["recommend"]
    assert recommend.inputs["history"] == TensorSpec("string", (-1, -1))
    assert recommend.optional == {"query_text", "exclude", "allow_category", "diversity", "k"}


def test_errors_over_grpc(client):
    with pytest.raises(NotFoundError, match="Latest"):
        Client(transport=client._transport, model="nope").recommend("u")
    with pytest.raises(NotFoundError, match="Specific"):
        Client(transport=client._transport, version=9).recommend("u")


class Flaky:
    """A gRPC server whose first answers are errors."""

    def __init__(self, failures, delay=0.0):
        self.calls, self.failures, self.answer_delay = 0, failures, lambda: delay
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        request, response = wire.method_types(wire.MODEL_SERVICE)["GetModelStatus"]
        handler = grpc.unary_unary_rpc_method_handler(
            self.answer,
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler(wire.MODEL_SERVICE, {"GetModelStatus": handler})
        self.server.add_generic_rpc_handlers((service,))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def answer(self, request, context):
        self.calls += 1
        time.sleep(self.answer_delay())
        if self.calls <= self.failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return wire.GetModelStatusResponse(model_version_status=[{"version": 1, "state": 30}])


def test_unavailable_is_tried_again():
    flaky = Flaky(failures=2)
    with Client(flaky.address, retries=2, backoff=0.01) as client:
        assert client.status() == [VersionStatus(1, "AVAILABLE")]
        assert flaky.calls == 3
        flaky.calls = 0
    with (
        Client(flaky.address, retries=1, backoff=0.01) as client,
        pytest.raises(UnavailableError, match="not yet"),
    ):
        client.status()
    flaky.server.stop(None)


def test_a_slow_call_is_sent_twice_and_the_first_answer_counts():
    flaky = Flaky(failures=0)
    delays = iter([2.0, 0.0])
    flaky.answer_delay = lambda: next(delays)
    start = time.monotonic()
    with Client(flaky.address, hedge_after=0.05) as client:
        assert client.status() == [VersionStatus(1, "AVAILABLE")]
    assert time.monotonic() - start < 1.5
    assert flaky.calls == 2
    flaky.server.stop(None)


def test_a_quick_call_is_sent_once():
    flaky = Flaky(failures=0)
    with Client(flaky.address, hedge_after=5.0) as client:
        client.status()
    assert flaky.calls == 1
    flaky.server.stop(None)


def test_the_timeout_covers_all_tries():
    flaky = Flaky(failures=100, delay=0.1)
    start = time.monotonic()
    client = Client(flaky.address, timeout=0.25, retries=50, backoff=0.01)
    with client, pytest.raises((DeadlineError, UnavailableError)):
        client.status()
    assert time.monotonic() - start < 1.0
    flaky.server.stop(None)


def test_a_client_may_be_shared_by_threads(client):
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append((n, client.recommend(str(n), k=1)[0].reason)))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted((n, f"{n}||0.25|||") for n in range(16))
