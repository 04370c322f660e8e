"""Schemes of tags, measures against a second library, and decoding against going through all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from headstart.tagging.decode import decode, may_follow
from headstart.tagging.measure import Counts, influence, interval, shares
from headstart.tagging.schemes import entities, scheme_of, to_iob2, written

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
SENTENCES = st.lists(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(
            st.lists(st.sampled_from(TAGS), min_size=n, max_size=n),
            st.lists(st.sampled_from(TAGS), min_size=n, max_size=n),
        )
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.filterwarnings("ignore:.*ill-defined")
@given(SENTENCES)
def test_scores_are_those_of_seqeval(pairs: list[tuple[list[str], list[str]]]) -> None:
    truth, answers = ([pair[side] for pair in pairs] for side in (0, 1))
    found = Counts.of(truth, answers)
    scores = found.scores()
    assert (scores["f1"] or 0) == pytest.approx(f1_score(truth, answers))
    assert (scores["precision"] or 0) == pytest.approx(precision_score(truth, answers))
    assert (scores["recall"] or 0) == pytest.approx(recall_score(truth, answers))
    rows = sorted(found.rows(), key=lambda row: row["name"])
    if rows:
        theirs = precision_recall_fscore_support(truth, answers)
        for mine, name in zip(("precision", "recall", "f1", "n"), range(4), strict=True):
            assert [row[mine] or 0 for row in rows] == pytest.approx(theirs[name])


@given(SENTENCES)
def test_what_sentences_say_of_f1_has_f1_as_its_mean(
    pairs: list[tuple[list[str], list[str]]],
) -> None:
    counts = Counts.of(*([pair[side] for pair in pairs] for side in (0, 1))).of_all()
    f1 = shares(counts.sum(axis=0))["f1"]
    assert influence(counts).mean() == pytest.approx(f1 or 0)


def test_the_influence_scatters_as_f1_does() -> None:
    rng = np.random.default_rng(0)

    def draw() -> np.ndarray:
        there, given = rng.poisson(1.5, 400), rng.poisson(1.5, 400)
        return np.stack([rng.binomial(np.minimum(there, given), 0.7), given, there], axis=1)

    scattered = np.std([shares(draw().sum(axis=0))["f1"] for _ in range(400)])
    told = np.mean([influence(draw()).std() / 20 for _ in range(20)])
    assert told == pytest.approx(scattered, rel=0.15)


def test_intervals_know_groups() -> None:
    counts = np.tile([[1, 1, 1], [0, 1, 1]], (20, 1))
    alone = interval(counts, np.arange(40))
    together = interval(counts, np.repeat(np.arange(4), 10))
    apart = interval(counts, np.arange(40) % 2)  # one group is all right, one all wrong
    assert alone[0] < 0.5 < alone[1]
    assert together == (0.5, 0.5)  # every group is half right
    assert apart == (0.0, 1.0)


@pytest.mark.parametrize(
    ("tags", "scheme", "found", "repaired"),
    [
        (["B-A", "I-A", "O"], "IOB2", ["B-A", "I-A", "O"], 0),
        (["O", "I-A", "I-B", "I-B"], "IOB1", ["O", "B-A", "B-B", "I-B"], 0),
        (["I-A", "B-A", "I-A"], "IOB1", ["B-A", "B-A", "I-A"], 0),
        (["B-A", "M-A", "E-A", "S-A"], "BIOES", ["B-A", "I-A", "I-A", "B-A"], 0),
        (["B-A", "I-A", "L-A", "U-B"], "BIOES", ["B-A", "I-A", "I-A", "B-B"], 0),
        (["S-A", "I-A"], "BIOES", ["B-A", "B-A"], 1),
        (["A", "A", "O", "B"], "IO", ["B-A", "I-A", "O", "B-B"], 0),
        (["DT", "NN", "NN"], "one each", ["B-DT", "B-NN", "B-NN"], 0),
    ],
)
def test_schemes_become_iob2(tags: list[str], scheme: str, found: list[str], repaired: int) -> None:
    assert scheme_of([tags]) == scheme
    assert to_iob2(tags, scheme_of([tags])) == (tuple(found), repaired)


@given(st.lists(st.sampled_from(TAGS), max_size=9))
def test_repairing_keeps_the_entities_and_is_done_once(tags: list[str]) -> None:
    once, _ = to_iob2(tags, "IOB2")
    assert entities(once) == entities(tags)
    assert to_iob2(once, "IOB2") == (once, 0)


def test_tags_of_every_word_are_written_bare() -> None:
    assert written(["B-NN", "B-DT"], "one each") == ["NN", "DT"]
    assert written(["B-PER", "O"], "BIOES") == ["B-PER", "O"]


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_decoding_finds_the_best_legal_sequence(length: int, seed: int) -> None:
    tags = ["O", "B-A", "I-A", "I-B"]  # I-B can follow nothing but itself: never reached
    scores = np.random.default_rng(seed).normal(size=(length, len(tags)))
    follows, first = may_follow(tags)

    def value(path: tuple[int, ...]) -> float:
        legal = first[path[0]] and all(follows[a, b] for a, b in itertools.pairwise(path))
        return sum(scores[t, k] for t, k in enumerate(path)) if legal else -np.inf

    best = max(itertools.product(range(len(tags)), repeat=length), key=value)
    longer = np.zeros((7, len(tags)))
    assert tuple(decode([longer, scores], tags)[1]) == best
