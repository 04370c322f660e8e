"""The page of a run that translates: the answer, the systems, and sentences side by side."""

from __future__ import annotations

from typing import Any

from headstart.modalities import Unit
from headstart.report import translation_charts, translation_words
from headstart.report.own_page import Laid, OwnPage
from headstart.report.translation_figures import draw
from headstart.said import N_, NN_

UNIT = Unit(N_("sentence pair"), N_("sentence pairs"))
NN_("{n:,} sentence pair", "{n:,} sentence pairs"), N_("a sentence pair")  # what Unit may ask for
SECTIONS = {
    "answer": N_("Answer"),
    "systems": N_("Comparison"),
    "examples": N_("Sentences"),
    "training": N_("Training"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def _lay(found: dict[str, Any], record: dict[str, Any], name: str) -> Laid:
    return Laid(
        f"{found['data']['name']}, {translation_words.direction(found)}",
        translation_words.headline(found),
        UNIT,
        {"examples": found["examples"], "training": found["curves"]},
        {"drawn": translation_charts, "told": translation_words},
    )


REPORT = OwnPage("translation.html.j2", SECTIONS, _lay, draw)
