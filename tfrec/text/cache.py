"""Vectors on disk, so that no text is encoded twice, by anybody, in any run.

    FOLDER/<encoder fingerprint>/<sha256 of the content>.npy    records (key = sha256 of the text, vector)

A shard is written aside and renamed, and never changed afterwards: a killed run leaves whole shards and at
most a stray temporary file, and processes that write at the same time do not meet. Its name is its checksum,
so a damaged shard is found when it is read, removed, and its texts are encoded again.
"""

import hashlib
import io
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tfrec.text.encoder import TextEncoder

log = logging.getLogger(__name__)

SHARD_TEXTS = 2048  # texts between two saves: what a killed run loses at most
STRAY_SECONDS = 3600.0  # a temporary file older than this belongs to a dead run


class VectorCache:
    """Text vectors by content and encoder, below `folder` ($TFREC_CACHE, else ~/.cache/tfrec)."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder or os.environ.get("TFREC_CACHE") or Path.home() / ".cache" / "tfrec")

    def get(self, fingerprint: str, texts: Sequence[str], dim: int) -> tuple[np.ndarray, np.ndarray]:
        """What is stored of `texts`: `(vectors float32 [n, dim], found bool [n])`, zeros where not found."""
        vectors = np.zeros((len(texts), dim), np.float32)
        found = np.zeros(len(texts), bool)
        places: dict[bytes, list[int]] = {}
        for i, text in enumerate(texts):
            places.setdefault(_key(text), []).append(i)
        for shard in self._shards(fingerprint):
            for row, key in enumerate(shard["key"].tolist()):
                for i in places.pop(key, ()):
                    vectors[i], found[i] = shard["vector"][row], True
        return vectors, found

    def put(self, fingerprint: str, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Store `vectors` float32 `[n, dim]` of `texts` as one shard."""
        shard = np.empty(len(texts), _record(vectors.shape[1]))
        shard["key"] = [_key(text) for text in texts]
        shard["vector"] = vectors
        buffer = io.BytesIO()
        np.save(buffer, shard)
        _write(self.folder / fingerprint, buffer.getvalue())

    def _shards(self, fingerprint: str) -> Iterator[np.ndarray]:
        folder = self.folder / fingerprint
        for stray in folder.glob("*.tmp"):
            _remove_if_old(stray)
        for path in sorted(folder.glob("*.npy")):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == path.stem:
                yield np.load(io.BytesIO(content))
            else:
                log.warning("Damaged cache shard %s: removed, its texts will be encoded again", path)
                path.unlink(missing_ok=True)


def encode_cached(
    encoder: "TextEncoder", texts: Sequence[str], folder: str | Path | None = None, *, progress: bool = False
) -> np.ndarray:
    """Vectors float32 `[n, dim]` of `texts`; what the cache lacks is encoded and saved as it comes."""
    from tfrec.text.batches import encode_in_steps  # here: to look into a cache needs no TensorFlow

    cache, fingerprint = VectorCache(folder), encoder.fingerprint
    unique, inverse = np.unique(np.array(texts, dtype=object), return_inverse=True)
    vectors, found = cache.get(fingerprint, unique.tolist(), encoder.dim)
    missing = np.flatnonzero(~found)
    unsaved = missing[:0]
    for places, part in encode_in_steps(encoder, unique[missing].tolist(), progress=progress):
        vectors[missing[places]] = part
        unsaved = np.concatenate([unsaved, missing[places]])
        if len(unsaved) >= SHARD_TEXTS:
            cache.put(fingerprint, unique[unsaved].tolist(), vectors[unsaved])
            unsaved = missing[:0]
    if len(unsaved):
        cache.put(fingerprint, unique[unsaved].tolist(), vectors[unsaved])
    return vectors[inverse]


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _record(dim: int) -> np.dtype:
    return np.dtype([("key", "V32"), ("vector", "<f4", (dim,))])


def _write(folder: Path, content: bytes) -> None:
    """Write a shard aside, then rename it to its checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        file.write(content)
    os.replace(file.name, folder / f"{hashlib.sha256(content).hexdigest()}.npy")


def _remove_if_old(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > STRAY_SECONDS:
            path.unlink()
    except FileNotFoundError:  # its writer renamed it meanwhile
        pass
