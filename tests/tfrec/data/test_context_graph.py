"""The graph reads a moment as the moments of the past were read offline."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tfrec.data.test_user_side import HOURS, MONDAY, ROWS, dataset, learned
from tfrec.data.context_graph import ContextGraph
from tfrec.data.histories import histories
from tfrec.data.user_side import Context


@pytest.fixture(scope="module")
def graph() -> ContextGraph:
    data = dataset()
    return ContextGraph(learned(data, time=True).context.spec, histories(data))


def ask(graph: ContextGraph, user: int, *, stored: bool = True, **context) -> Context:
    inputs = {name: tf.constant(value) for name, value in graph.inputs(context).items()}
    return graph(inputs, tf.constant([user]), tf.constant([stored]))


def ids(category) -> set[int]:
    return set(np.asarray(category).ravel().tolist()) - {0}


def test_an_event_of_the_past_asked_again_is_the_same_moment():
    """The history up to the event before; then the event's own columns and time."""
    data = dataset()
    side, h = learned(data, time=True), histories(data)
    graph = ContextGraph(side.context.spec, h.head(h.lengths - 1))
    for user in (0, 1):
        event = h.event[h.start[user + 1] - 1]
        row = data.interactions.iloc[event]
        context = {"device": row["device"], "heat": row["heat"], "time": row["timestamp"]}
        found, expected = ask(graph, user + 1, **context), side.context_of(np.array([event]))
        np.testing.assert_allclose(found.content, expected.content, atol=1e-5)
        assert ids(found.category) == ids(expected.category)


def test_nothing_said_is_nothing_known(graph):
    found = ask(graph, 1)
    assert not np.any(found.content)
    assert not ids(found.category)
    assert {name: str(value[0]) for name, value in graph.defaults().items()} == {
        "context_device": "", "context_heat": "nan", "time": "nan",
    }  # fmt: skip


def test_the_gap_is_known_only_after_the_stored_history(graph):
    """Hour and weekday are always; the gap is that of the one event of the past that came after 25 hours."""
    time = MONDAY + 25 * HOURS + 25 * HOURS  # u's last stored event was at 25 hours
    after, given, stranger = (
        ids(ask(graph, user, stored=stored, time=time).category)
        for user, stored in ((1, True), (1, False), (0, True))
    )
    assert len(after - given) == 1
    assert given == stranger < after


def test_one_moment_stands_for_a_whole_batch(graph):
    inputs = {
        name: tf.constant(value) for name, value in graph.inputs({"device": "tv", "heat": 20.0}).items()
    }
    content, category = graph(inputs, tf.constant([1, 2, 0]), tf.constant([True] * 3))
    assert (content.shape[0], category.shape[0]) == (3, 3)
    np.testing.assert_allclose(content, np.repeat(content[:1], 3, 0))


def test_inputs_have_the_types_of_the_columns(graph):
    assert {name: spec.dtype for name, spec in graph.signature().items()} == {
        "context_device": tf.string, "context_heat": tf.float32, "time": tf.float64,
    }  # fmt: skip


def test_time_is_an_input_only_where_it_is_known():
    data = dataset()
    graph = ContextGraph(learned(data).context.spec, histories(data))
    assert set(graph.signature()) == {"context_device", "context_heat"}
    with pytest.raises(ValueError, match=r"may hold \['device', 'heat'\]. Received: \['time'\]"):
        graph.inputs({"time": 1.0})


def test_a_column_of_whole_numbers_is_asked_in_words():
    data = dataset(ROWS.assign(heat=[3.0, np.nan, 1.0, 3.0, 2.0], device=pd.NA))
    graph = ContextGraph(learned(data).context.spec, histories(data))
    assert ids(ask(graph, 0, heat=3).category)
    assert ids(ask(graph, 0, heat=3).category) != ids(ask(graph, 0, heat="1").category)
