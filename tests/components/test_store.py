from pathlib import Path

import pytest

from components.component import Component
from components.store import ArtifactStore, cache_key, code_fingerprint
from tests.components.steps import Shout, Write

WRITE = Write(text="tea")
KEY = "k" * 64


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


def fill(store: ArtifactStore, step: Component = WRITE, text: str = "tea"):
    for payload in store.begin(step, KEY).values():
        (payload / "text.txt").write_text(text)
    return store.publish(step, KEY, code="c", inputs={"in": "f"})


def test_what_was_published_is_found(store):
    published = fill(store)
    found = store.find(WRITE, KEY)
    assert found == published
    assert found["text"].content == "tea"
    assert (found["text"].manifest.producer, found["text"].manifest.parameters) == ("Write", {"text": "tea"})


def test_nothing_is_found_before_it_is_published(store):
    for payload in store.begin(WRITE, KEY).values():
        (payload / "text.txt").write_text("half")
    assert store.find(WRITE, KEY) is None


@pytest.mark.parametrize("spoil", ["text/payload/text.txt", "text/manifest.json"])
def test_a_damaged_artifact_is_not_found_and_can_be_replaced(store, spoil):
    folder = fill(store)["text"].folder.parent
    (folder / spoil).write_text("spoilt")
    assert store.find(WRITE, KEY) is None
    assert fill(store, text="tea again")["text"].content == "tea again"
    assert store.find(WRITE, KEY) is not None


def test_an_interrupted_step_starts_with_an_empty_payload(store):
    (store.begin(WRITE, KEY)["text"] / "left.txt").write_text("half")
    assert list(store.begin(WRITE, KEY)["text"].iterdir()) == []


def test_a_step_that_resumes_finds_what_it_left(store, monkeypatch):
    monkeypatch.setattr(Write, "RESUMES", True)
    (store.begin(WRITE, KEY)["text"] / "left.txt").write_text("half")
    assert (store.begin(WRITE, KEY)["text"] / "left.txt").read_text() == "half"


def test_the_key_follows_everything_that_decides_a_result():
    shout = Shout(text=WRITE["text"])
    keys = [
        cache_key(WRITE, code="1", inputs={"a": "x"}),
        cache_key(Write(text="tools"), code="1", inputs={"a": "x"}),
        cache_key(WRITE, code="2", inputs={"a": "x"}),
        cache_key(WRITE, code="1", inputs={"a": "y"}),
        cache_key(WRITE, code="1", inputs={"b": "x"}),
        cache_key(shout, code="1", inputs={"a": "x"}),
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(Write(text="tea"), code="1", inputs={"a": "x"}) == keys[0]


def test_the_code_fingerprint_follows_the_sources_alone(tmp_path):
    package: Path = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text("x = 1")
    before = code_fingerprint(package)
    (package / "notes.txt").write_text("no code")
    assert code_fingerprint(package) == before
    (package / "module.py").write_text("x = 2")
    assert code_fingerprint(package) != before
