"""Checkpoints: where a fit stands, kept whole or not at all, so that ``kill -9`` costs one epoch.

Tensors are safetensors, the rest JSON in their header: one file a fit, replaced as a whole. The
folder lies beside the run folder to be and goes when that is written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from headstart.said import from_plain, to_plain

if TYPE_CHECKING:
    from headstart.transfer.network import Network
    from headstart.transfer.parts import Point

Tensors = dict[str, Tensor]
COST = 0.05
"""Share of the time that saving may take."""


@dataclass(frozen=True)
class State:
    """Where a fit stands after ``epoch`` epochs.

    Attributes
    ----------
    best : dict of tensors
        The weights of the best validation loss, while patience is watched; else empty.
    average : dict of tensors
        The running average of the weights; empty without one.
    stale : int
        Epochs since the best.
    """

    epoch: int = 0
    history: list[Point] = field(default_factory=list)
    seconds: float = 0.0
    best: Tensors = field(default_factory=dict)
    best_loss: float = float("inf")
    stale: int = 0
    average: Tensors = field(default_factory=dict)

    def after(self, points: list[Point], network: Network, patience: int) -> State:
        """Return the state one epoch on."""
        new = replace(
            self,
            epoch=self.epoch + 1,
            history=[*self.history, *points],
            seconds=points[-1].seconds,
        )
        if not patience:
            return new
        loss = points[-1].loss
        if loss >= self.best_loss:
            return replace(new, stale=self.stale + 1)
        best = self.average or network.learned()
        return replace(new, stale=0, best_loss=loss, best={k: v.clone() for k, v in best.items()})


class Keeper(Protocol):
    """Where a loop leaves and finds its state."""

    def save(self, network: Network, optimizer: torch.optim.Optimizer, state: State) -> None:
        """Keep the state, if it is time to."""

    def restore(self, network: Network, optimizer: torch.optim.Optimizer) -> State | None:
        """Put network and optimiser where they stood; None if nothing was kept."""


class Forgetful:
    """Keeps nothing."""

    def save(self, network: Network, optimizer: torch.optim.Optimizer, state: State) -> None:
        """Do nothing."""

    def restore(self, network: Network, optimizer: torch.optim.Optimizer) -> State | None:
        """Return None."""
        return None


@dataclass
class Checkpoint:
    """One fit's file."""

    path: Path
    _next: float = 0.0

    def save(self, network: Network, optimizer: torch.optim.Optimizer, state: State) -> None:
        """Write the state, but so seldom that writing takes at most a twentieth of the time."""
        start = time.monotonic()
        if start < self._next:
            return
        tensors = {f"last.{k}": v for k, v in network.learned().items()}
        tensors |= {f"best.{k}": v for k, v in state.best.items()}
        tensors |= {f"average.{k}": v for k, v in state.average.items()}
        for i, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in values.items() if v is not None}
        said = {
            "epoch": state.epoch,
            "history": [asdict(p) for p in state.history],
            "seconds": state.seconds,
            "best_loss": state.best_loss,
            "stale": state.stale,
        }
        write_tensors(self.path, tensors, said)
        now = time.monotonic()
        self._next = now + (now - start) / COST

    def restore(self, network: Network, optimizer: torch.optim.Optimizer) -> State | None:
        """Read the state back, exactly; a file that is missing or damaged counts for nothing."""
        from headstart.transfer.parts import Point

        found = read_tensors(self.path)
        if found is None:
            return None
        tensors, said = found
        network.learn(_under("last.", tensors))
        slots: dict[int, Tensors] = {}
        for name, tensor in _under("optimizer.", tensors).items():
            index, _, key = name.partition(".")
            slots.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        return State(
            said["epoch"],
            [Point(**p) for p in said["history"]],
            said["seconds"],
            _under("best.", tensors),
            said["best_loss"],
            said["stale"],
            _under("average.", tensors),
        )


@dataclass(frozen=True)
class Checkpoints:
    """The folder of an unfinished run: checkpoints of fits under way, results of finished ones.

    Attributes
    ----------
    folder : Path or None
        None keeps nothing.
    """

    folder: Path | None = None

    def keeper(self, name: str) -> Keeper:
        """Return the checkpoint of a fit."""
        if self.folder is None:
            return Forgetful()
        return Checkpoint(self.folder / f"{_plain(name)}.last.safetensors")

    def remembered(
        self, name: str, work: Callable[[], tuple[Tensors, dict[str, Any]]]
    ) -> tuple[Tensors, dict[str, Any]]:
        """Return the result of a fit: kept by an earlier start of this run, or worked out now."""
        if self.folder is None:
            return work()
        path = self.folder / f"{_plain(name)}.done.safetensors"
        found = read_tensors(path)
        if found is None:
            found = work()
            write_tensors(path, *found)
            (self.folder / f"{_plain(name)}.last.safetensors").unlink(missing_ok=True)
        return found


def write_tensors(path: Path, tensors: Tensors, said: dict[str, Any]) -> None:
    """Write tensors and plain values to one file, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    try:
        save_file(whole, beside, metadata={"said": json.dumps(to_plain(said), default=str)})
        beside.replace(path)
    except (OSError, SafetensorError):
        beside.unlink(missing_ok=True)  # no space: the run goes on, without this checkpoint


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """Read what ``write_tensors`` wrote; None where there is no such file, or a damaged one."""
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {k: opened.get_tensor(k) for k in opened.keys()}  # noqa: SIM118
            return tensors, from_plain(json.loads((opened.metadata() or {})["said"]))
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)
