"""The answer to "how good, and did the pretrained network help?": what a run knows first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headstart.events import Event, Tone
from headstart.findings import Finding
from headstart.jobs.rank import Picked
from headstart.judge.crossval import judge_folds
from headstart.judge.estimate import TRANSFER, Judgement, assess
from headstart.judge.shortcuts import Shortcut, caution, find_shortcuts, names_alike
from headstart.judge.shortcuts import finding as shortcut_finding
from headstart.machine import Machine
from headstart.methods.kept import Kept
from headstart.prepare.source import Prepared, baseline_spaces
from headstart.said import N_, _

FILE_NAME = N_("file name")
TONES: dict[str, Tone] = {"helps": "good", "hurts": "bad"}


@dataclass(frozen=True)
class Answer:
    """Score and verdict, and the one doubt that belongs to the verdict.

    Attributes
    ----------
    judgement : Judgement
        Its verdict knows of shortcuts.
    findings : list of Finding
        On shortcuts.
    """

    judgement: Judgement
    findings: list[Finding]

    def events(self) -> list[Event]:
        """Say it, as it should be read at once."""
        found, verdict = self.judgement.estimate, self.judgement.verdict
        low, high = found["accuracy_ci95"]
        several = "micro_f1" in found
        accuracy = _(
            "Accuracy {accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}; {protocol}).",
            accuracy=found["accuracy"],
            low=low,
            high=high,
            protocol=found["protocol"],
        )
        tone: Tone = ""
        if verdict is None:
            best = max(self.judgement.baselines, key=lambda b: float(b["accuracy"]))
            said = _(
                "No verdict on transfer: nothing was pretrained here. The best of the simple "
                "rivals is right on {accuracy:.1%} ({name}).",
                accuracy=best["accuracy"],
                name=_(best["name"]),
            )
        else:
            said = _("Verdict: {verdict}", verdict=verdict.sentence())
            tone = "unsure" if verdict.caution else TONES.get(verdict.decision, "unsure")
        return [
            Event(_("answering"), message=accuracy, level="answer"),
            *([Event(_("answering"), message=_beside(found), level="answer")] if several else []),
            Event(_("answering"), message=said, level="answer", tone=tone),
        ]


def _beside(found: dict[str, Any]) -> str:
    """Say what accuracy is where examples have several labels, and how good single labels are."""
    return _(
        "That is the share of labels that are right, among those an example has or was given. F1 "
        "is {macro:.3f} on average over labels and {micro:.3f} over all of them together; every "
        "label of an example is right for {exact:.1%}.",
        macro=found["macro_f1"],
        micro=found["micro_f1"],
        exact=found["subset_accuracy"],
    )


def answer(
    prepared: Prepared, kept: Kept, machine: Machine, picked: Picked | None = None
) -> Answer:
    """Judge on held-out examples; look for shortcuts that would make the score worth nothing."""
    judgement = estimate(prepared, kept, machine, picked)
    shortcuts = shortcuts_in(prepared, judgement)
    if judgement.verdict is not None:
        verdict = replace(judgement.verdict, caution=caution(shortcuts))
        judgement = replace(judgement, verdict=verdict)
    return Answer(judgement, shortcut_findings(prepared, shortcuts, judgement))


def estimate(
    prepared: Prepared, kept: Kept, machine: Machine, picked: Picked | None = None
) -> Judgement:
    """Estimate the score on held-out examples and judge transfer against the baselines.

    Where the backbone was picked, the estimate is that of picking one anew in every fold.
    """
    labels, classes = prepared.labels, prepared.dataset.classes
    own = kept.outcome
    spaces = baseline_spaces(prepared)
    if own is None and picked is not None:
        own = picked.outcome(prepared, kept.plan)
    if own is None:
        spaces[TRANSFER] = prepared.features.vectors[0]
    tick = machine.ticker(_("judging on held-out folds"))
    outcomes = judge_folds(spaces, labels, kept.plan.folds, workers=machine.workers, tick=tick)
    own = own or outcomes.pop(TRANSFER)
    baselines = {**outcomes, **kept.baselines}
    judgement = assess(own, baselines, labels, kept.plan, classes=classes)
    if not prepared.engine.card.learned:  # nothing is transferred, so there is nothing to judge
        return replace(judgement, verdict=None)
    if kept.pretrained is not None:
        # Nothing was transferred into this model; the verdict is still about transfer.
        transferred = assess(kept.pretrained, baselines, labels, kept.plan, classes=classes)
        return replace(judgement, verdict=transferred.verdict)
    return judgement


def shortcuts_in(prepared: Prepared, judgement: Judgement | None = None) -> list[Shortcut]:
    """Find circumstances of the training examples that tell their classes without a look."""
    train, dataset = prepared.train, prepared.dataset
    if dataset.several:  # a circumstance may well go with one of many labels
        return []
    modality, examples = dataset.modality, dataset.examples.take(train)
    told: list[dict[str, Any]] = [
        dict(modality.circumstances(prepared.features.digests[i])) for i in train
    ]
    labels = prepared.labels.of(train)
    if examples.items.kind == "file":
        named = names_alike(examples.refs, dataset.classes, labels.y)
        told = [{**one, FILE_NAME: name} for one, name in zip(told, named, strict=True)]
    model = 1.0 if judgement is None else judgement.estimate["balanced_accuracy"]
    return find_shortcuts(told, labels, model, of_content=modality.of_content)


def shortcut_findings(
    prepared: Prepared, found: list[Shortcut], judgement: Judgement | None = None
) -> list[Finding]:
    """Word them, if there are any."""
    model = None if judgement is None else judgement.estimate["balanced_accuracy"]
    unit = prepared.dataset.modality.unit
    return [shortcut_finding(found, prepared.labels, unit, model)] if found else []
