"""A run at a glance, as a notebook shows it: one small box that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from headstart import notation
from headstart.behaviour.outcome import AT
from headstart.folder.layout import CARD, PAGE
from headstart.modalities import Unit
from headstart.report import (
    identification_words,
    keywords_words,
    recommendation_words,
    tagging_words,
    translation_words,
    words,
)
from headstart.report.svg import tag
from headstart.said import _, _n, commas

NAMED = 12
"""So many classes are named."""
LONGEST = 60
"""Letters of a name."""
WIDE, LEFT, ROW = 640, 220, 26
"""Of the drawing: width, room for the names, height of a row."""
STYLE = """
.headstart-run{--ink:#1b1d21;--quiet:#595e67;--card:#fff;--rule:#e3e1da;--track:#edebe5;
--own:#2f6fd0;--rival:#a3a7ae;color:var(--ink);background:var(--card);border:1px solid var(--rule);
border-radius:12px;padding:14px 18px;max-width:700px;font:15px/1.5 system-ui,sans-serif}
.headstart-run p{margin:0 0 6px;color:inherit;overflow-wrap:anywhere}
.headstart-run .quiet{color:var(--quiet);font-size:13px}
.headstart-run svg{display:block;max-width:100%;height:auto;margin:8px 0}
.headstart-run text{fill:var(--ink);font:13px system-ui,sans-serif}
.headstart-run .track{fill:var(--track)}.headstart-run .rival{fill:var(--rival)}
.headstart-run .own{fill:var(--own)}.headstart-run .whisker{stroke:var(--ink);stroke-width:1.5}
@media (prefers-color-scheme:dark){.headstart-run{--ink:#ebe9e4;--quiet:#a9aeb7;--card:#1a1d22;
--rule:#2d3138;--track:#2a2e35;--own:#5b93ea;--rival:#5f656f}}
"""


@dataclass(frozen=True)
class Bar:
    """A share with its interval, by its name."""

    name: str
    share: float
    ci95: Sequence[float]
    own: bool = False


def of_run(folder: Path, metrics: dict[str, Any], unit: Unit, *, learned: bool) -> str:
    """Show a run that classifies: verdict, accuracy with its interval, and the comparison.

    Parameters
    ----------
    metrics : dict
        ``metrics.json``.
    learned : bool
        Whether the backbone learned anything before.
    """
    estimate, verdict = metrics["estimate"], metrics.get("verdict")
    own = Bar(_("this model"), estimate["accuracy"], estimate["accuracy_ci95"], own=True)
    rivals = sorted(metrics["baselines"], key=lambda row: -float(row["accuracy"]))
    bars = [Bar(words.named(r["name"]), r["accuracy"], r["accuracy_ci95"]) for r in rivals]
    classes = [_short(name) for name in metrics["classes"]]
    named = commas([*classes[:NAMED], *(["…"] if len(classes) > NAMED else [])])
    return _box(
        words.headline(verdict, learned=learned),
        verdict["sentence"] if verdict else "",
        _accuracy(estimate),
        _n("{n:,} class: {names}.", "{n:,} classes: {names}.", len(classes), names=named),
        [own, *bars],
        folder,
        _("Accuracy on {many} the model had not seen", many=unit.many),
    )


def of_recommendation(folder: Path, found: dict[str, Any]) -> str:
    """Show a run that recommends: its answers, and how often the hidden choice was among the first.

    Parameters
    ----------
    found : dict
        ``metrics.json``.
    """
    known = found["known"]
    rivals = sorted(known["rivals"], key=lambda row: -float(row["recall"]))
    bars = [Bar(words.named(row["name"]), row["recall"], row["recall_ci95"]) for row in rivals]
    own = Bar(_("this model"), known["recall"], known["recall_ci95"], own=True)
    said = _("How often the hidden choice was among the first {at}", at=AT)
    return _box(recommendation_words.headline(found), "", "", "", [own, *bars], folder, said)


def of_tagging(folder: Path, found: dict[str, Any]) -> str:
    """Show a run that tags words: verdict, score, and the comparison by entity F1.

    Parameters
    ----------
    found : dict
        ``metrics.json``.
    """
    verdict, estimate = found["verdict"], found["estimate"]
    bars = [Bar(words.named(r["name"]), r["f1"] or 0.0, r["f1_ci95"]) for r in found["baselines"]]
    own = Bar(_("this model"), estimate["f1"] or 0.0, estimate["f1_ci95"], own=True)
    return _box(
        tagging_words.headline(found),
        verdict["sentence"] if verdict else "",
        tagging_words.score_line(estimate),
        "",
        [own, *bars],
        folder,
        _("Entity F1 on held-out sentences"),
    )


def of_translation(folder: Path, found: dict[str, Any]) -> str:
    """Show a run that translates: its answer, and chrF of what was compared.

    Parameters
    ----------
    found : dict
        ``metrics.json``.
    """
    bars = [
        Bar(translation_words.short(row["name"]), row["chrf"], row["chrf_ci95"],
            own=row["name"] == "trained")
        for row in found["scores"]
    ]  # fmt: skip
    said = _("chrF on sentences that were not learned from")
    return _box(
        translation_words.headline(found), translation_words.detail(found), "", "", bars, folder,
        said,
    )  # fmt: skip


def of_keywords(folder: Path, found: dict[str, Any]) -> str:
    """Show a run that finds keywords: what came out, and F1 of the ways that were compared.

    Parameters
    ----------
    found : dict
        ``metrics.json``.
    """
    bars = [
        Bar(_(row["name"]), row["f1_10"], row["f1_10_ci95"], own=row["network"])
        for row in found["scores"]
    ]
    said = _("F1 of the first 10 keywords, on documents left out")
    return _box(
        keywords_words.headline(found), keywords_words.done(found), "", "", bars, folder, said
    )


def of_identification(folder: Path, found: dict[str, Any]) -> str:
    """Show a run that knows who is who: how many are recognised from one example, and by rivals.

    Parameters
    ----------
    found : dict
        ``metrics.json``.
    """
    rows = identification_words.rivals(found)
    bars = [Bar(row["name"], row["rate"], row["ci95"], own=row["own"]) for row in rows]
    verdict = found["verdict"]["sentence"] if found["verdict"] else ""
    said = _("Recognised from one example each")
    return _box(identification_words.headline(found), verdict, "", "", bars, folder, said)


def in_short(folder: Path, metrics: dict[str, Any]) -> str:
    """Say a run in one line.

    Examples
    --------
    >>> in_short(Path("runs/cats"), {"classes": ["cat", "dog"], "estimate": {
    ...     "accuracy": 0.9, "accuracy_ci95": [0.8, 0.95]}})
    "<Run 'runs/cats': 2 classes, accuracy 90.0% (95 % interval 80.0% to 95.0%)>"
    """
    estimate, n = metrics["estimate"], len(metrics["classes"])
    low, high = estimate["accuracy_ci95"]
    return (
        f"<Run {str(folder)!r}: {n} class{'es' if n > 1 else ''}, accuracy "
        f"{estimate['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})>"
    )


def _accuracy(estimate: dict[str, Any]) -> str:
    low, high = estimate["accuracy_ci95"]
    return _(
        "Accuracy: {accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}; {protocol}).",
        accuracy=estimate["accuracy"],
        low=low,
        high=high,
        protocol=estimate["protocol"],
    )


def _box(
    headline: str,
    sentence: str,
    score: str,
    classes: str,
    bars: Sequence[Bar],
    folder: Path,
    title: str,
) -> str:
    below = _("More: {page}, {card}.", page=str(folder / PAGE), card=CARD)
    parts = [
        tag("style", Markup(STYLE)),
        tag("p", tag("strong", headline)),
        *(tag("p", said) for said in (sentence, score) if said),
        _drawing(bars, title),
        *(tag("p", said, class_="quiet") for said in (classes, below) if said),
    ]
    return str(tag("div", *parts, class_="headstart-run"))


def _drawing(bars: Sequence[Bar], title: str) -> Markup:
    """Draw shares as bars under one another, each with its interval."""
    wide = WIDE - LEFT - 70
    rows: list[Markup] = [tag("title", title)]
    for k, bar in enumerate(bars):
        top, middle = k * ROW + 4, k * ROW + ROW / 2
        low, high = (min(max(end, 0.0), 1.0) for end in bar.ci95)
        name = _short(bar.name, 32)
        rows += [
            tag("text", name, x=LEFT - 8, y=middle, dy="0.35em", text_anchor="end"),
            tag("rect", class_="track", x=LEFT, y=top, width=wide, height=ROW - 8, rx=4),
            tag("rect", class_="own" if bar.own else "rival", x=LEFT, y=top,
                width=wide * bar.share, height=ROW - 8, rx=4),
            tag("line", class_="whisker", x1=LEFT + wide * low, x2=LEFT + wide * high, y1=middle,
                y2=middle),
            tag("text", notation.percent(bar.share), x=WIDE - 62, y=middle, dy="0.35em"),
        ]  # fmt: skip
    tall = len(bars) * ROW + 4
    said = ", ".join(f"{bar.name} {notation.percent(bar.share)}" for bar in bars)
    return tag(
        "svg", *rows, viewBox=f"0 0 {WIDE} {tall}", width=WIDE, height=tall, role="img",
        aria_label=f"{title}: {said}",
    )  # fmt: skip


def _short(name: str, longest: int = LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
