"""What passes between steps: folders, each with a `manifest.json` beside its `payload/`.

The manifest says what the payload is, who made it, of what and with which parameters; its fingerprint is the
hash of the payload's files, so that equal content is equal wherever it lies. A manifest names no other
artifact's place: artifacts may move.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from tfrec.run import Run

MANIFEST = "manifest.json"
PAYLOAD = "payload"
_BLOCK = 2**20


class ArtifactError(ValueError):
    """A folder that is not the artifact it should be; the message says which one, and what to do."""


class Manifest(BaseModel):
    """The JSON beside a payload.

    Args:
        type: class of the artifact.
        name: of the output that it is.
        producer: name of the component that made it.
        code: fingerprint of the code that made it.
        parameters: of the producer.
        inputs: input's name → content fingerprint, artifacts and what else was read.
        created: time in UTC, ISO 8601.
        fingerprint: SHA-256 of the payload, see `folder_fingerprint`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    name: str
    producer: str
    code: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    created: str
    fingerprint: str


@dataclass(frozen=True)
class Artifact:
    """One artifact on disk.

    Args:
        folder: holds the manifest and the payload.
    """

    folder: Path

    @property
    def payload(self) -> Path:
        """The folder of the content."""
        return self.folder / PAYLOAD

    @cached_property
    def manifest(self) -> Manifest:
        """What the artifact says of itself.

        Raises:
            ArtifactError: there is no readable manifest, or it is one of another type.
        """
        path = self.folder / MANIFEST
        try:
            manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise ArtifactError(
                f"{path}: expected an artifact's manifest. Delete the folder and run again. ({error})"
            ) from error
        if manifest.type != type(self).__name__:
            raise ArtifactError(
                f"{self.folder}: expected the type {type(self).__name__}. Received: {manifest.type}."
            )
        return manifest

    @property
    def fingerprint(self) -> str:
        """Of the content, as it was when the artifact was made."""
        return self.manifest.fingerprint

    def is_intact(self) -> bool:
        """Whether the payload is still what the manifest says."""
        return self.payload.is_dir() and folder_fingerprint(self.payload) == self.fingerprint

    def describe(self, **facts: Any) -> None:
        """Writes the manifest of a complete payload; `facts` are the producer's part of a `Manifest`."""
        manifest = Manifest(
            type=type(self).__name__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            fingerprint=folder_fingerprint(self.payload),
            **facts,
        )
        write_text(self.folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


class Examples(Artifact):
    """A dataset as tf.Example records, interactions by split; read by `examples.read_dataset`."""


class TrainedRun(Artifact):
    """A RUN folder, as `tfrec train` writes it."""

    def view(self, folder: Path, evaluation: "Evaluation | None" = None) -> "Run":
        """The run as a folder of links that may be written to: evaluating a run must not change the artifact.

        Args:
            folder: where the links go; new.
            evaluation: shown as the run's own, so that an export carries it.
        """
        from tfrec.run import Run

        folder.mkdir(parents=True)
        for path in self.payload.iterdir():
            (folder / path.name).symlink_to(path.resolve())
        if evaluation is not None:
            (folder / "evaluation").symlink_to(evaluation.payload.resolve())
        return Run.open(folder)


class Evaluation(Artifact):
    """metrics.json, report.html and ranks.parquet of a run."""


class Blessing(Artifact):
    """Whether an evaluation met its thresholds, which ones, and beside which baselines: `blessing.json`."""

    FILE: ClassVar[str] = "blessing.json"

    @property
    def verdict(self) -> dict[str, Any]:
        """The content of blessing.json: `blessed`, and one check for each threshold."""
        verdict: dict[str, Any] = json.loads((self.payload / self.FILE).read_text(encoding="utf-8"))
        return verdict


class PushedModel(Artifact):
    """Where a model went: `pushed.json`. The model itself lies outside, for a server to find."""

    FILE: ClassVar[str] = "pushed.json"

    @property
    def version_folder(self) -> Path:
        """The numeric folder of the pushed version."""
        return Path(json.loads((self.payload / self.FILE).read_text(encoding="utf-8"))["folder"])

    def is_intact(self) -> bool:
        return super().is_intact() and (self.version_folder / "saved_model.pb").is_file()


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over the relative paths and bytes of all files below `folder`, in the order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
