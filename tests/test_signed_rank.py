"""The exact signed-rank test, against scipy's."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from headstart.judge.signed_rank import signed_rank


@given(st.sets(st.integers(1, 10_000), min_size=1, max_size=40), st.integers(0, 2**40))
def test_it_is_wilcoxons_where_no_two_are_alike(sizes, signs):
    differences = np.array(
        [s if signs >> k & 1 else -s for k, s in enumerate(sorted(sizes))], float
    )
    wanted = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert signed_rank(differences) == pytest.approx(wanted, rel=1e-9)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9).filter(any))
def test_ties_are_exact_too(differences):
    """All patterns of signs, gone through; differences of zero count for nothing."""
    kept = np.array([d for d in differences if d], float)
    ranks = rankdata(np.abs(kept))
    sums = [np.dot(signs, ranks) for signs in product((0, 1), repeat=len(kept))]
    wanted = np.mean(np.array(sums) >= ranks[kept > 0].sum() - 1e-9)
    assert signed_rank(np.array(differences, float)) == pytest.approx(wanted, rel=1e-9)


def test_no_differences_say_nothing():
    assert signed_rank(np.zeros(4)) == 1
