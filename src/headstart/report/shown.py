"""What a report shows of examples, chosen while they are at hand and kept as plain JSON.

A run folder must be readable where the examples are not, so the few that explain the model travel
with it: those it got most wrong, those it was least sure of, and a map of small copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from headstart.errors import DataError
from headstart.judge.tsne import tsne
from headstart.tasks.multilabel import MultiLabel, log_losses

if TYPE_CHECKING:
    from headstart.data.dataset import Dataset
    from headstart.data.items import Examples
    from headstart.features.extract import Features
    from headstart.judge.estimate import Judgement
    from headstart.tasks.labels import Labels


SCHEMA = 1
GALLERY = 12
NONE = "–"
"""Where an example has no label of several, or is given none."""
SUSPECTS = 24
EXPLAINED = 12
POINTS = 400
PLAYED, PLAYED_BYTES = 60, 1_500_000
"""Examples of a page that can be played, and what they may weigh: it is sent by mail."""
AXES = 50
"""Principal axes that t-SNE sees, as its authors advise (van der Maaten & Hinton 2008, sec. 4)."""
FEWEST = 30
"""Below so many examples t-SNE has no neighbourhoods to keep; the two first axes are shown."""


def collect(
    dataset: Dataset,
    features: Features,
    judgement: Judgement,
    labels: Labels,
    *,
    label_issues: Sequence[Mapping[str, Any]] | None = None,
    explanations: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Choose what a report shows, and make it small.

    Parameters
    ----------
    dataset, features, judgement, labels
        What the run was judged on; rows of all four correspond.
    label_issues : sequence of mapping, optional
        As in metrics.json, the most suspicious first: ``path, label, suggested, confidence,
        given``. The first ``SUSPECTS`` are shown.
    explanations : sequence of mapping, optional
        ``path, label, predicted, confidence, kind``, and what ``Show.marked`` made. The first
        ``EXPLAINED`` are shown.

    Returns
    -------
    dict
        ``schema``; ``gallery: {most_wrong, least_sure}``, lists of ``{path, label, predicted,
        confidence}`` with what ``Show.large`` makes (of an image: ``image``, a JPEG ``data:``
        address); ``map: {method, points}``, each point ``{x, y, path, label, predicted, right}``
        with x and y in 0..1 (y downwards), what ``Show.point`` makes, and ``predicted`` and
        ``right`` null for examples that were only trained on; no map where examples have several
        labels. Where they were given, ``label_issues`` and ``explanations``.
    """
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "gallery": _gallery(dataset, features, judgement),
    }
    if not dataset.several:  # a point of the map has the colour of its class
        found["map"] = _map(dataset, features, judgement, labels.seed)
    if label_issues is not None:
        found["label_issues"] = _suspects(dataset, features, label_issues)
    if explanations is not None:
        found["explanations"] = [dict(pair) for pair in explanations[:EXPLAINED]]
    gallery = [shot for shots in found["gallery"].values() for shot in shots]
    quieten([*found.get("explanations", []), *gallery, *found.get("label_issues", [])])
    return found


def quieten(records: Iterable[dict[str, Any]]) -> None:
    """Take out of records what can be played, from where it is too much for a page; in place."""
    n = size = 0
    for record in records:
        if "audio" not in record:
            continue
        n, size = n + 1, size + len(record["audio"])
        if n > PLAYED or size > PLAYED_BYTES:
            del record["audio"]


def sample(
    labels: NDArray[np.integer], first: NDArray[np.bool_], limit: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw up to ``limit`` rows, every class in proportion, rows in ``first`` before all others.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    first : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of int64
        Sorted.
    """
    place = np.empty(len(labels))
    for c in np.unique(labels):
        for part in (first, ~first):
            rows = rng.permutation(np.flatnonzero((labels == c) & part))
            place[rows] = (np.arange(len(rows)) + 0.5) / max(len(rows), 1)
    return np.sort(np.lexsort((place, ~first))[:limit])


def lay_out(X: NDArray[np.floating]) -> tuple[NDArray[np.float64], str]:
    """Place embeddings on a plane so that neighbours stay neighbours.

    Parameters
    ----------
    X : ndarray of shape (n, dim)

    Returns
    -------
    xy : ndarray of shape (n, 2)
        Within 0..1.
    method : str
        ``"t-SNE"``, or ``"PCA"`` where there are too few examples for it.
    """
    with threadpool_limits(1):  # threads in lockstep crawl on a busy machine
        axes = _principal_axes(np.asarray(X, np.float64), AXES)
        if len(X) < FEWEST:
            return _within_unit(axes[:, :2]), "PCA"
        near = min(30.0, len(axes) / 4)  # neighbours that matter; must be fewer than the examples
        return _within_unit(tsne(axes, axes[:, :2], near)), "t-SNE"


def _gallery(
    dataset: Dataset, features: Features, judgement: Judgement
) -> dict[str, list[dict[str, Any]]]:
    task, y, out = dataset.task, dataset.labels[judgement.rows], judgement.proba
    predicted = task.decode_answers(out)[0]
    confidence = task.sureness(out)
    wrong = task.score(y, out) < 1
    unsure = np.argsort(confidence, kind="stable")
    worst = unsure[wrong[unsure]][::-1]
    if isinstance(task, MultiLabel):  # one answer, many mistakes: by how surprising the truth is
        lost = np.argsort(-log_losses(y, task.probabilities(out)), kind="stable")
        worst = lost[wrong[lost]]

    def shot(i: int) -> dict[str, Any]:
        row = int(judgement.rows[i])
        return {
            "path": dataset.refs[row],
            "label": dataset.written[row] or NONE,
            "predicted": predicted[i] or NONE,
            "confidence": round(float(confidence[i]), 4),
            **_original(dataset, features, row),
        }

    return {
        "most_wrong": [shot(i) for i in worst[:GALLERY]],
        "least_sure": [shot(i) for i in unsure[:GALLERY]],
    }


def _suspects(
    dataset: Dataset, features: Features, issues: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Show the most suspicious labels; a path that the dataset does not know is left out."""
    row_of = {ref: row for row, ref in enumerate(dataset.refs)}
    return [
        {
            **{key: issue[key] for key in ("path", "label", "suggested", "confidence", "given")},
            **_original(dataset, features, row_of[issue["path"]]),
        }
        for issue in issues[:SUSPECTS]
        if issue["path"] in row_of
    ]


def _original(dataset: Dataset, features: Features, row: int) -> dict[str, Any]:
    """Show an example; its digest stands in for an original that has gone since."""
    show = dataset.modality.show
    if show is None:
        return {}
    try:
        return show.large(dataset.examples.read(row, show.detail))
    except DataError:
        return show.stand_in(features.digests[row])


def _map(dataset: Dataset, features: Features, judgement: Judgement, seed: int) -> dict[str, Any]:
    held = np.zeros(len(dataset), dtype=bool)
    held[judgement.rows] = True
    answers = dict(zip(judgement.rows.tolist(), judgement.proba.argmax(axis=1), strict=True))
    rows = sample(dataset.labels, held, POINTS, np.random.default_rng([seed, 5]))
    places, method = lay_out(features.vectors[0][rows])
    show, points = dataset.modality.show, []
    for row, (x, y) in zip(rows.tolist(), places.tolist(), strict=True):
        answer = answers.get(row)
        points.append(
            {
                "x": round(x, 4),
                "y": round(y, 4),
                "path": dataset.refs[row],
                "label": dataset.classes[dataset.labels[row]],
                "predicted": None if answer is None else dataset.classes[answer],
                "right": None if answer is None else bool(answer == dataset.labels[row]),
                **(show.point(features.digests[row]) if show else {}),
            }
        )
    return {"method": method, "points": points}


def _principal_axes(X: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Coordinates on the first ``k`` principal axes: (n, dim) -> (n, max(2, at most k)).

    From the (n, n) matrix of inner products, which for a few hundred long vectors is many times
    faster than a decomposition of the (n, dim) matrix itself.
    """
    Z = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(Z @ Z.T)  # ascending
    size = np.sqrt(np.maximum(values[::-1][:k], 0))
    axes = vectors[:, ::-1][:, :k] * size
    return np.pad(axes, ((0, 0), (0, max(0, 2 - axes.shape[1]))))


def _within_unit(xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Shift and scale both axes to 0..1; an axis without extent goes to the middle."""
    low, extent = xy.min(axis=0), np.ptp(xy, axis=0)
    unit = (xy - low) / np.where(extent > 0, extent, 1)
    return np.where(extent > 0, unit, 0.5).astype(np.float64)


MOST = {"least_like": 12, "unknown": 12, "proposals": 60}
"""Examples of each kind."""


def collect_adaptation(
    target: Examples, adaptation: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Show the target's examples that the report of an adaptation names.

    Parameters
    ----------
    target : Examples
        Those that could be read.
    adaptation : mapping
        ``metrics.json["adaptation"]``.

    Returns
    -------
    dict
        ``least_like``, ``unknown`` and ``proposals``: lists of ``{path}`` with what
        ``Show.large`` makes, in the order of ``adaptation``. An example that is not in ``target``
        or has gone is left out: the report then names it and shows nothing.
    """
    shift = adaptation.get("shift") or {}
    wanted = {
        "least_like": shift.get("least_like"),
        "unknown": (shift.get("unknown") or {}).get("examples"),
        "proposals": adaptation.get("proposals"),
    }
    row_of = {ref: row for row, ref in enumerate(target.refs)}
    found = {part: _shots(target, row_of, rows or [], MOST[part]) for part, rows in wanted.items()}
    quieten(shot for shots in found.values() for shot in shots)
    return found


def _shots(
    target: Examples,
    row_of: Mapping[str, int],
    named: Iterable[Mapping[str, Any]],
    most: int,
) -> list[dict[str, Any]]:
    show, found = target.modality.show, list[dict[str, Any]]()
    for path in [str(one["path"]) for one in list(named)[:most]]:
        if show is None or path not in row_of:
            continue
        try:
            found.append({"path": path, **show.large(target.read(row_of[path], show.detail))})
        except DataError:
            continue
    return found
