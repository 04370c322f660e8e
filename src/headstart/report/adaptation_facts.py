"""What the report shows of an adaptation: read from metrics.json, gaps filled, rows joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headstart.judge.intervals import Interval
from headstart.said import _

NONE = "no adaptation"
"""The candidate that is always there, and first."""

Row = dict[str, Any]

_CANDIDATE: Row = {
    "family": "", "summary": "", "reference": "", "source_accuracy": None,
    "source_accuracy_ci95": None, "scores": {}, "rank": None, "changed": None,
    "shares": {}, "guards": [], "chosen": False, "seconds": None,
    "target_accuracy": None, "target_accuracy_ci95": None,
}  # fmt: skip
_SHIFT: Row = {
    "auc": None, "auc_ci95": None, "found": False, "sentence": "", "prior": None,
    "least_like": [], "unknown": None, "map": None,
}  # fmt: skip
_PRIOR: Row = {"sentence": "", "huge": False, "classes": []}
_UNKNOWN: Row = {"sentence": "", "flagged": False, "share": None, "share_ci95": None,
                 "examples": []}  # fmt: skip
_TRUTH: Row = {
    "n": 0, "unknown": 0, "accuracy": None, "accuracy_ci95": None, "source_only_accuracy": None,
    "source_only_accuracy_ci95": None, "gain": None, "gain_ci95": None,
    "decision": "cannot tell", "sentence": "", "best": None,
}  # fmt: skip
_LABELLED: Row = {"n": 0, "sentence": "", "chosen": "", "accuracy": None, "accuracy_ci95": None,
                  "candidates": [], "before": None}  # fmt: skip
_MEASURED: Row = {"why": "", "per_class": "", "n": 0, "helped": 0, "worse": 0, "guessing": 0}
SOURCE_FREE = "source-free"
"""The family of all candidates where the source was a run folder."""


@dataclass(frozen=True)
class ClassShare:
    """How frequent a class is in both domains; None where it is not known.

    Attributes
    ----------
    name : str
    source : float or None
        Share of the labels of the source.
    target, target_ci95 : float or None, (float, float) or None
        Share of the target as estimated, with its 95 % interval.
    answers : float or None
        Share of the model's answers on the target.
    moved : bool
        The whole interval lies beside the share of the source.
    """

    name: str
    source: float | None
    target: float | None
    target_ci95: Interval | None
    answers: float | None

    @property
    def moved(self) -> bool:  # noqa: D102
        if self.source is None or self.target_ci95 is None:
            return False
        low, high = self.target_ci95
        return not low <= self.source <= high


@dataclass(frozen=True)
class Adaptation:
    """The part ``adaptation`` of metrics.json, for reading.

    Attributes
    ----------
    found : dict
        As it stands in the file; what is missing or null there is "", [] or None here.
    images : dict
        The part ``adaptation`` of pictures.json: ``least_like``, ``unknown``, ``proposals``, each
        a list of ``{path}`` with what ``Show.large`` made.
    """

    found: Mapping[str, Any]
    images: Mapping[str, Any]

    @property
    def adapted(self) -> bool:
        """Something is adapted; False where it stepped aside."""
        return bool(self.found["decision"] == "adapted")

    @property
    def chosen(self) -> str:
        """Name of the way that was chosen."""
        return str(self.found.get("chosen") or NONE)

    @property
    def sentence(self) -> str:
        """Why it was chosen, as the choice itself says it."""
        return str(self.found.get("sentence") or "")

    @property
    def reason(self) -> str:
        """On what evidence, in a sentence; "" in runs that keep it in ``sentence`` alone."""
        return str(self.found.get("reason") or "")

    @property
    def sure(self) -> str:
        """How sure the choice is: "fairly", "hardly" or "not"."""
        return str(self.found.get("sure") or "not")

    @cached_property
    def measured(self) -> Row | None:
        """What became of choices like this; None where that is not known."""
        told = _MEASURED | _known(self.found.get("measured"))
        return told if told["n"] else None

    @cached_property
    def source(self) -> Row:
        """Name and number of examples of the domain with labels."""
        return {"name": _("the source"), "n": None} | _known(self.found.get("source"))

    @cached_property
    def target(self) -> Row:
        """Name and number of examples of the domain without, and a note on it."""
        return {"name": _("the target"), "n": None, "note": ""} | _known(self.found.get("target"))

    @cached_property
    def candidates(self) -> list[Row]:
        """Every way that was tried: "no adaptation", then by place, the ruled out last."""
        rows = [_CANDIDATE | _known(row) for row in self.found.get("candidates") or []]
        return sorted(rows, key=lambda r: (r["name"] != NONE, bool(r["guards"]), _place(r)))

    @cached_property
    def own(self) -> Row:
        """The candidate that was chosen without labels; labels may have chosen another way."""
        rows = [row for row in self.candidates if row["chosen"]]
        rows += [row for row in self.candidates if row["name"] == self.chosen]
        return rows[0] if rows else _CANDIDATE | {"name": self.chosen}

    @cached_property
    def without_source(self) -> bool:
        """Whether the source was a run folder: its model was there, its examples were not."""
        return {row["family"] for row in self.candidates} == {SOURCE_FREE}

    @cached_property
    def ranked(self) -> bool:
        """Whether the candidates have places."""
        return any(row["rank"] is not None for row in self.candidates)

    @cached_property
    def checked(self) -> bool:
        """Whether the candidates were tried on held-out examples of the source."""
        return any(row["source_accuracy"] is not None for row in self.candidates)

    @cached_property
    def scores(self) -> list[str]:
        """Names of all scores, in the order in which they first appear."""
        return list(dict.fromkeys(name for row in self.candidates for name in row["scores"]))

    @cached_property
    def evidence(self) -> list[Row]:
        """What each score said."""
        blank = {"says": "", "higher_is_better": True, "none": None, "chosen": None,
                 "against": "", "prefers": "neither"}  # fmt: skip
        return [blank | _known(row) for row in self.found.get("evidence") or []]

    @cached_property
    def shift(self) -> Row:
        """How far the domains lie apart; its parts are there or None."""
        return _SHIFT | _known(self.found.get("shift"))

    @cached_property
    def prior(self) -> Row:
        """What is known of the class shares of the target."""
        return _PRIOR | _known(self.shift["prior"])

    @cached_property
    def unknown(self) -> Row | None:
        """What is known of classes that the source does not have; None where nobody looked."""
        return _UNKNOWN | _known(self.shift["unknown"]) if self.shift["unknown"] else None

    @cached_property
    def truth(self) -> Row | None:
        """What labels of the target said after the choice; None without such labels."""
        told = self.found.get("target_labels")
        return _TRUTH | _known(told) if told else None

    @property
    def shown(self) -> str:
        """What labels showed of adapting: "helps", "hurts" or "cannot tell"; "" without such."""
        return str(self.truth["decision"]) if self.truth and self.gain is not None else ""

    @property
    def gain(self) -> float | None:
        """By how much adapting is better, on labels; None where that is not known."""
        return self.truth["gain"] if self.truth and self.adapted else None

    @cached_property
    def labelled(self) -> Row | None:
        """What was learned from labels that came back; None where none did."""
        told = self.found.get("labelled")
        return _LABELLED | _known(told) if told else None

    @cached_property
    def shares(self) -> list[ClassShare]:
        """Every class in both domains, the largest change first."""
        told = {row["class"]: row for row in self.prior["classes"] or []}
        answers = self.own["shares"] or {}
        rows = [
            ClassShare(
                str(name),
                told.get(name, {}).get("source"),
                told.get(name, {}).get("target"),
                _pair(told.get(name, {}).get("target_ci95")),
                answers.get(name),
            )
            for name in dict.fromkeys([*told, *answers])
        ]
        return sorted(rows, key=_change, reverse=True)

    @cached_property
    def least_like(self) -> list[Row]:
        """Target examples that are least like the source, and how they are shown."""
        return self._shown("least_like", self.shift["least_like"])

    @cached_property
    def strangers(self) -> list[Row]:
        """Target examples that seem to be of no class of the source, and how they are shown."""
        return self._shown("unknown", (self.unknown or _UNKNOWN)["examples"])

    @cached_property
    def proposals(self) -> list[Row]:
        """Target examples to label, and how they are shown."""
        return self._shown("proposals", self.found.get("proposals"))

    def _shown(self, part: str, rows: Sequence[Mapping[str, Any]] | None) -> list[Row]:
        """Join rows with how they are shown; ``image`` is None where there is none."""
        shown = {shot["path"]: shot for shot in self.images.get(part) or []}
        blank = {"score": None, "predicted": None, "why": "", "image": None, "text": None}
        return [blank | dict(row) | shown.get(row["path"], {}) for row in rows or []]


def read_adaptation(metrics: Mapping[str, Any], pictures: Mapping[str, Any]) -> Adaptation | None:
    """Return what a run's files say of an adaptation; None where it was none."""
    found = metrics.get("adaptation")
    return Adaptation(found, pictures.get("adaptation") or {}) if found else None


def _known(row: Mapping[str, Any] | None) -> Row:
    return {key: value for key, value in (row or {}).items() if value is not None}


def _place(row: Row) -> float:
    return float("inf") if row["rank"] is None else float(row["rank"])


def _pair(ends: Sequence[float] | None) -> Interval | None:
    return (float(ends[0]), float(ends[1])) if ends else None


def _change(row: ClassShare) -> float:
    """How many times a class became more or less frequent; a percent is added against zeros."""
    now = row.answers if row.target is None else row.target
    if row.source is None or now is None:
        return 0.0
    ratio = (now + 0.01) / (row.source + 0.01)
    return max(ratio, 1 / ratio)
