"""From a dataset to a RUN folder: read text once, split, fit the stages on what validation may know, then on the rest.

A fit goes forward in time: recall learns the past, the ranker learns from recall's answers to what came next, then
recall catches up with those newest events. Two fits are made: one that validation is measured on, and one on everything
before the test interaction, for as many epochs as validation found best.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfrec.config import Config
from tfrec.data.dataset import Dataset
from tfrec.data.histories import Histories, histories
from tfrec.data.item_content import ItemContent, learn_content, with_words
from tfrec.data.lexical import LexicalSpace
from tfrec.data.moments import Moments, held_out, held_out_moments
from tfrec.data.splits import Targets, hidden_items, split
from tfrec.data.user_side import NOTHING_MORE, UserSide, learn_user_side
from tfrec.data.worth import Worth, learn_worth
from tfrec.determinism import deterministic_ops
from tfrec.language import load_encoder, tune_language
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.fresh_scores import fresh_scores
from tfrec.ranking.learner import Learner
from tfrec.ranking.lists import TrainingLists, make_lists
from tfrec.ranking.newcomers import lists_with_newcomers
from tfrec.ranking.ranker import Ranker
from tfrec.reading import load_reader, read_as_teacher, train_reader
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_fit import fit_slate_model
from tfrec.reranking.slate_model import SlateModel
from tfrec.reranking.slates import Slates, make_slates, ranked_slates
from tfrec.retrieval.fit import catch_up, fit_retrieval
from tfrec.retrieval.gains import fit_gains
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower
from tfrec.run import Fit, Run
from tfrec.stages import Stages
from tfrec.text.cache import encode_cached
from tfrec.text.encoder import TextEncoder

log = logging.getLogger(__name__)

Teach = Callable[[Slates], np.ndarray]


def train(dataset: Dataset, config: Config, out: str | Path) -> Run:
    """Trains both fits of a dataset into a RUN folder; what an interrupted call finished there is not done again.

    Args:
        dataset: cleaned tables.
        config: settings.
        out: the folder; new, or left by an interrupted call with the same data and settings.

    Raises:
        RunError: the folder holds another run.
        EncoderNotFound: the language model cannot be had.
    """
    run = Run.start(out, dataset, config)
    with deterministic_ops(config.deterministic):
        return _train(run, dataset, config)


def _train(run: Run, dataset: Dataset, config: Config) -> Run:
    whole = histories(dataset, config.data.repeats)
    parts = split(whole, config.data.split)
    hidden = hidden_items(len(dataset.item_ids), config.data.hide_items, config.seed)
    tune_language(run, parts.train.without(hidden), dataset.item_texts())
    encoder = load_encoder(run)
    content, words, side = read(dataset, whole, encoder, config)
    run.save_inputs(content, words, parts, hidden, side)
    known = parts.train.without(hidden)
    train_reader(run, known.head(known.lengths - held_out(known)), dataset.item_texts())
    reader = load_reader(run, dataset.item_texts())
    teach = None if reader is None else partial(read_as_teacher, run, reader)
    fits: tuple[Fit, ...] = ("valid", "test")
    for name in fits:
        if not run.has_stages(name):
            log.info("fit for %s, into %s", name, run.folder / name)
            started = time.perf_counter()
            epochs = run.epochs("valid") if name == "test" else None
            past = run.past(name)
            worth = learn_worth(dataset, whole, past, config.data)
            stages = fit(
                past, content, config, hidden=hidden, epochs=epochs, side=side, worth=worth, teach=teach
            )
            run.save_stages(name, stages, seconds=time.perf_counter() - started)
    return run.finish()


def read(
    dataset: Dataset, whole: Histories, encoder: TextEncoder | None, config: Config
) -> tuple[ItemContent, LexicalSpace, UserSide]:
    """What is known of items, the space of their words, and what is known of users and moments."""
    content, texts = learn_content(dataset, _text_vectors(dataset, encoder)), dataset.item_texts()
    words = LexicalSpace.learn(texts, config.retrieval.lexical_dim)
    side = learn_user_side(dataset, whole, _profile_vectors(dataset, encoder), time=config.retrieval.time)
    return with_words(content, words, texts), words, side


def _text_vectors(dataset: Dataset, encoder: TextEncoder | None) -> np.ndarray | None:
    return None if encoder is None else encode_cached(encoder, dataset.item_texts(), progress=True)


def _profile_vectors(dataset: Dataset, encoder: TextEncoder | None) -> np.ndarray | None:
    """Language vectors of the users, zeros where one has no words: that is nothing known, not an empty text."""
    texts = dataset.user_texts()
    if encoder is None or texts is None:
        return None
    return encode_cached(encoder, texts, progress=True) * np.array([text != "" for text in texts])[:, None]


def fit(
    past: Histories,
    content: ItemContent,
    config: Config,
    *,
    hidden: np.ndarray | None = None,
    epochs: int | None = None,
    side: UserSide = NOTHING_MORE,
    worth: Worth | None = None,
    teach: Teach | None = None,
) -> Stages:
    """One fit of recall and ranking, forward in time.

    Args:
        past: all that may be learned from; also what is masked.
        content: of the catalogue.
        config: settings.
        hidden: bool `[items]`, items whose interactions no model may see.
        epochs: of recall on the past; None = as many as are best for what came next.
        side: what is known of users and moments.
        worth: what interactions are worth; None = all the same.
        teach: gives the scores that the slate model learns from beside what came next; None = nobody does.
    """
    recalled = learn_recall(past, content, config, hidden=hidden, epochs=epochs, side=side, worth=worth)
    ranker, slates = _fit_ranking(recalled, content, config, side)
    teacher = None if teach is None else teach(slates)  # also finds what the cross-encoder is worth
    slate_model = _fit_slate_model(recalled, ranker, slates, config, teacher)
    learn_newest(recalled, config, side)
    ranker.set_new(recalled.two_tower.candidate.warm)
    return Stages(recalled.two_tower, ranker, recalled.epochs, slate_model, slates)


class Recalled(NamedTuple):
    """Recall before it has caught up.

    Attributes:
        two_tower: has learned from `earlier`.
        earlier, known: the histories without what was held out, and with it.
        moments: the held-out ones that the gains were fitted on; what ranking learns from.
        epochs: it was trained for.
        worth: what interactions are worth; None = all the same.
    """

    two_tower: TwoTower
    earlier: Histories
    known: Histories
    moments: Moments
    epochs: int
    worth: Worth | None = None


def learn_recall(
    past: Histories,
    content: ItemContent,
    config: Config,
    *,
    hidden: np.ndarray | None = None,
    epochs: int | None = None,
    side: UserSide = NOTHING_MORE,
    worth: Worth | None = None,
) -> Recalled:
    """The first step of `fit`, whose arguments these are: the towers, then the gains of the experts."""
    known = past if hidden is None else past.without(hidden)
    earlier = known.head(known.lengths - held_out(known))
    valid = None if epochs else _next_items(earlier, known)
    two_tower, epochs = fit_retrieval(
        earlier,
        content,
        config.retrieval,
        seed=config.seed,
        valid=valid,
        epochs=epochs,
        side=side,
        weight=None if worth is None else worth.product,
    )
    moments = held_out_moments(known, config.ranking.lists, config.seed)
    mask_seen = config.data.repeats == "first"
    boost = config.retrieval.new_item_boost
    fit_gains(two_tower, known, moments, mask_seen=mask_seen, boost=boost, seed=config.seed, side=side)
    return Recalled(two_tower, earlier, known, moments, epochs, worth)


def learn_newest(recalled: Recalled, config: Config, side: UserSide = NOTHING_MORE) -> None:
    """The last step of `fit`: recall catches up with the moments that it was asked at."""
    weight = None if recalled.worth is None else recalled.worth.product
    catch_up(recalled.two_tower, recalled.known, config.retrieval, seed=config.seed, side=side, weight=weight)


def _next_items(earlier: Histories, known: Histories) -> Targets:
    """The first interaction of each user that is in `known` but not in `earlier`."""
    user = np.flatnonzero(known.lengths > earlier.lengths)
    first = known.start[user] + earlier.lengths[user]
    return Targets(user.astype(np.int32), known.item[first], known.event[first])


def learning_lists(
    recalled: Recalled, content: ItemContent, config: Config, side: UserSide = NOTHING_MORE
) -> tuple[TrainingLists, tuple[Any, Any]]:
    """What ranking learns from: what recall would have answered just before each interaction that was held out.

    Returns:
        lists; and the tables of vectors that their candidates are rows of, the catalogue first, then new items.
    """
    two_tower, earlier, known, moments, _, worth = recalled
    retriever, ranking = Retriever(two_tower), config.ranking
    if worth is not None and not ranking.loss.startswith("pointwise"):
        worth = worth.of_order()
    kept: Any = {"neighbours_kept": ranking.neighbours, "groups": ranking.groups}
    asked: Any = {
        "candidates": ranking.candidates,
        "length": config.retrieval.length,
        "mask_seen": config.data.repeats == "first",
        "side": side,
        "worth": worth,
        "random": ranking.random,
        "random_seed": config.seed,
    }
    features = build_pair_features(earlier, content, retriever, **kept)
    lists = make_lists(retriever, features, known, moments, **asked)
    found = lists.answered.mean() if len(lists.labels) else 0.0
    log.info("ranking: %d lists; recall@%d = %.3f", len(lists.labels), ranking.candidates, found)
    vectors, space = retriever.vectors, two_tower.blend.content.numpy()
    if not ranking.newcomers or not space.shape[1] or not len(moments):
        return lists, (vectors, space)
    more, new = lists_with_newcomers(
        two_tower,
        earlier,
        known,
        moments,
        content,
        share=ranking.newcomers,
        seed=config.seed,
        **kept,
        **asked,
    )
    return lists.with_more(more), (np.concatenate([vectors, new]), np.concatenate([space, space]))


def _fit_ranking(
    recalled: Recalled, content: ItemContent, config: Config, side: UserSide
) -> tuple[Ranker, Slates]:
    """The ranker of the catalogue, and the slates that it makes of its lists."""
    lists, tables = learning_lists(recalled, content, config, side)
    learner = Learner(tables, config.ranking)
    learned = learner.fit(lists, seed=config.seed)
    ranker = learned.with_tables(*(table[: len(content.table)] for table in tables))
    user = recalled.moments.user
    served = lists.of_recall().take(np.arange(len(user)))
    n = config.reranking.slate
    if not _wants_slate_model(config) and not config.reading.milliseconds:
        return ranker, ranked_slates(learned, served, user, n=n)
    scores = fresh_scores(lists.take(np.arange(len(user))), learner, user, seed=config.seed)
    return ranker, make_slates(served, scores, user, n=n)


def _wants_slate_model(config: Config) -> bool:
    return config.reranking.slate_model and "slate_model" in config.reranking.order


def _fit_slate_model(
    recalled: Recalled, ranker: Ranker, slates: Slates, config: Config, teacher: np.ndarray | None
) -> SlateModel | None:
    if not _wants_slate_model(config):
        return None
    vectors = SlateVectors(ranker.vectors.numpy(), recalled.two_tower.blend.content.numpy())
    return fit_slate_model(slates, vectors, config.reranking, seed=config.seed, teacher=teacher)
