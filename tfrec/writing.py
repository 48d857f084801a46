"""A slate in the words of a generative language model: its order, and one sentence of why.

It writes word by word, for seconds: no part of the served graph, but for those who ask in Python.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tfrec.config import GenerativeConfig
from tfrec.funnel import Funnel, Recommendation
from tfrec.reranking.likelihood import Likelihood
from tfrec.reranking.pair_text import newest
from tfrec.reranking.written import Written, read_written
from tfrec.text.generative import GenerativeModel

TASK = """\
{told}
Candidates:
{candidates}
Write two lines. First the numbers of all candidates, the best first, as in 2, 1, 3. Then one sentence that says why \
the best one is recommended, naming what was liked or looked for.
"""


class Writer:
    """Recommends as a funnel does, then lets a language model order what was found and say why.

    Args:
        funnel: of a run.
        model: writes.
        settings: how much it reads and writes.
    """

    def __init__(self, funnel: Funnel, model: GenerativeModel, settings: GenerativeConfig) -> None:
        self.funnel, self.model, self.settings = funnel, model, settings

    @classmethod
    def from_funnel(cls, funnel: Funnel) -> "Writer":
        """With the model that the funnel's own settings name, in memory already where it orders by likelihood.

        Raises:
            GenerativeModelNotFound: they name none, or one that there is not.
        """
        settings = funnel.signatures.config.generative
        for reader in funnel.signatures.slate.reranker.layers:
            if isinstance(reader, Likelihood):
                return cls(funnel, reader.language_model, settings)
        return cls(funnel, GenerativeModel.from_name(settings.folder), settings)

    def recommend(
        self, user_id: str = "", history: Sequence[str] = (), *, query_text: str = "", **asked: Any
    ) -> list[Recommendation]:
        """`Funnel.recommend`, its first `generative.candidates` in the order that the model wrote.

        Scores stay with the places. The first item's reason is the sentence of the model, if that can be used; else it
        is the funnel's, as those of the others are.
        """
        slate = self.funnel.recommend(user_id, history, query_text=query_text, **asked)
        head = slate[: self.settings.candidates]
        liked = self.liked(user_id, history, asked.get("liked", ()))
        written = self.write([item.title for item in head], liked, query_text)
        items = [head[place] for place in written.order] + slate[len(head) :]
        if written.reason is not None:
            items[0] = replace(items[0], reason=written.reason)
        return [replace(item, score=at.score) for item, at in zip(items, slate, strict=True)]

    def reason(self, item_id: str, user_id: str, history: Sequence[str] = ()) -> str | None:
        """One sentence why an item of the catalogue may be recommended to a user; None where none can be used."""
        return self.write([self.funnel.titles[item_id]], self.liked(user_id, history)).reason

    def liked(self, user_id: str, history: Sequence[str], liked: Sequence[str] = ()) -> list[str]:
        """Titles of the newest events that a request is answered by, newest first."""
        request = self.funnel.request(user_id, history, liked=liked)
        rows = newest(request.recent, self.settings.events).numpy()[0]
        titles = self.funnel.signatures.titles.numpy()
        return [titles[row].decode() for row in rows if row]

    def write(self, titles: Sequence[str], liked: Sequence[str], query_text: str = "") -> Written:
        """The order of candidates and a sentence about the first of them, for a user who liked and looks for this."""
        if not titles:
            return Written((), None)
        told = [f"The user liked, the newest first: {'; '.join(liked)}." if liked else ""]
        told += [f"The user is looking for: {query_text}." if query_text else ""]
        numbered = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
        prompt = TASK.format(told="\n".join(filter(None, told)), candidates="\n".join(numbered))
        answer = self.model.write(prompt, tokens=self.settings.written)
        return read_written(answer, len(titles), [*liked, *filter(None, [query_text])])
