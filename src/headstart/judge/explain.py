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

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import wilcoxon

from headstart.features.engines import Pixels
from headstart.judge.maps import Map, Mapper, Slope
from headstart.modalities.image.read import read_again
from headstart.transfer import FittedModel
from headstart.transfer.logistic import softmax

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
