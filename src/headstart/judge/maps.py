"""Maps of where a network looked: class activation maps, or by gradients."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.backbones import Card
from headstart.features.engines import Engine, Forward, Kitchen, NetworkSource, Vectors
from headstart.features.threads import parallel
from headstart.modalities import Fed
from headstart.modalities.side_by_side import SideBySide
from headstart.said import _

if TYPE_CHECKING:
    import torch

    from headstart.backbones.cutting import Prefix
    from headstart.backbones.network import Backbone


Map = NDArray[np.float32]  # (h, w)
Slope = Callable[[NDArray[np.float32]], NDArray[np.floating]]  # embedding (dim,) -> (dim,)


class Embedder(Protocol):
    """A network that embeds prepared examples."""

    @property
    def card(self) -> Card:
        """Of the network."""

    def embed(self, fed: Fed) -> Vectors:
        """Embed prepared examples ``(n, ...)`` -> ``(n, dim)``."""


@runtime_checkable
class Mapper(Embedder, Protocol):
    """A network that can be asked where it looked."""

    exact: bool

    def look(self, fed: Fed, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        """Embed prepared examples, and sum the last maps of each, weighted: (h, w) each.

        ``slopes`` give, for each example, the slope of what is explained at its embedding.
        """


def embedder(engine: Engine, workers: int) -> Embedder:
    """Prepare what embedded the examples to embed changed ones."""
    return _Embedder(engine.card, _Runner(engine, workers))


def embedder_of(backbone: Backbone) -> Embedder:
    """Prepare a network in memory, such as one just fine-tuned, as ``embedder`` does an engine."""
    return _Gradients(backbone.eval(), None, "")


def mapper(source: NetworkSource, engine: Engine, kitchen: Kitchen) -> Mapper | None:
    """Prepare a network to be asked where it looked, or return None if it has no maps.

    Parameters
    ----------
    source : Source
        A name or a saved backbone.
    engine : Engine
        What embedded the examples: the maps are computed in the same arithmetic.
    kitchen : Kitchen
        Keeps the converted network, so that another run needs no torch.
    """
    if not engine.card.layers or isinstance(engine.card.look, SideBySide):
        return None  # no blocks, hence no maps; or none that both networks share
    device = "cuda" if engine.name.startswith("cuda") else "cpu"
    try:
        to_maps = kitchen.engine(_ToMaps(source), device=device, name=engine.name)
    except _NoMeanError as cause:
        return _by_gradients(cause.backbone, _Runner(engine, kitchen.workers))
    return _MeanOfMaps(engine.card, _Runner(to_maps, kitchen.workers))


def mapper_of(backbone: Backbone) -> Mapper | None:
    """Prepare a network in memory, such as one just fine-tuned, as ``mapper`` does one by name."""
    return _by_gradients(backbone.eval(), None)


# --- maps through an engine ----------------------------------------------------------------------


class _NoMeanError(Exception):
    """The embedding of this network is not the mean of maps."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.card.name)
        self.backbone = backbone


@dataclass(frozen=True)
class _ToMaps:
    """Stands where a ``Ref`` does, for a network up to the maps whose mean is its embedding.

    What it converts to is cached, and only a network that has such maps is converted: with the
    cache warm, torch is not asked.
    """

    ref: NetworkSource

    def __str__(self) -> str:
        return _("{backbone} up to its last maps", backbone=str(self.ref))

    def fingerprint(self) -> str | None:
        """Hash of the weights and the cut, or None if only loading can tell."""
        mark = self.ref.fingerprint()
        return mark and hashlib.sha256(f"{mark} up to its last maps".encode()).hexdigest()

    def load(self) -> Prefix:
        """Cut the network; raises ``_NoMeanError`` where what follows is more than a mean."""
        import torch

        from headstart.backbones.cutting import Prefix, legal_cuts, suffix
        from headstart.backbones.network import Backbone

        backbone = self.ref.load()
        assert isinstance(backbone, Backbone)
        for after in reversed(legal_cuts(backbone)):
            prefix = Prefix(backbone, after)
            if len(prefix.shape) != 3 or prefix.shape[-1] == 1:
                continue  # behind the pooling
            maps = torch.randn(2, *prefix.shape, generator=torch.Generator().manual_seed(0))
            with torch.no_grad():
                embedding = suffix(backbone, after)(maps)
            mean = maps.mean((2, 3))
            if mean.shape == embedding.shape and torch.allclose(mean, embedding, atol=1e-5):
                return prefix
            break
        raise _NoMeanError(backbone)


@dataclass(frozen=True)
class _Runner:
    """Passes prepared examples through an engine, in threads or in batches as it likes."""

    engine: Engine
    workers: int

    def __call__(self, fed: Fed) -> Vectors:
        """Run ``(n, ...)`` -> ``(n, card.dim)``."""
        size = self.engine.batch_size
        if size > 1:
            forward = self.engine.replica()
            parts = [forward(fed[i : i + size]) for i in range(0, len(fed), size)]
            return np.concatenate(parts)
        out = np.empty((len(fed), self.engine.card.dim), np.float32)
        for row, vector in parallel(_Work(self.engine, fed), len(fed), self.workers):
            out[row] = vector
        return out


@dataclass(frozen=True)
class _Work:
    """One example of many, in a thread of its own."""

    engine: Engine
    fed: Fed

    def replicas(self) -> list[Forward | None]:
        return [self.engine.replica()]

    def __call__(self, row: int, forwards: list[Forward | None]) -> tuple[int, Vectors]:
        assert forwards[0] is not None
        return row, forwards[0](self.fed[row : row + 1])[0]


@dataclass(frozen=True)
class _Embedder:
    """An engine, asked for nothing but embeddings."""

    card: Card
    run: _Runner

    def embed(self, fed: Fed) -> Vectors:
        return self.run(fed)


class _MeanOfMaps:
    """A network whose embedding is the mean of its last maps: class activation mapping."""

    exact = True

    def __init__(self, card: Card, run: _Runner) -> None:
        self.card = card
        self._run = run

    def embed(self, fed: Fed) -> Vectors:
        return self._maps(fed).mean(axis=2)

    def look(self, fed: Fed, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        maps = self._maps(fed)
        embeddings = maps.mean(axis=2)
        side = round(maps.shape[2] ** 0.5)
        raw = [
            np.asarray(slope(x) @ A, np.float32).reshape(side, side)
            for slope, x, A in zip(slopes, embeddings, maps, strict=True)
        ]
        return embeddings, raw

    def _maps(self, fed: Fed) -> NDArray[np.float32]:
        """Last maps with their places in a row: (n, dim, h*w)."""
        return self._run(fed).reshape(len(fed), self.card.dim, -1)


# --- maps by gradients ---------------------------------------------------------------------------


def _by_gradients(backbone: Backbone, run: _Runner | None) -> Mapper | None:
    """Find the deepest block whose maps the embedding depends on; None if there is none."""
    noise = backbone.card.look.drawn(1)
    shown = _Gradients(backbone, run, "")
    for block in reversed(shown.blocks_with_maps(noise)):
        candidate = _Gradients(backbone, run, block)
        _, maps, slope = candidate.at(noise, lambda x: np.ones_like(x))
        if np.abs(slope).max() > 0 and np.isfinite(maps).all():
            return candidate
    return None


class _Gradients:
    """Grad-CAM at one block, through the network as it is."""

    exact = False

    def __init__(self, backbone: Backbone, run: _Runner | None, block: str) -> None:
        self.card = backbone.card
        self._backbone, self._run, self._block = backbone, run, block

    def embed(self, fed: Fed) -> Vectors:
        if self._run is not None:
            return self._run(fed)
        import torch

        with torch.inference_mode():
            parts = [self._backbone(self._tensor(one[None])) for one in fed]
        return np.asarray(torch.cat(parts).float().cpu().numpy())

    def look(self, fed: Fed, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        embeddings, raw = [], []
        for one, slope in zip(fed, slopes, strict=True):
            embedding, maps, gradient = self.at(one[None], slope)
            weights = gradient.sum(axis=(1, 2))  # alpha_k of eq. 1, times the number of places
            raw.append(np.tensordot(weights, maps, 1))
            embeddings.append(embedding)
        return np.stack(embeddings), raw

    def at(
        self, fed: Fed, slope: Slope
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Embed one example: ``(dim,)``, maps ``(C, h, w)`` and the score's gradient there."""
        import torch

        def keep(_module: torch.nn.Module, _given: object, out: torch.Tensor) -> None:
            seen.append(out)

        seen: list[torch.Tensor] = []
        block = dict(self._backbone.blocks())[self._block]
        hook = block.register_forward_hook(keep)
        try:
            with torch.enable_grad():
                # With fed that want a gradient, it flows however much of the network is frozen.
                scaled = self._backbone.normalise(self._tensor(fed)).requires_grad_()
                embedding = self._backbone.net(scaled)[0]
        finally:
            hook.remove()
        x = embedding.detach().float().cpu().numpy()
        along = torch.from_numpy(np.asarray(slope(x), np.float32)).to(embedding)
        (gradient,) = torch.autograd.grad(embedding @ along, seen[-1], allow_unused=True)
        if gradient is None:
            gradient = torch.zeros_like(seen[-1])
        maps, flow = (_as_maps(t[0].detach().float().cpu().numpy()) for t in (seen[-1], gradient))
        assert maps is not None and flow is not None
        return x, maps, flow

    def blocks_with_maps(self, fed: Fed) -> list[str]:
        """Name the blocks that give maps, in the order they run."""
        import torch

        names: list[str] = []

        def note(name: str) -> Callable[..., None]:
            def hook(_module: torch.nn.Module, _given: object, out: object) -> None:
                if (
                    isinstance(out, torch.Tensor)
                    and _as_maps(out[0].float().cpu().numpy()) is not None
                ):
                    names.append(name)

            return hook

        hooks = [m.register_forward_hook(note(name)) for name, m in self._backbone.blocks()]
        try:
            with torch.no_grad():
                self._backbone(self._tensor(fed))
        finally:
            for hook in hooks:
                hook.remove()
        return names

    def _tensor(self, fed: Fed) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.array(fed)).to(next(self._backbone.parameters()).device)


def _as_maps(out: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Bring what a block gives into the form (C, h, w) with h = w > 1, or return None.

    Maps may have their channels last; tokens (T, C) are places, row by row, behind a few that
    stand for the whole example. Where a block gives those of an example and of its reflection,
    (2, C, h, w), the first count.
    """
    if out.ndim == 4:
        out = out[0]
    if out.ndim == 2:
        side = int(len(out) ** 0.5)
        out = out[len(out) - side * side :].reshape(side, side, -1)
    if out.ndim != 3:
        return None
    if out.shape[1] != out.shape[2]:
        out = out.transpose(2, 0, 1)
    return out if out.shape[1] == out.shape[2] > 1 else None
