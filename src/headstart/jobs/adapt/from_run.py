"""An adaptation from a run folder: its examples are not needed.

The model is all there is of the source, with what it keeps of its training embeddings. So nothing
can be checked on labelled examples, and less is tried; what the run says of the source stays.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from headstart.adaptation.names import PLAIN
from headstart.adaptation.precedents import SOURCE_FREE, precedents
from headstart.adaptation.sourcefree import Selected, SourceFree, Tried, select_source_free
from headstart.errors import ArtifactError
from headstart.folder.files import write_json
from headstart.folder.layout import (
    HISTORY,
    ISSUES,
    METRICS,
    MODEL,
    MODEL_JSON,
    PICTURES,
    PREDICTIONS,
    RUN,
    SPLIT,
)
from headstart.folder.model import save_with_head
from headstart.folder.reading import read_document
from headstart.jobs.adapt.asked import Asked
from headstart.jobs.adapt.section import Section
from headstart.jobs.adapt.source import Sections, Settled
from headstart.jobs.adapt.target import Given, model_for, open_target
from headstart.jobs.clock import Clock
from headstart.jobs.record import describe_head
from headstart.machine import Machine
from headstart.prepare.config import Config
from headstart.prepare.refusals import refuse_study_of_several_labels
from headstart.prepare.target import Target, read_target
from headstart.run import Run
from headstart.said import _
from headstart.transfer import FittedModel, Moments

KEPT = (PREDICTIONS, HISTORY, SPLIT, RUN, ISSUES)
"""Files that speak of the source, taken over as they are."""


def is_run(folder: str | Path) -> bool:
    """Whether a path leads to a run folder."""
    return Path(folder, MODEL, MODEL_JSON).is_file()


@dataclass(frozen=True)
class Look:
    """The target, read and embedded; of the source there is only the model."""

    given: Given
    target: Target


@dataclass(frozen=True)
class FromRun:
    """A finished run as the source.

    Attributes
    ----------
    config : Config
        ``x``, ``encoding``, ``strict`` and ``seed`` of it count.
    before : Run
    moments : Moments
        Of the training embeddings of its model.
    """

    config: Config
    asked: Asked
    machine: Machine
    clock: Clock
    before: Run
    moments: Moments

    @classmethod
    def of(cls, config: Config, asked: Asked, machine: Machine, clock: Clock) -> FromRun:
        """Load the model.

        Raises
        ------
        ArtifactError
            The run cannot be read, or keeps too little of its training.
        """
        before = Run(config.data)
        refuse_study_of_several_labels("adapt", before.saved.model.thresholds is not None)
        moments = before.saved.model.moments
        if moments is None:
            raise ArtifactError(
                _(
                    "The model in {folder} keeps nothing of its training embeddings to adapt by.",
                    folder=str(config.data),
                ),
                _(
                    "Train it again with this version and --method probe (layers and mix keep "
                    "nothing), or give the labelled examples as SOURCE."
                ),
            )
        return cls(config, asked, machine, clock, before, moments)

    @property
    def model(self) -> FittedModel:
        """That of the run."""
        return self.before.saved.model

    def look(self) -> Look:
        """Embed the target as ``predict`` would."""
        before, columns = self.before, self.before.saved.card.look.columns
        given = open_target(
            self.asked, self.config, self.machine, before.modality, columns, before.column
        )
        features = before.embed(given.listed.examples, self.machine.on_event)
        return Look(given, read_target(self.config, given.listed, features))

    def choose(self, look: Look) -> Selected:
        """Choose by the answers for the target alone."""
        model, X = self.model, look.target.X.astype(np.float64)
        domain = SourceFree(
            model.head, self.moments, X, model.temperature, self.config.seed,
            look.target.data.examples.modality.unit,
        )  # fmt: skip
        tick = self.machine.ticker(_("adapting"))
        with self.clock.timed("adapt_s"), threadpool_limits(1):  # see judge.crossval.in_threads
            return select_source_free(domain, tick=tick)

    def judge(self, look: Look, choice: Selected) -> Settled:
        """Make the model for the target; what the run says of the source stays."""
        before, model, target = self.before, self.model, look.target
        adapted, C, unfamiliar = model, before.metrics["head"]["C"], before.metrics["unfamiliar"]
        if choice.name != PLAIN:
            temperature = model.temperature if choice.head.kind == model.head.kind else 1.0
            with threadpool_limits(1):
                adapted, found = model_for(target, model, choice.head, temperature, self.machine)
            C, unfamiliar = None, found.to_json()
        numbers = {
            **before.metrics,
            "method": adapted.method,
            "head": describe_head(adapted, C, before.metrics["head"]),
            "unfamiliar": unfamiliar,
            "findings": [*_of_source(before), *(vars(f) for f in target.findings)],
        }
        return Settled(
            given=look.given,
            model=adapted,
            target=target,
            section=Section(
                choice=_said(choice, before.classes, len(target.data)),
                source=before.folder.name,
                n_source=before.metrics["n"]["train"],
                target=target,
            ),
            selection=choice,
            answered={t.name: t.answers for t in choice.tried if t.answers is not None},
            source_only=model.predict_proba(target.X).argmax(axis=1),
            record=partial(self._record, numbers, adapted, target),
        )

    def _record(
        self,
        numbers: dict[str, Any],
        model: FittedModel,
        target: Target,
        folder: Path,
        section: Sections,
        shown: Sections,
    ) -> None:
        before = self.before.folder
        for name in KEPT:
            if (before / name).is_file():
                shutil.copy(before / name, folder / name)
        pictures = {}
        if (before / PICTURES).is_file():
            pictures = read_document(before / PICTURES)
        write_json(folder / PICTURES, {**pictures, "adaptation": shown})
        timing = {
            **numbers["timing"],
            "total_s": round(self.clock.total, 3),
            "embed_s": round(target.features.seconds, 3),
            "adapt_s": round(self.clock.parts["adapt_s"], 3),
            "forward_examples": target.features.forward_examples,
            "cache_hits": target.features.cache_hits,
        }
        numbers = {**numbers, "adaptation": section, "timing": timing}
        write_json(folder / METRICS, numbers)
        save_with_head(before / MODEL, folder / MODEL, model)


def _said(selected: Selected, classes: tuple[str, ...], n: int) -> dict[str, Any]:
    """Return the choice, for ``n`` examples of the target, as the section ``adaptation`` has it."""
    adapted = selected.name != PLAIN
    measured = precedents(SOURCE_FREE, n, len(classes)) if adapted else None
    return {
        "decision": "adapted" if adapted else "not adapted",
        "chosen": selected.name,
        "sentence": selected.sentence,
        "reason": selected.reason,
        "sure": selected.sure,
        "measured": measured and measured.to_json(),
        "candidates": [_candidate(t, classes, t.name == selected.name) for t in selected.tried],
        "evidence": [],
    }


def _candidate(tried: Tried, classes: tuple[str, ...], chosen: bool) -> dict[str, Any]:
    return {
        "family": "source-free",
        "source_accuracy": None,
        "source_accuracy_ci95": None,
        "rank": None,
        "seconds": None,
        "target_accuracy": None,
        "target_accuracy_ci95": None,
        **tried.to_json(),
        "shares": dict(zip(classes, tried.shares, strict=False)),
        "chosen": chosen,
    }


def _of_source(before: Run) -> list[dict[str, Any]]:
    """Return what was found in the source; not what an earlier adaptation said of its target."""
    return [f for f in before.metrics["findings"] if f["kind"] != "target"]
