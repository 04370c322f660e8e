"""The page of a run that knows who is who: the answer, errors by threshold, the hardest pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.folder.layout import PICTURES
from headstart.folder.reading import read_document
from headstart.modalities import unit
from headstart.report import identification_charts, identification_words
from headstart.report.identification_figures import draw
from headstart.report.own_page import Laid, OwnPage
from headstart.said import N_, _

SECTIONS = {
    "answer": N_("Answer"),
    "comparison": N_("Comparison"),
    "errors": N_("Threshold"),
    "hardest": N_("Hardest pairs"),
    "names": N_("Names"),
    "consent": N_("Consent"),
    "findings": N_("Checks"),
    "numbers": N_("Numbers"),
    "method": N_("Method"),
}


def _lay(found: dict[str, Any], record: dict[str, Any], name: str, shown: dict[str, Any]) -> Laid:
    return Laid(
        str(record["config"]["data"]),
        identification_words.headline(found),
        unit(found["modality"]),
        {
            "comparison": found["identification"],
            "errors": len(found["verification"]["curve"]) > 1,
            "hardest": shown["same"] or shown["different"],
            "consent": found["modality"] in identification_words.OF_PEOPLE,
        },
        {
            "shown": shown,
            "rows": identification_words.rivals(found),
            "drawn": identification_charts,
            "told": identification_words,
            "consent": _(identification_words.CONSENT),
        },
    )


def _pairs(folder: Path) -> dict[str, Any]:
    return read_document(folder / PICTURES)


REPORT = OwnPage("identification.html.j2", SECTIONS, _lay, draw, {"shown": _pairs})
