"""What a method beyond the probe leaves of its work within a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.features.engines import Engine
from headstart.findings import Finding
from headstart.judge.crossval import Outcome
from headstart.transfer import FittedModel

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.choose.compete import Trial
    from headstart.transfer.parts import Point


@dataclass(frozen=True)
class HeldOut:
    """Answers by models that did not train on the row.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Each once.
    proba : ndarray of shape (n, K)
    fold : ndarray of int64, shape (n,)
        By which of the models.
    """

    rows: NDArray[np.int64]
    proba: NDArray[np.floating]
    fold: NDArray[np.int64]

    @classmethod
    def of(
        cls, proba: Sequence[NDArray[np.floating]], held: Sequence[NDArray[np.int64]]
    ) -> HeldOut:
        """Join the answers of folds that cover no row twice."""
        fold = np.repeat(np.arange(len(held)), [len(rows) for rows in held])
        return cls(np.concatenate(held), np.concatenate(proba), fold)


@dataclass
class Kept:
    """What came of the methods beyond the probe.

    Attributes
    ----------
    entries : list of dict
        Every candidate, as ``metrics.json`` has it.
    sentence : str
        Why this method was kept.
    outcome : Outcome or None
        Held-out answers on the folds of the estimate; None where they are those of the probe.
    held_out : HeldOut or None
        Where the estimate has a test set: answers of the method for training rows.
    probe : Outcome or None
        Those of the probe, on the same folds, where the model is from scratch: the verdict is
        about transfer all the same.
    trial : Trial or None
        How the network was tried; None where none is kept.
    model : FittedModel or None
        None where the probe is kept.
    backbone : Backbone or None
        The trained network.
    engine : Engine or None
        Of all layers, where the model works on those.
    features : ndarray of shape (n_trained, dim) or None
        Embeddings by the trained network, of the rows it was trained on.
    trained : ndarray of int64, shape (n_trained,), or None
        Those rows.
    baselines : dict of str to Outcome
        Networks trained from scratch.
    curves : list of (str, Point)
    """

    entries: list[dict[str, Any]]
    sentence: str
    outcome: Outcome | None = None
    held_out: HeldOut | None = None
    probe: Outcome | None = None
    trial: Trial | None = None
    model: FittedModel | None = None
    backbone: Backbone | None = None
    engine: Engine | None = None
    features: NDArray[np.float32] | None = None
    trained: NDArray[np.int64] | None = None
    training: dict[str, Any] | None = None
    baselines: dict[str, Outcome] = field(default_factory=dict)
    curves: list[tuple[str, Point]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
