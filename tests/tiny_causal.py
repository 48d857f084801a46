"""Random generative language models small enough for a test, in the folders that KerasHub writes."""

import io
import string
from collections.abc import Sequence
from pathlib import Path

import keras
import sentencepiece

from tfrec.text.generative import keras_hub  # tfrec first: it says which Keras TFRS may meet

SMALL = {
    "num_layers": 1,
    "num_query_heads": 2,
    "num_key_value_heads": 1,
    "hidden_dim": 8,
    "intermediate_dim": 16,
}
BYTES = [*(chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256)))]
BYTES += [
    chr(256 + number) for number in range(256 - len(BYTES))
]  # as GPT-2 writes those that are no letters


def tiny_llama(folder: Path, words: Sequence[str] = (), *, seed: int = 0) -> Path:
    """Writes a Llama with a SentencePiece tokenizer that was trained on `words`, and returns the folder."""
    keras.utils.set_random_seed(seed)
    text, model = [" ".join(words), " ".join(string.printable)], io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=model,
        vocab_size=200,
        hard_vocab_limit=False,
        model_type="bpe",
        byte_fallback=False,
        minloglevel=2,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
    )
    tokenizer = keras_hub.models.LlamaTokenizer(proto=model.getvalue())
    backbone = keras_hub.models.LlamaBackbone(tokenizer.vocabulary_size(), **SMALL)
    preprocessor = keras_hub.models.LlamaCausalLMPreprocessor(tokenizer, sequence_length=64)
    keras_hub.models.LlamaCausalLM(backbone, preprocessor).save_to_preset(str(folder))
    return folder


def tiny_qwen(folder: Path, words: Sequence[str] = (), *, seed: int = 0) -> Path:
    """Writes a Qwen with a byte-pair tokenizer that knows `words` of ASCII letters, and returns the folder."""
    keras.utils.set_random_seed(seed)
    merges = []
    for word in words:
        known = "Ġ"
        for letter in word:
            merges.append(f"{known} {letter}")
            known += letter
    merges = list(dict.fromkeys(merges))
    tokens = [*BYTES, *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    tokenizer = keras_hub.models.QwenTokenizer(
        vocabulary={token: number for number, token in enumerate(tokens)}, merges=merges
    )
    backbone = keras_hub.models.QwenBackbone(tokenizer.vocabulary_size(), **SMALL)
    preprocessor = keras_hub.models.QwenCausalLMPreprocessor(tokenizer, sequence_length=64)
    keras_hub.models.QwenCausalLM(backbone, preprocessor).save_to_preset(str(folder))
    return folder
