import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_bert import tiny_bert
from tfrec.text import cache as cache_module
from tfrec.text.cache import VectorCache, encode_cached
from tfrec.text.encoder import TextEncoder

TEXTS = [f"film number {i % 30}" for i in range(40)]  # 30 different ones


class CountingEncoder(TextEncoder):
    """Remembers every text that it was asked for."""

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.asked: list[str] = []
        self.graph, self.forward = self.forward, self.remember

    def remember(self, texts: tf.Tensor) -> tf.Tensor:
        self.asked += [text.decode() for text in texts.numpy()]
        return self.graph(texts)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"), ["film", "number"])


@pytest.fixture(scope="module")
def one_encoder(bert: Path) -> CountingEncoder:
    return CountingEncoder.from_name(bert, sequence_length=8)


@pytest.fixture
def encoder(one_encoder: CountingEncoder) -> CountingEncoder:
    one_encoder.asked.clear()
    return one_encoder


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.npy"))


def test_the_cache_gives_what_the_encoder_gives(encoder: CountingEncoder, tmp_path: Path):
    np.testing.assert_array_equal(
        encode_cached(encoder, TEXTS, tmp_path), encode_cached(encoder, TEXTS, tmp_path)
    )
    np.testing.assert_allclose(encode_cached(encoder, TEXTS, tmp_path), encoder.encode(TEXTS), atol=1e-6)


def test_every_text_is_encoded_once_ever(encoder: CountingEncoder, tmp_path: Path):
    encode_cached(encoder, TEXTS, tmp_path)
    assert sorted(encoder.asked) == sorted(set(TEXTS))
    encode_cached(encoder, [*TEXTS[::-1], "something new"], tmp_path)
    assert encoder.asked[30:] == ["something new"]


def test_nothing_to_encode(encoder: CountingEncoder, tmp_path: Path):
    assert encode_cached(encoder, [], tmp_path).shape == (0, 16)
    assert shards(tmp_path) == []


def test_another_encoder_has_other_vectors(encoder: CountingEncoder, bert: Path, tmp_path: Path):
    encode_cached(encoder, TEXTS, tmp_path)
    other = CountingEncoder.from_name(bert, sequence_length=4)
    encode_cached(other, TEXTS, tmp_path)
    assert sorted(other.asked) == sorted(set(TEXTS))


def test_the_default_folder_is_tfrec_cache(
    encoder: CountingEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TFREC_CACHE", str(tmp_path / "there"))
    encode_cached(encoder, ["a film"])
    assert len(shards(tmp_path / "there")) == 1
    monkeypatch.delenv("TFREC_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert VectorCache().folder == tmp_path / ".cache" / "tfrec"


def test_get_says_what_it_found(tmp_path: Path):
    cache = VectorCache(tmp_path)
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    cache.put("model", ["a", "b"], vectors)
    got, found = cache.get("model", ["b", "c", "a", "b"], 3)
    np.testing.assert_array_equal(got, [vectors[1], np.zeros(3), vectors[0], vectors[1]])
    assert found.tolist() == [True, False, True, True]
    assert not cache.get("other", ["a"], 3)[1].any()


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_shard_is_encoded_again_with_a_warning(
    encoder: CountingEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
):
    before = encode_cached(encoder, TEXTS, tmp_path)
    (shard,) = shards(tmp_path)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes({"flip": content, "truncate": content[:-100], "empty": b""}[damage])
    encoder.asked.clear()
    with caplog.at_level(logging.WARNING):
        again = encode_cached(encoder, TEXTS, tmp_path)
    assert f"Damaged cache shard {shard}" in caplog.text
    assert sorted(encoder.asked) == sorted(set(TEXTS))
    np.testing.assert_allclose(again, before, atol=1e-6)
    encoder.asked.clear()
    encode_cached(encoder, TEXTS, tmp_path)
    assert encoder.asked == []


def test_a_damaged_shard_costs_only_its_own_texts(encoder: CountingEncoder, tmp_path: Path):
    encode_cached(encoder, ["one"], tmp_path)
    first = shards(tmp_path)
    encode_cached(encoder, ["one", "two"], tmp_path)
    (second,) = set(shards(tmp_path)) - set(first)
    second.write_bytes(b"")
    encoder.asked.clear()
    encode_cached(encoder, ["one", "two"], tmp_path)
    assert encoder.asked == ["two"]


def test_a_failing_run_keeps_what_it_had_saved(
    encoder: CountingEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Three batches of 64 texts, saved after each; the fourth fails."""
    monkeypatch.setattr(cache_module, "SHARD_TEXTS", 64)
    texts = [f"text {i}" for i in range(256)]
    healthy = encoder.forward

    def fail_at_the_fourth(batch: tf.Tensor) -> tf.Tensor:
        if len(encoder.asked) >= 3 * 64:
            raise KeyboardInterrupt
        return healthy(batch)

    monkeypatch.setattr(encoder, "forward", fail_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        encode_cached(encoder, texts, tmp_path)
    monkeypatch.setattr(encoder, "forward", healthy)
    encode_cached(encoder, texts, tmp_path)
    assert sorted(encoder.asked) == sorted(texts)  # all of them once: 192 in the first run, 64 in the second


ENDLESS_WRITER = """
import itertools, sys
import numpy as np
from tfrec.text.cache import VectorCache
cache = VectorCache(sys.argv[1])
print("go", flush=True)
for i in itertools.count():
    cache.put("model", [f"{i} {j}" for j in range(200)], np.full((200, 384), i, np.float32))
"""


def test_a_killed_writer_leaves_no_broken_shard(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        writer.stdout.readline()
        while len(shards(tmp_path)) < 3:
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    texts = [f"{i} 0" for i in range(len(shards(tmp_path)))]
    vectors, found = VectorCache(tmp_path).get("model", texts, 384)
    assert found.all()
    np.testing.assert_array_equal(vectors[:, 0], np.arange(len(texts)))
    assert caplog.text == ""


def test_old_strays_are_cleared_and_young_ones_left_to_their_writer(tmp_path: Path):
    cache = VectorCache(tmp_path)
    cache.put("model", ["a"], np.ones((1, 3), np.float32))
    old, young = tmp_path / "model" / "old.tmp", tmp_path / "model" / "young.tmp"
    for path in (old, young):
        path.write_bytes(b"half a shard")
    os.utime(old, (0, 0))
    assert cache.get("model", ["a"], 3)[1].all()
    assert not old.exists()
    assert young.exists()


WRITER = """
import sys
import numpy as np
from tfrec.text.cache import VectorCache
folder, texts = sys.argv[1:]
for text in texts * 50:
    VectorCache(folder).put("model", [text], np.full((1, 3), ord(text), np.float32))
"""


def test_two_processes_may_write_while_a_third_reads(tmp_path: Path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), t]) for t in ("abc", "bcd")]
    while any(writer.poll() is None for writer in writers):
        VectorCache(tmp_path).get("model", "abcd", 3)
    assert [writer.returncode for writer in writers] == [0, 0]
    vectors, found = VectorCache(tmp_path).get("model", "abcd", 3)
    assert found.all()
    np.testing.assert_array_equal(vectors[:, 0], [ord(text) for text in "abcd"])


def test_twenty_thousand_vectors_are_read_quickly(tmp_path: Path):
    cache, texts = VectorCache(tmp_path), [f"text {i}" for i in range(20_000)]
    vectors = np.random.default_rng(0).normal(size=(20_000, 384)).astype(np.float32)
    for start in range(0, 20_000, 2048):
        cache.put("model", texts[start : start + 2048], vectors[start : start + 2048])
    start_time = time.process_time()
    got, found = cache.get("model", texts, 384)
    assert time.process_time() - start_time < 1.0  # 0.1 s on an idle machine
    assert found.all()
    np.testing.assert_array_equal(got, vectors)
