"""Where a local pipeline keeps its artifacts: `ROOT/<step>/<key>/<output>/`, published by one rename.

The key is the hash of everything that decides a step's result, so looking for the folder is the cache.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from components.artifacts import PAYLOAD, Artifact, ArtifactError
from components.component import Component

Outputs = dict[str, Artifact]


class ArtifactStore:
    """Finds and publishes the outputs of steps.

    Args:
        root: the folder; made when something is published.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, component: Component, key: str) -> Outputs | None:
        """The outputs that lie under this key, or None where one is missing or damaged."""
        outputs = self._outputs(component, self._folder(component, key))
        try:
            return outputs if all(artifact.is_intact() for artifact in outputs.values()) else None
        except ArtifactError:
            return None

    def begin(self, component: Component, key: str) -> dict[str, Path]:
        """Empty payload folders to fill; a step that resumes finds there what an interrupted call left."""
        writing = self._writing(component, key)
        if not component.RESUMES:
            shutil.rmtree(writing, ignore_errors=True)
        payloads = {name: writing / name / PAYLOAD for name in component.OUTPUTS}
        for payload in payloads.values():
            payload.mkdir(parents=True, exist_ok=True)
        return payloads

    def publish(self, component: Component, key: str, *, code: str, inputs: Mapping[str, str]) -> Outputs:
        """Writes the manifests of filled payloads, and moves all outputs of the step into place at once."""
        writing, folder = self._writing(component, key), self._folder(component, key)
        parameters = component.parameters.model_dump(mode="json")
        for name, artifact in self._outputs(component, writing).items():
            artifact.describe(
                name=name, producer=component.name, code=code, parameters=parameters, inputs=dict(inputs)
            )
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(writing, folder)
        return self._outputs(component, folder)

    def _folder(self, component: Component, key: str) -> Path:
        return self.root / component.name / key[:16]

    def _writing(self, component: Component, key: str) -> Path:
        return self.root / component.name / f"writing-{key[:16]}"

    def _outputs(self, component: Component, folder: Path) -> Outputs:
        return {name: kind(folder / name) for name, kind in component.OUTPUTS.items()}


def cache_key(component: Component, *, code: str, inputs: Mapping[str, str]) -> str:
    """SHA-256 of a step's name, parameters, code and the fingerprints of its inputs."""
    parameters = component.parameters.model_dump(mode="json")
    facts = json.dumps([component.name, parameters, code, dict(inputs)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def code_fingerprint(*packages: Path) -> str:
    """SHA-256 of the Python sources below some folders: what was made by other code is made anew."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            name = f"{package.name}/{path.relative_to(package).as_posix()}"
            digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
