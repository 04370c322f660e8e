"""The training loop: forward, loss, backward, step, in sight.

Whatever is trained (the last blocks on cached activations, a whole network on examples) and however
(a penalty more, fewer parameters), it is this loop, given a network, its inputs, an objective and a
recipe. All randomness of an epoch comes from the seed and its number, so that a loop that goes on
from a checkpoint does what it would have done.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from headstart.backbones.dropout import stream
from headstart.said import _
from headstart.transfer.batches import balanced, equal
from headstart.transfer.checkpoint import Keeper, State
from headstart.transfer.crew import Crew, crew, out_of_memory, seeded
from headstart.transfer.network import Network
from headstart.transfer.objective import Objective
from headstart.transfer.parts import DivergedError, Inputs, OnPoint, Point, Rows, Sized, Trained
from headstart.transfer.recipe import Recipe, pace

DRAWN = 4
"""Parts of a batch where each draws dropout of its own: as many however many threads there are, so
that a seed gives the same network on any machine; eight texts are still worth a pass."""
Part = tuple[Tensor, Tensor, int]  # inputs, targets, and where its random numbers begin
Done = tuple[float, float, tuple[Tensor | None, ...]]  # loss, hits, a gradient per weight


@dataclass
class Loop:
    """Train a network.

    Attributes
    ----------
    network : Network
        Trained in place.
    inputs : Inputs
    y : ndarray of int64, shape (n,), or (n, T) where every place of an example has a label
        Below 0 where nothing is asked.
    objective : Objective
    recipe : Recipe
    rows : ndarray of int64
        What is trained on.
    watched : ndarray of int64
        What is evaluated after every epoch; with ``recipe.patience`` it decides when to stop.
    seed : int
    keeper : Keeper
        Keeps checkpoints, or nothing.
    on_point : callable
        Hears every point of the curves; may raise to stop.
    on_trouble : callable
        Hears what had to be changed, in words.
    workers : int
        Threads that share a batch, where nothing in the network is random or keeps count.
    """

    network: Network
    inputs: Inputs
    y: NDArray[np.int64]
    objective: Objective
    recipe: Recipe
    rows: Rows
    watched: Rows
    seed: int
    keeper: Keeper
    on_point: OnPoint = lambda point: None
    on_trouble: Callable[[str], None] = lambda message: None
    workers: int = 1
    pieces: int = 1  # into which a batch is cut where memory is short
    _crew: Crew = field(default_factory=Crew)

    def run(self) -> Trained:
        """Train for all epochs, or until patience runs out or the loss is no number."""
        optimizer = self.network.optimizer(self.recipe)
        state = self.keeper.restore(self.network, optimizer) or State()
        if self.recipe.ema and not state.average:
            state = replace(state, average=self.network.learned())
        good = self.network.learned()
        with seeded(self.network.device), crew(self.workers) as self._crew:
            for epoch in range(state.epoch, self.recipe.epochs):
                if self.recipe.patience and state.stale >= self.recipe.patience:
                    break
                try:
                    points = self._epoch(epoch, optimizer, state)
                except DivergedError as cause:
                    self.network.learn(state.best or state.average or good)
                    return Trained(state.history, cause.trouble)
                good = self.network.learned()
                state = state.after(points, self.network, self.recipe.patience)
                self.keeper.save(self.network, optimizer, state)
                for point in points:
                    self.on_point(point)
        self.network.learn(state.best or state.average or good)
        return Trained(state.history, "")

    def _epoch(self, epoch: int, optimizer: torch.optim.Optimizer, state: State) -> list[Point]:
        start = time.perf_counter()
        rng = np.random.default_rng([self.seed, epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.network.train_mode(epoch)
        batches = self._batches(rng)
        count, n = len(batches), sum(map(len, batches))
        asked = sum(int((self.y[batch] >= 0).sum()) for batch in batches)
        losses, right = 0.0, 0.0
        for i, batch in enumerate(batches):
            faded = pace(epoch * count + i, self.recipe.epochs * count, self.recipe.schedule)
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * faded
            x = self.network.place(self.inputs.varied(batch, rng))
            target = self.network.place(self.y[batch])
            loss, hits = self.step(x, target, optimizer)
            if not math.isfinite(loss):
                raise DivergedError(
                    _(
                        "The loss became {loss} in step {step} of epoch {epoch}; the weights of "
                        "the epoch before were kept. Try --lr {rate:.1g}.",
                        loss=str(loss),
                        step=i + 1,
                        epoch=epoch + 1,
                        rate=self.recipe.rate / 10,
                    )
                )
            self.network.follow(state.average, self.recipe.ema)
            losses, right = losses + loss * len(batch), right + hits
        rate = max(g["lr"] for g in optimizer.param_groups)
        took = state.seconds + time.perf_counter() - start
        answered = self.recipe.trains_head and not (self.recipe.mixup or self.recipe.cutmix)
        accuracy = right / asked if answered else None
        points = [Point(epoch + 1, "training", losses / n, accuracy, rate, took)]
        if len(self.watched) and self.recipe.trains_head:
            logits = self._watch(state)
            y = torch.from_numpy(self.y[self.watched])
            loss, share = float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).sum())
            points.append(Point(epoch + 1, "validation", loss, share / len(y), rate, took))
        return points

    def _batches(self, rng: np.random.Generator) -> list[Rows]:
        """Deal the rows of an epoch."""
        size, rows = self.recipe.batch_size, self.rows
        if self.recipe.loss == "pairs":
            return balanced(rows, self.y[rows], size, self.recipe.seen(len(rows)), rng)
        sizes = self.inputs.sizes(rows) if isinstance(self.inputs, Sized) else None
        return equal(rows, size, rng, sizes)

    def step(
        self, x: Tensor, target: Tensor, optimizer: torch.optim.Optimizer
    ) -> tuple[float, float]:
        """Forward, loss, backward, step; on parts of the batch where memory is short.

        Returns the batch's mean loss, and how many of it were right. Does not step where the loss
        is no number.
        """
        x, target = self.network.mixed(x, target, self.recipe)
        weights = self.network.trained()

        def work(part: Part) -> Done:
            with stream(part[2], self.network.device):
                features, logits = self.network(part[0])
            loss = self.objective(self.network, features, logits, part[1])
            loss = loss * len(part[0]) / len(x)
            slopes = torch.autograd.grad(loss, weights, allow_unused=True)
            mixed = part[1].is_floating_point()  # then none is right
            right = 0.0 if mixed else float((logits.argmax(-1) == part[1]).sum())
            return float(loss.detach()), right, slopes

        losses, hits, slopes = zip(*self._divided(work, x, target), strict=True)
        for weight, *parts in zip(weights, *slopes, strict=True):
            known = [part for part in parts if part is not None]
            weight.grad = functools.reduce(torch.add, known) if known else None
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.network.trained(), self.recipe.clip)
        if math.isfinite(sum(losses)):
            optimizer.step()
        return sum(losses), sum(hits)

    def _divided(self, work: Callable[[Part], Done], x: Tensor, target: Tensor) -> list[Done]:
        """Work on the parts of a batch: at once where threads may share it, and in ever smaller
        parts, one after the other, where memory is short.
        """  # noqa: D205
        while True:
            shared = self.pieces == 1 and self.network.divisible()
            count = self._crew.size if shared else self.pieces
            drawn = self.network.draws()
            if shared and drawn and self.network.device.type == "cpu":
                count = DRAWN
            seeds = torch.randint(2**62, (count,)).tolist() if drawn else [0] * count
            parts = list(zip(x.chunk(count), target.chunk(count), seeds, strict=False))
            try:
                return self._crew.map(work, parts) if shared else [work(part) for part in parts]
            except (MemoryError, RuntimeError) as cause:
                if self.pieces >= len(x) or not out_of_memory(cause):
                    raise
                self.pieces *= 2
                self.on_trouble(
                    _(
                        "Out of memory: batches are now computed in {parts} parts.",
                        parts=self.pieces,
                    )
                )

    def _watch(self, state: State) -> Tensor:
        """Logits of the watched rows, by the averaged weights if there are any."""
        if not state.average:
            return self.network.logits(self.inputs, self.watched, self._crew)[1]
        own = self.network.learned()
        self.network.learn(state.average)
        logits = self.network.logits(self.inputs, self.watched, self._crew)[1]
        self.network.learn(own)
        return logits
