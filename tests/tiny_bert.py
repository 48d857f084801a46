"""A BERT small enough for a test, in the files that a real one comes in (Hugging Face format)."""

import json
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = list(string.ascii_lowercase + string.digits + string.punctuation)


def tiny_bert(
    folder: Path,
    words: Sequence[str] = (),
    *,
    dim: int = 16,
    layers: int = 1,
    heads: int = 2,
    positions: int = 128,
    seed: int = 0,
) -> Path:
    """Write a random BERT to `folder`, the same for the same arguments, and return the folder.

    It knows `words` as whole tokens and spells any other ASCII word. Its layers change the token vectors
    little, so that texts that share words are similar.
    """
    vocabulary = [*SPECIAL, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *words]
    vocabulary = list(dict.fromkeys(word.lower() if word not in SPECIAL else word for word in vocabulary))
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "hidden_size": dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 2 * dim,
        "max_position_embeddings": positions,
        "type_vocab_size": 2,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    save_file(_weights(config, np.random.default_rng(seed)), folder / "model.safetensors")
    return folder


def _weights(config: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
    dim, inner = config["hidden_size"], config["intermediate_size"]

    def table(*shape: int, scale: float) -> np.ndarray:
        return rng.normal(scale=scale, size=shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": table(config["vocab_size"], dim, scale=1.0),
        "embeddings.position_embeddings.weight": table(config["max_position_embeddings"], dim, scale=0.02),
        "embeddings.token_type_embeddings.weight": table(2, dim, scale=0.02),
        **_norm("embeddings.LayerNorm", dim),
        **_dense("pooler.dense", table(dim, dim, scale=0.1)),
    }
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        for part in (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ):
            weights |= _dense(f"{layer}.{part}", table(dim, dim, scale=0.1))
        weights |= _dense(f"{layer}.intermediate.dense", table(inner, dim, scale=0.1))
        weights |= _dense(f"{layer}.output.dense", table(dim, inner, scale=0.1))
        weights |= _norm(f"{layer}.attention.output.LayerNorm", dim) | _norm(f"{layer}.output.LayerNorm", dim)
    return weights


def _dense(name: str, kernel: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}.weight": kernel, f"{name}.bias": np.zeros(len(kernel), np.float32)}


def _norm(name: str, dim: int) -> dict[str, np.ndarray]:
    return {f"{name}.weight": np.ones(dim, np.float32), f"{name}.bias": np.zeros(dim, np.float32)}
