"""The quickstart is executed as it stands, but for its parameters: a tiny world in place of the films."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.tiny_world import USERS, tiny_dataset, user

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "1_quickstart.ipynb"
SMALL = [
    "deterministic=false",
    "retrieval.dim=8",
    "retrieval.length=8",
    "retrieval.blocks=1",
    "retrieval.epochs=1",
    "retrieval.catch_up_epochs=0",
    "ranking.candidates=10",
    "ranking.epochs=1",
    "reranking.slate_model=false",
    "export.k=8",
    "export.retrieve_k=12",
]


def small_parameters(folder: Path) -> str:
    """A parameters cell for a dataset folder that is written here."""
    dataset = tiny_dataset()
    (folder / "data").mkdir()
    dataset.interactions.to_parquet(folder / "data" / "interactions.parquet")
    dataset.items.to_parquet(folder / "data" / "items.parquet")
    values = {
        "DATASET": str(folder / "data"),
        "ENCODER": "none",
        "EPOCHS": 6,
        "USER": user(USERS - 1),
        "SETTINGS": SMALL,
    }
    return "\n".join(f"{name} = {value!r}" for name, value in values.items())


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = tagged(notebook, "parameters")
    parameters.source = small_parameters(folder)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    client.execute(env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder)})
    return notebook


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def recommended(notebook):
    """For each cell that recommends: the titles after its stars."""
    cells = tagged(notebook, "recommendations")
    return [
        [line.split("  (")[0] for line in re.findall(r"^  \* (.*)$", printed(cell), re.M)] for cell in cells
    ]


def test_the_loss_falls(executed):
    (fit,) = tagged(executed, "fit")
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", printed(fit))]
    assert len(losses) == 6
    assert losses[-1] < losses[0]


def test_what_is_recommended_are_titles_of_the_catalogue(executed):
    by_towers, by_funnel, by_server = recommended(executed)
    assert [len(by_towers), len(by_funnel), len(by_server)] == [5, 5, 10]
    assert {*by_towers, *by_funnel, *by_server} <= {*tiny_dataset().item_titles()}


def test_the_server_answers_as_the_funnel(executed):
    _, by_funnel, by_server = recommended(executed)
    assert by_server[:5] == by_funnel


def test_the_kept_outputs_are_of_the_bundled_films_and_of_no_machine():
    from tfrec.data.dataset import load_dataset

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = recommended(notebook)
    assert [len(titles) for titles in kept] == [5, 5, 10]
    assert {title for titles in kept for title in titles} <= {*load_dataset("movielens").item_titles()}
    text = NOTEBOOK.read_text()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r'"(/home|/root|/tmp|/work|/Users)/|Warning|Traceback', text)
