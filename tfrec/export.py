"""One SavedModel for stock TensorFlow Serving, with contract and warm-up requests, renamed into place when whole."""

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfrec.funnel import Funnel
from tfrec.run import Run
from tfrec.signature_inputs import FEEDBACK, STRENGTHS
from tfrec.signatures import Signatures

SIGNATURES = ("serving_default", "recommend", "certify", "retrieve", "rank", "embed_text", "embed_item")
EXTRA = "assets.extra"
WARMUP = "tf_serving_warmup_requests"
WARMUP_USERS = 3


def export_run(run: Run, to: str | Path) -> Path:
    """Writes a run's model, with the items that were added to it, as `to/<version>/`.

    Returns:
        the folder of the new version.
    """
    return publish(Funnel.from_run(run, timed=True).signatures, run, to)


def publish(signatures: Signatures, run: Run, to: str | Path) -> Path:
    """Writes a run's signatures as `to/<version>/`, where version is the time in seconds, or one more than the newest
    there.

    Returns:
        the folder of the new version.
    """
    to = Path(to)
    to.mkdir(parents=True, exist_ok=True)
    version = max([int(time.time()), *(newest + 1 for newest in versions(to)[-1:])])
    writing = to / f"writing-{version}"
    shutil.rmtree(writing, ignore_errors=True)
    try:
        write_saved_model(signatures, writing)
        write_extra(signatures, run, writing)
        os.replace(writing, to / str(version))
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return to / str(version)


def versions(base: Path) -> list[int]:
    """The version folders of a model, ascending."""
    return sorted(int(path.name) for path in base.iterdir() if path.is_dir() and path.name.isdecimal())


def write_saved_model(signatures: Signatures, folder: Path) -> None:
    """The graph functions, the variables and tables that they read, and the defaults of their inputs."""
    save_functions(signatures.concrete_functions, signatures.layers, folder)
    _write_defaults(signatures, folder / "saved_model.pb")


def save_functions(functions: Mapping[str, Any], layers: Iterable[Any], folder: Path) -> None:
    """A SavedModel of concrete functions, by name, and of what they read of Keras layers.

    A `tf.Module` of TensorFlow's own objects: Keras's ExportArchive tracks whole layers, writes each variable twice and
    traces what the layers hold, which takes most of its time; a module that holds Keras layers would not be restored by
    the loader that TensorFlow Serving uses.
    """
    module = tf.Module()
    module.held = held(layers, functions.values())
    tf.saved_model.save(module, str(folder), signatures=functions)


def held(layers: Iterable[Any], functions: Iterable[Any]) -> list[Any]:
    """The variables of Keras layers that functions read, and all tables, each once, as TensorFlow's own objects.

    What only training reads (states of dropout, counts, a pooler) stays behind.
    """
    layers, read = list(layers), {id(tensor) for one in functions for tensor in one.captured_inputs}
    variables = {id(variable): variable.value for layer in layers for variable in layer.variables}
    parts = (part for layer in layers for part in tf.train.TrackableView(layer).descendants())
    tables = [part for part in parts if isinstance(part, tf.saved_model.experimental.TrackableResource)]
    return [*(variable for variable in variables.values() if id(variable.handle) in read), *tables]


def _write_defaults(signatures: Signatures, path: Path) -> None:
    """`SignatureDef.defaults`, which `tf.saved_model.save` finds only where a function has them in its own line."""
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    definitions = model.meta_graphs[0].signature_def
    for name, defaults in signatures.defaults.items():
        for alias, value in defaults.items():
            definitions[name].defaults[alias].CopyFrom(tf.make_tensor_proto(value))
    path.write_bytes(model.SerializeToString())


def write_extra(signatures: Signatures, run: Run, folder: Path) -> None:
    """contract.json and the warm-up requests of the SavedModel in `folder`."""
    extra = folder / EXTRA
    extra.mkdir(exist_ok=True)
    contract = json.dumps(make_contract(signatures, run, folder), indent=2, ensure_ascii=False)
    (extra / "contract.json").write_text(contract, encoding="utf-8")
    with tf.io.TFRecordWriter(str(extra / WARMUP)) as writer:
        for record in warmup_records(signatures, run):
            writer.write(record)


def make_contract(signatures: Signatures, run: Run, folder: Path) -> dict[str, Any]:
    """What a caller can rely on: schema, signatures, versions, training data, and the evaluation that the model had."""
    facts = run.facts()
    metrics = run.folder / "evaluation" / "metrics.json"
    return {
        "schema": facts["schema"],
        "signatures": read_signatures(folder),
        "limits": {
            "k": run.config.export.k,
            "retrieve_k": run.config.export.retrieve_k,
            "history": run.config.retrieval.length,
            "read_pairs": signatures.pairs,
        },
        "items": len(run.items) + signatures.added,
        "added": signatures.added,
        "users": len(run.user_ids),
        "encoder": None if signatures.encoder is None else signatures.encoder.fingerprint,
        "dataset": {"name": facts["dataset"], "fingerprint": facts["fingerprint"]},
        "config": facts["config"],
        "versions": facts["versions"],
        "evaluation": json.loads(metrics.read_text(encoding="utf-8")) if metrics.is_file() else None,
    }


def read_signatures(folder: Path) -> dict[str, Any]:
    """Inputs, defaults and outputs of each signature of a SavedModel, as a client sees them."""
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definitions = model.meta_graphs[0].signature_def
    return {
        name: {
            "inputs": {alias: _form(info) for alias, info in sorted(definitions[name].inputs.items())},
            "optional": sorted(definitions[name].defaults),
            "outputs": {alias: _form(info) for alias, info in sorted(definitions[name].outputs.items())},
        }
        for name in SIGNATURES
    }


def _form(info: Any) -> str:
    sizes = ["?" if dim.size < 0 else str(dim.size) for dim in info.tensor_shape.dim]
    return f"{tf.as_dtype(info.dtype).name}[{','.join(sizes)}]"


def warmup_records(signatures: Signatures, run: Run) -> Iterable[bytes]:
    """Serialised `PredictionLog`s: each signature once for one row and once for several, free text included."""
    users = [str(user) for user in run.user_ids[:WARMUP_USERS]]
    items = [str(item) for item in run.items["item_id"][:WARMUP_USERS]]
    for batch in (1, WARMUP_USERS):
        for name, inputs in _requests(signatures, users, items, batch):
            record = prediction_log_pb2.PredictionLog()
            record.predict_log.request.model_spec.signature_name = name
            for alias, values in inputs.items():
                record.predict_log.request.inputs[alias].CopyFrom(tf.make_tensor_proto(values))
            yield record.SerializeToString()


def _requests(
    signatures: Signatures, users: list[str], items: list[str], batch: int
) -> Iterable[tuple[str, dict[str, np.ndarray]]]:
    user = np.resize(np.array(users or [""], object), batch)
    item = np.resize(np.array(items, object), batch)
    history, nothing = np.stack([np.full(batch, "", object), item], 1), np.full((batch, 1), "", object)
    k = np.full(batch, signatures.config.export.k, np.int32)
    context = signatures.read.context
    moment = {name: np.repeat(value, batch) for name, value in context.defaults().items()} if context else {}
    for text in ("", str(signatures.titles[1].numpy().decode())):
        base = {"user_id": user, "history": history, "query_text": np.full(batch, text, object)}
        filters = {"exclude": nothing, "allow_category": nothing, "k": k}
        session = {
            **{name: np.full(batch, 0.3, np.float32) for name in STRENGTHS},
            **dict.fromkeys(FEEDBACK, history),
            "language": np.full(batch, "en", object),
        }
        yield "recommend", {**base, **filters, **session, **moment}
        yield "certify", {**base, **filters, **session, **moment}
        yield "retrieve", {**base, **filters, **moment}
        yield "rank", {**base, "candidates": history, **moment}
    yield "serving_default", {"user_id": user, "history": history}
    yield "embed_text", {"text": item}
    yield "embed_item", {"item_id": item, **_columns(signatures, batch)}


def _columns(signatures: Signatures, batch: int) -> dict[str, np.ndarray]:
    empty: dict[Any, Any] = {tf.string: "", tf.float32: 0.0}
    return {
        name: np.full(
            (batch, *spec.shape[1:]), empty[spec.dtype], object if spec.dtype == tf.string else np.float32
        )
        for name, spec in signatures.item_graph.signature().items()
    }
