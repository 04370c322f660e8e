"""The pictures a report shows, chosen while the images are at hand and kept as plain JSON.

A run folder must be readable where the images are not, so the few that explain the model travel
with it: those it got most wrong, those it was least sure of, and a map of small copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from headstart.modalities import UnreadableError
from headstart.modalities.image.read import ImageModality
from headstart.modalities.image.show import thumbnail_data_uri

if TYPE_CHECKING:
    from headstart.data.dataset import Dataset
    from headstart.features.extract import Features
    from headstart.judge.estimate import Judgement
    from headstart.tasks.labels import Labels


SCHEMA = 1
GALLERY, GALLERY_SIDE = 12, 160
SUSPECTS = 24
EXPLAINED, EXPLAINED_SIDE = 12, 224
POINTS, POINT_SIDE, POINT_QUALITY = 400, 40, 70
AXES = 50
"""Principal axes that t-SNE sees, as its authors advise (van der Maaten & Hinton 2008, sec. 4)."""
FEWEST = 30
"""Below so many images t-SNE has no neighbourhoods to keep; the two first axes are shown."""
STEPS = 500
"""Half of scikit-learn's default: 400 points have settled by then, in about half a second."""


def collect(
    dataset: Dataset,
    features: Features,
    judgement: Judgement,
    labels: Labels,
    *,
    label_issues: Sequence[Mapping[str, Any]] | None = None,
    explanations: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Choose and shrink the pictures of a report.

    Parameters
    ----------
    dataset, features, judgement, labels
        What the run was judged on; rows of all four correspond.
    label_issues : sequence of mapping, optional
        As in metrics.json, the most suspicious first: ``path, label, suggested, confidence,
        given``. The first ``SUSPECTS`` are shown.
    explanations : sequence of mapping, optional
        ``path, label, predicted, confidence, kind, image, map``, the last two as
        :class:`PIL.Image.Image`. The first ``EXPLAINED`` are shown.

    Returns
    -------
    dict
        ``schema``; ``gallery: {most_wrong, least_sure}``, lists of ``{path, label, predicted,
        confidence, image}``; ``map: {method, points}``, each point ``{x, y, path, label,
        predicted, right, image}`` with x and y in 0..1 (y downwards), and ``predicted`` and
        ``right`` null for images that were only trained on. ``image`` is a JPEG ``data:`` address.
        Where they were given, ``label_issues`` (with ``image``) and ``explanations`` (``image``
        and ``map`` as addresses).
    """
    found = {
        "schema": SCHEMA,
        "gallery": _gallery(dataset, features, judgement),
        "map": _map(dataset, features, judgement, labels.seed),
    }
    if label_issues is not None:
        found["label_issues"] = _suspects(dataset, features, label_issues)
    if explanations is not None:
        found["explanations"] = [_explanation(pair) for pair in explanations[:EXPLAINED]]
    return found


def data_uri(image: Image.Image, side: int = EXPLAINED_SIDE) -> str:
    """Encode an image as a JPEG ``data:`` address, at most ``side`` pixels wide and high.

    Under 25 kB at the default side for anything but noise.
    """
    return thumbnail_data_uri(image.convert("RGB"), side)


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


def lay_out(X: NDArray[np.floating], seed: int) -> tuple[NDArray[np.float64], str]:
    """Place embeddings on a plane so that neighbours stay neighbours.

    Parameters
    ----------
    X : ndarray of shape (n, dim)
    seed : int

    Returns
    -------
    xy : ndarray of shape (n, 2)
        Within 0..1.
    method : str
        ``"t-SNE"``, or ``"PCA"`` where there are too few images for it.
    """
    with threadpool_limits(1):  # threads in lockstep crawl on a busy machine
        axes = _principal_axes(np.asarray(X, np.float64), AXES)
        if len(X) < FEWEST:
            return _within_unit(axes[:, :2]), "PCA"
        return _within_unit(_tsne(axes, seed)), "t-SNE"


def _tsne(axes: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE  # half a second to import: only here

    spread = axes[:, 0].std() or 1.0
    start = (axes[:, :2] / spread * 1e-4).astype(np.float32)
    near = min(30.0, len(axes) / 4)  # neighbours that matter; must be fewer than the images
    tsne = TSNE(2, perplexity=near, init=start, max_iter=STEPS, random_state=seed)
    return tsne.fit_transform(axes)


def _gallery(
    dataset: Dataset, features: Features, judgement: Judgement
) -> dict[str, list[dict[str, Any]]]:
    predicted, confidence = judgement.proba.argmax(axis=1), judgement.proba.max(axis=1)
    wrong = predicted != dataset.labels[judgement.rows]
    unsure = np.argsort(confidence, kind="stable")

    def shot(i: int) -> dict[str, Any]:
        row = int(judgement.rows[i])
        return {
            "path": dataset.refs[row],
            "label": dataset.classes[dataset.labels[row]],
            "predicted": dataset.classes[predicted[i]],
            "confidence": round(float(confidence[i]), 4),
            "image": thumbnail_data_uri(_original(dataset, features, row), GALLERY_SIDE),
        }

    return {
        "most_wrong": [shot(i) for i in unsure[wrong[unsure]][::-1][:GALLERY]],
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
            "image": thumbnail_data_uri(
                _original(dataset, features, row_of[issue["path"]]), GALLERY_SIDE
            ),
        }
        for issue in issues[:SUSPECTS]
        if issue["path"] in row_of
    ]


def _explanation(pair: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: pair[key] for key in ("path", "label", "predicted", "confidence", "kind")}
    return said | {"image": data_uri(pair["image"]), "map": data_uri(pair["map"])}


def _original(dataset: Dataset, features: Features, row: int) -> Image.Image:
    """Read an image from its file; the small copy stands in for a file that has gone since."""
    try:
        data = dataset.files[row].read_bytes()
        return ImageModality().read(data, short_side=GALLERY_SIDE).image
    except (OSError, UnreadableError):
        return Image.fromarray(features.thumbs[row])


def _map(dataset: Dataset, features: Features, judgement: Judgement, seed: int) -> dict[str, Any]:
    held = np.zeros(len(dataset), dtype=bool)
    held[judgement.rows] = True
    answers = dict(zip(judgement.rows.tolist(), judgement.proba.argmax(axis=1), strict=True))
    rows = sample(dataset.labels, held, POINTS, np.random.default_rng([seed, 5]))
    places, method = lay_out(features.vectors[0][rows], seed)
    points = []
    for row, (x, y) in zip(rows.tolist(), places.tolist(), strict=True):
        answer = answers.get(row)
        small = Image.fromarray(features.thumbs[row])
        points.append(
            {
                "x": round(x, 4),
                "y": round(y, 4),
                "path": dataset.refs[row],
                "label": dataset.classes[dataset.labels[row]],
                "predicted": None if answer is None else dataset.classes[answer],
                "right": None if answer is None else bool(answer == dataset.labels[row]),
                "image": thumbnail_data_uri(small, POINT_SIDE, POINT_QUALITY),
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


SIDE = 160
"""Pixels of the longer side, as in the galleries of a run."""
MOST = {"least_like": 12, "unknown": 12, "proposals": 60}
"""Pictures of each kind; about 6 kB each."""


def collect_adaptation(
    files: Mapping[str, Path], adaptation: Mapping[str, Any]
) -> dict[str, list[dict[str, str]]]:
    """Shrink the target images that the report of an adaptation shows.

    Parameters
    ----------
    files : mapping
        Where the target image lies that goes by a path in ``adaptation``.
    adaptation : mapping
        ``metrics.json["adaptation"]``.

    Returns
    -------
    dict
        ``least_like``, ``unknown`` and ``proposals``: lists of ``{path, image}``, in the order of
        ``adaptation``, ``image`` a JPEG ``data:`` address. An image that is not in ``files``, has
        gone or cannot be decoded is left out: the report then names it without a picture.
    """
    shift = adaptation.get("shift") or {}
    wanted = {
        "least_like": shift.get("least_like"),
        "unknown": (shift.get("unknown") or {}).get("examples"),
        "proposals": adaptation.get("proposals"),
    }
    return {part: _shots(files, rows or [], MOST[part]) for part, rows in wanted.items()}


def _shots(
    files: Mapping[str, Path], rows: Iterable[Mapping[str, Any]], most: int
) -> list[dict[str, str]]:
    found = []
    for row in list(rows)[:most]:
        path = str(row["path"])
        image = _small(files[path]) if path in files else None
        if image is not None:
            found.append({"path": path, "image": image})
    return found


def _small(file: Path) -> str | None:
    try:
        return thumbnail_data_uri(
            ImageModality().read(file.read_bytes(), short_side=SIDE).image, SIDE
        )
    except (OSError, UnreadableError):
        return None
