"""What is said on the terminal of a run that knows who is who."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from headstart.cli.console import quoted, say, say_where_the_report_is, show_findings
from headstart.said import _


def summarise_names(found: dict[str, Any], folder: Path) -> None:
    """Say what is known of a new run beyond the answer, which was said when it was found."""
    from headstart.modalities import unit
    from headstart.report.identification_words import CONSENT, OF_PEOPLE

    show_findings(found["findings"])
    say("")
    if found["modality"] in OF_PEOPLE and "consent" not in {f["kind"] for f in found["findings"]}:
        say(escape(_(CONSENT)))
        say("")
    timing = found["timing"]
    say(
        _(
            "{examples}, {seconds:.1f} s ({passes} forward passes, {hits} from the cache).",
            examples=unit(found["modality"]).count(found["data"]["examples"]),
            seconds=timing["total_s"],
            passes=timing["forward_examples"],
            hits=timing["cache_hits"],
        )
    )
    say_where_the_report_is(folder)
    say(escape(_("Who is it: {line}", line=f"headstart predict {quoted(folder)} NEW")))
    say(escape(_("Are they the same: {line}", line=f"headstart compare {quoted(folder)} A B")))


def say_of_names(found: dict[str, Any]) -> None:
    """Say what became of labelled examples."""
    say("")
    say(
        _(
            "Of {known} known {right} are named rightly, {misnamed} wrongly and {rejected} not at "
            "all; of {strangers} strangers {accepted} are taken for someone.",
            **{k: found[k] for k in
               ("known", "right", "misnamed", "rejected", "strangers", "accepted")},
        )
    )  # fmt: skip
