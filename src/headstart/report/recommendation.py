"""The page of a run that recommends: the answer, what it rests on, and examples."""

from __future__ import annotations

from typing import Any

from headstart.behaviour.outcome import AT, DEEP, TOP
from headstart.judge.intervals import Interval, wilson
from headstart.modalities import Unit
from headstart.report import recommendation_charts, recommendation_words
from headstart.report.own_page import Laid, OwnPage
from headstart.report.recommendation_figures import compared, draw
from headstart.said import N_, NN_

UNIT = Unit(N_("interaction"), N_("interactions"))
NN_("{n:,} interaction", "{n:,} interactions"), N_("an interaction")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "new": N_("New users"),
    "models": N_("Models"),
    "histories": N_("Histories"),
    "popularity": N_("Popular and rare"),
    "examples": N_("Examples"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def _lay(found: dict[str, Any], record: dict[str, Any], name: str) -> Laid:
    known = found["known"]
    return Laid(
        _title(found["data"]),
        recommendation_words.headline(found),
        UNIT,
        {
            "new": found["new"] and found["new"]["curve"],
            "histories": known["by_history"],
            "popularity": known["by_popularity"],
            "examples": found["examples"],
        },
        {
            "rows": compared(found),
            "with_source": bool(found["transferred"] and known["chosen"]["weight"]),
            "interval_of": _interval,
            "drawn": recommendation_charts,
            "told": recommendation_words,
            "at": AT,
            "deep": DEEP,
            "top": TOP,
        },
    )


def _title(data: dict[str, Any]) -> str:
    target = str(data["target"]["name"])
    return f"{data['source']['name']} → {target}" if data["source"] else target


def _interval(share: float, n: int) -> Interval:
    """Return the interval of a share of ``n`` users."""
    return wilson(min(max(share, 0.0), 1.0) * n, max(n, 1))


REPORT = OwnPage("recommendation.html.j2", SECTIONS, _lay, draw)
