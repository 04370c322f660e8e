"""What fine-tuning makes small: cross entropy or pairs, and what holds on to what was learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from headstart.errors import ConfigError
from headstart.said import _
from headstart.transfer import losses
from headstart.transfer.network import Network
from headstart.transfer.recipe import Recipe


class Objective(Protocol):
    """What is minimised: (features (B, D), logits (B, K), target (B,) or (B, K)) -> scalar."""

    def __call__(self, network: Network, features: Tensor, logits: Tensor, y: Tensor, /) -> Tensor:
        """Return the mean loss of a batch, penalties included."""


@dataclass(frozen=True)
class Pairs:
    """The mean of ``losses.pairs`` over all pairs in a batch, plus the penalties asked for."""

    anchors: list[Tensor]
    bss: bool

    def __call__(self, network: Network, features: Tensor, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of a batch; what the head says does not count."""
        return losses.pairs(features, y) + _penalties(network, features, self.anchors, self.bss)


@dataclass(frozen=True)
class CrossEntropy:
    """Mean of ``w_y CE`` with smoothed labels, plus the penalties asked for.

    Attributes
    ----------
    smoothing : float
    weight : Tensor of shape (K,) or None
        Of the classes; the mean over all rows is one.
    anchors : list of Tensor
        Weights before training, for L2-SP; empty without it.
    bss : bool
    relation : Tensor of shape (K, S) or None
        For Co-Tuning.
    """

    smoothing: float
    weight: Tensor | None
    anchors: list[Tensor]
    bss: bool
    relation: Tensor | None

    def __call__(self, network: Network, features: Tensor, logits: Tensor, y: Tensor) -> Tensor:
        """Return the loss of a batch; ``y`` is (B,) or, where examples are mixed, (B, K)."""
        each = F.cross_entropy(logits, y, reduction="none", label_smoothing=self.smoothing)
        if self.weight is not None:
            weight = self.weight.to(logits.device)
            each = each * (weight[y] if y.dim() == 1 else y @ weight)
        loss = each.mean()
        loss = loss + _penalties(network, features, self.anchors, self.bss)
        if self.relation is not None and network.source_head is not None and y.dim() == 1:
            said = network.source_head(features)
            relation = self.relation.to(logits.device)
            loss = loss + losses.CO_TUNING_LAMBDA * losses.co_tuning(said, relation, y)
        return loss


def _penalties(network: Network, features: Tensor, anchors: list[Tensor], bss: bool) -> Tensor:
    """Sum what holds on to what was learned; 0 where nothing does."""
    held = features.new_zeros(())
    if anchors:
        pairs = zip(network.tuned(), anchors, strict=True)
        pulled, starts = zip(*((p, a) for p, a in pairs if p.requires_grad), strict=True)
        held = held + losses.L2_SP_ALPHA * losses.l2_sp(pulled, starts)
        held = held + losses.BETA * losses.l2(network.head.parameters())
    if bss:
        held = held + losses.BSS_ETA * losses.bss(features)
    return held


def objective(
    network: Network,
    recipe: Recipe,
    X: NDArray[np.floating],
    y: NDArray[np.int64],
    *,
    balanced: bool,
) -> CrossEntropy | Pairs:
    """Build the objective of a fit from its training rows.

    Parameters
    ----------
    network : Network
        Before training: its weights are the anchors.
    X : ndarray of shape (n, dim)
        Embeddings of the training rows by the pretrained network, for Co-Tuning.
    y : ndarray of int64, shape (n,)
    balanced : bool
        Weigh classes equally.

    Raises
    ------
    ConfigError
        Co-Tuning with a backbone that has lost its source head.
    """
    target, n_classes = torch.from_numpy(y), network.head.out_features
    relation = None
    if "co-tuning" in recipe.keep:
        if network.source_head is None:
            raise ConfigError(
                _(
                    "--keep co-tuning needs the head the backbone was pretrained with, and this "
                    "backbone has none."
                ),
                _("Use --keep l2-sp or bss, or the embedded backbone."),
            )
        with torch.no_grad():
            said = network.source_head(network.place(np.asarray(X, np.float32)))
        relation = losses.relationship(said.softmax(1).cpu(), target, n_classes)
    anchors = [p.detach().clone() for p in network.tuned()] if "l2-sp" in recipe.keep else []
    bss = "bss" in recipe.keep
    if recipe.loss == "pairs":
        return Pairs(anchors, bss)
    weight = losses.class_weights(target, n_classes) if balanced else None
    return CrossEntropy(recipe.label_smoothing, weight, anchors, bss, relation)
