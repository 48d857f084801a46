"""The stages as one object: `Funnel.recommend` answers in Python what the exported model answers over gRPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.additions import TITLE, extended_content, load_additions
from tfrec.language import load_encoder
from tfrec.reading import load_readings
from tfrec.request import Request
from tfrec.rule_file import load_book
from tfrec.run import Fit, Run
from tfrec.signatures import Signatures
from tfrec.text.encoder import TextEncoder


@dataclass(frozen=True)
class Recommendation:
    """One item of a slate, with what each stage thought of it.

    Attributes:
        item_id, title: which item.
        score: the slate's own score, never rising from one item to the next.
        retrieval_score, ranking_score: of the stages before.
        reason: a short phrase of evidence.
    """

    item_id: str
    title: str
    score: float
    retrieval_score: float
    ranking_score: float
    reason: str


class Funnel:
    """Recall, ranking and re-ranking, ready to be asked.

    Args:
        signatures: the graph.
        titles: item id → title.
    """

    def __init__(self, signatures: Signatures, titles: dict[str, str]) -> None:
        self.signatures, self.titles = signatures, titles

    @classmethod
    def from_run(
        cls,
        run: Run,
        fit: Fit = "test",
        *,
        additions: Sequence[pd.DataFrame] | None = None,
        encoder: TextEncoder | None = None,
        timed: bool = False,
    ) -> "Funnel":
        """The stages of a finished run.

        Args:
            run: the run.
            fit: "valid" are the stages that have not seen the validation targets.
            additions: items that came after training; None = all that the run has, () = none.
            encoder: of the run, where it is in memory already.
            timed: whether the cross-encoder reads no more than this machine has time for, as when it is served.

        Raises:
            RulesError: the rules of the run cannot hold for its catalogue.
            GenerativeModelNotFound: the settings name a generative model that there is not.
        """
        additions = load_additions(run) if additions is None else additions
        content, stages = run.content, run.load_stages(fit)
        for addition in additions:
            content = extended_content(content, addition)
        if content.added:
            stages = stages.grown(content)
        items = pd.concat([table[["item_id", TITLE]] for table in (run.items, *additions)])
        ids, titles = items["item_id"].to_list(), items[TITLE].to_list()
        signatures = Signatures(
            item_ids=ids,
            titles=titles,
            schema=run.schema,
            content=content,
            user_ids=run.user_ids,
            histories=run.past(fit),
            hidden=np.pad(run.hidden, (0, content.added)),
            two_tower=stages.two_tower,
            ranker=stages.ranker,
            slate_model=stages.slate_model,
            readings=load_readings(run, [run.items, *additions], titles, timed=timed),
            encoder=encoder or load_encoder(run),
            config=run.config,
            rules=load_book(run, additions),
            context=run.side.context.spec if run.side.context else None,
        )
        return cls(signatures, dict(zip(ids, titles, strict=True)))

    def recommend(
        self,
        user_id: str = "",
        history: Sequence[str] = (),
        *,
        query_text: str = "",
        exclude: Sequence[str] = (),
        allow_category: Sequence[str] = (),
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
        shown: Sequence[str] = (),
        diversity: float | None = None,
        fairness: float | None = None,
        exploration: float | None = None,
        language: str = "",
        context: Mapping[str, str | float] | None = None,
        k: int = 10,
    ) -> list[Recommendation]:
        """The best items for one user.

        Args:
            user_id: a known user's stored history is used when `history` is empty.
            history: item ids, oldest first.
            query_text: free text; similar items are moved up.
            exclude: item ids that may not be returned.
            allow_category: only items of these categories; empty = all.
            liked: items of this session that were taken: the newest part of the history.
            disliked: these never come back, and what resembles them moves down.
            shown: what was seen and not taken; it moves down a little.
            diversity, fairness, exploration: strengths in [0, 1]; None = the run's setting.
            language: of the reasons, such as "zh"; "" = the run's setting.
            context: the moment of asking, by context column, and "time" in unix seconds where the run uses it.
            k: how many, 1 to `export.k`; fewer come back when no more are allowed.
        """
        strengths = {"diversity": diversity, "fairness": fairness, "exploration": exploration}
        settings = self.signatures.config.reranking
        slate = self.signatures.functions["recommend"](
            user_id=tf.constant([user_id]),
            history=_line(history),
            query_text=tf.constant([query_text]),
            exclude=_line(exclude),
            allow_category=_line(allow_category),
            liked=_line(liked),
            disliked=_line(disliked),
            shown=_line(shown),
            language=tf.constant([language]),
            **{
                name: tf.constant([getattr(settings, name) if strength is None else strength], tf.float32)
                for name, strength in strengths.items()
            },
            k=tf.constant([k]),
            **self._moment(context or {}),
        )
        columns = {name: values[0].numpy() for name, values in slate.items()}
        return [
            self._recommendation(columns, place)
            for place, item_id in enumerate(columns["item_id"])
            if item_id
        ]

    def request(self, user_id: str, history: Sequence[str] = (), *, liked: Sequence[str] = ()) -> Request:
        """How a request is read: a batch of one, at a moment of which nothing is known."""
        moment = self._moment({})
        return self.signatures.read(
            tf.constant([user_id]), _line(history), tf.constant([""]), moment, _line(liked)
        )

    def _moment(self, context: Mapping[str, str | float]) -> dict[str, tf.Tensor]:
        graph = self.signatures.read.context
        if graph is None and context:
            raise ValueError(
                f"`context` must be empty: the dataset has no context column. Received: {context}."
            )
        return {name: tf.constant(value) for name, value in graph.inputs(context).items()} if graph else {}

    def _recommendation(self, columns: dict[str, Any], place: int) -> Recommendation:
        item_id = columns["item_id"][place].decode()
        scores = {name: float(columns[name][place]) for name in ("score", "retrieval_score", "ranking_score")}
        return Recommendation(
            item_id, self.titles[item_id], **scores, reason=columns["reason"][place].decode()
        )


def _line(values: Sequence[str]) -> tf.Tensor:
    """Strings `[1, n + 1]`, "" first, as every variable-width input is sent."""
    return tf.constant([["", *values]])
