"""What an answer goes by: parts of held-out examples weighed, and a test of whether that is true.

Where an embedding is the spatial mean of a network's last maps, a class's score can be shared out
over the picture exactly: class activation mapping (Zhou et al. 2016), with the slope of the head
as weights, so that every head has one. It runs through the engine and needs no torch. Any other
network gets Grad-CAM (Selvaraju et al. 2017), which weighs maps by gradients and does need torch;
one without maps gets none. Examples of few parts (words, columns) are explained by leaving out one
after the other, whatever the network (occlusion, Zeiler & Fergus 2014).

References
----------
Zhou et al. (2016), "Learning deep features for discriminative localization", CVPR,
arXiv:1512.04150, eq. 2. Selvaraju et al. (2017), "Grad-CAM", ICCV, arXiv:1610.02391, eq. 1 and 2.
Zeiler & Fergus (2014), "Visualizing and understanding convolutional networks", ECCV,
arXiv:1311.2901, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import Examples
from headstart.judge.maps import Embedder, Mapper, Slope
from headstart.judge.signed_rank import signed_rank
from headstart.modalities import Fed, Leaving, Modality, Parts
from headstart.modalities.side_by_side import SideBySide, looks_of
from headstart.notation import decimal
from headstart.said import _
from headstart.transfer import FittedModel, Pair
from headstart.transfer.logistic import softmax

Floats = NDArray[np.float32]
Why = Literal["wrong", "unsure"]
SHOWN = 12
"""Examples explained in a report: what one looks through."""
COVERED = 0.2
"""Share of the parts that is covered to see whether the weights mark what counts."""
DRAWS = 4
"""Regions elsewhere that are covered for comparison, an example."""
TRIES = 32
"""Shifts from which those with the least overlap are taken."""
MOST_PARTS = 512
"""Parts up to which each is left out by itself: every one takes a pass of the network."""
NOTE = (
    "The maps are of the model that is saved. It was trained on these examples too; the answers "
    "beside them were given by models that had not seen them."
)


@dataclass(frozen=True)
class Explanation:
    """What spoke for a class in one example.

    Attributes
    ----------
    row : int
        Which example: one of the ``rows`` asked for.
    target : int
        The class whose evidence is shown.
    confidence : float, 0 to 1
        The saved model's belief in that class.
    weight : ndarray of float32, 0 to 1, in the shape of the parts
        1 where the evidence for the class against all others is strongest; evidence against it
        is 0.
    seen : object
        The example taken apart (``Parts.of``); of an image, what the network saw of it.
    exact : bool
        Whether the weights share the score out exactly (class activation mapping).
    """

    row: int
    target: int
    confidence: float
    weight: Floats
    seen: Any
    exact: bool


def explain(
    examples: Examples,
    rows: Sequence[int],
    model: FittedModel,
    network: Mapper | Embedder,
    *,
    targets: Sequence[int] | None = None,
) -> list[Explanation]:
    """Show where in each example the evidence for a class lies.

    Parameters
    ----------
    examples : Examples
        Of a modality that says how to take one apart.
    rows : sequence of int
        Which of them.
    model : FittedModel
        The head that is saved (see ``NOTE``).
    network : Mapper or Embedder
        What it stands on: with maps to share the score out by, or without.
    targets : sequence of int or None
        The class to explain, a row; default: the model's own answer.

    Returns
    -------
    list of Explanation
        In the order of ``rows``. Left out are examples in which nothing speaks for the class: where
        all nearest neighbours are of one class, for example, no small change moves the score. None
        for a network without maps where there are more than ``MOST_PARTS`` parts, and for a model
        that counts beside vectors, or of networks side by side, where the modality does not say
        what is left (``Leaving``).

    Raises
    ------
    DataError
        An example that can no longer be read.

    Notes
    -----
    With maps ``A_k`` and the slope ``w_k`` of the class's log-odds with respect to the embedding,
    the map is ``max(0, sum_k w_k A_k)``, from its least to its greatest value. The log-odds weigh
    the other classes by their probability, so the map shows what speaks for the class and against
    those it is confused with: ``s_c - sum_j q_j s_j``, for slopes ``s`` of the logits and ``q``
    their softmax without ``c``. Without maps, the weight of a part is by how much the log-odds fall
    when it alone is left out.
    """
    parts, look = examples.modality.parts, network.card.look
    if parts is None or not len(rows):
        return []
    if isinstance(look, SideBySide) and not isinstance(parts, Leaving):
        return []
    seen = [_taken_apart(examples, parts, row, look) for row in rows]
    few = _few(parts, seen)
    if not few and (model.beside or not isinstance(network, Mapper)):
        return []
    modality = examples.modality
    if model.beside and not isinstance(parts, Leaving):
        return []
    whole = [(s, _nothing(parts, s)) for s in seen]
    if targets is None:
        targets = _beliefs(modality, model, network, whole).argmax(axis=1).tolist()
    if isinstance(network, Mapper) and not few:
        fed = look.batch([parts.without(s, gone) for s, gone in whole])
        slopes = [_log_odds_slope(model, int(c)) for c in targets]
        embeddings, raw = network.look(fed, slopes)
        beliefs = model.predict_proba(embeddings)
        exact = network.exact
    else:
        beliefs = _beliefs(modality, model, network, whole)
        raw = [
            _by_leaving_out(modality, s, model, network, int(c))
            for s, c in zip(seen, targets, strict=True)
        ]
        exact = False
    found = []
    for k, (row, target) in enumerate(zip(rows, targets, strict=True)):
        weight = _scaled(raw[k], partial(parts.spread, seen=seen[k]))
        if weight is not None:
            belief = float(beliefs[k, target])
            found.append(Explanation(int(row), int(target), belief, weight, seen[k], exact))
    return found


def _by_leaving_out(
    modality: Modality[Any, Any], seen: Any, model: FittedModel, network: Embedder, target: int
) -> Floats:
    """Measure by how much the log-odds of a class fall without each part: in their shape."""
    assert modality.parts is not None
    shape = modality.parts.shape(seen)
    each = np.eye(int(np.prod(shape)), dtype=bool).reshape(-1, *shape)
    gone = [_nothing(modality.parts, seen), *each]
    beliefs = _beliefs(modality, model, network, [(seen, g) for g in gone])
    p = beliefs[:, target].clip(1e-9, 1 - 1e-9)
    odds = np.log(p / (1 - p))
    return np.asarray((odds[0] - odds[1:]).reshape(shape), np.float32)


def _beliefs(
    modality: Modality[Any, Any],
    model: FittedModel,
    network: Embedder,
    left: Sequence[tuple[Any, NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Answer for examples without parts: (taken apart, which are gone) each; (n, K)."""
    parts = modality.parts
    assert parts is not None
    look = network.card.look
    vectors = network.embed(look.batch([_without(parts, s, gone, look) for s, gone in left]))
    if not model.beside:
        return model.predict_proba(vectors)
    assert isinstance(parts, Leaving)
    digests = [modality.digest(parts.left(s, gone)) for s, gone in left]
    return model.predict_proba(Pair.of(modality, model.beside, vectors, digests))


def few_parts(examples: Examples, rows: Sequence[int], look: Any) -> bool:
    """Whether these examples have so few parts that each is left out by itself: no maps needed."""
    parts = examples.modality.parts
    return parts is not None and _few(
        parts, [_taken_apart(examples, parts, row, look) for row in rows]
    )


def _taken_apart(examples: Examples, parts: Parts[Any, Any], row: int, look: Any) -> Any:
    """Take an example apart; for networks side by side, as the first of them sees it."""
    return parts.of(examples.read(row, look.detail), looks_of(look)[0])


def _without(parts: Parts[Any, Any], seen: Any, gone: NDArray[np.bool_], look: Any) -> Fed:
    """Prepare an example without some parts; for networks side by side, for each of them."""
    if isinstance(look, SideBySide):
        assert isinstance(parts, Leaving)
        return look(parts.left(seen, gone))
    return parts.without(seen, gone)


def _few(parts: Parts[Any, Any], seen: Sequence[Any]) -> bool:
    return max((_count(parts, s) for s in seen), default=0) <= MOST_PARTS


def _nothing(parts: Parts[Any, Any], seen: Any) -> NDArray[np.bool_]:
    return np.zeros(parts.shape(seen), bool)


def _count(parts: Parts[Any, Any], seen: Any) -> int:
    return int(np.prod(parts.shape(seen)))


def choose(
    proba: NDArray[np.floating], y: NDArray[np.integer], limit: int = SHOWN
) -> list[tuple[int, Why]]:
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
    explanations: Sequence[Explanation],
    model: FittedModel,
    network: Embedder,
    modality: Modality[Any, Any],
    seed: int = 0,
) -> dict[str, Any] | None:
    """Test whether weights mark what counts: cover it, and as much elsewhere, and compare.

    The marked fifth of the parts of each example is left out (of an image: painted over with its
    mean colour); so is, several times, the same shape moved to where it overlaps least with the
    marked part. What counts is the saved model's belief in the class that is explained.

    Returns
    -------
    dict or None
        ``images``, ``covered_drop`` and ``elsewhere_drop`` (means, in shares of 1), ``p`` (Wilcoxon
        signed-rank over examples, one-sided) and a ``sentence``; None without explanations.
    """
    parts = modality.parts
    if not explanations or parts is None:
        return None
    rng = np.random.default_rng([seed, 17])
    covered = [(e.seen, mask) for e in explanations for mask in _masks(e.weight, rng)]
    n, owner = len(explanations), np.repeat(np.arange(len(explanations)), DRAWS + 1)
    beliefs = _beliefs(modality, model, network, covered)
    targets = np.array([e.target for e in explanations])
    before = np.array([e.confidence for e in explanations])
    after = beliefs[np.arange(len(owner)), targets[owner]].reshape(n, DRAWS + 1)
    marked, elsewhere = before - after[:, 0], before - after[:, 1:].mean(axis=1)
    p = signed_rank(marked - elsewhere)
    return {
        "images": n,
        "covered_drop": round(float(marked.mean()), 4),
        "elsewhere_drop": round(float(elsewhere.mean()), 4),
        "p": p,
        "sentence": _sentence(
            modality.unit.count(n), float(marked.mean()), float(elsewhere.mean()), p
        ),
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


def _scaled(raw: Floats, spread: Callable[[Floats], Floats]) -> Floats | None:
    """Keep what speaks for the class, laid over the parts, 0 to 1; None if nothing does."""
    positive = np.maximum(raw, 0)
    positive = positive - positive.min()
    if not positive.max() > 0:
        return None
    weight = spread((positive / positive.max()).astype(np.float32))
    return np.asarray(weight / weight.max(), np.float32)


def _masks(weight: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the marked parts and the same shape ``DRAWS`` times elsewhere: (1+D, *shape)."""
    marked: NDArray[np.bool_] = np.zeros(weight.size, bool)
    most = max(1, round(COVERED * weight.size))
    marked[np.argsort(-weight, axis=None, kind="stable")[:most]] = True
    marked = marked.reshape(weight.shape)
    moves = rng.integers(0, weight.shape[0], (TRIES, weight.ndim))
    axes = tuple(range(weight.ndim))
    moved = np.stack([np.roll(marked, move, axis=axes) for move in moves])
    overlap = (moved & marked).sum(axis=tuple(a + 1 for a in axes))
    return np.concatenate([marked[None], moved[np.argsort(overlap, kind="stable")[:DRAWS]]])


def _sentence(examples: str, covered: float, elsewhere: float, p: float) -> str:
    less, beside = (decimal(100 * fall, 0) for fall in (covered, elsewhere))
    if p < 0.05:
        return _(
            "In {examples}, covering the fifth that the map marks lowers the belief in the class "
            "by {less} points, covering as much elsewhere by {beside}: the maps mark what the "
            "model goes by.",
            examples=examples,
            less=less,
            beside=beside,
        )
    return _(
        "In {examples}, covering the fifth that the map marks lowers the belief in the class by "
        "{less} points, covering as much elsewhere by {beside}: too little to say that the maps "
        "mark what the model goes by.",
        examples=examples,
        less=less,
        beside=beside,
    )
