"""What a method leaves of its work: a model, and what is needed to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.features.engines import Engine
from headstart.findings import Finding
from headstart.judge.crossval import Outcome
from headstart.judge.estimate import Plan
from headstart.transfer import FittedModel

if TYPE_CHECKING:
    from headstart.backbones.network import Backbone
    from headstart.methods.compared import Compared
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


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that was trained, where the model works on one.

    Attributes
    ----------
    backbone : Backbone
    rows : ndarray of int64, shape (n_trained,)
        What it was trained on.
    features : ndarray of float32, shape (n_trained, dim)
        Embeddings by it of those rows.
    training : dict or None
        How, as ``metrics.json`` has it.
    """

    backbone: Backbone
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    training: dict[str, Any] | None = None


@dataclass(frozen=True)
class Kept:
    """What came of a method.

    Attributes
    ----------
    model : FittedModel
    C : float or None
        Inverse regularisation of its head; None where that was not fitted with one.
    plan : Plan
        The folds of the estimate.
    sentence : str
        Why this method was kept; "" where nothing was to choose.
    compared : Compared or None
        The candidates it was chosen among.
    outcome : Outcome or None
        Held-out answers on the folds of the estimate; None where they are those of the probe.
    held_out : HeldOut or None
        Where the estimate has a test set: answers of the method for training rows.
    pretrained : Outcome or None
        Answers of the probe on the same folds, where the model is from scratch: the verdict is
        about transfer all the same.
    network : TrainedNetwork or None
        Where one was trained.
    layers : Engine or None
        What runs all layers, where the model works on those.
    layer : dict or None
        Which layer was chosen, and among which, as ``metrics.json`` has it.
    baselines : dict of str to Outcome
        Networks trained from scratch.
    curves : tuple of (str, Point)
    findings : tuple of Finding
    """

    model: FittedModel
    C: float | None
    plan: Plan
    sentence: str = ""
    compared: Compared | None = None
    outcome: Outcome | None = None
    held_out: HeldOut | None = None
    pretrained: Outcome | None = None
    network: TrainedNetwork | None = None
    layers: Engine | None = None
    layer: dict[str, Any] | None = None
    baselines: dict[str, Outcome] = field(default_factory=dict)
    curves: tuple[tuple[str, Point], ...] = ()
    findings: tuple[Finding, ...] = ()
