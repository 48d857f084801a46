"""RecTools' SASRec, run by the interpreter of its own environment (see `environment.py`).

    python -m benchmarks.peers.sasrec QUESTION.npz ANSWER.npz

The settings' `task` says what is asked: `time` trains one epoch with a clock, `fit` trains for the number of epochs
that validation finds best and answers with vectors, whose inner products are the model's scores. Of tfrec only what
numpy and scipy can run is used: histories and the protocol of evaluation.
"""

import logging
import os
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from benchmarks.peers.environment import read_message, write_message
from benchmarks.peers.vectors import Vectors
from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.metrics import ndcg_at_k
from tfrec.evaluation.protocol import batch_for, rank_targets

USERS_AT_ONCE = 1024


class Clock(Callback):
    """Wall and processor seconds of the epoch's steps after the first `skip`, and of those `skip`."""

    def __init__(self, skip: int) -> None:
        self.skip, self.marks = skip, [_now()]

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.marks = [_now()]

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *batch: Any) -> None:
        if trainer.global_step == self.skip:
            self.marks.append(_now())

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.marks.append(_now())

    def facts(self) -> dict[str, float]:
        """Seconds by name."""
        start, warm, end = self.marks
        return {
            "warm_up_seconds": warm[0] - start[0],
            "seconds": end[0] - warm[0],
            "cpu_seconds": end[1] - warm[1],
        }


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def time_epoch(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """One epoch over the histories; the answer's sequences are those of the timed steps."""
    past = _histories(arrays, "train")
    model = _model(settings, epochs=1, callbacks=[Clock(settings["skip"])])
    model.fit(_dataset(past))
    clock = next(found for found in model.fit_trainer.callbacks if isinstance(found, Clock))  # a copy of ours
    trained = int((past.lengths >= 2).sum())
    return {**clock.facts(), "sequences": trained - settings["skip"] * settings["model"]["batch_size"]}


def fit(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], Vectors]:
    """Epochs by validation, then a fit on everything before the test interaction for as many."""
    started = time.perf_counter()
    ndcg = search_epochs(settings, arrays)
    searched = time.perf_counter()
    epochs = int(np.argmax(ndcg)) + 1
    past = _histories(arrays, "refit")
    model = _model(settings, epochs=epochs)
    model.fit(_dataset(past))
    seconds = time.perf_counter() - searched
    facts = {
        "epochs": epochs,
        "valid_ndcg@10": ndcg,
        "seconds": seconds,
        "search_seconds": searched - started,
    }
    return facts, _vectors(model, past, settings["items"])


def search_epochs(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[float]:
    """Validation ndcg@10 after each epoch, up to `patience` epochs after the best."""
    past, targets = _histories(arrays, "train"), Targets(arrays["valid_user"], arrays["valid_item"])
    model, dataset, items = _model(settings, epochs=1), _dataset(past), settings["items"]
    ndcg: list[float] = []
    while len(ndcg) < settings["epochs"] and len(ndcg) - np.argmax([0.0, *ndcg]) < settings["patience"]:
        model.fit_partial(dataset, min_epochs=1, max_epochs=1)
        ranking = rank_targets(_vectors(model, past, items).score, targets, past, batch=batch_for(items))
        ndcg.append(float(ndcg_at_k(ranking.rank, 10).mean()))
        print(f"sasrec, epoch {len(ndcg)}: val_ndcg@10 {ndcg[-1]:.4f}", file=sys.stderr, flush=True)
    return ndcg


def _model(settings: dict[str, Any], *, epochs: int, callbacks: list[Callback] | None = None) -> SASRecModel:
    seed_everything(settings["seed"], verbose=False)

    def trainer() -> Trainer:  # RecTools' own, on the processor, with callbacks
        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
        return Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            devices=1,
            enable_checkpointing=False,
            callbacks=callbacks,
            **quiet,
        )

    return SASRecModel(**settings["model"], epochs=epochs, get_trainer_func=trainer)


def _histories(arrays: dict[str, np.ndarray], name: str) -> Histories:
    item = arrays[f"{name}_item"]
    return Histories(item, arrays[f"{name}_start"], np.zeros(len(item)))


def _dataset(past: Histories) -> Dataset:
    columns = {
        "user_id": past.user,
        "item_id": past.item,
        "weight": 1.0,
        "datetime": pd.to_datetime(past.place, unit="s"),
    }
    return Dataset.construct(pd.DataFrame(columns))


def _vectors(model: SASRecModel, past: Histories, items: int) -> Vectors:
    """The session vector of every user and the vector of every trained item of the catalogue."""
    known = model.data_preparator.get_known_item_ids().astype(np.int64)
    row = np.zeros(items + 1, np.int64)
    row[known + 1] = np.arange(len(known)) + 1
    recent = row[past.keep(row[past.item + 1] > 0).tail_rows(model.session_max_len)]
    recent = np.take_along_axis(
        recent, np.argsort(recent > 0, axis=1, kind="stable"), 1
    )  # padded at the left
    backbone = model.torch_model.eval()
    with torch.no_grad():
        item = backbone.item_model.get_all_embeddings()
        parts = [recent[first : first + USERS_AT_ONCE] for first in range(0, len(recent), USERS_AT_ONCE)]
        user = [backbone.encode_sessions({"x": torch.from_numpy(part)}, item)[:, -1] for part in parts]
    return Vectors(torch.cat(user).numpy(), item.numpy()[1:], known, items)


def main() -> None:
    """Answers the question of the command line."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    settings, arrays = read_message(sys.argv[1])
    facts, answer = {}, {}
    if settings["task"] == "time":
        facts = time_epoch(settings, arrays)
    else:
        facts, vectors = fit(settings, arrays)
        answer = vectors._asdict()
    facts["threads"] = torch.get_num_threads()
    facts["packages"] = {name: version(name) for name in ("rectools", "torch", "numpy")}
    write_message(sys.argv[2], facts, answer)


if __name__ == "__main__":
    main()
