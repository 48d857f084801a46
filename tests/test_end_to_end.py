"""The tiny world from its tables to an answer over gRPC: Python, SavedModel and client say the same."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from serving import wire
from serving.client import Client, GrpcTransport, Query
from serving.client.results import Recommendation
from tests.tiny_world import KNOWN, NOBODY, REQUESTS, SHORT, USERS, answer, describe, item, user, walk
from tfrec.funnel import Funnel

SCORES = ("score", "retrieval_score", "ranking_score")


def over_grpc(client: Client, request: dict[str, Any]) -> list[Recommendation]:
    return client.recommend(**{"k": 8, "diversity": 0.0, **request})


def check_same(received: list[Recommendation], expected: list) -> None:
    """The ids and reasons of the Python funnel, and its scores to 1e-4."""
    assert [one.item_id for one in received] == [one.item_id for one in expected]
    assert [one.reason for one in received] == [one.reason for one in expected]
    for name in SCORES:
        ours, theirs = ([getattr(one, name) for one in some] for some in (received, expected))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_client_gets_what_python_gives(world_client: Client, world_funnel: Funnel, request_):
    check_same(over_grpc(world_client, request_), world_funnel.recommend(**{"k": 8, **request_}))


def test_requests_that_arrive_together_are_answered_as_alone(world_client: Client, world_funnel: Funnel):
    """Short and long histories, lists and texts at the same time: the server merges and pads them."""
    requests = [*REQUESTS, {**NOBODY, "history": walk(2, 3)}, {**NOBODY, "history": walk(4, 9)}] * 3
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda request: over_grpc(world_client, request), requests))
    for request, received in zip(requests, answers, strict=True):
        check_same(received, world_funnel.recommend(**{"k": 8, **request}))


def test_a_batch_of_one_client(world_client: Client, world_funnel: Funnel):
    fields = Query.__dataclass_fields__
    requests = [{"fairness": 0.0, "exploration": 0.0, **request, "diversity": 0.2} for request in REQUESTS]
    queries = [
        Query(**{name: value for name, value in request.items() if name in fields}) for request in requests
    ]
    for request, received in zip(requests, world_client.recommend_batch(queries, k=8), strict=True):
        check_same(received, world_funnel.recommend(**{**request, "k": 8}))


def test_a_certificate_ends_where_the_slate_stands(world_client: Client):
    request = {**NOBODY, "history": SHORT, "diversity": 1.0, "k": 4}
    slate = world_client.certify(**request)
    check_same(slate, world_client.recommend(**request))
    assert [one.steps[-1].position for one in slate] == [1, 2, 3, 4]
    assert any("diversity" in one.moved_by for one in slate)
    for one in slate:
        moves = {step.name for before, step in pairwise(one.steps) if step.position != before.position}
        assert set(one.moved_by) == moves
    assert [one.propensity for one in slate] == [1.0] * 4
    drawn = world_client.certify(**request, exploration=0.5)
    assert all(0 < one.propensity < 1 for one in drawn)


def test_everybody_gets_their_next_item(world_client: Client):
    first = [world_client.recommend(user(n), k=1)[0].item_id for n in range(0, USERS, 5)]
    assert np.mean([one == answer(n) for one, n in zip(first, range(0, USERS, 5), strict=True)]) >= 0.9


def test_many_exclusions(world_client: Client, world_funnel: Funnel):
    excluded = [*(f"unknown {n}" for n in range(9_999)), answer(3)]
    received = over_grpc(world_client, {**KNOWN, "exclude": excluded})
    check_same(received, world_funnel.recommend(**KNOWN, exclude=[answer(3)], k=8))


def test_k_may_be_as_large_as_you_like(world_client: Client):
    assert len(world_client.recommend(**KNOWN, k=10**6)) == 8


def test_the_other_signatures(world_client: Client, world_funnel: Funnel):
    functions = world_funnel.signatures.functions
    slate = world_funnel.recommend(**KNOWN, k=8)
    retrieved = world_client.retrieve(**KNOWN, k=12)
    assert {one.item_id for one in slate} <= {one.item_id for one in retrieved}
    ids = [one.item_id for one in slate]
    scores = world_client.rank(KNOWN["user_id"], [*ids, "no such item"])
    np.testing.assert_allclose(scores[:-1], [one.ranking_score for one in slate], rtol=1e-4, atol=1e-4)
    assert scores[-1] == np.finfo(np.float32).min
    texts = ["rocket", "", "bread & butter"]
    np.testing.assert_allclose(
        world_client.embed_text(texts), functions["embed_text"](texts)["embedding"], atol=1e-4
    )
    columns = describe(item("space", 2))
    index = world_funnel.signatures.slate.retriever.vectors.numpy()
    row = int(world_funnel.signatures.read.item_rows([columns["item_id"]])[0])
    np.testing.assert_allclose(world_client.embed_item(**columns), index[row], atol=1e-4)


def test_a_request_of_one_row_may_leave_out_what_is_optional(world_client: Client, world_funnel: Funnel):
    transport: GrpcTransport = world_client._transport
    request = wire.PredictRequest(model_spec=wire.ModelSpec(name="recommender", signature_name="recommend"))
    request.inputs["user_id"].CopyFrom(
        wire.TensorProto(dtype=wire.DataType["DT_STRING"], string_val=[b"user 3"])
    )
    request.inputs["user_id"].tensor_shape.dim.add(size=1)
    response = transport.call("Predict", request, 10.0)
    expected = [one.item_id for one in world_funnel.recommend(**KNOWN, k=8)]
    assert [one.decode() for one in response.outputs["item_id"].string_val] == expected


def test_the_history_of_the_request_is_the_one_that_counts(world_client: Client):
    found = {one.item_id for one in world_client.recommend(**KNOWN, history=SHORT, k=8)}
    assert not found & {*SHORT, *walk(3, 6)}
    assert item("space", 3) in found
