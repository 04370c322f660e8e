"""Folds: disjoint, complete, stratified, groups whole, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.tasks.splits import block_folds, pairs, stratified_folds

K = st.integers(2, 8)
SEEDS = st.integers(0, 2**32)


@st.composite
def labels(draw, min_size=2):
    return np.array(draw(st.lists(st.integers(0, 4), min_size=min_size, max_size=80)))


@st.composite
def grouped(draw):
    y = draw(labels())
    groups = draw(st.lists(st.integers(0, 20), min_size=len(y), max_size=len(y)))
    return y, np.array(groups) * 7 - 3  # any numbers will do


@given(grouped(), K, SEEDS)
def test_folds_are_disjoint_complete_and_keep_groups(data, k, seed):
    y, groups = data
    fold = stratified_folds(y, groups, k, np.random.default_rng(seed))
    assert fold.shape == y.shape
    assert fold.min() >= 0
    assert fold.max() < k
    for group in np.unique(groups):
        assert len(np.unique(fold[groups == group])) == 1
    seen = np.zeros(len(y), int)
    for train, held in pairs(fold):
        assert np.array_equal(np.sort(np.concatenate([train, held])), np.arange(len(y)))
        assert not np.isin(groups[held], groups[train]).any()
        seen[held] += 1
    assert (seen == 1).all()


@given(labels(), K, SEEDS)
def test_every_fold_has_its_share_of_every_class(y, k, seed):
    fold = stratified_folds(y, None, k, np.random.default_rng(seed))
    for c in np.unique(y):
        counts = np.bincount(fold[y == c], minlength=k)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(fold, minlength=k)
    assert sizes.max() - sizes.min() <= 1


@given(grouped(), K, SEEDS)
def test_same_seed_same_folds(data, k, seed):
    y, groups = data
    one, two = (stratified_folds(y, groups, k, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, two)


@given(labels(), K, SEEDS)
def test_groups_of_one_are_no_groups(y, k, seed):
    alone = stratified_folds(y, np.arange(len(y)), k, np.random.default_rng(seed))
    assert np.array_equal(alone, stratified_folds(y, None, k, np.random.default_rng(seed)))


def test_other_seeds_give_other_folds():
    y = np.arange(60) % 3
    folds = [stratified_folds(y, None, 5, np.random.default_rng(s)) for s in range(20)]
    assert len({tuple(f) for f in folds}) == 20


def test_every_row_lands_in_every_fold_about_as_often():
    y = np.array([0] * 6 + [1] * 3)
    where = np.array([stratified_folds(y, None, 3, np.random.default_rng(s)) for s in range(600)])
    for row in range(9):
        assert np.bincount(where[:, row], minlength=3) / 600 == pytest.approx(1 / 3, abs=0.08)


def test_groups_fill_the_folds_evenly():
    """Thirty groups of four, each of one class: five folds of 24 rows, both classes in each."""
    groups = np.repeat(np.arange(30), 4)
    y = (groups % 2).astype(int)
    fold = stratified_folds(y, groups, 5, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [24] * 5
    for f in range(5):
        assert np.bincount(y[fold == f]).tolist() == [12, 12]


def test_singles_fill_the_gap_beside_a_large_group():
    y = np.zeros(20, int)
    groups = np.array([0] * 10 + list(range(1, 11)))
    fold = stratified_folds(y, groups, 2, np.random.default_rng(0))
    assert sorted(np.bincount(fold)) == [10, 10]


def test_fewer_groups_than_folds_leave_folds_out():
    fold = stratified_folds(np.arange(9) % 2, np.arange(9) // 3, 5, np.random.default_rng(0))
    assert len(pairs(fold)) == 3


@given(st.integers(2, 300), K)
def test_blocks_are_contiguous_and_even(n, k):
    fold = block_folds(np.arange(n) / n, k)
    assert (np.diff(fold) >= 0).all()
    assert fold[0] == 0
    sizes = np.bincount(fold, minlength=k)
    assert len(sizes) == k
    assert sizes.max() - sizes.min() <= 1


def test_the_last_place_belongs_to_the_last_block():
    assert block_folds(np.array([0.0, 0.19, 0.2, 0.99, 1.0]), 5).tolist() == [0, 0, 1, 4, 4]
