"""Settings: defaults, a YAML file, `--set`, each over the one before, and what is refused."""

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.config import Config, ConfigError, load_config, make_config


def test_the_defaults_are_valid_and_round_trip():
    config = Config()
    assert load_config() == config
    assert make_config(yaml.safe_load(config.to_yaml())) == config
    assert list(yaml.safe_load(config.to_yaml())) == [
        "seed", "deterministic", "data", "text", "tuning", "retrieval", "ranking", "reading", "generative",
        "reranking", "export",
    ]  # fmt: skip


def test_each_source_goes_over_the_one_before(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("seed: 7\nretrieval:\n  dim: 16\n  epochs: 2\n")
    config = load_config(path, ["retrieval.epochs=3", "retrieval.epochs=5"])
    assert (config.seed, config.retrieval.dim, config.retrieval.epochs) == (7, 16, 5)
    assert config.retrieval.blocks == Config().retrieval.blocks
    path.write_text(load_config(path, ["ranking.loss=pairwise"]).to_yaml())
    assert load_config(path).ranking.loss == "pairwise"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seed=3", 3),
        ("deterministic=false", False),
        ("retrieval.learning_rate=1e-2", 0.01),  # YAML 1.1 takes this for a word
        ("retrieval.learning_rate=.01", 0.01),
        (" text.encoder = minilm ", "minilm"),
        ("text.encoder=/a=b", "/a=b"),
        ("data.split=time", "time"),
        ("text.weight=0", 0.0),
    ],
)
def test_a_setting_is_read_as_yaml(setting, value):
    found = load_config(None, [setting])
    for key in setting.partition("=")[0].strip().split("."):
        found = getattr(found, key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["retrieval.dimension=8"], ["retrieval.dimension", "Extra inputs are not permitted", "8"]),
        (["colour=red"], ["colour"]),
        (["retrieval.dim=2"], ["retrieval.dim", "greater than or equal to 4", "Received: 2"]),
        (["retrieval.dim=many"], ["retrieval.dim", "valid integer", "Received: 'many'"]),
        (["ranking.loss=best"], ["ranking.loss", "'listwise'", "Received: 'best'"]),
        (["ranking.loss=pairwise", "ranking.random=5"], ["ranking.random", "listwise and pointwise alone"]),
        (["retrieval.dropout=1"], ["retrieval.dropout", "less than 1"]),
        (["retrieval.dim=2", "export.k=0"], ["retrieval.dim", "export.k"]),  # all of them at once
        (["retrieval.dim"], ["stage.key=value", "'retrieval.dim'"]),
        (["seed.deep=1"], ["seed"]),
        (["seed=1", "seed.deep=1"], ["seed.deep=1", "not a stage"]),
        (["retrieval=3"], ["retrieval"]),
        (["retrieval.dim={"], ["'retrieval.dim={' cannot be read"]),
        (["seed=2024-99-99"], ["'seed=2024-99-99' cannot be read"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings, words):
    with pytest.raises(ConfigError) as error:
        load_config(None, settings)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("retrieval: {dim: 8", "cannot be read"),
        ("- retrieval\n", "must hold a mapping of stages. Received: list"),
        ("retrieval:\n  dim: 1\n", "retrieval.dim"),
        ("retrieval:\n", "retrieval"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, text, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "binary.yaml")


def test_an_empty_file_is_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "empty.yaml") == Config()


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Config().retrieval.dim = 3


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("retrievaldimseedk.=:{}[]0123 \n#-!&*'\""), max_size=30))
def test_any_setting_is_read_or_refused(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(None, [text]), Config)
