"""The SavedModel on the path that TensorFlow Serving takes, and what lies beside it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from serving import wire
from serving.model_server.saved_model import SavedModel
from serving.model_server.warmup import read_records
from tests.census import strangers
from tests.served_call import call, check_same
from tests.tiny_world import COLD, KNOWN, LONG, NOBODY, REQUESTS, SHORT, describe, inputs, item
from tfrec import export as module
from tfrec.data.dataset import Dataset
from tfrec.export import export_run, held, versions
from tfrec.funnel import Funnel
from tfrec.run import Run

PERSON = {"user_id": "string[?]", "history": "string[?,?]"}
ASKED = {**PERSON, "query_text": "string[?]"}
FILTERED = {**ASKED, "exclude": "string[?,?]", "allow_category": "string[?,?]", "k": "int32[?]"}
SESSION = {
    **FILTERED,
    **dict.fromkeys(("diversity", "fairness", "exploration"), "float32[?]"),
    **dict.fromkeys(("liked", "disliked", "shown"), "string[?,?]"),
    "language": "string[?]",
}
COLUMNS = {
    "title": "string[?]", "genres": "string[?]", "maker": "string[?]", "price": "float32[?]", "image": "float32[?,3]",
}  # fmt: skip
INPUTS = {
    "serving_default": PERSON,
    "recommend": SESSION,
    "certify": SESSION,
    "retrieve": FILTERED,
    "rank": {**ASKED, "candidates": "string[?,?]"},
    "embed_text": {"text": "string[?]"},
    "embed_item": {"item_id": "string[?]", **COLUMNS},
}
TOLD = {"item_id", "score", "retrieval_score", "ranking_score", "reason"}
OUTPUTS = {
    "serving_default": {"item_id", "score"},
    "recommend": TOLD,
    "certify": {*TOLD, "trace", "propensity"},
    "retrieve": {"item_id", "score"},
    "rank": {"score"},
    "embed_text": {"embedding"},
    "embed_item": {"embedding"},
}
CANDIDATES = [
    {**KNOWN, "candidates": [item("space", 3), "no such item", COLD]},
    {**NOBODY, "history": SHORT, "candidates": LONG, "query_text": "rocket"},
    {**NOBODY, "candidates": [item("küche", 1)]},
]


@pytest.fixture(scope="module")
def folder(world_models: Path) -> Path:
    (version,) = world_models.iterdir()
    return version


@pytest.fixture(scope="module")
def meta_graph(folder: Path) -> meta_graph_pb2.MetaGraphDef:
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]


@pytest.fixture(scope="module")
def contract(folder: Path) -> dict:
    return json.loads((folder / "assets.extra" / "contract.json").read_text(encoding="utf-8"))


def columns_of(*ids: str) -> dict[str, np.ndarray]:
    """The inputs of `embed_item` for items of the world."""
    rows = [describe(item_id) for item_id in ids]
    kinds = {
        name: object if form == "string[?]" else np.float32 for name, form in INPUTS["embed_item"].items()
    }
    return {name: np.array([row[name] for row in rows], kind) for name, kind in kinds.items()}


def requests_for(signature: str) -> list[dict[str, np.ndarray]]:
    """Each of several requests alone, then all of them as one batch."""
    if signature == "embed_text":
        rows = [{"text": np.array([text], object)} for text in ("rocket star", "", "Brot & BUTTER! 日本")]
    elif signature == "embed_item":
        rows = [columns_of(item_id) for item_id in (item("küche", 4), COLD)]
    else:
        asked = CANDIDATES if signature == "rank" else REQUESTS
        names = INPUTS[signature]
        return [*(inputs(names, request) for request in asked), inputs(names, *asked)]
    return [*rows, {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}]


@pytest.mark.parametrize("signature", INPUTS)
def test_the_signature_is_the_one_of_the_contract(signature, contract):
    promised = contract["signatures"][signature]
    assert promised["inputs"] == INPUTS[signature]
    assert set(promised["outputs"]) == OUTPUTS[signature]


@pytest.mark.parametrize("signature", INPUTS)
def test_every_dimension_0_is_the_batch(signature, contract):
    forms = [
        *contract["signatures"][signature]["inputs"].values(),
        *contract["signatures"][signature]["outputs"].values(),
    ]
    assert all("[?" in form for form in forms)


@pytest.mark.parametrize("signature", INPUTS)
def test_the_session_answers_as_python_does(signature, world_saved_model: SavedModel, world_funnel: Funnel):
    function = world_funnel.signatures.functions[signature]
    for request in requests_for(signature):
        expected = function(**{name: tf.constant(value) for name, value in request.items()})
        check_same(call(world_saved_model, signature, request), expected)


@pytest.mark.parametrize("signature", INPUTS)
def test_a_row_is_the_same_alone_and_in_a_batch(signature, world_saved_model: SavedModel):
    *alone, together = (call(world_saved_model, signature, request) for request in requests_for(signature))
    for row, one in enumerate(alone):
        for name, values in one.items():
            width = values.shape[1]  # a batch is as wide as its widest row
            check_same({name: values[0]}, {name: together[name][row][:width]})


def test_a_known_item_is_embedded_as_the_index_has_it(world_saved_model: SavedModel, world_funnel: Funnel):
    """From its id and columns; a new item, in no history, from its columns alone."""
    ids = [item("küche", 4), item("space", 0), COLD]
    signatures = world_funnel.signatures
    rows = signatures.read.item_rows(tf.constant(ids))
    stored = tf.gather(signatures.slate.retriever.vectors, rows)
    embedded = call(world_saved_model, "embed_item", columns_of(*ids))["embedding"]
    np.testing.assert_allclose(embedded, stored, atol=1e-4)
    unknown = {**columns_of(*ids), "item_id": np.array(["", "", "not in the catalogue"], object)}
    anonymous = call(world_saved_model, "embed_item", unknown)["embedding"]
    np.testing.assert_allclose(anonymous[2], stored[2], atol=1e-4)
    assert (np.abs(anonymous[:2] - stored[:2]).max(1) > 0.01).all()


def test_defaults_are_in_the_signatures(meta_graph):
    found = {
        signature: {name: tf.make_ndarray(value).tolist() for name, value in definition.defaults.items()}
        for signature, definition in meta_graph.signature_def.items()
    }
    optional = {"history": [[b""]], "query_text": [b""], "exclude": [[b""]], "allow_category": [[b""]]}
    assert found["serving_default"] == {"history": [[b""]]}
    session = {
        **{name: [0.0] for name in ("diversity", "fairness", "exploration")},
        **{name: [[b""]] for name in ("liked", "disliked", "shown")},
        "language": [b"en"],
    }
    assert found["recommend"] == found["certify"] == {**optional, **session, "k": [8]}
    assert found["retrieve"] == {**optional, "k": [12]}
    assert found["rank"] == {"history": [[b""]], "query_text": [b""]}


def test_warm_up_requests_run_and_cover_every_signature(folder: Path, world_saved_model: SavedModel):
    from tensorflow.core.framework import tensor_pb2

    batches: dict[str, set[int]] = {}
    for record in read_records(str(folder / "assets.extra" / "tf_serving_warmup_requests")):
        request = wire.PredictionLog.FromString(record).predict_log.request
        arrays = {
            name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(value.SerializeToString()))
            for name, value in request.inputs.items()
        }
        call(world_saved_model, request.model_spec.signature_name, arrays)
        batches.setdefault(request.model_spec.signature_name, set()).update(len(a) for a in arrays.values())
    assert set(batches) == set(INPUTS)
    assert all(sizes == {1, 3} for sizes in batches.values())


def test_the_contract_says_what_a_caller_can_rely_on(contract, world: Dataset, world_run: Run):
    assert set(contract) == {
        "schema", "signatures", "limits", "items", "added", "users", "encoder", "dataset", "config", "versions",
        "evaluation",
    }  # fmt: skip
    assert contract["schema"]["items"]["genres"] == "category"
    assert contract["added"] == 0
    assert contract["limits"] == {"k": 8, "retrieve_k": 12, "history": 8, "read_pairs": 0}
    assert (contract["items"], contract["users"]) == (len(world.item_ids), len(world.user_ids))
    assert contract["dataset"] == {"name": "tiny world", "fingerprint": world.fingerprint()}
    assert contract["config"] == json.loads(json.dumps(world_run.config.model_dump()))
    assert contract["versions"]["tensorflow"] == tf.__version__
    assert contract["signatures"]["recommend"]["optional"] == sorted(set(INPUTS["recommend"]) - {"user_id"})


def test_the_contract_carries_the_evaluation(world_run: Run, world_funnel: Funnel, folder: Path, monkeypatch):
    metrics = world_run.folder / "evaluation" / "metrics.json"
    metrics.parent.mkdir(exist_ok=True)
    monkeypatch.setattr(module, "read_signatures", lambda folder: {})
    try:
        metrics.write_text('{"stages": {"ranking": {"ndcg@10": 1.0}}}')
        contract = module.make_contract(world_funnel.signatures, world_run, folder)
        assert contract["evaluation"] == {"stages": {"ranking": {"ndcg@10": 1.0}}}
    finally:
        metrics.unlink()


# ops


def test_every_op_is_in_a_stock_tensorflow_serving(meta_graph):
    assert len(meta_graph.graph_def.library.function) > 10
    assert not strangers(meta_graph.graph_def)


@pytest.mark.parametrize("op", ["TFText>RoundRobinTrim", "Scann>ScannSearch", "NoSuchOp"])
@pytest.mark.parametrize("where", ["main graph", "function"])
def test_a_strange_op_is_found_wherever_it_hides(meta_graph, op, where):
    graph = type(meta_graph.graph_def)()
    graph.CopyFrom(meta_graph.graph_def)
    (graph.node if where == "main graph" else graph.library.function[3].node_def).add(name="x", op=op)
    assert strangers(graph) == {op}


# what is saved


def handles(objects: list) -> set[int]:
    return {id(one.handle if isinstance(one, tf.Variable) else one.resource_handle) for one in objects}


def read_by(signatures) -> set[int]:
    """The handles of all variables and tables that the signatures reach, nested functions included."""
    captured = [
        outer for function in signatures.concrete_functions.values() for outer, _ in function.graph.captures
    ]
    return {id(tensor) for tensor in captured if tensor.dtype == tf.resource}


def held_by(signatures, without: object = None) -> list:
    layers = (layer for layer in signatures.layers if layer is not without)
    return held(layers, signatures.concrete_functions.values())


def variables_of(signatures) -> list[tf.Variable]:
    return [one for one in held_by(signatures) if isinstance(one, tf.Variable)]


def test_what_is_read_is_saved_and_no_variable_more(world_funnel: Funnel):
    """And none of the layers could be left out."""
    signatures = world_funnel.signatures
    needed = read_by(signatures)
    assert handles(variables_of(signatures)) <= needed <= handles(held_by(signatures))
    for layer in signatures.layers:
        assert not needed <= handles(held_by(signatures, without=layer)), layer


def test_every_variable_is_written_once(folder: Path, world_funnel: Funnel):
    variables = variables_of(world_funnel.signatures)
    written = dict(tf.train.list_variables(str(folder / "variables" / "variables")))
    del written["_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert sorted(written.values()) == sorted(one.shape.as_list() for one in variables)


# versions


@pytest.fixture
def light(monkeypatch, world_run: Run):
    """An export that writes next to nothing: the folders are what is asked here."""

    def write(signatures: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(b"model")

    monkeypatch.setattr(module.Funnel, "from_run", classmethod(lambda cls, run, **_: Funnel(None, {})))
    monkeypatch.setattr(module, "write_saved_model", write)
    monkeypatch.setattr(module, "write_extra", lambda signatures, run, folder: None)
    return world_run


def test_a_version_is_a_new_number_each_time(light: Run, tmp_path: Path):
    made = [export_run(light, tmp_path / "models" / "m") for _ in range(3)]  # in the same second
    numbers = [int(path.name) for path in made]
    assert numbers == sorted(set(numbers)) == versions(tmp_path / "models" / "m")
    assert all((path / "saved_model.pb").is_file() for path in made)


def test_a_version_is_newer_than_what_is_there(light: Run, tmp_path: Path):
    for name in ("99999999999", "7", "notes", "-5"):
        (tmp_path / name).mkdir()
    assert export_run(light, tmp_path).name == "100000000000"


@pytest.mark.parametrize("step", ["write_saved_model", "write_extra"])
def test_nothing_half_written_remains(light: Run, tmp_path: Path, monkeypatch, step):
    first = export_run(light, tmp_path)

    def fail(*arguments: object) -> None:
        writing = arguments[-1]
        Path(writing).mkdir(exist_ok=True)
        (Path(writing) / "half").write_text("")
        assert versions(tmp_path) == [int(first.name)]  # a server that polls meanwhile sees no new version
        raise OSError("disk full")

    monkeypatch.setattr(module, step, fail)
    with pytest.raises(OSError, match="disk full"):
        export_run(light, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
