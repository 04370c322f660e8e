"""Pairs, identification, strangers and galleries: each against a slow or hand-worked reference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from headstart.errors import DataError
from headstart.recognition.choice import choose
from headstart.recognition.doubts import find_doubts
from headstart.recognition.gallery import Gallery
from headstart.recognition.identification import from_one, from_several
from headstart.recognition.open_set import OpenSet
from headstart.recognition.outcome import Space, hardest, verdict
from headstart.recognition.pairs import Pairs
from headstart.recognition.resampling import rate
from headstart.recognition.similarity import cosines, mean_by, unit


def drawn(seed=0, people=12, each=5, noise=0.5, dim=16):
    """Vectors around one centre for each of some people."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(people), each)
    return rng.normal(size=(people, dim))[y] + noise * rng.normal(size=(len(y), dim)), y


def test_similarity_is_the_cosine_and_nothing_is_like_itself_but_zero():
    X = np.array([[3.0, 4.0], [4.0, -3.0], [0.0, 0.0]])
    assert np.allclose(cosines(X), [[1, 0, 0], [0, 1, 0], [0, 0, 0]], atol=1e-7)
    from scipy.sparse import csr_array

    assert np.allclose(cosines(csr_array(X)), cosines(X), atol=1e-7)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 5))
def test_means_by_identity_are_those_of_a_loop(labels, seed):
    y = np.array(labels)
    S = np.random.default_rng(seed).normal(size=(3, len(y)))
    naive = [[row[y == c].mean() if (y == c).any() else 0.0 for c in range(6)] for row in S]
    assert np.allclose(mean_by(S, y, 6), naive)


@given(st.integers(0, 50))
def test_the_equal_error_and_accepts_are_those_of_the_roc_curve(seed):
    X, y = drawn(seed, people=5, each=4, noise=1.0)
    pairs = Pairs.of(cosines(X), y)
    false, true, _ = roc_curve(pairs.is_same, pairs.score, drop_intermediate=False)
    gap = np.abs(false - (1 - true))
    k = gap.argmin()
    assert pairs.equal_error()[0] == pytest.approx((false[k] + 1 - true[k]) / 2, abs=1e-9)
    for most in (0.01, 0.1, 0.3):
        threshold = pairs.threshold_at(most)
        assert (pairs.different >= threshold).mean() <= most
        assert pairs.accepted(threshold) == pytest.approx(true[false <= most].max())


def test_pairs_of_one_group_are_no_evidence_that_two_are_the_same():
    y, groups = np.array([0, 0, 0, 1]), np.array([5, 5, 6, 5])
    pairs = Pairs.of(np.eye(4), y, groups)
    there = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert there == {(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)}  # other people stay opponents


def test_intervals_hold_what_they_are_of_and_widen_with_fewer_people():
    widths = []
    for people in (8, 40):
        X, y = drawn(people=people, noise=1.2)
        pairs = Pairs.of(cosines(X), y)
        (low, high), [(least, most)] = pairs.intervals((0.01,), seed=0)
        assert low <= pairs.equal_error()[0] <= high
        assert least - 0.02 <= pairs.accepted(pairs.threshold_at(0.01)) <= most + 0.02
        widths.append(high - low)
    assert widths[0] > widths[1]


def test_intervals_by_person_hold_the_truth_about_as_often_as_they_say():
    """Where people differ in how well they are recognised, pairs are far from independent."""
    truth = np.mean([_mean_error(seed, people=60) for seed in range(1000, 1020)])
    held = 0
    for seed in range(40):
        X, y = drawn(seed, people=15, noise=1.2)
        low, high = Pairs.of(cosines(X), y).intervals((), seed)[0]
        held += low <= truth <= high
    assert held >= 32


def _mean_error(seed, people):
    X, y = drawn(seed, people=people, noise=1.2)
    return Pairs.of(cosines(X), y).equal_error()[0]


def test_recognition_from_one_is_the_average_over_all_ways_to_enrol():
    X, y = drawn(people=3, each=3, noise=1.5, dim=4)
    S, groups = cosines(X), np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])
    found = from_one(S, y, groups, seed=0)
    by_person = [np.flatnonzero(y == c) for c in range(3)]
    for row in range(len(y)):
        right = []
        for enrolled in itertools.product(*by_person):
            own = enrolled[y[row]]
            if own == row or groups[own] == groups[row]:
                continue
            right.append(max(enrolled, key=lambda i: S[row, i]) == own)
        assert found[row] == pytest.approx(np.mean(right))


def test_who_has_one_example_is_not_asked_about():
    X, y = drawn(people=3, each=2)
    y[-1] = 9
    assert np.isnan(from_one(cosines(X), y, None, 0)[-1])
    assert np.isnan(from_several(cosines(X), y, None, 1, 0)[-2:]).all()


def test_more_examples_are_recognised_better():
    X, y = drawn(people=30, each=8, noise=1.8)
    S = cosines(X)
    rates = [np.nanmean(from_one(S, y, None, 0))]
    rates += [np.nanmean(from_several(S, y, None, k, 0)) for k in (2, 5)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(np.nanmean(from_several(S, y, None, 1, 0)), abs=0.03)


def test_open_set_scores_are_those_of_a_loop():
    X, y = drawn(people=4, each=4, noise=1.0)
    S, groups = cosines(X).astype(float), np.arange(16) // 2
    scored = OpenSet.of(S, y, groups)
    for row in range(16):
        own = [S[row, j] for j in range(16) if y[j] == y[row] and groups[j] != groups[row]]
        other = [S[row, y == c].mean() if c != y[row] else -np.inf for c in range(4)]
        assert scored.own[row] == pytest.approx(np.mean(own), abs=1e-6)
        assert scored.other[row] == pytest.approx(max(other), abs=1e-6)
        assert scored.rival[row] == np.argmax(other)


def test_a_threshold_keeps_strangers_out_as_often_as_it_was_asked_to():
    X, y = drawn(people=60, each=6, noise=0.9)
    scored = OpenSet.of(cosines(X), y, None)
    threshold = scored.threshold_at(0.05)
    told = scored.answers(threshold)
    assert 0 < told["accepted"].mean() <= 0.05
    assert np.allclose(told["right"] + told["misnamed"] + told["rejected"], 1)
    fair = scored.answers(scored.held_out_thresholds(0.05, seed=0))
    assert fair["accepted"].mean() == pytest.approx(0.05, abs=0.04)


def test_an_interval_of_all_or_nothing_is_not_empty():
    mean, (low, high) = rate(np.ones(30), np.repeat(np.arange(10), 3), seed=0)
    assert (mean, high) == (1, 1)
    assert low == pytest.approx(0.7)  # the rule of three: 3 / 10 people


# ---- galleries ---------------------------------------------------------------------------------


def test_a_gallery_compares_by_the_mean_similarity_to_who_is_enrolled():
    X, y = drawn(people=3, each=4)
    gallery = Gallery.of(X, y, ("c", "a", "b"))
    S = cosines(X).astype(float)
    assert np.allclose(gallery.similarities(X), mean_by(S, y, 3), atol=1e-5)
    assert gallery.counts.tolist() == [4, 4, 4]


def test_who_is_enrolled_bit_by_bit_is_as_if_enrolled_at_once():
    X, y = drawn(people=3, each=4)
    names = ("a", "b", "c")
    whole = Gallery.of(X, y, names)
    first = (y < 2) & (np.arange(12) % 4 < 2)
    parts = Gallery.of(X[first], y[first], names)
    assert parts.names == ("a", "b")
    for c, name in enumerate(names):
        parts = parts.enrolled(name, X[(y == c) & ~first])
    assert parts.names == whole.names
    assert np.array_equal(parts.counts, whole.counts)
    assert np.allclose(parts.templates, whole.templates, atol=1e-6)


def test_who_is_forgotten_is_gone_and_the_last_one_cannot_be():
    X, y = drawn(people=2, each=2)
    gallery = Gallery.of(X, y, ("a", "b")).without("a")
    assert gallery.names == ("b",)
    assert np.allclose(gallery.templates[0], unit(X[y == 1]).mean(axis=0), atol=1e-6)
    with pytest.raises(DataError, match="knows no 'a'"):
        gallery.without("a")
    with pytest.raises(DataError, match="only one"):
        gallery.without("b")


# ---- names that may be wrong -------------------------------------------------------------------


def doubts_of(X, y):
    S = cosines(X)
    return find_doubts(S, y, OpenSet.of(S, y, None))


def test_right_names_raise_no_doubt():
    found = doubts_of(*drawn(people=15, each=6, noise=0.3))
    assert not found.twice
    assert not found.mixed
    assert not found.misplaced


def test_one_in_two_folders_two_in_one_and_one_in_a_strange_place_are_found():
    X, y = drawn(people=15, each=6, noise=0.3, dim=64)
    wrong = y.copy()
    wrong[y == 14] = np.where(np.arange(6) < 3, 14, 15)  # one person by two names
    wrong[y == 13] = 12  # two persons by one
    wrong[0] = 5  # one photo in a strange folder
    found = doubts_of(X, wrong)
    assert found.twice == [(14, 15)]
    assert [c for c, _ in found.mixed] == [12]
    assert set(found.mixed[0][1]) in (set(np.flatnonzero(y == 12)), set(np.flatnonzero(y == 13)))
    assert found.misplaced == [(0, 0)]


# ---- the choice --------------------------------------------------------------------------------


def test_the_better_network_is_chosen_and_judged_by_choosing_on_other_names():
    X, y = drawn(people=20, each=5, noise=0.6)
    worse = X + 2 * np.random.default_rng(1).normal(size=X.shape)
    spaces = {name: Space.of(V, y, None, 0) for name, V in (("worse", worse), ("better", X))}
    found = choose(spaces, 0)
    assert found.name == "better"
    assert np.array_equal(found.one, spaces["better"].one)  # every fold agrees


def test_choosing_among_noise_does_not_look_better_than_noise():
    gained = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = np.repeat(np.arange(10), 4)
        spaces = {str(k): Space.of(rng.normal(size=(40, 8)), y, None, 0) for k in range(6)}
        found = choose(spaces, seed)
        gained.append(found.one.mean() - np.mean([s.one.mean() for s in spaces.values()]))
    assert abs(np.mean(gained)) < 0.015  # the best of six alone looks .04 better


def test_where_nothing_can_be_told_the_first_is_taken():
    X, y = drawn(people=4, each=1)
    spaces = {name: Space.of(X, y, None, 0) for name in ("a", "b")}
    assert choose(spaces, 0).name == "a"


# ---- the verdict -------------------------------------------------------------------------------


def test_the_better_space_helps_and_an_equal_one_cannot_be_told():
    X, y = drawn(people=20, each=5, noise=0.6)
    noise = np.random.default_rng(1).normal(size=X.shape)
    own = Space.of(X, y, None, 0)
    found = verdict(own, {"noise": Space.of(noise, y, None, 0)})
    assert found.decision == "helps"
    assert found.gain_ci95[0] > 0
    assert found.metric == "recognition_rate"
    assert verdict(own, {"same": own}).decision == "cannot tell"
    assert verdict(Space.of(noise, y, None, 0), {"good": own}).decision == "hurts"


def test_noise_against_noise_is_seldom_a_verdict():
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = np.repeat(np.arange(12), 4)
        spaces = [Space.of(rng.normal(size=(48, 8)), y, None, 0) for _ in range(2)]
        wrong += verdict(spaces[0], {"other": spaces[1]}).decision != "cannot tell"
    assert wrong <= 7  # 5 % of 60 is 3; at most 7 with probability .98


def test_two_people_are_too_few_for_a_verdict():
    X, y = drawn(people=2, each=5)
    own = Space.of(X, y, None, 0)
    assert verdict(own, {"other": own}) is None


def test_the_hardest_pairs_are_each_of_other_examples():
    X, y = drawn(people=6, each=4, noise=1.0)
    pairs = Pairs.of(cosines(X), y)
    same, different = hardest(pairs)
    assert pairs.score[same[0]] == pairs.same[0]
    assert pairs.score[different[0]] == pairs.different[-1]
    for kind in (same, different):
        rows = [*pairs.first[kind], *pairs.second[kind]]
        assert len(rows) == len(set(rows))
