"""Findings: what a check noticed, worth a line to the user and a record in ``metrics.json``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """Something a check noticed, worth a line to the user and a record in ``metrics.json``.

    Attributes
    ----------
    kind : str
        ``"unreadable"``, ``"duplicates"``, ``"imbalance"``, ``"order"``, ``"note"``...
    severity : {"info", "warning"}
        A warning changes how far the score can be trusted.
    message : str
        One or two sentences: what was found, and the mend.
    figures : dict
        The numbers behind it, and the files it names.
    """

    kind: str
    severity: str
    message: str
    figures: dict[str, object] = field(default_factory=dict)
