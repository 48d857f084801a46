"""Items that join a trained run: found by what is known of them, without a change for those that were there."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from serving.model_server.saved_model import SavedModel
from tests.served_call import call, check_same
from tests.tiny_world import COLD, GHOST, KNOWN, NOBODY, RING, TASTES, describe, inputs, item, user, walk
from tfrec import add_items as module
from tfrec.add_items import add_items
from tfrec.additions import load_additions
from tfrec.data.errors import DatasetError
from tfrec.export import versions
from tfrec.funnel import Funnel
from tfrec.run import Run

OLD = [*(item(taste, place) for taste in TASTES for place in range(RING)), COLD, GHOST]
FRESH = [f"{taste}-fresh" for taste in TASTES]


def table(folder: Path, *ids: str, **columns: Any) -> Path:
    """A file of new items that look like their ring."""
    path = folder / "new.parquet"
    pd.DataFrame([describe(id_) for id_ in ids]).assign(**columns).to_parquet(path)
    return path


@pytest.fixture
def run(world_run: Run, tmp_path: Path) -> Run:
    """A copy of the run, for it remembers what is added."""
    return Run(Path(shutil.copytree(world_run.folder, tmp_path / "run")))


@pytest.fixture
def light(monkeypatch) -> list[Funnel]:
    """Versions are empty folders; what would be in them is listed here."""
    published: list[Any] = []

    def publish(signatures: Any, run: Run, to: Path) -> Path:
        published.append(signatures)
        version = Path(to) / str(len(published))
        version.mkdir(parents=True)
        return version

    monkeypatch.setattr(module, "publish", publish)
    return published


@pytest.fixture(scope="module")
def added(world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run to which two items were added, one of each taste, with a genre that nothing else has; the version."""
    folder = tmp_path_factory.mktemp("added")
    run = Run(Path(shutil.copytree(world_run.folder, folder / "run")))
    new = table(folder, *FRESH, genres=[f"{taste}|even|novelty" for taste in TASTES], maker="dora")
    version, _ = add_items(run, new, folder / "models")
    return run, version


@pytest.fixture(scope="module")
def served(added: tuple[Run, Path]) -> Iterator[SavedModel]:
    model = SavedModel(str(added[1]))
    yield model
    model.close()


@pytest.fixture(scope="module")
def signatures(added: tuple[Run, Path]):
    return Funnel.from_run(added[0]).signatures


def ask(model: SavedModel, name: str, *requests: dict[str, Any]) -> dict[str, np.ndarray]:
    return call(model, name, inputs(model.signatures[name].inputs, *requests))


def found(model: SavedModel, **request: Any) -> list[str]:
    """Retrieved ids for one request, best first."""
    (ids,) = ask(model, "retrieve", {**NOBODY, "k": 12, **request})["item_id"]
    return [id_.decode() for id_ in ids if id_]


# what is served


def test_a_new_item_is_recommended_to_whom_it_suits(served: SavedModel):
    for taste, likes, other in ((0, FRESH[0], FRESH[1]), (1, FRESH[1], FRESH[0])):
        slates = ask(served, "recommend", *({"user_id": user(n)} for n in range(taste, 12, 2)))["item_id"]
        lists = [[id_.decode() for id_ in row] for row in slates]
        assert np.mean([likes in slate for slate in lists]) >= 0.8
        assert all(likes in slate for slate in lists if other in slate)


def test_old_items_keep_their_scores(served: SavedModel, world_saved_model: SavedModel):
    asked = [KNOWN, NOBODY, {**NOBODY, "history": walk(0, 3)}, {**KNOWN, "query_text": "bread"}]
    ranked = [
        ask(model, "rank", *({**one, "candidates": OLD} for one in asked))
        for model in (world_saved_model, served)
    ]
    check_same(*ranked)
    for one in asked:
        before, after = (ask(model, "retrieve", {**one, "k": 12}) for model in (world_saved_model, served))
        scores = dict(zip(after["item_id"][0], after["score"][0], strict=True))
        expected = dict(zip(before["item_id"][0], before["score"][0], strict=True))
        kept = [id_ for id_ in scores if id_.decode() in OLD]
        assert len(kept) >= 10
        np.testing.assert_allclose(
            [scores[i] for i in kept], [expected[i] for i in kept], rtol=1e-4, atol=1e-4
        )


def test_the_contract_says_how_many_were_added(added: tuple[Run, Path]):
    contract = json.loads((added[1] / "assets.extra" / "contract.json").read_text(encoding="utf-8"))
    assert (contract["items"], contract["added"]) == (len(OLD) + 2, 2)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"allow_category": ["novelty"]}, FRESH),  # a value that only they have
        ({"allow_category": ["novelty"], "exclude": FRESH[:1]}, FRESH[1:]),
        ({"allow_category": ["novelty"], "history": FRESH[:1]}, FRESH[1:]),
        ({"allow_category": ["dora"]}, []),  # the value of another column
    ],
    ids=str,
)
def test_filters_know_new_items(served: SavedModel, request_, expected):
    assert set(found(served, **request_)) == set(expected)


def test_a_value_that_old_items_have_too_finds_both(served: SavedModel):
    allowed = set(found(served, allow_category=["space"], k=12))
    assert FRESH[0] in allowed
    assert FRESH[1] not in allowed
    assert len(allowed) == RING + 2


def test_a_new_item_may_be_what_the_history_holds(served: SavedModel):
    """It is read as what it says it is."""
    others = {"exclude": [FRESH[0], COLD]}  # new as well, and favoured for it
    slate = ask(served, "recommend", {**NOBODY, **others, "history": [FRESH[1]], "k": 4})
    assert all(id_.decode().startswith(TASTES[1]) for id_ in slate["item_id"][0])
    assert set(slate["reason"][0]) == {b"because of bread butter salt a"}


def test_a_new_item_is_embedded_as_the_index_has_it(served: SavedModel, signatures):
    columns = {name: np.array([value], object if isinstance(value, str) else np.float32) for name, value in (
        {**describe(FRESH[0]), "genres": "space|even|novelty", "maker": "dora"}
    ).items()}  # fmt: skip
    row = signatures.read.item_rows(tf.constant([FRESH[0]]))[0]
    for id_ in (FRESH[0], "", "not in the catalogue"):
        embedded = call(served, "embed_item", {**columns, "item_id": np.array([id_], object)})["embedding"]
        np.testing.assert_allclose(embedded[0], signatures.slate.retriever.vectors[row], atol=1e-4)


def test_a_new_item_is_popular_with_nobody(served: SavedModel):
    popular = found(served)
    assert not set(popular[:6]) & set(FRESH)


# what the run remembers


def test_later_exports_have_them_and_the_evaluation_has_not(
    added: tuple[Run, Path], world_run: Run, signatures
):
    run, _ = added
    assert signatures.added == 2
    assert [id_.decode() for id_ in signatures.item_ids.numpy()[-2:]] == FRESH
    measured = Funnel.from_run(run, additions=()).signatures
    assert measured.added == 0
    assert len(measured.item_ids) == 1 + len(OLD)
    for name in ("items.parquet", "content.npz", "histories.npz", "run.json"):
        assert (run.folder / name).read_bytes() == (world_run.folder / name).read_bytes()


def test_items_can_be_added_again_and_again(run: Run, light: list, tmp_path: Path):
    for number in (1, 2, 3):
        add_items(
            run, table(tmp_path, f"space-{number}st", genres=f"space|genre {number}"), tmp_path / "models"
        )
    last = light[-1]
    assert [id_.decode() for id_ in last.item_ids.numpy()[-3:]] == ["space-1st", "space-2st", "space-3st"]
    assert last.added == 3
    assert last.item_graph.spec.vocabulary[-3:] == tuple(f"genres=genre {number}" for number in (1, 2, 3))
    again = Funnel.from_run(run).signatures
    np.testing.assert_array_equal(again.slate.retriever.vectors, last.slate.retriever.vectors)


def test_an_export_elsewhere_encodes_nothing_again(run: Run, light: list, tmp_path: Path, monkeypatch):
    add_items(run, table(tmp_path, *FRESH), tmp_path / "models")
    shutil.copytree(run.folder, tmp_path / "elsewhere")
    monkeypatch.setenv("TFREC_CACHE", str(tmp_path / "empty"))
    elsewhere = Funnel.from_run(Run(tmp_path / "elsewhere")).signatures
    here = light[-1].slate.features.tables["language"]
    np.testing.assert_array_equal(elsewhere.slate.features.tables["language"], here)
    assert not (tmp_path / "empty").exists()


def test_a_call_that_was_killed_may_be_repeated(run: Run, light: list, tmp_path: Path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    new = table(tmp_path, *FRESH)
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_addition", killed)
        with pytest.raises(KeyboardInterrupt):
            add_items(run, new, tmp_path / "models")
    assert load_additions(run) == []
    add_items(run, new, tmp_path / "models")
    assert versions(tmp_path / "models") == [1, 2]
    assert [len(one) for one in load_additions(run)] == [2]


# what is refused


@pytest.mark.parametrize(
    ("ids", "columns", "words"),
    [
        ([OLD[0], FRESH[0]], {}, "1 of 2 items are in the catalogue already"),
        (
            FRESH[:1],
            {"item_id": [GHOST]},
            "1 of 1 items are in the catalogue already",
        ),  # known by a history alone
        (
            FRESH,
            {"image": [[1.0, 1.0, 0.1], [1.0, 0.1]]},
            r"row 2 \('küche-fresh'\): expected a vector of 3 numbers",
        ),
    ],
)
def test_nothing_is_written_of_what_is_refused(run: Run, light: list, tmp_path: Path, ids, columns, words):
    with pytest.raises(DatasetError, match=words):
        add_items(run, table(tmp_path, *ids, **columns), tmp_path / "models")
    assert not light
    assert load_additions(run) == []
    assert not (tmp_path / "models").exists()


def test_what_was_added_is_in_the_catalogue(run: Run, light: list, tmp_path: Path):
    add_items(run, table(tmp_path, *FRESH), tmp_path / "models")
    with pytest.raises(
        DatasetError, match=r"2 of 2 items are in the catalogue already: .* in every further export"
    ):
        add_items(run, table(tmp_path, *FRESH), tmp_path / "models")
