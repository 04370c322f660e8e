"""What users are told of a choice is counted: how often its like helped, not how sure it feels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from given import IMAGE
from headstart.adaptation import precedents as module
from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.domains import Domains
from headstart.adaptation.families import adapters_of
from headstart.adaptation.precedent_counts import COUNTED, COUNTS, METHODS
from headstart.adaptation.precedents import SIZES, are_counted, precedents, size_of
from headstart.adaptation.select import MANY_PER_CLASS, Selection, select
from headstart.judge.intervals import wilson
from headstart.report.adaptation_facts import Adaptation
from headstart.report.adaptation_words import LIKE, adaptation_lines, sure, tone

K, DIM = 3, 16


@pytest.fixture(scope="module")
def few() -> Selection:
    """Three classes of 15, of which the target's are much weaker: no score objects, and yet..."""
    rng = np.random.default_rng(1)
    y = np.arange(45) % K
    noise_s, noise_t = rng.normal(size=(2, 45, DIM))
    target = 0.5 * np.eye(K, DIM)[y] + noise_t + 4 * np.linspace(-1, 1, DIM)
    d = Domains(3 * np.eye(K, DIM)[y] + noise_s, y, target, K, unit=IMAGE.unit)
    return select(d, (NoAdaptation(), *adapters_of("auto")), shift_found=True)


def told(selection: Selection) -> dict:
    return json.loads(json.dumps(selection.to_json()))


def test_few_images_of_another_kind_are_not_praised(few: Selection) -> None:
    assert few.decision == "adapted"
    found = told(few)
    a = Adaptation(found, {})
    assert found["sure"] == "hardly" and tone(a) == "unsure"
    lines = " ".join(adaptation_lines(found, IMAGE.unit))
    assert "airly sure" not in lines
    measured = found["measured"]
    assert measured["per_class"] == "10 to 24"
    assert f"Of {measured['n']} such choices measured on public images" in sure(a)
    assert f"{measured['helped']} helped and {measured['worse']} made it worse" in sure(a)


def test_the_words_come_from_the_table(few: Selection, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {(few.why, "10 to 24"): (41, 23, 7, 5)}
    monkeypatch.setattr(module, "COUNTS", counts)
    said = sure(Adaptation(told(few), {}))
    assert said.startswith(f"Of 41 such choices measured on public images ({LIKE[few.why]}, ")
    assert "23 helped and 7 made it worse, by more than 2 points." in said
    assert "In 5 the answers were right no oftener" in said
    monkeypatch.setattr(module, "COUNTS", {(few.why, "10 to 24"): (9, 9, 0, 0)})
    assert told(few)["measured"] is None  # of nine nothing is concluded


def test_other_methods_than_those_counted_have_no_precedents() -> None:
    assert are_counted(a.name for a in adapters_of("auto"))
    assert not are_counted(a.name for a in adapters_of("CORAL,T3A"))
    assert not are_counted([*METHODS, "a network"])


def test_sizes_by_hand() -> None:
    assert [size_of(n, 3) for n in (29, 30, 74, 75)] == [
        "under 10", "10 to 24", "10 to 24", "25 or more",
    ]  # fmt: skip
    assert precedents("agreement", 45, 3) == precedents("agreement", 150, 10)


def test_fairly_sure_is_earned() -> None:
    n, helped, worse, guessing = COUNTS["agreement", size_of(MANY_PER_CLASS, 1)]
    assert wilson(helped, n)[0] > 0.8
    assert worse + guessing < 0.1 * n
    n, helped, _, _ = COUNTS["agreement", size_of(MANY_PER_CLASS - 1, 1)]
    assert wilson(helped, n)[0] < 0.8  # if this fails, the bound may come down


def test_the_table_adds_up() -> None:
    assert COUNTED
    for (why, size), (n, helped, worse, guessing) in COUNTS.items():
        assert why in LIKE and size in SIZES
        assert helped + worse <= n and guessing <= n
