"""A RUN folder: everything that evaluation and export need, written file by file so that an interrupted run goes on.

RUN/run.json            what was trained on what: dataset, fingerprint, seconds, epochs, versions
RUN/config.yaml         the settings
RUN/items.parquet       the catalogue; RUN/users.parquet the known users
RUN/content.npz         content tables; RUN/profile.npz and RUN/context.npz those of users and moments, where known
RUN/lexical.npz         the space of words that item texts were placed in
RUN/histories.npz       the split
RUN/lora.safetensors    what tuning taught the language model, where it helped (or top.…, full.…)
RUN/cross_encoder.safetensors  what the cross-encoder learned, where there is one
RUN/valid/, RUN/test/   the stages of the two fits, and the slates that the slate model learned from
RUN/evaluation/         written by `tfrec evaluate`
RUN/added/              items that came after training (`tfrec.additions`)
RUN/rules.yaml          what the owner decrees (`tfrec.rule_file`)
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from tfrec.config import Config, load_config
from tfrec.data.dataset import Dataset
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.data.lexical import LexicalSpace
from tfrec.data.splits import Split, Targets
from tfrec.data.user_side import NOTHING_MORE, UserSide
from tfrec.schema import Schema

if TYPE_CHECKING:
    from tfrec.stages import Stages

Fit = Literal["valid", "test"]
WRITING = ".writing-"
SLATE_MODEL, SLATES, READER = "slate_model.keras", "slates.npz", "cross_encoder.safetensors"
SIDES = ("profile", "context")  # the parts of `UserSide`
PACKAGES = (
    "tfrec",
    "tensorflow",
    "keras",
    "keras-hub",
    "tensorflow-recommenders",
    "tensorflow-text",
    "keras-rs",
)


class RunError(ValueError):
    """A folder that is no run, or another run than asked for; the message says what to do."""


@dataclass(frozen=True)
class Run:
    """A run on disk.

    Args:
        folder: RUN.
    """

    folder: Path

    @classmethod
    def start(cls, out: str | Path, dataset: Dataset, config: Config) -> "Run":
        """A new folder, or one that an interrupted call with the same data and settings left.

        Raises:
            RunError: the folder holds something else.
        """
        run = cls(Path(out))
        facts = {"dataset": dataset.name, "fingerprint": dataset.fingerprint(), "config": config.model_dump()}
        if run.folder.exists() and not run._is_barely_begun():
            run._check_same(facts)
            return run
        run.folder.mkdir(parents=True, exist_ok=True)
        dataset.items.assign(_title=dataset.item_titles()).to_parquet(run.folder / "items.parquet")
        dataset.users.to_parquet(run.folder / "users.parquet")
        replace_file(
            run.folder / "config.yaml", lambda path: path.write_text(config.to_yaml(), encoding="utf-8")
        )
        run._write_facts(
            {
                **facts,
                "schema": dataset.schema.to_dict(),
                "cleaning": [asdict(finding) for finding in dataset.report.findings],
                "versions": {name: version(name) for name in PACKAGES},
                "fits": {},
                "finished": False,
            }
        )
        return run

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """A finished run.

        Raises:
            RunError: the folder is no run, or its training was not finished.
        """
        run = cls(Path(folder))
        if not (run.folder / "run.json").is_file():
            raise RunError(
                f"{folder}: expected a folder that `tfrec train` wrote, with run.json in it. Received: no run.json."
            )
        if not run.facts()["finished"]:
            raise RunError(
                f"{folder}: the training was interrupted. Run the same `tfrec train … --out {folder}` to finish it."
            )
        return run

    def facts(self) -> dict[str, Any]:
        """The content of run.json."""
        facts: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        return facts

    @cached_property
    def config(self) -> Config:
        """The settings it was trained with."""
        return load_config(self.folder / "config.yaml")

    @cached_property
    def items(self) -> pd.DataFrame:
        """The catalogue by position: `item_id`, its columns, and `_title`."""
        return pd.read_parquet(self.folder / "items.parquet")

    @cached_property
    def users(self) -> pd.DataFrame:
        """Known users in the order of the histories: `user_id` and its columns."""
        return pd.read_parquet(self.folder / "users.parquet")

    @cached_property
    def user_ids(self) -> list[str]:
        """Of the known users."""
        return self.users["user_id"].astype(str).to_list()

    @cached_property
    def schema(self) -> Schema:
        """What the columns mean."""
        return Schema.from_dict(self.facts()["schema"])

    @cached_property
    def content(self) -> ItemContent:
        """Content tables of the catalogue."""
        return _load_content(self.folder / "content.npz")

    @cached_property
    def words(self) -> LexicalSpace:
        """The space that item texts were placed in by their words."""
        with np.load(self.folder / "lexical.npz") as file:
            return LexicalSpace(file["words"], file["table"])

    @cached_property
    def side(self) -> UserSide:
        """What is known of users and moments."""
        paths = {name: self.folder / f"{name}.npz" for name in SIDES}
        return UserSide(**{name: _load_content(path) for name, path in paths.items() if path.is_file()})

    @cached_property
    def split(self) -> Split:
        """What was learned from, and what is asked."""
        with np.load(self.folder / "histories.npz") as file:
            train, refit = (
                Histories(*(file[f"{part}_{name}"] for name in ("item", "start", "time", "event")))
                for part in ("train", "refit")
            )
            valid, test = (
                Targets(*(file[f"{part}_{name}"] for name in ("user", "item", "event")))
                for part in ("valid", "test")
            )
            return Split(train, valid, refit, test)

    @cached_property
    def hidden(self) -> np.ndarray:
        """Items whose interactions no model saw, bool `[items]`."""
        with np.load(self.folder / "histories.npz") as file:
            return file["hidden"]

    def past(self, fit: Fit) -> Histories:
        """All that lies before the targets of a fit; what is masked."""
        return self.split.train if fit == "valid" else self.split.refit

    def known(self, fit: Fit) -> Histories:
        """What the models of a fit have learned from: its past without hidden items."""
        return self.past(fit).without(self.hidden)

    def targets(self, fit: Fit) -> Targets:
        """What a fit is asked."""
        return self.split.valid if fit == "valid" else self.split.test

    def save_inputs(
        self,
        content: ItemContent,
        words: LexicalSpace,
        split: Split,
        hidden: np.ndarray,
        side: UserSide = NOTHING_MORE,
    ) -> None:
        """Writes content tables, the space of words and the split."""
        replace_file(
            self.folder / "lexical.npz", lambda path: np.savez(path, words=words.words, table=words.table)
        )
        for name, known in (("content", content), *((name, getattr(side, name)) for name in SIDES)):
            if known is not None:
                _save_content(self.folder / f"{name}.npz", known)
        arrays: dict[str, np.ndarray] = {"hidden": hidden}
        for part, h in (("train", split.train), ("refit", split.refit)):
            arrays |= {f"{part}_{name}": getattr(h, name) for name in ("item", "start", "time", "event")}
        for part, targets in (("valid", split.valid), ("test", split.test)):
            arrays |= {f"{part}_{name}": getattr(targets, name) for name in ("user", "item", "event")}
        replace_file(self.folder / "histories.npz", lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    @property
    def tuned_weights(self) -> Path:
        """Where the weights that tuning of the language model changed are kept."""
        return self.folder / f"{self.config.text.tuning}.safetensors"

    @property
    def tuning(self) -> dict[str, Any] | None:
        """What became of tuning the language model; None = it was not tuned, or not to the end."""
        return self.facts().get("tuning")

    def save_tuning(self, facts: dict[str, Any], write: Callable[[Path], Any] | None) -> None:
        """Writes tuned weights, where they are kept, then the lines in run.json that declare tuning finished."""
        if write is not None:
            replace_file(self.tuned_weights, write)
        self._write_facts({**self.facts(), "tuning": facts})

    @property
    def reader_weights(self) -> Path:
        """Where the weights that the cross-encoder learned are kept."""
        return self.folder / READER

    @property
    def reader_gain(self) -> float | None:
        """What a logit of the cross-encoder is worth beside a ranking score; None = nobody knows yet."""
        gain: float | None = self.facts().get("reader_gain")
        return gain

    def save_reader(self, write: Callable[[Path], Any]) -> None:
        """Writes what the cross-encoder learned."""
        replace_file(self.reader_weights, write)

    def save_reader_gain(self, gain: float) -> None:
        """Writes it into run.json."""
        self._write_facts({**self.facts(), "reader_gain": gain})

    def has_stages(self, fit: Fit) -> bool:
        """Whether a fit is finished."""
        return fit in self.facts()["fits"]

    def epochs(self, fit: Fit) -> int:
        """Epochs that recall took on the past in a finished fit."""
        return int(self.facts()["fits"][fit]["epochs"])

    def save_stages(self, fit: Fit, stages: "Stages", *, seconds: float) -> None:
        """Writes the models of a fit, then the line in run.json that declares them finished."""
        (self.folder / fit).mkdir(exist_ok=True)
        for name, model in (("two_tower", stages.two_tower), ("ranker", stages.ranker)):
            replace_file(self.folder / fit / f"{name}.keras", model.save)
        if stages.slate_model is not None:
            replace_file(self.folder / fit / SLATE_MODEL, stages.slate_model.save)
        if stages.slates is not None:
            replace_file(self.folder / fit / SLATES, stages.slates.save)
        facts = self.facts()
        facts["fits"][fit] = {"epochs": stages.epochs, "seconds": round(seconds, 1)}
        self._write_facts(facts)

    def load_stages(self, fit: Fit) -> "Stages":
        """Reads the models of a fit."""
        import keras

        from tfrec.stages import Stages

        two_tower, ranker = (
            keras.saving.load_model(self.folder / fit / f"{name}.keras", compile=False)
            for name in ("two_tower", "ranker")
        )
        path = self.folder / fit / SLATE_MODEL
        slate_model = keras.saving.load_model(path, compile=False) if path.is_file() else None
        return Stages(two_tower, ranker, self.epochs(fit), slate_model)

    def finish(self) -> "Run":
        """Declares the training finished."""
        self._write_facts({**self.facts(), "finished": True})
        return self

    def _is_barely_begun(self) -> bool:
        """Whether a call was killed before run.json, so that there is nothing yet to go on from."""
        names = {path.name for path in self.folder.iterdir() if not path.name.startswith(WRITING)}
        return names <= {"items.parquet", "users.parquet", "config.yaml"}

    def _check_same(self, facts: dict[str, Any]) -> None:
        if not (self.folder / "run.json").is_file():
            raise RunError(
                f"{self.folder}: the folder is not empty and holds no run. Give a new folder to --out."
            )
        for key, value in facts.items():
            if self.facts()[key] != value:
                raise RunError(
                    f"{self.folder}: holds a run with another {key}. Give a new folder to --out, or delete this one."
                )

    def _write_facts(self, facts: dict[str, Any]) -> None:
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        replace_file(self.folder / "run.json", lambda path: path.write_text(text, encoding="utf-8"))


def _save_content(path: Path, content: ItemContent) -> None:
    spec = json.dumps(content.spec.to_dict())
    arrays: dict[str, Any] = {"table": content.table, "category": content.category}
    if content.lexical is not None:
        arrays["lexical"] = content.lexical
    replace_file(path, lambda aside: np.savez(aside, spec=spec, **arrays))


def _load_content(path: Path) -> ItemContent:
    with np.load(path) as file:
        spec = ContentSpec.from_dict(json.loads(str(file["spec"])))
        return ItemContent(spec, file["table"], file["category"], file.get("lexical"))


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Writes beside `path` and renames, so that no reader and no crash ever leaves half a file."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=WRITING) as folder:
        beside = Path(folder) / path.name
        write(beside)
        os.replace(beside, path)
