"""The contract of a task: classification keeps it, and whoever breaks it is found out."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.errors import DataError
from headstart.tasks.classification import Classification
from headstart.testing import check_task

THREE = Classification(("bee", "cat", "dog"))
SOME = ["dog", "bee", "cat", "dog", "dog"]
RIGHT = np.eye(3)[[2, 0, 1, 2, 2]]


@given(st.lists(st.text(min_size=1), min_size=2, max_size=30))
def test_classification_keeps_the_contract(labels):
    task = Classification.of(labels)
    check_task(task, labels, np.eye(task.n_outputs)[task.encode(labels)])


@dataclass(frozen=True)
class Hinge(Classification):
    """Goes below zero."""

    classes: tuple[str, ...] = THREE.classes

    def score(self, y, out):
        return 2 * super().score(y, out) - 1


class Ranked(Hinge):
    """Compares a row with the others."""

    def score(self, y, out):
        right = Classification.score(self, y, out)
        return right * np.arange(len(y)) / len(y) if right.mean() < 1 else right


class Mean(Hinge):
    """One number for all rows."""

    def score(self, y, out):
        right = Classification.score(self, y, out)
        return right if right.all() else right.mean(keepdims=True)


class Forgetful(Hinge):
    """Has no name for the last class."""

    def decode(self, y):
        return [self.classes[min(c, 1)] for c in y]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Hinge(), "outside 0 to 1"),
        (Ranked(), "depends on the others"),
        (Mean(), "not one number per row"),
        (Forgetful(), "does not undo encode"),
    ],
)
def test_who_breaks_the_contract_is_told_how(task, message):
    with pytest.raises(AssertionError, match=message):
        check_task(task, SOME, RIGHT)


def test_answers_that_are_wrong_are_no_standard():
    with pytest.raises(AssertionError, match="do not score 1"):
        check_task(THREE, SOME, np.roll(RIGHT, 1, axis=1))


def test_the_floor_by_hand():
    """Three of five are the largest class, and a class that is missing still has its column."""
    assert THREE.floor(np.array([2, 2, 0, 2, 0]), 2).tolist() == [[0.4, 0.0, 0.6]] * 2


def test_a_logit_scores_as_its_probability_does():
    y, logits = np.array([0, 1]), np.array([[-3.0, -9.0], [4.0, 2.0]])
    assert Classification.numbered(2).score(y, logits).tolist() == [1.0, 0.0]


def test_unknown_names_are_told():
    with pytest.raises(DataError, match="'cow', 'owl'"):
        THREE.encode(["cat", "owl", "cow"])
