"""What is said of an item, in the languages that have a file here.

`code.yaml` maps each phrase to its text, with `{}` for the evidence.
"""

from pathlib import Path

import tensorflow as tf
import yaml

FOLDER = Path(__file__).parent


class Phrases:
    """Phrases in the language of each request, as string ops of the graph.

    Args:
        default: the language of requests that name none, or one that has no file.

    Raises:
        ValueError: there is no file for the default.
    """

    def __init__(self, default: str) -> None:
        files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
        if default not in files:
            raise ValueError(f"reranking.language must be one of {', '.join(files)}. Received: {default!r}.")
        self.default, self.codes = default, list(files)
        texts = [yaml.safe_load(text) for text in files.values()]
        self.parts = {
            name: tuple(
                tf.constant(part) for part in zip(*(self._split(text[name]) for text in texts), strict=True)
            )
            for name in texts[0]
        }

    @staticmethod
    def _split(text: str) -> tuple[str, str]:
        before, _, after = text.partition("{}")
        return before, after

    def spoken(self, language: tf.Tensor) -> tf.Tensor:
        """Codes string `[batch]`, perhaps with a region ("zh-CN"), → which language, int32 `[batch]`."""
        found = tf.fill(tf.shape(language), self.codes.index(self.default))
        for place, code in enumerate(self.codes):
            is_this = tf.strings.regex_full_match(tf.strings.lower(language), f"{code}([-_].*)?")
            found = tf.where(is_this, place, found)
        return found

    def __call__(self, name: str, spoken: tf.Tensor, evidence: tf.Tensor | str = "") -> tf.Tensor:
        """A phrase for each line, string `[batch, 1]` or, with evidence `[batch, n]`, `[batch, n]`."""
        before, after = (tf.gather(part, spoken)[:, None] for part in self.parts[name])
        return before + evidence + after
