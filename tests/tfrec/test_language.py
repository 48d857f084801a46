"""The language model of a run: taught once, kept in a small file, and the same wherever something is encoded."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from serving.model_server.saved_model import SavedModel
from tests.served_call import call
from tests.themed_texts import found_by_theme, themed_encoder, themed_histories, themed_texts
from tests.tiny_world import tiny_config
from tfrec import language, training
from tfrec.config import Config, ConfigError
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.moments import held_out
from tfrec.export import export_run
from tfrec.language import load_encoder, untuned_encoder
from tfrec.ranking.features import NAMES
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.fit import build_two_tower
from tfrec.run import Run
from tfrec.schema import Role
from tfrec.stages import Stages
from tfrec.text.behaviour import Lesson
from tfrec.text.encoder import TextEncoder
from tfrec.text.tuning import apply_tuning
from tfrec.training import train

TEXTS = themed_texts()
BETTER, WORSE = (
    Lesson(10, 100, before=0.2, after=0.5, epochs=1),
    Lesson(10, 100, before=0.2, after=0.1, epochs=1),
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    past = themed_histories()
    rows = {"user_id": past.user.astype(str), "item_id": past.item.astype(str), "timestamp": past.place}
    items = pd.DataFrame({"item_id": np.arange(len(TEXTS)).astype(str), "title": TEXTS})
    return make_dataset(pd.DataFrame(rows), items, name="themes", roles={"title": Role.TEXT})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return themed_encoder(tmp_path_factory.mktemp("bert"))


def config(folder: Path, *settings: str, how: str = "lora") -> Config:
    quick = ["batch=16", "epochs=18", "learning_rate=0.02", "xla=false"]
    return tiny_config(
        folder, f"text.tuning={how}", "data.hide_items=0.2", *(f"tuning.{one}" for one in quick), *settings
    )


@pytest.fixture(scope="module", autouse=True)
def unfitted():
    """Stages as they are before a fit: here only the language model is asked."""

    def fit(past, content, config, *, hidden, epochs, side, **_) -> Stages:
        two_tower = build_two_tower(past.without(hidden), content, config.retrieval)
        return Stages(two_tower, Ranker(len(content.table), config.retrieval.dim, len(NAMES)), epochs or 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit", fit)
        yield


@pytest.fixture(scope="module")
def run(dataset: Dataset, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(dataset, config(folder), tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def frozen(dataset: Dataset, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(dataset, config(folder, how="frozen"), tmp_path_factory.mktemp("runs") / "frozen")


def test_hidden_items_are_found_by_what_others_taught(run: Run):
    untuned = untuned_encoder(run.config).encode(TEXTS)
    assert run.hidden.sum() == int(0.2 * len(TEXTS))
    assert found_by_theme(untuned, run.hidden) <= 0.3
    assert found_by_theme(run.content.language[1:], run.hidden) >= 0.9


def test_the_run_keeps_the_corrections_and_what_they_are_worth(run: Run, folder: Path):
    saved = load_file(run.folder / "lora.safetensors")
    assert sum(value.size for value in saved.values()) == run.tuning["trained"]
    assert run.tuning["trained"] < run.tuning["weights"] / 10
    assert run.tuning["kept"] is True
    assert run.tuning["after"] > run.tuning["before"] + 0.2


def test_content_free_text_and_the_export_use_the_same_tuned_model(run: Run, tmp_path: Path):
    encoder, untuned = load_encoder(run), untuned_encoder(run.config)
    vectors = encoder.encode(TEXTS)
    np.testing.assert_allclose(run.content.language[1:], vectors, atol=1e-6)
    assert np.abs(vectors - untuned.encode(TEXTS)).max() > 0.1
    model = SavedModel(str(export_run(run, tmp_path / "themes")))
    unseen = ["blue cleo sea", "wool", ""]
    served = call(model, "embed_text", {"text": np.array([*TEXTS[:5], *unseen], object)})["embedding"]
    np.testing.assert_allclose(served, encoder.encode([*TEXTS[:5], *unseen]), atol=1e-5)
    cold = int(np.flatnonzero(run.hidden)[0])  # placed by its text alone, as an item that nobody knows
    ids, titles = np.array([str(cold), "new"], object), np.array([TEXTS[cold]] * 2, object)
    stored, read = call(model, "embed_item", {"item_id": ids, "title": titles})["embedding"]
    np.testing.assert_allclose(read, stored, atol=1e-5)
    model.close()


def test_what_was_taught_is_not_taught_again(run: Run, dataset, folder, monkeypatch):
    monkeypatch.setattr(language, "teach", None)
    before = load_encoder(run).fingerprint
    again = train(dataset, config(folder), run.folder)
    assert load_encoder(again).fingerprint == before


class Teacher:
    """Stands for `teach`: moves the open weights, or is interrupted."""

    def __init__(self, lesson: Lesson | None) -> None:
        self.lesson = lesson

    def __call__(self, encoder: TextEncoder, material, how, config, *, seed) -> Lesson:
        self.material, self.length = material, encoder.sequence_length
        if self.lesson is None:
            raise KeyboardInterrupt
        apply_tuning(encoder, how, rank=config.rank)
        for weight in encoder.trainable_weights:
            weight.assign(weight + 0.1)
        return self.lesson


def test_an_interrupted_lesson_is_begun_anew(tmp_path, dataset, folder, monkeypatch):
    monkeypatch.setattr(language, "teach", Teacher(None))
    with pytest.raises(KeyboardInterrupt):
        train(dataset, config(folder), tmp_path)
    assert Run(tmp_path).tuning is None
    assert not list(tmp_path.glob("*.safetensors"))
    monkeypatch.setattr(language, "teach", Teacher(BETTER))
    assert train(dataset, config(folder), tmp_path).tuning["kept"]


def test_half_written_weights_are_no_weights(tmp_path, dataset, folder, monkeypatch):
    def fail(encoder: TextEncoder, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(language, "teach", Teacher(BETTER))
    monkeypatch.setattr(language, "save_tuned", fail)
    with pytest.raises(OSError, match="disk full"):
        train(dataset, config(folder), tmp_path)
    assert Run(tmp_path).tuning is None
    assert not list(tmp_path.rglob("*.safetensors"))


def test_tuned_vectors_are_never_those_of_the_untuned_model(tmp_path, dataset, folder, monkeypatch, frozen):
    monkeypatch.setattr(language, "teach", Teacher(BETTER))
    tuned = train(dataset, config(folder, how="full"), tmp_path)
    assert (tuned.folder / "full.safetensors").is_file()
    for run in (tuned, frozen):
        np.testing.assert_allclose(run.content.language[1:], load_encoder(run).encode(TEXTS), atol=1e-6)
    assert np.abs(tuned.content.language - frozen.content.language).max() > 0.01


def test_a_lesson_that_did_not_help_changes_nothing(tmp_path, dataset, folder, monkeypatch, caplog, frozen):
    monkeypatch.setattr(language, "teach", Teacher(WORSE))
    with caplog.at_level("INFO"):
        run = train(dataset, config(folder), tmp_path)
    assert "0.1000, untuned 0.2000, error of the gain 0.0000: the model stays as it was" in caplog.text
    assert load_encoder(run).fingerprint == load_encoder(frozen).fingerprint
    np.testing.assert_array_equal(run.content.table, frozen.content.table)
    assert frozen.tuning is None


def test_only_what_both_fits_know_is_learned_from(tmp_path, dataset, folder, monkeypatch):
    """Neither the last two items of a user, nor hidden ones, nor what stands on their other side."""
    teacher = Teacher(WORSE)
    monkeypatch.setattr(language, "teach", teacher)
    run = train(dataset, config(folder, "tuning.length=9"), tmp_path)
    assert teacher.length == 9
    expected = set()
    for user in range(len(run.user_ids)):
        own = [item for item in run.known("valid").of(user) if not run.hidden[item]]
        expected |= {
            (TEXTS[a], TEXTS[b]) for i, a in enumerate(own) for j, b in enumerate(own) if 0 < abs(i - j) <= 3
        }
    texts = teacher.material.texts
    assert {
        (texts[a], texts[b]) for a, b in zip(*teacher.material.together.nonzero(), strict=True)
    } == expected


def test_lists_end_before_the_moments_that_ranking_learns_from(tmp_path, dataset, folder, monkeypatch):
    teacher = Teacher(WORSE)
    monkeypatch.setattr(language, "teach", teacher)
    run = train(dataset, config(folder, "tuning.learn_from=lists"), tmp_path)
    lists, known = teacher.material, run.known("valid")
    earlier = known.head(known.lengths - held_out(known))
    answers = sorted(zip(lists.user.tolist(), (lists.texts[text] for text in lists.answers), strict=True))
    later = earlier.place >= 1
    expected = zip(earlier.user[later].tolist(), (TEXTS[item] for item in earlier.item[later]), strict=True)
    assert answers == sorted(expected)
    assert not run.hidden[[TEXTS.index(text) for _, text in answers]].any()


def test_the_untuned_encoder_is_the_one_of_the_settings(folder):
    encoder = untuned_encoder(tiny_config(folder, "text.sequence_length=9"))
    assert isinstance(encoder, TextEncoder)
    assert encoder.sequence_length == 9
    assert untuned_encoder(tiny_config("none")) is None


def test_tuning_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"text\.tuning: .*a language model to tune is needed"):
        tiny_config("none", "text.tuning=lora")


def test_a_run_without_language_model_has_none():
    assert load_encoder(SimpleNamespace(config=tiny_config("none"), tuning=None)) is None
