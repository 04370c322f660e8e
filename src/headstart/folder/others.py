"""Runs of other kinds than those that tell classes: which one a folder holds, and what opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import ArtifactError
from headstart.folder.adviser import is_adviser
from headstart.folder.extractor import is_extractor
from headstart.folder.layout import MODEL
from headstart.folder.recogniser import identifies
from headstart.folder.tagger import is_tagger
from headstart.folder.translator import is_translator
from headstart.said import N_, _


@dataclass(frozen=True)
class Other:
    """A kind of run.

    Attributes
    ----------
    holds : callable
        Whether a model folder is of this kind; it is not verified.
    says : str
        That it is, marked with ``N_``.
    opener : str
        The public class that opens it.
    """

    holds: Callable[[Path], bool]
    says: str
    opener: str


OTHERS = (
    Other(is_adviser, N_("{folder!r} is a run of `recommend`."), "RecommendRun"),
    Other(is_extractor, N_("{folder!r} is a run of `keywords`."), "KeywordRun"),
    Other(is_translator, N_("{folder!r} is a run of `translate`."), "TranslateRun"),
    Other(is_tagger, N_("{folder!r} tags words."), "TagRun"),
    Other(identifies, N_("{folder!r} is a run that knows who is who."), "IdentifyRun"),
)


def other_of(folder: Path) -> Other | None:
    """Return the kind of a run folder; None for one that tells classes, or is none."""
    return next((kind for kind in OTHERS if kind.holds(folder / MODEL)), None)


def refuse_others(folder: Path) -> None:
    """Raise ``ArtifactError`` for a run that does not tell classes."""
    if kind := other_of(folder):
        raise ArtifactError(
            _(kind.says, folder=str(folder)),
            _("Load it with headstart.{name}.", name=kind.opener),
        )
