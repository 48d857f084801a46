"""README's script is run as it stands, on fewer epochs and with a tiny language model."""

import re
from pathlib import Path

import keras

from tests.tiny_bert import tiny_bert

README = Path(__file__).parents[1] / "README.md"


def script() -> str:
    (block,) = re.findall(
        r"<!-- run by tests/test_readme.py -->\n```python\n(.*?)```", README.read_text(), re.DOTALL
    )
    return block


def test_is_thirty_lines_or_so():
    assert sum(bool(line.strip()) for line in script().splitlines()) <= 32


def test_readme_script_trains_and_saves_a_ranker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFREC_CACHE", str(tmp_path / "cache"))
    encoder = tiny_bert(tmp_path / "bert", ["drama", "comedy", "the"])
    code = script().replace('"minilm"', repr(str(encoder))).replace("epochs=5", "epochs=1")
    assert code.count("epochs=1") == 2
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    few = {name: values[:2] for name, values in names["lists"].inputs.items()}
    assert abs(reloaded.predict(few, verbose=0) - names["ranker"].predict(few, verbose=0)).max() < 1e-5
