"""The page: facts, words and charts laid into one HTML file that loads nothing."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headstart import notation
from headstart.language import in_force
from headstart.modalities import Unit
from headstart.report import (
    adaptation_charts,
    adaptation_words,
    charts,
    label_words,
    study_charts,
    study_words,
    training_charts,
    training_words,
    trust_charts,
    trust_words,
    words,
)
from headstart.report.facts import FEW, Facts
from headstart.report.use import kept, snippets
from headstart.said import N_, in_html, in_html_n, number

HERE = Path(__file__).parent
STYLE, SCRIPT = "page.css", "page.js"


def compose(facts: Facts) -> str:
    """Return the whole page of a run."""
    return fill(
        "run.html.j2",
        title=_title(facts),
        headline=_headline(facts),
        version=str(facts.run["versions"]["headstart"]),
        sections=contents(facts),
        facts=facts,
        charts=charts,
        drawn=training_charts,
        told=training_words,
        of_labels=label_words,
        doubt=trust_charts,
        doubted=trust_words,
        between=adaptation_charts,
        adapting=adaptation_words,
        few=FEW,
        unit=facts.unit,
        order=_warning_about_order(facts),
        kept=kept(facts),
        snippets=snippets(facts.name, facts.unit, files=facts.in_files),
    )


def fill(
    template: str,
    *,
    title: str,
    headline: str,
    version: str,
    sections: dict[str, str],
    unit: Unit,
    **more: Any,
) -> str:
    """Lay what a page has of its own into what all pages share.

    Class names, paths and messages come from the user's files: all are escaped, and the page's
    policy admits no script but its own.

    Parameters
    ----------
    template : str
        Extends ``base.html.j2``.
    title, headline : str
        What it is about, and what came out.
    version : str
        Of headstart, when the numbers were made.
    sections : dict
        Id and name of every section, in order.
    unit : Unit
        What an example is called.
    **more
        What the template itself asks for.
    """
    script = (HERE / SCRIPT).read_text("utf-8")
    return _environment().get_template(template).render(
        title=title,
        headline=headline,
        version=version,
        sections=sections,
        unit=unit,
        words=words,
        study_charts=study_charts,
        study_words=study_words,
        palette=charts.PALETTE,
        script=Markup(script),
        style=Markup((HERE / STYLE).read_text("utf-8")),
        policy=policy(script),
        **more,
    )  # fmt: skip


SECTIONS = {
    "verdict": N_("Verdict"),
    "use": N_("Use it"),
    "findings": N_("Checks"),
    "gain": N_("Comparison"),
    "curve": N_("More {many}?"),
    "labels": N_("Labels"),
    "classes": N_("Classes"),
    "confusion": N_("Mix-ups"),
    "reliability": N_("Confidence"),
    "head": N_("Head"),
    "trust": N_("Trust"),
    "ranking": N_("Backbones"),
    "layer": N_("Layer"),
    "tried": N_("Methods"),
    "training": N_("Training"),
    "map": N_("Map"),
    "gallery": N_("Mistakes"),
    "looks": N_("Reasons"),
    "model": N_("Model"),
    "method": N_("Method"),
}
"""Every section's id, and its name in the contents."""

ADAPTATION = {
    "adaptation": N_("Adaptation"),
    "use": N_("Use it"),
    "candidates": N_("Candidates"),
    "shift": N_("Shift"),
    "shares": N_("Shares"),
    "next": N_("Next"),
}
"""The sections that stand before all others where a model was adapted to another domain."""


def contents(facts: Facts) -> dict[str, str]:
    """Return the sections that a run has numbers for, in their order."""
    there = {
        "labels": facts.label_issues,
        "confusion": not facts.several,
        "map": not facts.several,
        "trust": facts.abstention or facts.unfamiliar,
        "ranking": facts.ranking,
        "layer": facts.layer,
        "tried": facts.candidates,
        "training": facts.training,
        "looks": facts.looks,
    }
    first = ADAPTATION if facts.adaptation else {}
    sections = SECTIONS | ({"classes": N_("Each label")} if facts.several else {})
    own = {key: label for key, label in sections.items() if there.get(key, True)}
    return {key: facts.unit.into(label) for key, label in (first | own).items()}


def policy(script: str) -> str:
    """Content security policy: pictures and sounds of the page itself, the one script."""
    digest = b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _title(facts: Facts) -> str:
    if facts.adaptation:
        return f"{facts.adaptation.source['name']} → {facts.adaptation.target['name']}"
    return str(facts.run["config"]["data"]).removeprefix("builtin:") or facts.name


def _headline(facts: Facts) -> str:
    if facts.adaptation:
        return adaptation_words.headline(facts.adaptation)
    return words.headline(facts.metrics["verdict"], learned=facts.card.learned)


def _warning_about_order(facts: Facts) -> dict[str, Any] | None:
    """Find the one finding that gets a box of its own: the score depends on what is new."""
    found = (f for f in facts.metrics["findings"] if f["kind"] == "order")
    return next((f for f in found if f["severity"] == "warning"), None)


def in_a_row(*said: str) -> Markup:
    """Lay sentences one after another, as the language does; empty ones are left out.

    Line breaks of a template between them would be spaces, which Chinese does not have.

    Examples
    --------
    >>> print(in_a_row(Markup("<b>It helps.</b>"), "", "0 < 1."))
    <b>It helps.</b> 0 &lt; 1.
    """
    return in_html("{before} {after}", before="", after="").join(s for s in said if s)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"_": in_html, "_n": in_html_n, "sentences": in_a_row}
    environment.globals["lang"] = in_force().code
    environment.filters["percent"] = notation.percent
    environment.filters["points"] = notation.in_points
    environment.filters["decimal"] = notation.decimal
    environment.filters["number"] = number
    return environment
