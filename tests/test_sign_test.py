"""The exact sign test, against scipy's binomial test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from headstart.judge.sign_test import sign_test


@given(st.integers(1, 400), st.floats(0, 1))
def test_it_is_the_binomial_test_of_one_half(n, share):
    wins = round(share * n)
    assert sign_test(wins, n) == pytest.approx(binomtest(wins, n).pvalue, rel=1e-9)


def test_no_trials_say_nothing():
    assert sign_test(0, 0) == 1
