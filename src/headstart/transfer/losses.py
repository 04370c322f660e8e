"""What fine-tuning adds to the cross entropy, one pure function a method.

Each returns a differentiable scalar, or a constant made once before training; the multiplier of a
penalty is applied by the caller, and its default stands beside the function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.errors import ConfigError
from headstart.said import _

L2_SP_ALPHA = 0.01
"""Multiplier of ``l2_sp`` on the pretrained layers: the default of TLlib (thuml's Transfer Learning
Library), which reruns the published methods under one protocol."""

BETA = 0.01
"""Multiplier of ``l2`` on the new head beside L2-SP: TLlib's default."""

BSS_ETA = 1e-3
"""Multiplier of ``bss``: TLlib's default, for k = 1."""

CO_TUNING_LAMBDA = 2.3
"""Multiplier of ``co_tuning``: TLlib's default."""


def class_weights(y: Tensor, n_classes: int) -> Tensor:
    """Weigh classes so that each counts the same in a mean over rows, however few rows it has.

    For sets of unlike class sizes where every class matters equally; not where the sizes are those
    of real life and plain accuracy is the aim.

    Parameters
    ----------
    y : Tensor of shape (n,), int in 0..K-1
    n_classes : int
        K.

    Returns
    -------
    Tensor of shape (K,), float32, on the device of ``y``

    Notes
    -----
    ``w_k = n / (K_present count_k)``, and 0 for a class without rows, so ``mean_i w[y_i] = 1``: the
    weights of ``logistic.row_weights`` times n. Average ``w[y_i] CE_i`` over the rows of a batch;
    ``cross_entropy(weight=w)`` divides by the weights of the batch instead, which makes a rare
    class count less in those batches that hold it.

    Examples
    --------
    >>> class_weights(torch.tensor([0, 0, 0, 2]), 3)
    tensor([0.6667, 0.0000, 2.0000])
    """
    count = torch.bincount(y, minlength=n_classes)
    present = count > 0
    return torch.where(present, len(y) / (present.sum() * count.clamp(min=1)), 0.0)


def l2(parameters: Iterable[Tensor]) -> Tensor:
    """Pull weights towards zero: for a new head beside ``l2_sp``, not for pretrained layers.

    Parameters
    ----------
    parameters : iterable of Tensor

    Returns
    -------
    Tensor of shape ()
        ``1/2 sum_j ||w_j||^2``; the caller multiplies by ``BETA``. Do not use weight decay on the
        same weights as well.

    References
    ----------
    Li, Grandvalet & Davoine (2018), "Explicit inductive bias for transfer learning with
    convolutional networks", ICML, arXiv:1802.01483, section 3: the second term of L2-SP.
    """
    return _half_sum([w.square().sum() for w in parameters])


def l2_sp(parameters: Iterable[Tensor], anchors: Iterable[Tensor]) -> Tensor:
    """Pull weights towards where they started, so that little data cannot undo the pretraining.

    For a few dozen examples a class and a target much like the source. Not for a target unlike it
    (X-rays, spectrograms), where far weights are the better ones; not together with weight decay on
    the same weights, which pulls them towards zero instead.

    Parameters
    ----------
    parameters : iterable of Tensor
        The pretrained weights that are trained, w.
    anchors : iterable of Tensor
        Copies of their values before training, w0, in the same order and of the same shapes.

    Returns
    -------
    Tensor of shape ()
        ``1/2 sum_j ||w_j - w0_j||^2``, whose gradient is ``w - w0``; the caller multiplies by
        ``L2_SP_ALPHA``.

    Raises
    ------
    ValueError
        Unlike numbers of tensors.

    References
    ----------
    Li, Grandvalet & Davoine (2018), "Explicit inductive bias for transfer learning with
    convolutional networks", ICML, arXiv:1802.01483, section 3: the penalty L2-SP, first term.
    """
    pairs = zip(parameters, anchors, strict=True)
    return _half_sum([(w - w0.detach()).square().sum() for w, w0 in pairs])


def _half_sum(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum() / 2 if terms else torch.zeros(())


def bss(features: Tensor, k: int = 1) -> Tensor:
    """Shrink the weakest directions of a batch of features: those that transfer worst.

    Batch Spectral Shrinkage helps, a little, where labels are few and the backbone is trained; it
    does nothing for frozen features. Not for batches of a few rows: with no more than ``k`` rows it
    is the squared length of all features.

    Parameters
    ----------
    features : Tensor of shape (B, D)
        Of one batch, as the head sees them, not centred.
    k : int, >= 1, default=1
        How many singular values are shrunk; TLlib's default.

    Returns
    -------
    Tensor of shape ()
        ``sum_(i<=k) s_i^2`` over the k smallest of the min(B, D) singular values; the caller
        multiplies by ``BSS_ETA``.

    Notes
    -----
    Squared singular values are the eigenvalues of the smaller Gram matrix. Compared with a
    decomposition of the batch itself that takes a third to a half of the time on one CPU core, and
    the gradient ``2 V V' F`` (V: their eigenvectors) divides neither by a value nor by the gap
    between two, so zeros and ties are harmless. Squaring halves the digits, hence float64.

    References
    ----------
    Chen, Wang, Fu, Long & Wang (2019), "Catastrophic forgetting meets negative transfer: batch
    spectral shrinkage for safe transfer learning", NeurIPS, the definition of L_bss.
    """
    rows = features.double()  # also out of the reach of autocast
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    ascending = torch.linalg.eigvalsh(gram)
    return ascending[:k].clamp(min=0).sum().to(features.dtype)  # rounding may fall below 0


def relationship(source_proba: Tensor, y: Tensor, n_classes: int) -> Tensor:
    """Say what each target class looks like to the source head: p(source class | target class).

    Made once, before training, for ``co_tuning``. Only for backbones that still have the head they
    were pretrained with; of little use where its beliefs are the same for every target class.

    Parameters
    ----------
    source_proba : Tensor of shape (n, S)
        Beliefs of the pretrained network with its own head about the training examples; rows sum to
        one. The paper calibrates them first.
    y : Tensor of shape (n,), int in 0..K-1
    n_classes : int
        K.

    Returns
    -------
    Tensor of shape (K, S)
        Row k is the mean of ``source_proba`` over the rows with ``y == k``; a class without rows
        gets ``1/S`` everywhere. Rows sum to one.

    References
    ----------
    You, Kou, Long & Wang (2020), "Co-Tuning for transfer learning", NeurIPS, section 3, the
    "direct approach".
    """
    member = F.one_hot(y, n_classes).to(source_proba.dtype)  # (n, K)
    count = member.sum(0)[:, None]
    mean = member.T @ source_proba / count.clamp(min=1)
    return torch.where(count > 0, mean, 1 / source_proba.shape[1])


def co_tuning(source_logits: Tensor, relation: Tensor, y: Tensor) -> Tensor:
    """Keep the source head at work: teach it what the target class looked like before training.

    For few labels and a source that knows similar things (birds, cars or aircraft after ImageNet,
    where TLlib's tables put it above BSS). Not for backbones without their source head, nor for
    targets the source has no words for.

    Parameters
    ----------
    source_logits : Tensor of shape (B, S)
        Of the source head on the features in training.
    relation : Tensor of shape (K, S)
        From ``relationship``.
    y : Tensor of shape (B,), int in 0..K-1

    Returns
    -------
    Tensor of shape ()
        ``-1/B sum_i sum_s relation[y_i, s] log softmax(source_logits_i)_s``; the caller multiplies
        by ``CO_TUNING_LAMBDA``. At its least it is the entropy of the relation's rows, not zero.

    References
    ----------
    You, Kou, Long & Wang (2020), "Co-Tuning for transfer learning", NeurIPS, section 3: the second
    term of the fine-tuning loss.
    """
    return F.cross_entropy(source_logits, relation[y])


def pairs(features: Tensor, y: Tensor) -> Tensor:
    """Draw embeddings of a class together, and those of different classes apart.

    For few labels, of which there are many pairs; a head is fitted on the embeddings afterwards.
    Not for many labels, where the cross entropy costs less and goes further.

    Parameters
    ----------
    features : Tensor of shape (B, D)
    y : Tensor of shape (B,), int

    Returns
    -------
    Tensor of shape ()
        ``mean_(i<j) (cos(f_i, f_j) - [y_i = y_j])^2`` over all pairs of the batch; 0 for one row.

    References
    ----------
    Tunstall et al. (2022), "Efficient few-shot learning without prompts" (SetFit),
    arXiv:2209.11055, section 3.1: pairs of one class with the target 1 and of two with 0. There a
    batch holds pairs, each of two embeddings; here all pairs of a batch's rows are used, B - 1
    times as many for the same passes (as Khosla et al. 2020, "Supervised contrastive learning",
    arXiv:2004.11362).
    """
    direction = F.normalize(features, dim=1)
    i, j = torch.triu_indices(len(y), len(y), 1, device=y.device)
    error = (direction @ direction.T)[i, j] - (y[i] == y[j]).to(features.dtype)
    return error.square().mean() if len(y) > 1 else features.sum() * 0


def interpolate(
    start: Mapping[str, Tensor], end: Mapping[str, Tensor], alpha: float
) -> dict[str, Tensor]:
    """Mix the weights before and after fine-tuning: often sturdier on examples from elsewhere.

    Only for two states of one network on one path, the first with a head that already works (a
    linear probe); weights trained from different starts do not mix. Where batch-norm statistics
    moved in training, those of the mixture are only near their mix: keep them frozen.

    Parameters
    ----------
    start, end : mapping of str to Tensor
        State dicts before and after fine-tuning.
    alpha : float, 0..1
        0 gives ``start``, 1 gives ``end``; the paper recommends 0.5 where nothing is known.

    Returns
    -------
    dict of str to Tensor
        ``(1 - alpha) start + alpha end``. Integer buffers, such as batch counters, cannot be mixed
        and are those of ``end``. Shares no memory with either.

    Raises
    ------
    ConfigError
        ``alpha`` outside 0..1.
    ValueError
        Unlike keys: not two states of one network.

    References
    ----------
    Wortsman et al. (2021), "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022,
    arXiv:2109.01903, equation 1.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(
            _("Weights cannot be mixed with alpha = {alpha:g}.", alpha=alpha),
            _("Choose it between 0 (before fine-tuning) and 1 (after)."),
        )
    if start.keys() != end.keys():
        odd = sorted(start.keys() ^ end.keys())
        raise ValueError(f"not two states of one network: only one has {', '.join(odd[:3])}")
    return {
        name: (1 - alpha) * start[name] + alpha * last if last.is_floating_point() else last.clone()
        for name, last in end.items()
    }
