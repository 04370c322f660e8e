"""Target labels, if there are any, stay sealed until the choice is made."""

from __future__ import annotations

from typing import Final

import numpy as np

from headstart.adaptation.outcome import Selection
from headstart.adaptation.sourcefree import Selected
from headstart.errors import HeadstartError
from headstart.said import _
from headstart.transfer.logistic import Ints


class SealedError(HeadstartError, RuntimeError):
    """Target labels were asked for before the choice was made."""


class TargetLabels:
    """Labels of the target, for the report only.

    They open for a finished choice and for nothing else, so
    that no choice can be made on them, not even by mistake.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Classes, 0 to K - 1.
    """

    __slots__ = ("_labels",)

    def __init__(self, labels: Ints) -> None:
        self._labels: Final = np.array(labels, np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def __repr__(self) -> str:
        return f"TargetLabels({len(self)} labels, sealed)"

    def reveal(self, selection: Selection | Selected) -> Ints:
        """Open them, now that nothing can be changed any more.

        Parameters
        ----------
        selection : Selection or Selected
            What :func:`~headstart.adaptation.select.select` returned, or
            :func:`~headstart.adaptation.sourcefree.select_source_free`.

        Returns
        -------
        ndarray of int64, shape (n,)
            A copy.

        Raises
        ------
        SealedError
            The choice has not been made.
        """
        if not isinstance(selection, Selection | Selected):
            raise SealedError(
                _(
                    "The labels of the target stay sealed until a method has been chosen: got "
                    "{kind} instead of a finished Selection.",
                    kind=type(selection).__name__,
                ),
                _("Call select() first, without them."),
            )
        return self._labels.copy()
