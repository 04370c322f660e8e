"""How training went, epoch by epoch: from a run's ``history.csv``.

The table holds one row per epoch and split of every fit of every method tried. Its ``fit`` column
says which: ``NAME / fold 1``, ``NAME / fold 2``, ... and ``NAME / final`` for the model that was
kept. Runs from before there was fine-tuning have rows of heads only, which are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data.cells import unguarded
from headstart.folder.reading import read_rows

TRAINING, VALIDATION = "training", "validation"
FINAL = "final"
HUGE = 1e12
"""No loss, and no rate, is larger; a chart could not hold it."""
FIT = re.compile(r"(?P<method>.*) / (?P<part>fold \d+|final)")


@dataclass(frozen=True)
class Epoch:
    """One point of a curve; ``None`` where nothing was measured.

    Attributes
    ----------
    step : int, from 1
    loss : float or None
        Mean over the examples, in nats.
    accuracy : float or None, 0..1
    lr : float or None
        Learning rate at the end of the epoch.
    """

    step: int
    loss: float | None
    accuracy: float | None
    lr: float | None


@dataclass(frozen=True)
class Curves:
    """The fits of one method.

    Attributes
    ----------
    folds : int
        Fits that ``training`` and ``validation`` are means over; 0 where there is only the final
        one, which then stands for them.
    training, validation : tuple of Epoch
        Epochs that every one of these fits reached.
    final : tuple of Epoch
        Training of the model that was kept, where it is not ``training`` itself.
    """

    folds: int
    training: tuple[Epoch, ...]
    validation: tuple[Epoch, ...]
    final: tuple[Epoch, ...]

    @property
    def longest(self) -> int:
        """The last epoch of any curve."""
        return max(p.step for p in (*self.training, *self.validation, *self.final))

    def losses(self, split: str) -> list[tuple[int, float]]:
        """Loss by epoch of ``"training"`` or ``"validation"``."""
        curve = self.training if split == TRAINING else self.validation
        return [(p.step, p.loss) for p in curve if p.loss is not None]

    @property
    def rates(self) -> list[tuple[int, float]]:
        """Learning rate by epoch, of the longest fit that is known."""
        known = [
            [(p.step, p.lr) for p in curve if p.lr is not None]
            for curve in (self.final, self.training)
        ]
        return max(known, key=len)


def read_curves(path: Path, method: str = "") -> Curves | None:
    """Read the curves of one method.

    Parameters
    ----------
    path : Path
        A ``history.csv``; it may be missing, or know nothing of epochs.
    method : str
        The name before the slash in the ``fit`` column; empty for that of the model kept.

    Returns
    -------
    Curves or None
        None where no epoch of the method is on record.
    """
    if not path.exists():
        return None
    fits: dict[str, dict[str, dict[str, list[Epoch]]]] = {}  # method, part, split
    rows = (cells for _, cells in read_rows(path))
    columns = next(rows, [])
    for cells in rows:
        row = dict(zip(columns, cells, strict=False))
        named, epoch = FIT.fullmatch(unguarded(row.get("fit", ""))), _epoch(row)
        if named and epoch and row.get("split") in (TRAINING, VALIDATION):
            parts = fits.setdefault(named["method"], {})
            parts.setdefault(named["part"], {}).setdefault(row["split"], []).append(epoch)
    parts = fits.get(method or _kept(fits), {})
    folds = [splits for part, splits in parts.items() if part != FINAL]
    final = parts.get(FINAL, {})
    measured = folds or [final]
    curves = Curves(
        folds=len(folds),
        training=mean(splits.get(TRAINING, []) for splits in measured),
        validation=mean(splits[VALIDATION] for splits in measured if VALIDATION in splits),
        final=mean([final.get(TRAINING, [])]) if folds else (),
    )
    return curves if curves.training or curves.validation or curves.final else None


def mean(fits: Iterable[Sequence[Epoch]]) -> tuple[Epoch, ...]:
    """Average curves over fits, for the epochs that all of them reached.

    Examples
    --------
    >>> first = [Epoch(1, 0.5, 0.8, 0.1), Epoch(2, 0.25, 0.9, 0.05)]
    >>> mean([first, [Epoch(1, 0.75, None, 0.1)]])
    (Epoch(step=1, loss=0.625, accuracy=0.8, lr=0.1),)
    """
    by_step = [{point.step: point for point in fit} for fit in fits]
    shared = set.intersection(*map(set, by_step)) if by_step else set()
    return tuple(
        Epoch(
            step,
            *(
                _mean([getattr(fit[step], value) for fit in by_step])
                for value in ("loss", "accuracy", "lr")
            ),
        )
        for step in sorted(shared)
    )


def _kept(fits: Iterable[str]) -> str:
    """Name the last method on record: the one that is kept is fitted last."""
    return next(reversed(list(fits)), "")


def _epoch(row: dict[str, str]) -> Epoch | None:
    step = _number(row.get("step"))
    if step is None:
        return None
    return Epoch(int(step), *(_number(row.get(name)) for name in ("loss", "accuracy", "lr")))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(cell: str | None) -> float | None:
    """Read a cell; what is empty, no number, or beyond all measure is None."""
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if abs(value) <= HUGE else None
