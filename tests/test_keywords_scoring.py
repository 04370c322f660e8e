"""Scores of keywords by hand; maximal marginal relevance, the ranker, and its rivals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.phrases.cutting import cut, tokens
from headstart.phrases.extractor import share_of
from headstart.phrases.ranker import fit, fit_counting
from headstart.phrases.rivals import by_length, by_place, by_rarity
from headstart.phrases.scoring import KNOWN, Rarity, by_fixed_weights, known, picked
from headstart.phrases.yake import by_use, scores_of_words
from headstart.tasks.keywords import bootstrap, f1_at

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Machines may be busy with something else."""
PREDICTED = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("gold", "k", "expected"),
    [
        ({"a", "c", "x"}, 2, 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3)),
        ({"a", "c", "x"}, 4, 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),
        ({"a", "b", "c", "d"}, 10, 1.0),  # only four were given, all of them right
        ({"a", "b", "c", "d"}, None, 1.0),
        ({"x"}, 10, 0.0),
    ],
)
def test_f1_by_hand(gold: set[str], k: int | None, expected: float) -> None:
    assert f1_at(PREDICTED, gold, k) == pytest.approx(expected)


def test_the_same_keyword_twice_counts_once() -> None:
    assert f1_at(["a", "a", "b"], {"a", "b"}, 2) == 1.0


@BUSY
@given(st.lists(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef"), min_size=1))
def test_f1_is_a_share_and_blind_to_order_where_all_counts(
    given: list[str], gold: set[str]
) -> None:
    assert 0 <= f1_at(given, gold, None) <= 1
    assert f1_at(given, gold, None) == f1_at(given[::-1], gold, None)


def test_the_bootstrap_holds_copies_together() -> None:
    values = np.repeat([0.0, 1.0], 50)
    low, high = bootstrap(values, np.arange(100))
    assert 0.35 < low < 0.45 < 0.55 < high < 0.65
    assert bootstrap(values, np.repeat([0, 1], 50)) == (0.0, 1.0)
    assert bootstrap(np.full(9, 0.5), np.arange(9)) == pytest.approx((0.5, 0.5))


def test_likeness_to_what_was_picked_costs() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1.0]])
    score = np.array([0.9, 0.85, 0.7])
    # after the first: .85 - .3 * .8 = .61 < .7 - .3 * 0
    assert picked(score, vectors, 3, 0.3) == [0, 2, 1]
    assert picked(score, vectors, 3, 0.1) == [0, 1, 2]  # .77 > .7
    assert picked(score, vectors, 9, 0) == [0, 1, 2]
    assert picked(np.zeros(0), np.zeros((0, 2)), 3) == []


@BUSY
@given(
    st.integers(1, 12), st.integers(1, 15), st.sampled_from([0, 0.1, 0.5, 1]), st.integers(0, 99)
)
def test_picks_are_different_and_the_best_is_first(
    n: int, wanted: int, diversity: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    score = rng.random(n)
    found = picked(score, vectors, wanted, diversity)
    assert len(found) == len(set(found)) == min(n, wanted)
    assert found[0] == score.argmax()


def test_what_stands_late_loses_a_little() -> None:
    each = cut("apple pie. " + "the. " * 8 + "plum cake", "en")
    close = np.array([0.5, 0.5])
    first, last = by_fixed_weights(each, close)
    assert first - last == pytest.approx(0.1 * 10 / 12)


def test_what_is_known_of_a_phrase() -> None:
    each = cut("Graph theory and GPU. Graph theory.", "en")
    rarity = Rarity(3, {"graph": 3, "theori": 0})
    table = known(each, np.array([0.2, 0.8]), rarity)
    assert table.shape == (2, len(KNOWN))
    row = dict(zip(KNOWN, table[0], strict=True))
    assert row["closeness"] == pytest.approx(0.2)
    assert row["rank by closeness"] == 0.5  # one of two is closer
    assert row["times"] == pytest.approx(np.log(2))
    assert (row["two words"], row["one word"], row["capitals"]) == (1, 0, 0.5)
    assert row["rarity of the commonest word"] == 0  # all three documents have it
    assert row["rarity"] == pytest.approx(np.log(4) / 2)
    assert dict(zip(KNOWN, table[1], strict=True))["all capitals"] == 1
    assert known(cut("", "en"), np.zeros(0), rarity).shape == (0, len(KNOWN))


def test_rivals_by_hand() -> None:
    each = cut("alpha. beta gamma. alpha. delta epsilon zeta.", "en")
    assert [one.text for one in each.phrases] == ["alpha", "beta gamma", "delta epsilon zeta"]
    none = Rarity(9, {"alpha": 9})
    assert by_place(each, none).argsort()[::-1].tolist() == [0, 1, 2]
    assert by_length(each, none).argsort()[::-1].tolist() == [2, 1, 0]
    assert by_rarity(each, none) == pytest.approx([0, 2 * np.log(10), 3 * np.log(10)])


def test_of_equal_length_the_first_comes_first() -> None:
    each = cut("apple pie. plum cake", "en")
    first, second = by_length(each, Rarity())
    assert first > second


def test_yake_prefers_what_is_named_early_and_often() -> None:
    text = "Kepler studied planets. Planets move. Kepler wrote. Somewhere somebody slept lately."
    each = cut(text, "en")
    scores = scores_of_words(tokens(text, "en"))
    assert scores["kepler"] < scores["slept"]
    assert len(by_use(each, tokens(text, "en"))) == len(each.phrases)
    assert scores_of_words([]) == {}


def test_the_ranker_learns_what_tells_keywords() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 5)).astype(np.float32)
    vectors = rng.normal(size=(400, 4)).astype(np.float32)
    features[:, 4] = 7  # dead
    gold = vectors[:, 1] + 0.1 * rng.normal(size=400) > 1
    ranker = fit(features, vectors, gold)
    probability = ranker.probability(features, vectors)
    assert np.mean(probability[gold][:, None] > probability[~gold]) > 0.98
    assert ranker.probability(features[:0], vectors[:0]).shape == (0,)


def test_without_a_network_it_learns_words_and_endings() -> None:
    keys = [f"w{k} {'metri' if k % 4 == 0 else 'going'}" for k in range(200)]
    gold = np.array([k % 4 == 0 for k in range(200)])
    ranker = fit_counting(np.zeros((200, 2), np.float32), keys, gold)
    score = ranker.score(np.zeros((2, 2), np.float32), ["new geometri", "old running"])
    assert score[0] > score[1]
    assert ranker.score(np.zeros((0, 2), np.float32), []).shape == (0,)


@pytest.mark.parametrize(("phrases", "expected"), [(0, 0), (1, 1), (2, 1), (30, 10)])
def test_a_third_of_the_phrases_are_keywords(phrases: int, expected: int) -> None:
    assert share_of(phrases) == expected
