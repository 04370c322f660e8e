"""The numbers of a report: read from a run folder's files, derived by arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Card
from headstart.data.formats import is_table
from headstart.errors import ArtifactError, UnknownNameError
from headstart.folder.layout import (
    HISTORY,
    METRICS,
    MODEL,
    PICTURES,
    PREDICTIONS,
    RUN,
    SPLIT,
)
from headstart.folder.model import read_card, size_of_head
from headstart.folder.reading import MEND, read_document, read_predictions
from headstart.judge.intervals import Interval, wilson
from headstart.modalities import DEFAULT, EXAMPLE, Modality, Unit, modality
from headstart.report.adaptation_facts import Adaptation, read_adaptation
from headstart.report.curves import Curves, read_curves
from headstart.said import _, commas
from headstart.tasks import Encoded, Task
from headstart.tasks import metrics as scores
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import MultiLabel

FEW = 20
"""Below so many held-out examples a class is never flagged: its recall is mostly luck."""


@dataclass(frozen=True)
class ClassRow:
    """How the model does on one class; ``None`` where there is nothing to divide by.

    Attributes
    ----------
    n : int
        Held-out examples of the class.
    precision : float or None
        Of the examples called this class, the share that is.
    recall : float or None
        Of the examples of this class, the share that was found, with Wilson's 95 % interval.
    f1 : float or None
        Harmonic mean of both.
    weak : bool
        The whole interval of the recall lies below the accuracy over all classes, and the class
        has at least ``FEW`` examples.
    """

    name: str
    n: int
    precision: float | None
    recall: float | None
    recall_ci95: Interval | None
    f1: float | None
    weak: bool


@dataclass(frozen=True)
class Mixup:
    """``count`` examples of ``truth`` (a ``share`` of them) were called ``said``."""

    truth: str
    said: str
    count: int
    share: float


@dataclass(frozen=True)
class Facts:
    """All a report shows.

    Attributes
    ----------
    name : str
        Of the run folder, as the reader will type it.
    metrics, run, split, pictures : dict
        The files of these names; ``pictures`` is empty where the run kept none.
    card : Card
        Of the backbone.
    head_size : int
        Numbers in the fitted head.
    task : Task
    y : ndarray
        True classes of the held-out examples, as the task encodes them.
    out : ndarray of shape (n_held, n_outputs)
        The answers.
    curves : Curves or None
        How the network was trained, epoch by epoch; None where nothing is on record.
    """

    name: str
    metrics: dict[str, Any]
    run: dict[str, Any]
    split: dict[str, Any]
    pictures: dict[str, Any]
    card: Card
    head_size: int
    task: Task
    y: Encoded
    out: NDArray[np.float64]
    curves: Curves | None

    @cached_property
    def modality(self) -> Modality[Any, Any] | None:
        """What the examples are; None where that plug-in is not installed here."""
        try:
            return modality(self.metrics.get("modality", DEFAULT))
        except UnknownNameError:
            return None

    @property
    def unit(self) -> Unit:
        """What sentences call an example."""
        return self.modality.unit if self.modality else EXAMPLE

    @property
    def in_files(self) -> bool:
        """Whether an example may lie in a file of its own, as those of the run may have."""
        kinds = self.modality.kinds if self.modality else ("file",)
        in_cells = "cell" in kinds and is_table(Path(self.run["config"]["data"]))
        return "file" in kinds and not in_cells

    @property
    def hints(self) -> tuple[str, ...]:
        """How to read an explained example."""
        return self.modality.hints if self.modality else ()

    @property
    def rival_says(self) -> dict[str, str]:
        """What the baselines of this modality are, by name."""
        rivals = self.modality.rivals if self.modality else {}
        return {name: rival.says for name, rival in rivals.items()}

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the columns of ``out``."""
        return list(self.metrics["classes"])

    @property
    def several(self) -> dict[str, Any] | None:
        """Scores of each label, where examples may have several; else None."""
        return self.metrics.get("labels")

    @property
    def label_rows(self) -> list[dict[str, Any]]:
        """One row per label of several, the weakest (by F1) first, labels without any last."""
        rows = (self.several or {}).get("rows", [])
        return sorted(rows, key=lambda row: (row["f1"] is None, row["f1"]))

    @property
    def points(self) -> list[dict[str, Any]]:
        """Points of the embedding map; none where the run kept no pictures."""
        return list(self.pictures.get("map", {}).get("points", []))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Most probable class of every held-out example."""
        return self.out.argmax(axis=1).astype(np.int64)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts by (true class, predicted class): ``(K, K)``."""
        return scores.confusion(self.y, self.predicted, len(self.classes))

    @cached_property
    def per_class(self) -> list[ClassRow]:
        """One row per class, the weakest (by F1) first, classes without examples last."""
        rows = [class_row(name, c, self.confusion) for c, name in enumerate(self.classes)]
        return sorted(rows, key=lambda row: (row.f1 is None, row.f1))

    @cached_property
    def mixups(self) -> list[Mixup]:
        """The ten most frequent mistakes, counted by (truth, answer)."""
        return most_frequent(self.confusion, self.classes, 10)

    @cached_property
    def reliability(self) -> list[dict[str, float]]:
        """Confidence, accuracy and count per bin of confidence."""
        return scores.reliability_of(*self.task.stated(self.y, self.out))

    @property
    def rivals(self) -> list[dict[str, Any]]:
        """Baselines, the best first."""
        return sorted(self.metrics["baselines"], key=lambda b: -float(b["accuracy"]))

    @property
    def training(self) -> dict[str, Any] | None:
        """How the network itself was trained; None where it is frozen and only has a head."""
        return self.metrics.get("training")

    @property
    def head_tried(self) -> dict[str, Any]:
        """The head chosen for the frozen network, with ``candidates``; often the one kept."""
        head: dict[str, Any] = self.metrics["head"]
        return {**head, **head.get("probe", {})}

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Methods that were compared, in the order tried; none where there was no choice."""
        found = list(self.metrics.get("candidates") or [])
        return found if len(found) > 1 else []

    @property
    def choice(self) -> dict[str, Any]:
        """Why the method was chosen, and the budget."""
        return dict(self.metrics.get("choice") or {})

    @property
    def abstention(self) -> dict[str, Any] | None:
        """When to give no answer, and what that costs; None where it was not measured."""
        return self.metrics.get("abstention")

    @property
    def risk(self) -> list[dict[str, float]]:
        """Share answered and error among the answered, the fewest answers first."""
        curve = (self.abstention or {}).get("curve") or []
        known = [p for p in curve if p["error"] is not None]
        return sorted(known, key=lambda p: float(p["coverage"]))

    @property
    def unfamiliar(self) -> dict[str, Any] | None:
        """How often a familiar example is called unfamiliar."""
        return self.metrics.get("unfamiliar")

    @property
    def label_issues(self) -> dict[str, Any] | None:
        """Labels that are likely wrong; None where they were not looked for."""
        return self.metrics.get("label_issues")

    @property
    def looks(self) -> list[dict[str, Any]]:
        """Examples with a map of what spoke for the answer; none where the run kept none."""
        return list(self.pictures.get("explanations") or [])

    @cached_property
    def adaptation(self) -> Adaptation | None:
        """How the model was adapted to examples without labels; None where it was not asked to."""
        return read_adaptation(self.metrics, self.pictures)

    @property
    def ranking(self) -> dict[str, Any] | None:
        """The backbones that were compared; None where there was only one."""
        return self.metrics.get("ranking")

    @property
    def layer(self) -> dict[str, Any] | None:
        """Which layer the head stands on, and which were compared; None where it is the last."""
        return self.metrics.get("layer")

    @property
    def compared(self) -> list[dict[str, Any]]:
        """Tests against every baseline, the smallest gain first."""
        found = (self.metrics["verdict"] or {}).get("rivals") or []
        return sorted(found, key=lambda r: float(r["gain"]))

    @property
    def harmed(self) -> list[dict[str, Any]]:
        """Classes on which transfer is clearly worse, the worst first."""
        found = (self.metrics["verdict"] or {}).get("per_class") or []
        return sorted((c for c in found if c["harmed"]), key=lambda c: float(c["gain"]))


def read(folder: Path, name: str) -> Facts:
    """Read a run folder.

    Parameters
    ----------
    folder : Path
        Holds metrics.json, run.json, split.json, predictions.csv, model/ and perhaps
        pictures.json and history.csv.
    name : str
        What to call the run.

    Raises
    ------
    ArtifactError
        A file that is missing or cannot be read.
    """
    metrics = read_document(folder / METRICS)
    _refuse_partial(folder)
    pictures = read_document(folder / PICTURES) if (folder / PICTURES).exists() else {}
    task = task_of(metrics)
    y, out = read_predictions(folder / PREDICTIONS, task)
    facts = Facts(
        name=name,
        metrics=metrics,
        run=read_document(folder / RUN),
        split=read_document(folder / SPLIT),
        pictures=pictures,
        card=read_card(folder / MODEL),
        head_size=size_of_head(folder / MODEL),
        task=task,
        y=y,
        out=out,
        curves=_curves(folder / HISTORY, metrics),
    )
    _refuse_strangers(folder, facts)
    return facts


def _refuse_partial(folder: Path) -> None:
    """Refuse a run that was sent without what shows its data; it answers, but has no report."""
    if (folder / PREDICTIONS).exists() or (folder / SPLIT).exists():
        return
    raise ArtifactError(
        _(
            "{folder} has no {files}, so there is no report of it.",
            folder=str(folder),
            files=commas([PREDICTIONS, SPLIT]),
        ),
        _(
            "A run that `headstart push` sent without {option} has none: report it where it was "
            "made, or send it with {option}. Its scores are in {metrics}.",
            option="--pictures",
            metrics=METRICS,
        ),
    )


def task_of(metrics: dict[str, Any]) -> Task:
    """Return the task of a run by its name; before there were several, runs said none."""
    kind = MultiLabel if "labels" in metrics else Classification
    return kind(tuple(metrics["classes"]))


def _refuse_strangers(folder: Path, facts: Facts) -> None:
    """Refuse points that are of no class of the run, and findings without their figures."""
    strange = {point["label"] for point in facts.points} - set(facts.classes)
    if strange:
        said = _(
            "{file} cannot be read: the map shows a class {name!r} that {metrics} does not have.",
            file=str(folder / PICTURES),
            name=min(strange),
            metrics=METRICS,
        )
        raise ArtifactError(said, _(MEND))
    shift = facts.adaptation.shift if facts.adaptation else {}
    points = [p for rows in (shift.get("map") or {}).values() for p in rows or []]
    if any(point[2] >= len(facts.classes) for point in points):
        said = _(
            "{file} cannot be read: at adaptation.shift.map a point is of none of the {n} classes.",
            file=str(folder / METRICS),
            n=len(facts.classes),
        )
        raise ArtifactError(said, _(MEND))


def class_row(name: str, c: int, confusion: NDArray[np.int64]) -> ClassRow:
    """Score class ``c`` of a confusion matrix.

    Examples
    --------
    >>> row = class_row("cat", 0, np.array([[3, 1], [2, 4]]))
    >>> row.n, row.precision, row.recall, round(row.f1, 3), row.weak
    (4, 0.6, 0.75, 0.667, False)
    """
    hits, n, called = (int(x) for x in (confusion[c, c], confusion[c].sum(), confusion[:, c].sum()))
    interval = wilson(hits, n) if n else None
    overall = np.trace(confusion) / max(confusion.sum(), 1)
    return ClassRow(
        name,
        n,
        precision=hits / called if called else None,
        recall=hits / n if n else None,
        recall_ci95=interval,
        f1=2 * hits / (n + called) if n + called else None,
        weak=interval is not None and n >= FEW and bool(interval[1] < overall),
    )


def most_frequent(confusion: NDArray[np.int64], classes: list[str], limit: int) -> list[Mixup]:
    """List the largest cells beside the diagonal, largest first.

    Examples
    --------
    >>> most_frequent(np.array([[3, 1], [2, 2]]), ["cat", "dog"], 1)
    [Mixup(truth='dog', said='cat', count=2, share=0.5)]
    """
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    cells = [divmod(int(i), len(classes)) for i in order]
    return [
        Mixup(classes[t], classes[s], int(wrong[t, s]), float(wrong[t, s] / confusion[t].sum()))
        for t, s in cells
        if wrong[t, s]
    ]


def _curves(path: Path, metrics: dict[str, Any]) -> Curves | None:
    """Read the curves of the method that was chosen, where it has any."""
    if not metrics.get("training"):
        return None
    chosen = (c["name"] for c in metrics.get("candidates") or [] if c["chosen"])
    return read_curves(path, next(chosen, ""))
