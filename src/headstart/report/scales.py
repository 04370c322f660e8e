"""Ends and ticks of the axes that several charts share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.judge.intervals import Interval
from headstart.notation import percent
from headstart.report.svg import log_ticks, ticks
from headstart.said import N_, _, number

TIMES: list[tuple[float, float, str]] = [
    *((s, s, N_("{n:g} s")) for s in (0.01, 0.03, 0.1, 0.3, 1, 4, 15)),
    *((60 * m, m, N_("{n} min")) for m in (1, 4, 15)),
    *((3600 * h, h, N_("{n} h")) for h in (1, 4, 16, 64)),
]
"""Times that stand on an axis: in seconds, and as they are written; about four times apart."""


def shares(values: Sequence[float]) -> tuple[Interval, list[tuple[float, str]]]:
    """Choose the ends and the ticks of an axis for shares.

    Examples
    --------
    >>> shares([0.91, 0.93])
    ((0.9, 0.95), [(0.9, '90%'), (0.91, '91%'), (0.92, '92%'), (0.93, '93%'), (0.94, '94%'), (0.95, '95%')])
    """  # noqa: E501
    step = 20 if max(values) - min(values) < 0.25 else 10
    low = math.floor(step * min(values) + 1e-9) / step
    high = min(1.0, math.ceil(step * max(values) - 1e-9) / step)
    if high - low < 1e-9:
        low, high = (low - 1 / step, high) if high > 0.5 else (low, high + 1 / step)
    return (low, high), [(v, percent(v, 0)) for v in ticks(low, high, 5)]


def moments(low: float, high: float) -> list[tuple[float, str]]:
    """Choose at most six ticks of an axis of log10 of seconds, its ends given as log10.

    Examples
    --------
    >>> [said for _, said in moments(0.3, 2.3)]
    ['4 s', '15 s', '1 min']
    """
    inside = [(s, n, said) for s, n, said in TIMES if low <= math.log10(s) <= high]
    every = math.ceil(len(inside) / 6) or 1
    return [(math.log10(s), _(said, n=n)) for s, n, said in inside[::every]]


def numbers(low: float, high: float) -> list[tuple[float, str]]:
    """Choose the ticks of an axis of log10 of a quantity, its ends given as log10.

    Examples
    --------
    >>> [said for _, said in numbers(0, 3.1)]
    ['1', '10', '100', '1,000']
    """
    return [(math.log10(v), number(v, ",g")) for v in log_ticks(10**low, 10**high)]
