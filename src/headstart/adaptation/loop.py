"""The loop that adapts a network: two batches, forward, loss, backward, step, in sight.

Whatever is adapted (a bottleneck on cached features, the last blocks of a backbone on cached
activations, a small network on examples) and by whichever objective, it is this loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.adaptation.objectives import Batch, DomainObjective
from headstart.said import _
from headstart.transfer.parts import DivergedError, Inputs, OnPoint, Point, Rows, Trained


@dataclass(frozen=True)
class Side:
    """One domain, as the loop sees it.

    Attributes
    ----------
    inputs : Inputs
    rows : ndarray of int64, shape (n,)
        What is trained on; none for a source that is not to be had (SHOT).
    y : ndarray of int64, or None
        Labels by row of ``inputs``: of the source always; of the target None, or those that a
        method gave it itself.
    weight : ndarray of shape (K,), or None
        Of the classes in the cross entropy of the source, mean one over its rows.
    """

    inputs: Inputs
    rows: Rows
    y: NDArray[np.int64] | None = None
    weight: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; the defaults are TLlib's for this family, unless said.

    Attributes
    ----------
    epochs : int, >= 1
    batch_size : int, >= 2
        Rows of each domain in a step.
    steps : int or None
        Steps an epoch. None: as many as the larger domain has batches.
    lr : float, > 0
        Of what is new at the first step.
    body_share : float, 0..1
        Of ``lr``, for the parameters of ``network.body``, which was trained before.
    momentum : float
        Nesterov's.
    weight_decay : float, >= 0
    gamma, power : float, >= 0
        The rate at step t (from 0) is ``lr (1 + gamma t)^-power``.
    smoothing : float, 0 to 1 (exclusive)
        Of the source's labels.
    joint : bool
        Both batches go through the network as one, so that batch norms in training see the mixture;
        else one after the other, source first, and each is normalised by itself.
    """

    epochs: int = 20
    batch_size: int = 32
    steps: int | None = None
    lr: float = 0.01
    body_share: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-3
    gamma: float = 1e-3
    power: float = 0.75
    smoothing: float = 0.0
    joint: bool = False

    def pace(self, step: int) -> float:
        """Share of the full rate at a step (from 0)."""
        return float((1 + self.gamma * step) ** -self.power)


def adapt_network(
    network: nn.Module,
    source: Side,
    target: Side,
    objective: DomainObjective,
    schedule: Schedule,
    *,
    seed: int = 0,
    on_point: OnPoint = lambda point: None,
    begin: Callable[[int], None] | None = None,
    relabel: Callable[[int], NDArray[np.int64]] | None = None,
) -> Trained:
    """Minimise the cross entropy of the source plus an objective.

    Parameters
    ----------
    network : nn.Module
        ``network(x) -> (features (B, D), logits (B, K))``; trained in place, those of its
        parameters that require gradients. Its ``body``, if it has one, learns at a share of the
        rate. Left in evaluation mode.
    source, target : Side
    objective : Objective
        Trained along, at the full rate.
    schedule : Schedule
    seed : int
        Of the order of the rows and of the inputs' variation. A network that draws numbers itself
        (dropout) draws them from torch's own stream: call under
        :func:`~headstart.transfer.crew.seeded`.
    on_point : callable
        Hears one point an epoch: the whole loss, and the accuracy on the source's batches (None
        without a source).
    begin : callable, optional
        Called with the number of every epoch (from 0) to switch the network to training; None:
        ``network.train()``. A network with frozen batch norms switches them back here.
    relabel : callable, optional
        Called with the number of every epoch, the network in evaluation mode; returns labels by row
        of the target's inputs, for this epoch.

    Returns
    -------
    Trained
        The curve, and what went wrong in words: where the loss became no number the weights are
        those of the epoch before.
    """
    run = _Run(network, source, target, objective, schedule, seed, begin, relabel)
    history: list[Point] = []
    good = _copy(network)
    try:
        for epoch in range(schedule.epochs):
            point = run.epoch(epoch)
            good = _copy(network)
            history.append(point)
            on_point(point)
    except DivergedError as cause:
        network.load_state_dict(good)
        return Trained(history, cause.args[0])
    finally:
        network.eval()
    return Trained(history, "")


@dataclass
class _Run:
    network: nn.Module
    source: Side
    target: Side
    objective: DomainObjective
    schedule: Schedule
    seed: int
    begin: Callable[[int], None] | None
    relabel: Callable[[int], NDArray[np.int64]] | None
    start: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        weights = [*self.network.parameters(), *self.objective.parameters()]
        self.device = weights[0].device
        self.objective.to(self.device)
        self.weight = None
        if self.source.weight is not None:
            weight = torch.from_numpy(np.asarray(self.source.weight, np.float32))
            self.weight = weight.to(self.device)
        size = self.schedule.batch_size
        longest = max(len(self.source.rows), len(self.target.rows))
        self.steps = self.schedule.steps or math.ceil(longest / size)
        self.optimizer = _optimizer(self.network, self.objective, self.schedule)

    def epoch(self, epoch: int) -> Point:
        rng = np.random.default_rng([self.seed, epoch])
        labels = self.target.y
        if self.relabel is not None:
            self.network.eval()
            labels = self.relabel(epoch)
        self.objective.train()
        if self.begin is None:
            self.network.train()
        else:
            self.begin(epoch)
        size, n = self.schedule.batch_size, self.steps
        pairs = zip(
            _deal(self.source.rows, size, n, rng),
            _deal(self.target.rows, size, n, rng),
            strict=True,
        )
        losses, right, seen = 0.0, 0.0, 0
        for i, (own, other) in enumerate(pairs):
            step = epoch * n + i
            for group in self.optimizer.param_groups:
                group["lr"] = group["base_lr"] * self.schedule.pace(step)
            source, target = self._forward(own, other, labels, rng)
            loss = self._loss(source, target, step / (self.schedule.epochs * n))
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergedError(
                    _(
                        "The loss became {value} in step {step} of epoch {epoch}; the weights of "
                        "the epoch before were kept. A lower rate than {rate:g} may help.",
                        value=str(value),
                        step=i + 1,
                        epoch=epoch + 1,
                        rate=self.schedule.lr,
                    )
                )
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            losses, seen = losses + value, seen + len(own)
            if source.y is not None:
                right += float((source.logits.detach().argmax(dim=1) == source.y).sum())
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        share = right / seen if seen else None
        took = time.perf_counter() - self.start
        return Point(epoch + 1, "training", losses / n, share, rate, took)

    def _forward(
        self, own: Rows, other: Rows, labels: NDArray[np.int64] | None, rng: np.random.Generator
    ) -> tuple[Batch, Batch]:
        """Show both batches to the network."""
        x = self._place(self.target.inputs.varied(other, rng))
        y = None if labels is None else self._place(labels[other])
        if not len(own):
            target = self._batch(x, y)
            nothing = Batch(target.features[:0].detach(), target.logits[:0].detach())
            return nothing, target
        mine = self._place(self.source.inputs.varied(own, rng))
        known = None if self.source.y is None else self._place(self.source.y[own])
        if self.schedule.joint:
            features, logits = self.network(torch.cat([mine, x]))
            n = len(own)
            return Batch(features[:n], logits[:n], known), Batch(features[n:], logits[n:], y)
        return self._batch(mine, known), self._batch(x, y)

    def _batch(self, x: Tensor, y: Tensor | None) -> Batch:
        features, logits = self.network(x)
        return Batch(features, logits, y)

    def _loss(self, source: Batch, target: Batch, progress: float) -> Tensor:
        loss: Tensor = self.objective(source, target, progress)
        if source.y is None:
            return loss
        each = F.cross_entropy(
            source.logits, source.y, reduction="none", label_smoothing=self.schedule.smoothing
        )
        if self.weight is not None:
            each = each * self.weight[source.y]
        return each.mean() + loss

    def _place(self, x: NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(x)).to(self.device)
        maps = x.ndim == 4 and x.dtype != np.uint8  # pixels become channels-last by themselves
        return tensor.contiguous(memory_format=torch.channels_last) if maps else tensor


def _deal(rows: Rows, size: int, steps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw batches of one size, ``(steps, size)``: every row once before any comes again."""
    size = min(size, len(rows))
    rounds = math.ceil(steps * size / max(len(rows), 1))
    dealt = [rng.permutation(rows) for _round in range(rounds)]
    order = np.concatenate(dealt) if dealt else rows
    return order[: steps * size].reshape(steps, size)


def _optimizer(
    network: nn.Module, objective: DomainObjective, schedule: Schedule
) -> torch.optim.Optimizer:
    """Build SGD over what is trained: the body slowly, all else at the full rate."""
    body = getattr(network, "body", None)
    old = {id(p) for p in body.parameters()} if isinstance(body, nn.Module) else set()
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in trained if id(p) in old],
            "base_lr": schedule.lr * schedule.body_share,
        },
        {
            "params": [p for p in trained if id(p) not in old] + list(objective.parameters()),
            "base_lr": schedule.lr,
        },
    ]
    return torch.optim.SGD(
        [group | {"lr": group["base_lr"]} for group in groups if group["params"]],
        lr=schedule.lr,
        momentum=schedule.momentum,
        nesterov=schedule.momentum > 0,
        weight_decay=schedule.weight_decay,
    )


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
