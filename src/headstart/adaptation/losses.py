"""What adaptation adds to the cross entropy of the source, one pure function a formula.

Each takes tensors of one batch and returns a differentiable scalar; the multiplier is applied by
the caller (the module ``objectives``, where the defaults stand). Distances are 0 for equal inputs
and never negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = 10.0
"""Steepness of the schedule of gradient reversal: Ganin et al. (2016), section 5.2."""
BANDWIDTHS = (-3, -2, -1, 0, 1)
"""Powers of two times the mean squared distance: the five kernels of TLlib's DAN and JAN."""
SOFTMAX_SIGMA = 0.92
"""Bandwidth of JAN's kernel on predictions: TLlib's default."""
TEMPERATURE = 2.5
"""Of MCC: the value Jin et al. (2020) use throughout."""
MARGIN = 4.0
"""Gamma of MDD, the larger of those Zhang et al. (2019) use, and TLlib's; the margin is its
logarithm."""
STEP = 1.0
"""How much longer AFN asks features to become: Xu et al. (2019), stepwise variant (SAFN)."""
WIDEST = 4096
"""Above so many products of a feature and a class CDAN maps them at random: its section 3.2."""


class _Reversal(torch.autograd.Function):
    """The identity forward, and minus ``factor`` times it backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * slope, None


def reverse(x: Tensor, factor: float = 1.0) -> Tensor:
    """Pass a tensor on unchanged, and its gradient times ``-factor``.

    What follows learns to minimise a loss that what comes before learns to maximise.

    Parameters
    ----------
    x : Tensor of any shape
    factor : float, >= 0

    Returns
    -------
    Tensor of the same shape

    References
    ----------
    Ganin et al. (2016), "Domain-adversarial training of neural networks", JMLR 17,
    arXiv:1505.07818, equations 16 and 17.
    """
    reversed_: Tensor = _Reversal.apply(x, factor)
    return reversed_


def ramp(progress: float, alpha: float = ALPHA) -> float:
    """Grow from 0 to nearly 1: how much of a reversed gradient is believed at this time.

    Parameters
    ----------
    progress : float, 0..1
        Share of the training that is done.
    alpha : float, > 0, default=10

    Returns
    -------
    float, 0..1
        ``2 / (1 + exp(-alpha progress)) - 1``.

    References
    ----------
    Ganin et al. (2016), arXiv:1505.07818, section 5.2.2: lambda_p.

    Examples
    --------
    >>> [round(ramp(p), 3) for p in (0, 0.1, 0.5, 1)]
    [0.0, 0.462, 0.987, 1.0]
    """
    return 2 / (1 + math.exp(-alpha * progress)) - 1


def domain_bce(
    source: Tensor,
    target: Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    """Say how badly a discriminator tells the domains apart, each domain counting half.

    Parameters
    ----------
    source, target : Tensor of shape (B_s,) and (B_t,)
        Logits of "this is source".
    source_weight, target_weight : Tensor of the same shapes, optional
        Of the rows, mean one (see :func:`entropy_weights`). None: all one.

    Returns
    -------
    Tensor of shape ()
        ``1/2 mean_i w_i log(1 + exp(-s_i)) + 1/2 mean_j w_j log(1 + exp(t_j))``; log 2 where the
        discriminator knows nothing.

    References
    ----------
    Ganin et al. (2016), arXiv:1505.07818, equation 9. Weights: Long et al. (2018),
    arXiv:1705.10667, equation 9 (CDAN+E).
    """
    own, other = F.softplus(-source), F.softplus(target)
    if source_weight is not None:
        own = own * source_weight
    if target_weight is not None:
        other = other * target_weight
    return (own.mean() + other.mean()) / 2


def outer(features: Tensor, proba: Tensor) -> Tensor:
    """Multiply every feature with every belief: what CDAN's discriminator sees.

    Parameters
    ----------
    features : Tensor of shape (B, D)
    proba : Tensor of shape (B, K)
        Rows sum to one; detached here, since only the features are to deceive.

    Returns
    -------
    Tensor of shape (B, D K)
        ``features[b, d] proba[b, k]`` at column ``d K + k``.

    References
    ----------
    Long, Cao, Wang & Jordan (2018), "Conditional adversarial domain adaptation", NeurIPS,
    arXiv:1705.10667, section 3.2: the multilinear map. Detached as in TLlib.
    """
    return torch.einsum("bd,bk->bdk", features, proba.detach()).flatten(1)


def random_outer(features: Tensor, proba: Tensor, feature_map: Tensor, proba_map: Tensor) -> Tensor:
    """Stand in for :func:`outer` where that is too wide: the same inner products, on average.

    Parameters
    ----------
    features : Tensor of shape (B, D)
    proba : Tensor of shape (B, K)
        Detached here.
    feature_map, proba_map : Tensor of shape (D, M) and (K, M)
        Independent standard normal numbers, drawn once.

    Returns
    -------
    Tensor of shape (B, M)
        ``(features R_f) * (proba R_p) / sqrt(M)``.

    References
    ----------
    Long et al. (2018), arXiv:1705.10667, equation 6; M = 1024 where D K > 4096.
    """
    return (features @ feature_map) * (proba.detach() @ proba_map) / feature_map.shape[1] ** 0.5


def entropy(logits: Tensor) -> Tensor:
    """Doubt of every row: ``-sum_k p_k log p_k`` in nats, 0..log K.

    Parameters
    ----------
    logits : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B,)
    """
    log_p = F.log_softmax(logits, dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def entropy_weights(logits: Tensor) -> Tensor:
    """Let sure rows count up to twice as much as those in doubt.

    Parameters
    ----------
    logits : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B,), without gradient
        ``w_i = 1 + exp(-H(p_i))``, divided by their mean.

    References
    ----------
    Long et al. (2018), arXiv:1705.10667, section 3.3 (CDAN+E); Jin et al. (2020),
    arXiv:1912.03699, section 3 (MCC).
    """
    weight = 1 + torch.exp(-entropy(logits.detach()))
    return weight / weight.mean()


def _square_distances(z: Tensor) -> Tensor:
    """``||z_i - z_j||^2``: (N, D) -> (N, N)."""
    z = z - z.mean(dim=0)  # distances stay, digits are won
    square = z.square().sum(dim=1)
    return (square[:, None] + square[None] - 2 * z @ z.T).clamp(min=0)


def gaussian_kernels(
    z: Tensor, powers: Sequence[int] = BANDWIDTHS, spread: Tensor | None = None
) -> Tensor:
    """Compare all rows by a sum of Gaussians of several widths.

    Parameters
    ----------
    z : Tensor of shape (N, D)
    powers : sequence of int, default=(-3, -2, -1, 0, 1)
    spread : Tensor of shape (), optional
        Mean squared distance. None: the mean over all N^2 pairs of these rows, held constant in
        the gradient.

    Returns
    -------
    Tensor of shape (N, N)
        ``sum_k exp(-||z_i - z_j||^2 / (2 sigma_k^2))`` with ``sigma_k^2 = 2^k spread``.

    References
    ----------
    Long, Cao, Wang & Jordan (2015), "Learning transferable features with deep adaptation networks"
    (DAN), ICML, arXiv:1502.02791, section 3.1; equal weights and widths as in TLlib.
    """
    distance = _square_distances(z)
    if spread is None:
        spread = distance.detach().mean()
    spread = spread.clamp(min=1e-12)
    return torch.stack([torch.exp(-distance / (2 * 2.0**k * spread)) for k in powers]).sum(dim=0)


def _discrepancy(kernel: Tensor, n_source: int) -> Tensor:
    """``w' K w`` with 1/n_s for source rows and -1/n_t for target rows."""
    n_target = len(kernel) - n_source
    weight = kernel.new_full((len(kernel),), 1 / n_source)
    weight[n_source:] = -1 / n_target
    return (weight @ kernel @ weight).clamp(min=0)  # rounding may fall below 0


def mk_mmd(source: Tensor, target: Tensor, spread: Tensor | None = None) -> Tensor:
    """Measure how unlike two clouds of features are, by kernels of several widths.

    Parameters
    ----------
    source, target : Tensor of shape (B_s, D) and (B_t, D)
    spread : Tensor of shape (), optional
        See :func:`gaussian_kernels`.

    Returns
    -------
    Tensor of shape (), >= 0
        ``mean k(s, s') + mean k(t, t') - 2 mean k(s, t)`` over all pairs, a row with itself
        included: the squared distance of two means in the space of the kernel. The estimator
        without those pairs has no bias, but is negative half of the time for equal domains.

    References
    ----------
    Gretton et al. (2012), "A kernel two-sample test", JMLR 13, equation 5 (the biased statistic);
    Long et al. (2015), arXiv:1502.02791, equations 1 and 2 (DAN).
    """
    kernel = gaussian_kernels(torch.cat([source, target]), spread=spread)
    return _discrepancy(kernel, len(source))


def joint_mmd(
    source: Tensor,
    target: Tensor,
    source_proba: Tensor,
    target_proba: Tensor,
    spread: Tensor | None = None,
    sigma: float = SOFTMAX_SIGMA,
) -> Tensor:
    """Measure how unlike two domains are in features and beliefs together.

    Parameters
    ----------
    source, target : Tensor of shape (B_s, D) and (B_t, D)
    source_proba, target_proba : Tensor of shape (B_s, K) and (B_t, K)
        Rows sum to one.
    spread : Tensor of shape (), optional
        See :func:`gaussian_kernels`.
    sigma : float, > 0, default=0.92
        Of the one Gaussian that compares beliefs.

    Returns
    -------
    Tensor of shape (), >= 0
        As :func:`mk_mmd`, of the product of the kernel on features and
        ``exp(-||p_i - p_j||^2 / (2 sigma^2))``.

    References
    ----------
    Long, Zhu, Wang & Jordan (2017), "Deep transfer learning with joint adaptation networks" (JAN),
    ICML, arXiv:1605.06636, section 4 (joint maximum mean discrepancy), on all pairs.
    """
    kernel = gaussian_kernels(torch.cat([source, target]), spread=spread)
    beliefs = _square_distances(torch.cat([source_proba, target_proba]))
    return _discrepancy(kernel * torch.exp(-beliefs / (2 * sigma**2)), len(source))


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Measure how unlike the covariances of two clouds of features are; their means play no part.

    Parameters
    ----------
    source, target : Tensor of shape (B_s, D) and (B_t, D), at least two rows each

    Returns
    -------
    Tensor of shape (), >= 0
        ``||C_s - C_t||_F^2 / (4 D^2)`` of the covariances with ``B - 1`` below the fraction.

    References
    ----------
    Sun & Saenko (2016), "Deep CORAL", ECCV workshops, arXiv:1607.01719, equations 1 to 3.
    """
    difference = _covariance(source) - _covariance(target)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    x = x - x.mean(dim=0)
    return x.T @ x / (len(x) - 1)


def class_confusion(logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Measure how much the classes are confused with each other in one batch of the target.

    Parameters
    ----------
    logits : Tensor of shape (B, K)
    temperature : float, > 0, default=2.5

    Returns
    -------
    Tensor of shape (), 0..1
        With ``p = softmax(logits / T)`` and weights ``w`` of :func:`entropy_weights` (held
        constant): ``C = p' diag(w) p``, its rows divided by their sums; the sum of what lies off
        the diagonal, over K.

    References
    ----------
    Jin, Wang, Long & Wang (2020), "Minimum class confusion for versatile domain adaptation", ECCV,
    arXiv:1912.03699, section 3 (class confusion).
    """
    p = F.softmax(logits / temperature, dim=1)
    weight = entropy_weights(logits / temperature)
    confusion = (p * weight[:, None]).T @ p  # (K, K)
    confusion = confusion / confusion.sum(dim=1, keepdim=True)
    return (confusion.sum() - confusion.trace()) / len(confusion)


def margin_disparity(
    source: Tensor,
    target: Tensor,
    source_rival: Tensor,
    target_rival: Tensor,
    margin: float = MARGIN,
) -> Tensor:
    """Say how badly a rival head agrees with the head on the source and disagrees on the target.

    The rival minimises it; the features, through :func:`reverse`, maximise it.

    Parameters
    ----------
    source, target : Tensor of shape (B_s, K) and (B_t, K)
        Logits of the head; only their largest counts.
    source_rival, target_rival : Tensor of the same shapes
        Logits of the rival.
    margin : float, > 0, default=4

    Returns
    -------
    Tensor of shape (), >= 0
        ``-margin mean log r_s[a_s] - mean log(1 - r_t[a_t])``, with the rival's softmax ``r`` and
        the head's answers ``a``.

    References
    ----------
    Zhang, Liu, Long & Jordan (2019), "Bridging theory and algorithm for domain adaptation", ICML,
    arXiv:1904.05801, section 4 (the combined cross-entropy loss).
    """
    agree = F.cross_entropy(source_rival, source.detach().argmax(dim=1))
    answer = target.detach().argmax(dim=1, keepdim=True)
    # log(1 - p_a) = log sum_(k != a) exp z_k - log sum_k exp z_k, without cancellation.
    others = target_rival.scatter(1, answer, float("-inf")).logsumexp(dim=1)
    return margin * agree + (target_rival.logsumexp(dim=1) - others).mean()


def feature_norm(features: Tensor, step: float = STEP) -> Tensor:
    """Ask features to become longer, a step at a time: long ones are said to transfer better.

    Parameters
    ----------
    features : Tensor of shape (B, D)
    step : float, > 0, default=1

    Returns
    -------
    Tensor of shape ()
        ``mean_i (||f_i|| - (c_i + step))^2`` where ``c_i = ||f_i||`` is held constant: ``step^2``
        in value; what counts is the gradient, ``-2 step f_i / ||f_i||`` over B.

    References
    ----------
    Xu, Li, Yang & Lin (2019), "Larger norm more transferable", ICCV, arXiv:1811.07456,
    section 3 (SAFN).
    """
    length = features.norm(dim=1)
    return (length - (length.detach() + step)).square().mean()


def information(logits: Tensor) -> Tensor:
    """Ask for sure answers that are not all the same.

    Parameters
    ----------
    logits : Tensor of shape (B, K)
        Of one batch of the target, rather larger than K.

    Returns
    -------
    Tensor of shape (), -log K..0
        ``mean_i H(p_i) - H(mean_i p_i)``: minus the mutual information of example and answer.

    References
    ----------
    Liang, Hu & Feng (2020), "Do we really need to access the source data?" (SHOT), ICML,
    arXiv:2002.08546, equation 3.
    """
    mean = F.softmax(logits, dim=1).mean(dim=0)
    return entropy(logits).mean() + torch.special.xlogy(mean, mean).sum()
