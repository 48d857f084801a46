"""The graph of the funnel, asked with batches of strings: what it must never do, and what merging must not change."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from serving.model_server.batching.merging import merge
from tests.served_call import check_same
from tests.tiny_world import (
    BLANK,
    COLD,
    GHOST,
    KNOWN,
    NOBODY,
    REQUESTS,
    RING,
    TASTES,
    WORDS,
    inputs,
    item,
    successor,
    taste_of,
    user,
    walk,
)
from tfrec.data.dataset import Dataset
from tfrec.funnel import Funnel

LOWEST = np.finfo(np.float32).min
ALL = [*(item(taste, place) for taste in TASTES for place in range(RING)), COLD, GHOST]
HISTORY_OF_3, HISTORY_OF_9 = walk(2, 3), walk(4, 9)


@pytest.fixture(scope="module")
def signatures(world_funnel: Funnel):
    return world_funnel.signatures


def ask(signatures, name: str, *requests: dict[str, Any]) -> dict[str, np.ndarray]:
    """The named outputs for a batch of requests."""
    return run(signatures, name, inputs(names_of(signatures, name), *requests))


def run(signatures, name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    outputs = signatures.functions[name](**{key: tf.constant(value) for key, value in arrays.items()})
    return {key: value.numpy() for key, value in outputs.items()}


def names_of(signatures, name: str) -> list[str]:
    optional = signatures.defaults[name]
    return ["user_id", *(["candidates"] if name == "rank" else []), *optional]


def items_of(outputs: dict[str, np.ndarray], row: int = 0) -> list[str]:
    """The item ids of a row, without the padding."""
    return [item_id.decode() for item_id in outputs["item_id"][row] if item_id]


# merging, as TensorFlow Serving does it


@pytest.mark.parametrize("name", ["serving_default", "recommend", "certify", "retrieve", "rank"])
def test_merged_requests_are_answered_as_alone(signatures, name):
    """Histories of 3 and 9, short and long lists of every kind: the short ones are padded with their own ""."""
    short = {
        **NOBODY, "history": HISTORY_OF_3, "exclude": [item("space", 9)], "allow_category": ["even"],
        "candidates": ALL[:4], "k": 3, "query_text": "rocket",
    }  # fmt: skip
    long = {
        **KNOWN, "history": HISTORY_OF_9, "exclude": ALL[:7], "allow_category": ["even", "odd", "küche"],
        "candidates": ALL, "diversity": 0.5, "liked": ALL[3:9], "shown": ALL[9:], "exploration": 0.3, "fairness": 0.7,
        "language": "zh-CN",
    }  # fmt: skip
    names = names_of(signatures, name)
    alone = [inputs(names, short), inputs(names, long), inputs(names, NOBODY)]
    merged = run(signatures, name, {key: merge([one[key] for one in alone], key, pad=True) for key in names})
    for row, one in enumerate(alone):
        expected = run(signatures, name, one)
        for key, values in expected.items():
            check_same({key: values[0]}, {key: merged[key][row, : values.shape[1]]})
        if "item_id" not in expected:  # the scores of padded candidates
            assert (merged["score"][row, expected["score"].shape[1] :] == LOWEST).all()


def test_a_batch_filled_up_with_copies_changes_nobody(signatures):
    names = names_of(signatures, "recommend")
    one = inputs(names, REQUESTS[3])
    copies = {key: merge([value], key, pad=True, extra_rows=3) for key, value in one.items()}
    check_same(
        {key: value[:1] for key, value in run(signatures, "recommend", copies).items()},
        run(signatures, "recommend", one),
    )


@pytest.mark.parametrize("width", [0, 1, 4])
def test_blanks_stand_for_nothing_wherever_they_are(signatures, width):
    """Lists of width 0, of nothing but "", and with "" between the ids."""
    plain = inputs(names_of(signatures, "recommend"), {**NOBODY, "history": HISTORY_OF_3})
    expected = run(signatures, "recommend", plain)
    for key in ("exclude", "allow_category"):
        plain[key] = np.full((1, width), "", object)
    spread = np.full((1, 3 * (width + 1)), "", object)
    spread[0, :: width + 1] = HISTORY_OF_3
    check_same(run(signatures, "recommend", {**plain, "history": spread}), expected)


def test_no_history_at_all_is_a_blank_one(signatures):
    request = inputs(names_of(signatures, "recommend"), KNOWN)
    without = {**request, "history": np.zeros((1, 0), object)}
    check_same(run(signatures, "recommend", without), run(signatures, "recommend", request))


def test_random_batches_are_answered_row_by_row(signatures):
    rng = np.random.default_rng(0)
    texts = ["", "", "rocket", "bread butter", "küche odd"]

    def some(most: int) -> list[str]:
        return rng.choice([*ALL, "unknown"], rng.integers(0, most + 1)).tolist()

    requests = [
        {
            "user_id": rng.choice([user(n) for n in range(5)] + ["nobody"]), "history": some(12), "exclude": some(9),
            "allow_category": rng.choice(["space", "küche", "odd", "what"], rng.integers(0, 3)).tolist(),
            "query_text": str(rng.choice(texts)), "diversity": rng.choice([0, 0.3, 1]), "k": int(rng.integers(-1, 11)),
            "liked": some(2), "disliked": some(2), "shown": some(4), "language": str(rng.choice(["", "zh", "en-GB"])),
            "fairness": rng.choice([0, 1]), "exploration": rng.choice([0, 0, 0.3]),
        }
        for _ in range(24)
    ]  # fmt: skip
    together = ask(signatures, "recommend", *requests)
    for row, request in enumerate(requests):
        alone = ask(signatures, "recommend", request)
        width = alone["score"].shape[1]
        check_same({k: v[0] for k, v in alone.items()}, {k: v[row, :width] for k, v in together.items()})
        check_slate(alone, request)


def check_slate(slate: dict[str, np.ndarray], request: dict[str, Any]) -> None:
    """What holds for every answer."""
    found, scores = items_of(slate), slate["score"][0]
    assert len(found) == len(set(found)) <= 8
    assert not {*found} & {*request["history"], *request["exclude"]}
    if request["user_id"] != "nobody":
        assert not {*found} & {*walk(int(request["user_id"].split()[1]), 6)}  # what is stored stays masked
    assert (np.diff(scores) <= 0).all()
    for name in ("score", "retrieval_score", "ranking_score"):
        values = slate[name][0]
        assert np.isfinite(values).all()
        assert ((values == LOWEST) == (slate["item_id"][0] == b"")).all()
    if found:  # the reason of an empty slate stands in its first place
        assert ((slate["reason"][0] == b"") == (slate["item_id"][0] == b"")).all()


# how many


@pytest.mark.parametrize(("k", "width"), [(-5, 1), (0, 1), (1, 1), (3, 3), (8, 8), (9, 8), (10**6, 8)])
def test_k_is_clipped(signatures, k, width):
    assert ask(signatures, "recommend", {**KNOWN, "k": k})["item_id"].shape == (1, width)


@pytest.mark.parametrize(("k", "width"), [(-5, 1), (10**6, 12)])
def test_retrieve_has_a_limit_of_its_own(signatures, k, width):
    assert ask(signatures, "retrieve", {**KNOWN, "k": k})["item_id"].shape == (1, width)


def test_a_negative_k_does_not_shorten_its_neighbours(signatures):
    together = ask(signatures, "recommend", {**KNOWN, "k": -5}, {**KNOWN, "k": 3})
    assert together["item_id"].shape == (2, 3)
    assert together["item_id"][0].tolist() == together["item_id"][1].tolist()


def test_serving_default_is_recommend_with_the_defaults(signatures):
    whole = ask(signatures, "recommend", KNOWN, {**NOBODY, "history": HISTORY_OF_3})
    check_same(
        ask(signatures, "serving_default", KNOWN, {**NOBODY, "history": HISTORY_OF_3}),
        {name: whole[name] for name in ("item_id", "score")},
    )


# who asks


def popularity(world: Dataset) -> dict[str, int]:
    """How often each item was taken before the test interaction: the last one of each user is held out."""
    before = world.interactions.groupby("user_id", group_keys=False).apply(lambda rows: rows.iloc[:-1])
    return before["item_id"].value_counts().to_dict()


@pytest.mark.parametrize("history", [[], ["no such item"], ["no such item", "nor this"]], ids=str)
def test_nobody_in_particular_gets_what_is_popular(signatures, world: Dataset, history):
    counts = popularity(world)
    found = ask(signatures, "recommend", {**NOBODY, "history": history})
    assert [counts[i] for i in items_of(found)] == sorted(counts.values(), reverse=True)[:8]
    assert set(found["reason"][0]) == {b"popular"}


def test_a_known_user_is_answered_from_what_is_stored(signatures):
    stored = walk(3, 6)  # the seventh is held out for test
    found = ask(
        signatures, "recommend", KNOWN, {**KNOWN, "history": ["no such item"]}, {**NOBODY, "history": stored}
    )
    assert items_of(found, 0) == items_of(found, 1) == items_of(found, 2)


def test_a_history_replaces_the_stored_one_which_stays_masked(signatures):
    history = walk(2, 5)  # the other taste
    known = ask(signatures, "recommend", {**KNOWN, "history": history})
    nobody = ask(signatures, "recommend", {**NOBODY, "history": history, "exclude": walk(3, 6)})
    assert items_of(known) == items_of(nobody)
    assert items_of(known)[0] == item("space", 3 + 5)


def test_only_the_newest_events_count(signatures):
    """8 are read: what lies before changes no score, it only stays masked."""
    newest = walk(1, 8)
    old = [item("space", 0), item("space", 5)]
    long = ask(signatures, "recommend", {**NOBODY, "history": [*old, *newest]})
    check_same(long, ask(signatures, "recommend", {**NOBODY, "history": newest, "exclude": old}))


# what may come back


def test_exclusions_do_not_come_back_and_the_others_keep_their_order(signatures):
    before = items_of(ask(signatures, "recommend", KNOWN))
    excluded = [before[0], before[3], "no such item"]
    after = items_of(ask(signatures, "recommend", {**KNOWN, "exclude": excluded}))
    kept = [item_id for item_id in before if item_id not in excluded]
    assert [item_id for item_id in after if item_id in kept] == kept
    assert not {*after} & {*excluded}
    assert len(after) == 8


def test_ten_thousand_exclusions(signatures):
    kept = [item("space", 6), item("küche", 1)]
    excluded = [*(i for i in ALL if i not in kept), *(f"unknown {n}" for n in range(10_000 - len(ALL) + 2))]
    assert len(excluded) == 10_000
    found = ask(signatures, "recommend", {**NOBODY, "history": HISTORY_OF_3, "exclude": excluded})
    assert sorted(items_of(found)) == sorted(kept)


def test_everything_is_excluded(signatures):
    found = ask(signatures, "recommend", {**KNOWN, "exclude": ALL}, NOBODY)
    assert items_of(found, 0) == []
    assert (found["score"][0] == LOWEST).all()
    assert len(items_of(found, 1)) == 8


@pytest.mark.parametrize(
    ("categories", "allowed"),
    [
        (["space"], {i for i in ALL if taste_of(i) == "space"}),
        (["odd"], {i for i in ALL if i[-1] in "13579"}),
        (["odd", "space"], {i for i in ALL if taste_of(i) == "space" or i[-1] in "13579"}),
        (["space", "no such category", ""], {i for i in ALL if taste_of(i) == "space"}),
        (["no such category"], set()),
        (["SPACE"], set()),
        (["ada"], set()),  # a value of another column
        (["space|odd"], set()),
        ([], set(ALL)),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_only_allowed_categories_come_back(signatures, categories, allowed):
    request = {"user_id": "nobody", "history": ["no such item"], "allow_category": categories, "k": 12}
    found, other = ask(signatures, "retrieve", request, NOBODY)["item_id"]
    assert sum(other != b"") == 12  # nothing is asked of the other row
    assert {i.decode() for i in found if i} <= allowed
    assert sum(found != b"") == min(12, len(allowed))


# free text


def test_words_move_what_they_describe_up(signatures):
    for taste, words in WORDS.items():
        found = items_of(ask(signatures, "retrieve", {**NOBODY, "query_text": words, "k": 12}))
        assert sum(taste_of(i) == taste for i in found[:8]) >= 7
        reasons = ask(signatures, "recommend", {**NOBODY, "query_text": words})["reason"][0]
        assert set(reasons) == {f"matches '{words}'".encode()}


def test_words_add_to_what_is_known_of_the_user(signatures):
    """A user on the space ring asks for kitchen things: these rise in both stages, in proportion to their likeness."""
    names = {"user_id": user(0), "candidates": ALL}
    silent, asking = (
        ask(signatures, "rank", {**names, "query_text": text})["score"][0, 1:]
        for text in ("", WORDS["küche"])
    )
    vectors = signatures.functions["embed_text"](tf.constant([WORDS["küche"]]))["embedding"]
    rows = signatures.read.item_rows(tf.constant(ALL))
    language = tf.gather(signatures.slate.features.tables["language"].value, rows)
    expected = signatures.config.text.weight * tf.matmul(language, vectors, transpose_b=True)[:, 0]
    np.testing.assert_allclose(asking - silent, expected, rtol=1e-3, atol=1e-3)


def test_text_of_one_row_is_not_heard_by_another(signatures):
    check_same(
        {k: v[1:] for k, v in ask(signatures, "recommend", {**KNOWN, "query_text": "bread"}, NOBODY).items()},
        ask(signatures, "recommend", NOBODY),
    )


# ranking, re-ranking


def test_rank_scores_as_recommend_does_and_knows_no_strangers(signatures):
    found = ask(signatures, "recommend", KNOWN)
    candidates = items_of(found)
    asked = {**KNOWN, "candidates": [*candidates, "no such item", "", candidates[0]]}
    scores = ask(signatures, "rank", asked)["score"][0, 1:]  # column 0 is the leading ""
    np.testing.assert_allclose(scores[:8], found["ranking_score"][0], rtol=1e-4, atol=1e-4)
    assert (scores[8:10] == LOWEST).all()
    assert scores[10] == scores[0]


def test_without_diversity_the_slate_is_the_order_of_ranking(signatures):
    found = ask(signatures, "recommend", KNOWN, {**NOBODY, "history": HISTORY_OF_9})
    assert (np.diff(found["ranking_score"], axis=1) <= 1e-5).all()


def mean_similarity(signatures, items: list[str]) -> float:
    """Mean cosine of all pairs of a list, in language vectors."""
    rows = signatures.read.item_rows(tf.constant(items))
    vectors = tf.gather(signatures.slate.features.tables["language"].value, rows).numpy()
    return float((vectors @ vectors.T)[np.triu_indices(len(items), 1)].mean())


def test_diversity_makes_the_slate_less_alike(signatures):
    request = {**NOBODY, "history": HISTORY_OF_3, "k": 4}
    plain, diverse = (items_of(ask(signatures, "recommend", {**request, "diversity": d})) for d in (0.0, 1.0))
    assert plain != diverse
    assert plain[0] == diverse[0]  # the most relevant comes first in any case
    assert mean_similarity(signatures, diverse) < mean_similarity(signatures, plain) - 0.05


def test_diversity_beyond_its_range_is_clipped(signatures):
    for given, meant in ((7.0, 1.0), (-3.0, 0.0), (np.inf, 1.0), (np.nan, 0.0)):
        check_same(
            ask(signatures, "recommend", {**KNOWN, "diversity": given}),
            ask(signatures, "recommend", {**KNOWN, "diversity": meant}),
        )


# the session


def test_what_is_liked_acts_as_the_newest_event(signatures):
    """A new user who took three of a ring, and then likes the fourth, is answered as one who took four."""
    told, taken = walk(2, 3), walk(2, 4)
    liking = ask(signatures, "recommend", {**NOBODY, "history": told, "liked": taken[-1:]})
    assert (
        items_of(liking)[0]
        == successor(taken[-1])
        != items_of(ask(signatures, "recommend", {**NOBODY, "history": told}))[0]
    )
    assert taken[-1] not in items_of(liking)
    only = ask(signatures, "recommend", {**NOBODY, "liked": taken})
    assert items_of(only)[0] == successor(taken[-1])


def test_what_is_disliked_never_comes_back_and_its_like_moves_down(signatures):
    request = {**NOBODY, "query_text": "rocket bread"}
    bread = [n for n in ALL if taste_of(n) == "küche"]
    before = items_of(ask(signatures, "recommend", request))
    after = items_of(ask(signatures, "recommend", {**request, "disliked": bread[:3]}))
    assert not set(after) & set(bread[:3])

    def mean_place(found: list[str]) -> float:
        return (
            float(np.mean([found.index(n) for n in found if n in bread])) if set(found) & set(bread) else 8.0
        )

    assert mean_place(after) > mean_place(before)


def test_feedback_about_unknown_items_is_none(signatures):
    unknown = {name: ["no such item", ""] for name in ("liked", "disliked", "shown")}
    check_same(ask(signatures, "recommend", {**KNOWN, **unknown}), ask(signatures, "recommend", KNOWN))


def test_an_explored_order_is_the_same_for_the_same_request_and_another_once_shown(signatures):
    request = {**NOBODY, "history": HISTORY_OF_3, "exploration": 1.0}
    first, again = (items_of(ask(signatures, "recommend", request)) for _ in range(2))
    plain = items_of(ask(signatures, "recommend", {**request, "exploration": 0.0}))
    others = [
        items_of(ask(signatures, "recommend", {**request, "shown": [unseen, f"not {n}"]}))
        for n, unseen in enumerate(ALL[:4])
    ]
    assert first == again
    assert any(other != first for other in others)
    assert any(other != plain for other in [first, *others])


def test_a_certificate_tells_each_step_and_who_moved(signatures):
    request = {**NOBODY, "history": HISTORY_OF_3, "diversity": 1.0, "k": 4, "shown": [item("space", 7)]}
    slate, told = ask(signatures, "certify", request), ask(signatures, "recommend", request)
    check_same({name: slate[name] for name in told}, told)
    for place, line in enumerate(slate["trace"][0]):
        trace = json.loads(line)
        names, positions = ([step[key] for step in trace["steps"]] for key in ("step", "position"))
        assert names == ["ranking", "feedback", "diversity", "fairness", "exploration"]
        assert positions[-1] == place + 1
        moved = [
            name
            for name, one, other in zip(names[1:], positions, positions[1:], strict=False)
            if one != other
        ]
        assert trace["moved_by"] == moved
        assert trace["steps"][-1]["score"] == pytest.approx(slate["score"][0, place], abs=1e-5)
    assert any(b'"diversity"]' in line for line in slate["trace"][0])
    assert slate["propensity"].tolist() == [[1.0] * 4]


def test_reasons_speak_the_language_of_the_request(signatures):
    request = {**NOBODY, "history": HISTORY_OF_3, "k": 2}
    english, chinese, unknown = (
        ask(signatures, "recommend", {**request, "language": code})["reason"][0]
        for code in ("en", "ZH-cn", "xx")
    )
    assert [reason.decode().removeprefix("because of ") for reason in english] == [
        reason.decode().removeprefix("因为“").removesuffix("”") for reason in chinese
    ]
    assert unknown.tolist() == english.tolist()


def test_an_empty_slate_says_so(signatures):
    found = ask(signatures, "recommend", {**KNOWN, "allow_category": ["no such category"], "k": 3})
    assert items_of(found) == []
    assert found["reason"][0, 0].startswith(b"nothing is left")
    assert found["reason"][0, 1:].tolist() == [b"", b""]


def test_a_reason_names_an_event_of_the_history(signatures, world: Dataset):
    titles = dict(zip(world.item_ids, world.item_titles(), strict=True))
    found = ask(signatures, "recommend", {**NOBODY, "history": HISTORY_OF_3})
    assert {r.decode() for r in found["reason"][0]} <= {f"because of {titles[i]}" for i in HISTORY_OF_3}


def test_embed_text_gives_unit_vectors_and_zero_for_nothing(signatures):
    embedded = signatures.functions["embed_text"](tf.constant(["rocket", "", "bread rocket"]))["embedding"]
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), [1, 0, 1], atol=1e-5)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe rocket", b"\xed\xa0\x80", b"a\x00b", b"rocket " * 5000], ids=lambda text: text[:8]
)
def test_no_text_fails_the_requests_beside_it(signatures, text):
    """Bytes that are no UTF-8, and more of them than anybody reads."""
    found = ask(signatures, "recommend", {**NOBODY, "query_text": text, "history": [text]}, KNOWN)
    assert len(items_of(found, 0)) == 8
    assert np.isfinite(found["score"]).all()
    assert items_of(found, 1) == items_of(ask(signatures, "recommend", KNOWN))


def test_a_blank_request_is_answered(signatures):
    assert len(items_of(ask(signatures, "recommend", BLANK))) == 8
