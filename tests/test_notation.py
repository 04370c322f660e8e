"""How numbers are written: what rounds to zero has no sign, wherever it is said."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from given import IMAGE
from headstart.judge.label_issues import Mending
from headstart.judge.verdict import Verdict
from headstart.notation import decimal, in_points, percent, significant
from headstart.report import charts, study_words, trust_words, words

SRC = Path(__file__).parents[1] / "src" / "headstart"
MINUS_NOTHING = re.compile(r"[-−]0(?:\.0+)?(?![\d.])")
"""A zero with a minus."""


@given(st.floats(-1e-3, 0) | st.floats(-1, 1), st.integers(0, 4))
def test_nothing_is_ever_minus_nothing(value, digits):
    for written in (percent(value, digits), in_points(value, digits), decimal(value, digits)):
        assert not MINUS_NOTHING.search(written)
    assert significant(-0.0) == "0"


def test_every_number_with_its_sign_says_what_zero_is():
    """In messages and pages: ``{gain:+z.1f}``, never without the ``z``."""
    signed = [
        f"{path.name}: {found}"
        for path in (*SRC.rglob("*.py"), *SRC.rglob("*.j2"))
        for found in re.findall(r"\{[^{}]*:\+[^}]*\}|%\+\S*", path.read_text("utf-8"))
    ]
    assert [place for place in signed if ":+z" not in place] == []


def test_sentences_round_to_a_plain_zero():
    bins = [{"confidence": 0.8, "accuracy": 0.8, "count": 9}]
    curve = [{"n_train": 9, "accuracy": 0.90004}, {"n_train": 12, "accuracy": 0.9}]
    doubt = (-4e-4, 3e-4)
    verdict = Verdict("cannot tell", -1e-5, doubt, "rival", 0.1, "a test", "accuracy")
    fit = {"a": 0.4, "b": 0.5, "c": -0.0}
    said = [
        verdict.sentence(),
        Mending("relabel", 0.9, 0.9, -1e-5, doubt, 40, 2.0).sentence,
        words.more(curve, IMAGE.unit),
        words.trust(bins, -0.0),
        trust_words.mending({"expected_gain": -1e-4, "expected_gain_ci95": [-4e-4, 3e-4]}),
        trust_words.harm([{"name": "moss", "gain": -1e-5, "n": 48}], IMAGE.unit),
        study_words.behind({"behind": -1e-9, "behind_ci95": [-4e-4, 0.02]}),
        study_words.headline({"study": "curve", "forecast": {"more": 9, "gain": -1e-5}}),
        study_words.law(fit),
        charts.gain(-1e-5, (-4e-4, 4e-4)),
    ]
    assert [text for text in said if MINUS_NOTHING.search(text)] == []
