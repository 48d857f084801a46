"""README's script is run as it stands, on fewer epochs, with a tiny language model and few of the films."""

import re
from pathlib import Path

import keras

import tfrec
from tests.tiny_bert import tiny_bert
from tfrec.data.dataset import Dataset, load_dataset, make_dataset

README = Path(__file__).parents[1] / "README.md"


def script() -> str:
    (block,) = re.findall(
        r"<!-- run by tests/test_readme.py -->\n```python\n(.*?)```", README.read_text(), re.DOTALL
    )
    return block


def few_of(name: str) -> Dataset:
    """Of a bundled dataset the first users and what they took."""
    films = load_dataset(name)
    taken = films.interactions[films.interactions["user_id"].isin(films.user_ids[:30])]
    return make_dataset(taken, films.items[films.items["item_id"].isin(taken["item_id"])])


def test_is_thirty_lines_or_so():
    assert sum(bool(line.strip()) for line in script().splitlines()) <= 32


def test_readme_script_trains_and_saves_a_ranker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tfrec, "load_dataset", few_of)
    encoder = tiny_bert(tmp_path / "bert", ["drama", "comedy", "the"])
    code = script().replace('"minilm"', repr(str(encoder))).replace("epochs=5", "epochs=1")
    assert code.count("epochs=1") == 2
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    few = {name: values[:2] for name, values in names["lists"].inputs.items()}
    assert abs(reloaded.predict(few, verbose=0) - names["ranker"].predict(few, verbose=0)).max() < 1e-5
