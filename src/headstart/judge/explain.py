"""Where a network looked: heat maps of held-out images, and a test of whether they tell the truth.

Where an embedding is the spatial mean of a network's last maps, a class's score can be shared out
over the picture exactly: class activation mapping (Zhou et al. 2016), with the slope of the head
as weights, so that every head has one. It runs through the engine and needs no torch. Any other
network gets Grad-CAM (Selvaraju et al. 2017), which weighs maps by gradients and does need torch;
one without maps gets none.

References
----------
Zhou et al. (2016), "Learning deep features for discriminative localization", CVPR,
arXiv:1512.04150, eq. 2. Selvaraju et al. (2017), "Grad-CAM", ICCV, arXiv:1610.02391, eq. 1 and 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import wilcoxon

from headstart.backbones import Card
from headstart.features.engines import Engine, Forward, Kitchen, Pixels, Source, Vectors
from headstart.features.threads import parallel
from headstart.modalities.image import read_again
from headstart.transfer import FittedModel
from headstart.transfer.logistic import softmax

if TYPE_CHECKING:
    import torch

    from headstart.backbones.cutting import Prefix
    from headstart.backbones.vision import VisionBackbone

Map = NDArray[np.float32]  # (h, w)
Slope = Callable[[NDArray[np.float32]], NDArray[np.floating]]  # embedding (dim,) -> (dim,)
Kind = Literal["wrong", "unsure"]

SHOWN = 12
"""Images explained in a report: what one looks through."""
COVERED = 0.2
"""Share of a picture's area that is covered to see whether a map marks what counts."""
DRAWS = 4
"""Regions elsewhere that are covered for comparison, an image."""
TRIES = 32
"""Shifts from which those with the least overlap are taken."""
NOTE = (
    "The maps are of the model that is saved. It was trained on these images too; the answers "
    "beside them were given by models that had not seen them."
)


@dataclass(frozen=True)
class Explanation:
    """Where a network looked in one image.

    Attributes
    ----------
    row : int
        Which image: one of the ``rows`` asked for.
    target : int
        The class whose evidence is shown.
    confidence : float, 0 to 1
        The saved model's belief in that class.
    map : ndarray of shape (side, side), float32, 0 to 1
        1 where the evidence for the class against all others is strongest; aligned with ``image``.
        Evidence against the class is 0.
    image : ndarray of shape (side, side, 3), uint8
        What the network saw: the central square.
    exact : bool
        Whether the map shares the score out exactly (class activation mapping), or by gradients
        (Grad-CAM).
    """

    row: int
    target: int
    confidence: float
    map: Map
    image: Pixels
    exact: bool


class Mapper(Protocol):
    """A network that can be asked where it looked."""

    card: Card
    exact: bool

    def embed(self, pixels: Pixels) -> Vectors:
        """Embed pixels: uint8 ``(n, side, side, 3)`` -> ``(n, dim)``."""

    def look(self, pixels: Pixels, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        """Embed ``(n, side, side, 3)``, and sum the last maps of each, weighted: (h, w) each.

        ``slopes`` give, for each image, the slope of what is explained at its embedding.
        """


def mapper(source: Source, engine: Engine, kitchen: Kitchen) -> Mapper | None:
    """Prepare a network to be asked where it looked, or return None if it has no maps.

    Parameters
    ----------
    source : Source
        A name or a saved backbone.
    engine : Engine
        What embedded the images: the maps are computed in the same arithmetic.
    kitchen : Kitchen
        Keeps the converted network, so that another run needs no torch.
    """
    device = "cuda" if engine.name.startswith("cuda") else "cpu"
    try:
        to_maps = kitchen.engine(_ToMaps(source), device=device, name=engine.name)
    except _NoMeanError as cause:
        return _by_gradients(cause.backbone, _Runner(engine, kitchen.workers))
    return _MeanOfMaps(engine.card, _Runner(to_maps, kitchen.workers))


def mapper_of(backbone: VisionBackbone) -> Mapper | None:
    """Prepare a network in memory, such as one just fine-tuned, as ``mapper`` does one by name."""
    return _by_gradients(backbone.eval(), None)


def explain(
    files: Sequence[Path],
    rows: Sequence[int],
    model: FittedModel,
    network: Mapper,
    *,
    targets: Sequence[int] | None = None,
) -> list[Explanation]:
    """Show where in each image the evidence for a class lies.

    Parameters
    ----------
    files : sequence of Path
    rows : sequence of int
        Which of them.
    model : FittedModel
        The head that is saved (see ``NOTE``).
    network : Mapper
        What it stands on.
    targets : sequence of int or None
        The class to explain, a row; default: the model's own answer.

    Returns
    -------
    list of Explanation
        In the order of ``rows``. Left out are images in which nothing speaks for the class: where
        all nearest neighbours are of one class, for example, no small change moves the score.

    Raises
    ------
    DataError
        A file that can no longer be read.

    Notes
    -----
    With maps ``A_k`` and the slope ``w_k`` of the class's log-odds with respect to the embedding,
    the map is ``max(0, sum_k w_k A_k)``, from its least to its greatest value. The log-odds weigh
    the other classes by their probability, so the map shows what speaks for the class and against
    those it is confused with: ``s_c - sum_j q_j s_j``, for slopes ``s`` of the logits and ``q``
    their softmax without ``c``.
    """
    look = network.card.preprocessing
    images = [look(read_again(files[row], look.resize)) for row in rows]
    if not images:
        return []
    pixels = np.stack(images)
    if targets is None:
        targets = model.predict_proba(network.embed(pixels)).argmax(axis=1).tolist()
    slopes = [_log_odds_slope(model, int(c)) for c in targets]
    embeddings, raw = network.look(pixels, slopes)
    beliefs = model.predict_proba(embeddings)
    found = []
    for k, (row, target) in enumerate(zip(rows, targets, strict=True)):
        heat = _scaled(raw[k], look.size)
        if heat is not None:
            belief = float(beliefs[k, target])
            found.append(Explanation(int(row), int(target), belief, heat, pixels[k], network.exact))
    return found


def choose(
    proba: NDArray[np.floating], y: NDArray[np.integer], limit: int = SHOWN
) -> list[tuple[int, Kind]]:
    """Choose what to explain: in turn the most confidently wrong and the least sure.

    Parameters
    ----------
    proba : ndarray of shape (n, K)
        Held-out probabilities.
    y : ndarray of int, shape (n,)
        True classes.

    Returns
    -------
    list of (int, kind)
        Up to ``limit`` different rows of ``proba``; the wrong ones first.
    """
    confidence = proba.max(axis=1)
    unsure = np.argsort(confidence, kind="stable")
    wrong = unsure[(proba.argmax(axis=1) != y)[unsure]][::-1]
    # Where few are wrong the least sure fill up; a row that is both counts as wrong.
    first = wrong[: max(limit // 2, limit - len(y) + len(wrong))].tolist()
    rest = [i for i in unsure.tolist() if i not in set(first)]
    return [(i, "wrong") for i in first] + [(i, "unsure") for i in rest[: limit - len(first)]]


def integrity(
    explanations: Sequence[Explanation], model: FittedModel, network: Mapper, seed: int = 0
) -> dict[str, Any] | None:
    """Test whether maps mark what counts: cover it, and as much elsewhere, and compare.

    The marked fifth of each picture is painted over with the picture's mean colour; so is, several
    times, the same shape moved to where it overlaps least with the marked part. What counts is the
    saved model's belief in the class that is explained.

    Returns
    -------
    dict or None
        ``images``, ``covered_drop`` and ``elsewhere_drop`` (means, in shares of 1), ``p`` (Wilcoxon
        signed-rank over images, one-sided) and a ``sentence``; None without explanations.
    """
    if not explanations:
        return None
    rng = np.random.default_rng([seed, 17])
    covered = [e.image[None] for e in explanations]
    for e in explanations:
        covered.append(_cover(e.image, _masks(e.map, rng)))
    n, owner = len(explanations), np.repeat(np.arange(len(explanations)), DRAWS + 1)
    beliefs = model.predict_proba(network.embed(np.concatenate(covered)))
    targets = np.array([e.target for e in explanations])
    before = beliefs[np.arange(n), targets]
    after = beliefs[n + np.arange(len(owner)), targets[owner]].reshape(n, DRAWS + 1)
    marked, elsewhere = before - after[:, 0], before - after[:, 1:].mean(axis=1)
    p = _signed_rank(marked - elsewhere)
    return {
        "images": n,
        "covered_drop": round(float(marked.mean()), 4),
        "elsewhere_drop": round(float(elsewhere.mean()), 4),
        "p": p,
        "sentence": _sentence(n, float(marked.mean()), float(elsewhere.mean()), p),
    }


def overlay(image: Image.Image | Pixels, heat: Map, side: int = 256) -> Image.Image:
    """Lay a map over its image, in gray, so that only the map has colour.

    Parameters
    ----------
    image : PIL image or uint8 (h, w, 3)
        What the network saw.
    heat : ndarray of shape (h, w), 0 to 1
    side : int, pixels
        The longer side of the result, at most.

    Notes
    -----
    The colours are matplotlib's *inferno*: even to the eye, and its lightness alone tells low from
    high, whatever colours a reader sees. What is not marked stays as it is, in gray.
    """
    from matplotlib import colormaps

    picture = Image.fromarray(np.asarray(image))
    picture.thumbnail((side, side))
    weight = np.asarray(
        Image.fromarray(np.asarray(heat, np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    ).clip(0, 1)[..., None]
    gray = np.asarray(picture.convert("L").convert("RGB"), np.float32)
    colour = 255 * colormaps["inferno"](weight[..., 0])[..., :3]
    mixed = gray + 0.7 * weight * (colour - gray)
    return Image.fromarray(mixed.round().astype(np.uint8))


# --- maps through an engine ----------------------------------------------------------------------


class _NoMeanError(Exception):
    """The embedding of this network is not the mean of maps."""

    def __init__(self, backbone: VisionBackbone) -> None:
        super().__init__(backbone.card.name)
        self.backbone = backbone


@dataclass(frozen=True)
class _ToMaps:
    """Stands where a ``Ref`` does, for a network up to the maps whose mean is its embedding.

    What it converts to is cached, and only a network that has such maps is converted: with the
    cache warm, torch is not asked.
    """

    ref: Source

    def __str__(self) -> str:
        return f"{self.ref} up to its last maps"

    def fingerprint(self) -> str | None:
        """Hash of the weights and the cut, or None if only loading can tell."""
        mark = self.ref.fingerprint()
        return mark and hashlib.sha256(f"{mark} up to its last maps".encode()).hexdigest()

    def load(self) -> Prefix:
        """Cut the network; raises ``_NoMeanError`` where what follows is more than a mean."""
        import torch

        from headstart.backbones.cutting import Prefix, legal_cuts, suffix
        from headstart.backbones.vision import VisionBackbone

        backbone = self.ref.load()
        assert isinstance(backbone, VisionBackbone)
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
    """Passes pixels through an engine, in threads or in batches as it likes."""

    engine: Engine
    workers: int

    def __call__(self, pixels: Pixels) -> Vectors:
        """Run ``(n, side, side, 3)`` -> ``(n, card.dim)``."""
        size = self.engine.batch_size
        if size > 1:
            forward = self.engine.replica()
            parts = [forward(pixels[i : i + size]) for i in range(0, len(pixels), size)]
            return np.concatenate(parts)
        out = np.empty((len(pixels), self.engine.card.dim), np.float32)
        for row, vector in parallel(_Work(self.engine, pixels), len(pixels), self.workers):
            out[row] = vector
        return out


@dataclass(frozen=True)
class _Work:
    """One image of many, in a thread of its own."""

    engine: Engine
    pixels: Pixels

    def replicas(self) -> list[Forward | None]:
        return [self.engine.replica()]

    def __call__(self, row: int, forwards: list[Forward | None]) -> tuple[int, Vectors]:
        assert forwards[0] is not None
        return row, forwards[0](self.pixels[row : row + 1])[0]


class _MeanOfMaps:
    """A network whose embedding is the mean of its last maps: class activation mapping."""

    exact = True

    def __init__(self, card: Card, run: _Runner) -> None:
        self.card = card
        self._run = run

    def embed(self, pixels: Pixels) -> Vectors:
        return self._maps(pixels).mean(axis=2)

    def look(self, pixels: Pixels, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        maps = self._maps(pixels)
        embeddings = maps.mean(axis=2)
        side = round(maps.shape[2] ** 0.5)
        raw = [
            np.asarray(slope(x) @ A, np.float32).reshape(side, side)
            for slope, x, A in zip(slopes, embeddings, maps, strict=True)
        ]
        return embeddings, raw

    def _maps(self, pixels: Pixels) -> NDArray[np.float32]:
        """Last maps with their places in a row: (n, dim, h*w)."""
        return self._run(pixels).reshape(len(pixels), self.card.dim, -1)


# --- maps by gradients ---------------------------------------------------------------------------


def _by_gradients(backbone: VisionBackbone, run: _Runner | None) -> Mapper | None:
    """Find the deepest block whose maps the embedding depends on; None if there is none."""
    side = backbone.card.preprocessing.size
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
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

    def __init__(self, backbone: VisionBackbone, run: _Runner | None, block: str) -> None:
        self.card = backbone.card
        self._backbone, self._run, self._block = backbone, run, block

    def embed(self, pixels: Pixels) -> Vectors:
        if self._run is not None:
            return self._run(pixels)
        import torch

        with torch.inference_mode():
            parts = [self._backbone(self._tensor(one[None])) for one in pixels]
        return np.asarray(torch.cat(parts).float().cpu().numpy())

    def look(self, pixels: Pixels, slopes: Sequence[Slope]) -> tuple[Vectors, list[Map]]:
        embeddings, raw = [], []
        for one, slope in zip(pixels, slopes, strict=True):
            embedding, maps, gradient = self.at(one[None], slope)
            weights = gradient.sum(axis=(1, 2))  # alpha_k of eq. 1, times the number of places
            raw.append(np.tensordot(weights, maps, 1))
            embeddings.append(embedding)
        return np.stack(embeddings), raw

    def at(
        self, pixels: Pixels, slope: Slope
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Embed one image: ``(dim,)``, maps ``(C, h, w)`` and the score's gradient there."""
        import torch

        def keep(_module: torch.nn.Module, _given: object, out: torch.Tensor) -> None:
            seen.append(out)

        seen: list[torch.Tensor] = []
        block = dict(self._backbone.blocks())[self._block]
        hook = block.register_forward_hook(keep)
        try:
            with torch.enable_grad():
                # With pixels that want a gradient, it flows however much of the network is frozen.
                scaled = self._backbone.normalise(self._tensor(pixels)).requires_grad_()
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

    def blocks_with_maps(self, pixels: Pixels) -> list[str]:
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
                self._backbone(self._tensor(pixels))
        finally:
            for hook in hooks:
                hook.remove()
        return names

    def _tensor(self, pixels: Pixels) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.array(pixels)).to(self._backbone.mean.device)


def _as_maps(out: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Bring what a block gives into the form (C, h, w) with h = w > 1, or return None.

    Maps may have their channels last; tokens (T, C) are places, row by row, behind a few that
    stand for the whole image.
    """
    if out.ndim == 2:
        side = int(len(out) ** 0.5)
        out = out[len(out) - side * side :].reshape(side, side, -1)
    if out.ndim != 3:
        return None
    if out.shape[1] != out.shape[2]:
        out = out.transpose(2, 0, 1)
    return out if out.shape[1] == out.shape[2] > 1 else None


# --- what both share -----------------------------------------------------------------------------


def _log_odds_slope(model: FittedModel, target: int) -> Slope:
    """Differentiate ``log p / (1 - p)`` of a class by the embedding."""

    def slope(x: NDArray[np.float32]) -> NDArray[np.floating]:
        row = np.asarray(x, np.float64)
        logits = model.head.logits(row[None])[0] / model.temperature
        others = np.delete(np.arange(len(logits)), target)
        share = softmax(logits[None, others])[0]
        out = model.head.slope(row, target)
        for c, q in zip(others.tolist(), share.tolist(), strict=True):
            if q > 1e-6:  # spares a thousand classes that nobody thinks of
                out = out - q * model.head.slope(row, c)
        return np.asarray(out / model.temperature)

    return slope


def _scaled(raw: Map, side: int) -> Map | None:
    """Keep what speaks for the class, enlarge it, and scale it to 0..1; None if nothing does."""
    positive = np.maximum(raw, 0)
    positive = positive - positive.min()
    if not positive.max() > 0:
        return None
    small = Image.fromarray((positive / positive.max()).astype(np.float32))
    heat = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)).clip(0)
    return np.asarray(heat / heat.max(), np.float32)


def _masks(heat: Map, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the marked part and the same shape ``DRAWS`` times elsewhere: (1+D, h, w)."""
    marked: NDArray[np.bool_] = np.zeros(heat.size, bool)
    marked[np.argsort(-heat, axis=None, kind="stable")[: round(COVERED * heat.size)]] = True
    marked = marked.reshape(heat.shape)
    moves = rng.integers(0, heat.shape[0], (TRIES, 2))
    moved = np.stack([np.roll(marked, move, axis=(0, 1)) for move in moves])
    overlap = (moved & marked).sum(axis=(1, 2))
    return np.concatenate([marked[None], moved[np.argsort(overlap, kind="stable")[:DRAWS]]])


def _cover(image: Pixels, masks: NDArray[np.bool_]) -> Pixels:
    """Paint over each mask with the mean colour: (h, w, 3) and (m, h, w) -> (m, h, w, 3)."""
    mean = image.mean(axis=(0, 1)).round().astype(np.uint8)
    return np.where(masks[..., None], mean, image[None])


def _signed_rank(differences: NDArray[np.floating]) -> float:
    if not np.abs(differences).max() > 0:
        return 1.0
    return float(wilcoxon(differences, alternative="greater").pvalue)


def _sentence(n: int, covered: float, elsewhere: float, p: float) -> str:
    points = f"{100 * covered:.0f} points, covering as much elsewhere by {100 * elsewhere:.0f}"
    text = (
        f"In {n} image{'s' if n > 1 else ''}, covering the fifth that the map marks lowers the "
        f"belief in the class by {points}"
    )
    if p < 0.05:
        return f"{text}: the maps mark what the model goes by."
    return f"{text}: too little to say that the maps mark what the model goes by."
