"""How to use a run: lines to copy, and what lies in its folder."""

from __future__ import annotations

import json
import shlex

from headstart.folder.layout import (
    CARD,
    FIGURES,
    HISTORY,
    ISSUES,
    METRICS,
    MODEL,
    PAGE,
    PREDICTIONS,
    RUN,
    SPLIT,
    TARGET_PREDICTIONS,
    TO_LABEL,
)
from headstart.modalities import Unit
from headstart.report.facts import Facts
from headstart.said import _


def snippets(name: str, unit: Unit, *, files: bool = True) -> dict[str, str]:
    """Lines that use the run, ready to copy; typed in the folder that holds it.

    In a shell, in Python, and in a shell to score it on other labelled examples.

    Parameters
    ----------
    name : str
        Of the run.
    unit : Unit
        What an example is called.
    files : bool
        Whether examples may lie in files of their own; otherwise in tables.

    Examples
    --------
    >>> lines = snippets("my run", Unit("row", "rows"), files=False)
    >>> lines["shell"]
    "headstart predict 'my run' new_rows.csv --out answers.csv"
    >>> snippets("-2", Unit("row", "rows"))["shell"].split()[2]
    './-2'
    """
    shell = shlex.quote(f"./{name}" if name.startswith("-") else name)  # no option
    quoted = json.dumps(name, ensure_ascii=False)
    new, known = (f"{what}_{unit.plural}{'/' if files else '.csv'}" for what in ("new", "labelled"))
    return {
        "shell": f"headstart predict {shell} {new} --out answers.csv",
        "evaluate": f"headstart evaluate {shell} {known}",
        "python": (
            "import headstart as hs\n"
            f"run = hs.load({quoted})\n"
            f'for answer in run.predict("{new}"):\n'
            "    print(answer.path, answer.predicted, answer.confidence)"
        ),
    }


def kept(facts: Facts) -> list[tuple[str, str]]:
    """List what lies in the run folder, and what each part is for."""
    unit, a = facts.unit, facts.adaptation
    issues = facts.label_issues
    found = [
        (f"{MODEL}/", _("the network and its head: what predicts")),
        (PAGE, _("this page")),
        (f"{FIGURES}/", _("its charts, as PNG and SVG")),
        (CARD, _("the model card: what a stranger must know, without names of files")),
        (METRICS, _("its numbers")),
        (
            PREDICTIONS,
            _("every held-out {one}: its label, the answer, all probabilities", one=unit.one),
        ),
        (ISSUES if issues and issues["rows"] else "", _("labels that are likely wrong")),
        (HISTORY if facts.curves else "", _("the training, epoch by epoch")),
        (TARGET_PREDICTIONS if a else "", _("the answers on the target")),
        (
            TO_LABEL if a and a.proposals else "",
            _("which {many} of the target to label", many=unit.many),
        ),
        (SPLIT, _("which {many} were learned from, and which held out", many=unit.many)),
        (RUN, _("the options, versions and times")),
    ]
    return [(name, says) for name, says in found if name]
