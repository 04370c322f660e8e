"""Batch norms adapted to new examples: their statistics, and what they make of them.

Both work on a network that the caller gives away: it is changed in place.

References
----------
Schneider et al. (2020), "Improving robustness against common corruptions by covariate shift
adaptation", NeurIPS, arXiv:2006.16971. Wang et al. (2021), "Tent: fully test-time adaptation by
entropy minimization", ICLR, arXiv:2006.10726.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.errors import ConfigError
from headstart.said import _
from headstart.transfer.heads import Head, LinearHead
from headstart.transfer.logistic import Floats, softmax
from headstart.transfer.moments import weight_of_new

RATE = 1e-3
"""Learning rate of Adam: Wang et al. (2021), section 4, for networks of this size."""

Batches = Callable[[], Iterable[Tensor]]
"""A new pass over the examples: uint8 tensors (B, H, W, 3)."""


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms that keep statistics.

    Raises
    ------
    ConfigError
        A network without any.
    """
    found = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    found = [m for m in found if m.running_mean is not None]
    if not found:
        raise ConfigError(
            _("--adapt bn and tent adapt batch norms, and the network of this model has none."),
            _("Use --adapt statistics: it works on the embeddings of any network."),
        )
    return found


def estimate(network: nn.Module, batches: Batches, n: int) -> None:
    """Replace the statistics of all batch norms by those of new examples, mixed with the old.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; changed in place.
    batches : callable
    n : int
        Examples that a pass shows.

    Notes
    -----
    One pass. What a layer sees depends on those before it, so each batch is normalised by its own
    statistics, mixed with the stored ones, on its way; in the end every batch norm gets the mean
    and variance over all examples (without momentum, the variance between batches included), mixed
    with the stored ones in the same proportion, ``n / (n + 16)`` of the new.
    """
    norms = batch_norms(network)
    meters = [_Meter(m, weight_of_new(n)) for m in norms]
    hooks = [m.register_forward_pre_hook(meter) for m, meter in zip(norms, meters, strict=True)]
    try:
        with torch.no_grad():
            for batch in batches():
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for meter in meters:
        meter.settle()


class _Meter:
    """Watches one batch norm: measures what comes in, and normalises each batch by itself."""

    def __init__(self, norm: _BatchNorm, weight: float) -> None:
        assert norm.running_mean is not None and norm.running_var is not None
        self.norm, self.weight = norm, weight
        self.mean, self.var = norm.running_mean.clone(), norm.running_var.clone()
        self.count = 0
        self.first = torch.zeros_like(self.mean, dtype=torch.float64)  # sum of x
        self.second = torch.zeros_like(self.mean, dtype=torch.float64)  # sum of x squared

    def __call__(self, _module: nn.Module, args: tuple[Tensor, ...]) -> None:
        x = args[0]
        var, mean = torch.var_mean(x.float(), [0, *range(2, x.dim())], correction=0)
        count = x.numel() // x.shape[1]
        self.count += count
        self.first += count * mean.double()
        self.second += count * (var.double() + mean.double() ** 2)
        self._set(mean, var)

    def settle(self) -> None:
        """Give the batch norm the statistics of all batches together."""
        if self.count:
            mean = self.first / self.count
            self._set(mean, (self.second / self.count - mean**2).clamp(min=0))

    def _set(self, mean: Tensor, var: Tensor) -> None:
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        self.norm.running_mean.copy_(torch.lerp(self.mean, mean.to(self.mean), self.weight))
        self.norm.running_var.copy_(torch.lerp(self.var, var.to(self.var), self.weight))


def sharpen(
    network: nn.Module,
    batches: Batches,
    head: Head,
    temperature: float,
    *,
    passes: int = 1,
    rate: float = RATE,
) -> None:
    """Move the scales and shifts of all batch norms so that answers become surer (Tent).

    Parameters
    ----------
    network : nn.Module
        In evaluation mode, and again afterwards; changed in place, its statistics excepted.
    batches : callable
        Of 32 examples or more each: batch norms use the statistics of each batch here.
    head : Head
        Frozen.
    temperature : float, > 0
    passes : int, default=1
    rate : float, default=0.001

    Notes
    -----
    One step of Adam a batch on the mean entropy of the answers. The head's part of the gradient is
    worked out in numpy, from the slopes every head has.
    """
    norms = [m for m in batch_norms(network) if m.affine]
    network.requires_grad_(False)
    parameters = [p for m in norms for p in (m.weight, m.bias)]
    momenta = [m.momentum for m in norms]
    for parameter in parameters:
        parameter.requires_grad_(True)
    for m in norms:
        m.train()
        m.momentum = 0.0  # the running statistics stay what they are
    optimizer = torch.optim.Adam(parameters, lr=rate)
    try:
        for _pass in range(passes):
            for batch in batches():
                features = network(batch)
                slope = entropy_slope(head, temperature, features.detach().cpu().numpy())
                optimizer.zero_grad()
                features.backward(torch.from_numpy(slope).to(features))
                optimizer.step()
    finally:
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
        network.eval()
        network.requires_grad_(False)


def entropy_slope(head: Head, temperature: float, X: NDArray[np.floating]) -> Floats:
    """Differentiate the mean entropy of a head's answers by the embeddings.

    Parameters
    ----------
    X : ndarray of shape (B, dim)

    Returns
    -------
    ndarray of shape (B, dim), float64

    Notes
    -----
    With ``p = softmax(z / T)`` and entropy ``H = -sum_c p_c log p_c``,
    ``dH/dz_c = -p_c (log p_c + H) / T``.
    """
    X = np.asarray(X, np.float64)
    p = softmax(head.logits(X) / temperature)
    log_p = np.log(np.maximum(p, 1e-30))
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    along = -p * (log_p + entropy) / (temperature * len(X))  # (B, K)
    if isinstance(head, LinearHead):
        return np.asarray(along @ head.W.T)
    return np.stack([_pull(head, x, a) for x, a in zip(X, along, strict=True)])


def _pull(head: Head, x: Floats, along: Floats) -> Floats:
    """Sum the slopes of a row's logits, weighted; classes that nobody thinks of are left out."""
    out = np.zeros(len(x))
    for c in np.flatnonzero(np.abs(along) > 1e-6 * np.abs(along).max()).tolist():
        out += along[c] * head.slope(x, c)
    return out


def embed(network: nn.Module, batches: Batches) -> NDArray[np.float32]:
    """Embed all examples: (n, dim), in the order of the batches."""
    with torch.inference_mode():
        parts: Sequence[Tensor] = [network(batch).float().cpu() for batch in batches()]
    return torch.cat(list(parts)).numpy()
