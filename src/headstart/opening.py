"""Open a finished run, whatever kind it is of."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from headstart.folder.others import other_of
from headstart.keyword_run import KeywordRun
from headstart.kinds import declared
from headstart.recommendation import RecommendRun
from headstart.run import Run
from headstart.tag_run import TagRun
from headstart.translation_run import TranslateRun


@declared
def load(folder: str | Path) -> Run | RecommendRun | KeywordRun | TranslateRun | TagRun:
    """Open a run folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Run, IdentifyRun, RecommendRun, KeywordRun, TranslateRun or TagRun
        By what lies in the folder.

    Raises
    ------
    ArtifactError
        No run folder, from a newer headstart, or tampered with.
    """
    kind = other_of(Path(folder))
    name = kind.opener if kind else "Run"
    opener = getattr(import_module("headstart"), name)
    return opener(folder)
