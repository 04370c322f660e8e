"""The curves of trainings on disk: ``history.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.transfer.parts import Point


def write_curves(path: Path, curves: Mapping[str, Sequence[Point]]) -> None:
    """Write the curves of every fit, by its label: one row an epoch and split."""
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["step", "split", "loss", "accuracy", "lr", "seconds", "fit"])
        for fit, points in curves.items():
            for p in points:
                shares = ["" if v is None else f"{v:.6f}" for v in (p.loss, p.accuracy)]
                row = [p.epoch, p.split, *shares, f"{p.lr:.3g}", f"{p.seconds:.2f}", fit]
                table.writerow(row)
