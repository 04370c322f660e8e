"""Arguments of another kind than is declared are refused, in words, all at once."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart import options
from headstart.kinds import as_declared, declared
from headstart.prepare.config import configure
from headstart.prepare.refusals import WHY_NOT
from headstart.transfer.recipe import from_options


@pytest.mark.parametrize("job", [*WHY_NOT, "recommend", "translate"])
def test_no_option_takes_another_kind(job: str) -> None:
    function = getattr(hs, job)
    inputs = ["never/read"] * (1 + (job == "adapt"))
    there = inspect.signature(function).parameters.values()
    options_there = [p.name for p in there if p.kind is p.KEYWORD_ONLY]
    assert len(options_there) > 8, job
    for name in options_there:
        with pytest.raises(hs.ConfigError) as refused:
            function(*inputs, **{name: object()})
        assert f"{options.flag(name)} takes " in refused.value.message, name
        assert refused.value.hint == f"`help(headstart.{job})` says what each one means."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": "a"}, "--seed takes a whole number, not 'a'."),
        ({"seed": 1.5}, "--seed takes a whole number, not 1.5."),
        ({"seed": True}, "--seed takes a whole number, not True."),
        ({"balanced": 1}, "--balanced takes True or False, not 1."),
        ({"abstain": "0.1"}, "--abstain takes a number, not '0.1'."),
        ({"keep": 3}, "--keep takes text or a list of texts, not 3."),
        ({"budget": [5]}, "--budget takes a number or text, not [5]."),
        ({"unfreeze": 1.5}, "--unfreeze takes text or a whole number, not 1.5."),
        ({"on_event": "x"}, "--on-event takes a function, not 'x'."),
        (
            {"size": "big", "lr": "low"},
            "--size takes a whole number, not 'big'. --lr takes a number, not 'low'.",
        ),
    ],
)
def test_the_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(hs.ConfigError) as refused:
        hs.train("never/read", **given)
    assert refused.value.message == said


def test_what_is_read_is_checked_too() -> None:
    with pytest.raises(hs.ConfigError, match=r"^data takes text or a path, not None\."):
        hs.train(None)  # type: ignore[arg-type]
    with pytest.raises(hs.ConfigError, match=r"--methods takes text, not \['coral'\]"):
        hs.adapt("a", "b", methods=["coral"])  # type: ignore[arg-type]
    with pytest.raises(hs.ConfigError, match=r"^folder takes text or a path, not 5\."):
        hs.load(5)  # type: ignore[arg-type]
    with pytest.raises(hs.ConfigError, match=r"^asked takes text, not 5\."):
        hs.speak(5)  # type: ignore[arg-type]
    with pytest.raises(hs.ConfigError, match=r"^cv takes a whole number, not 'five'\."):
        hs.TransferClassifier(backbone="identity", cv="five").fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(hs.ConfigError, match=r"^strength takes a number, not 'high'\."):
        hs.ItemRecommender(strength="high").fit(np.eye(4))


def test_numbers_of_numpy_are_numbers_and_become_pythons() -> None:
    @declared
    def taken(n: int, share: float = 0.0, sure: bool = False, where: str | Path = "") -> list[Any]:
        return [n, share, sure, where]

    found = taken(np.int64(3), share=np.float32(0.5), sure=np.bool_(True), where=Path("x"))
    assert found == [3, 0.5, True, Path("x")]
    assert [type(value) for value in found[:3]] == [int, float, bool]
    assert as_declared(taken, {"n": 3, "share": 1})["share"] == 1.0
    with pytest.raises(TypeError, match="missing a required argument: 'n'"):
        taken()  # type: ignore[call-arg]


# ---- a budget as it is typed --------------------------------------------------------------------


@pytest.mark.parametrize("value", ["5m", "300", "300s", 300, np.float64(300)])
def test_a_budget_is_read_from_python_as_on_the_command_line(value: Any) -> None:
    assert configure("x", {"budget": value}).budget == 300.0


@pytest.mark.parametrize("value", ["soon", "", "-5m", "0s", "inf", "nan", -1.0, float("nan")])
def test_a_budget_that_is_no_time(value: Any) -> None:
    for job in (hs.train, hs.recommend):
        with pytest.raises(hs.ConfigError) as refused:
            job("never/read", budget=value)
        assert "is no time." in refused.value.message
        assert "5m" in refused.value.hint


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(options).failed == 0
    assert from_options("finetune", {"keep": ("l2-sp",)}).keep == ("l2-sp",)
