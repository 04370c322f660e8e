"""The model that knows who is who, on disk: a gallery beside a backbone, checked on reading.

``model/`` holds ``model.json`` (names, counts, thresholds) and ``gallery.safetensors`` (a template
for each name); the backbone lies there as in every other model. No example is kept, and nothing
else is derived from one but the thresholds, so a name that is taken out is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import EMBEDDING, Card, Ref
from headstart.backbones.saved import SavedBackbone
from headstart.backbones.side_by_side import SideBySideSaved
from headstart.errors import ArtifactError
from headstart.folder.layout import GALLERY_FILE, IDENTIFICATION, MODEL_JSON
from headstart.folder.model import (
    NONSENSE,
    SCHEMA,
    backbone_of,
    describe,
    described_in,
    no_model,
    save_weights,
    verify,
)
from headstart.recognition.gallery import Gallery
from headstart.said import _

if TYPE_CHECKING:
    from headstart.backbones.layer import LayerRef
    from headstart.backbones.stages import StagesRef

TEMPLATES = "templates"


@dataclass(frozen=True)
class Thresholds:
    """From which similarity on two examples are one, and an example is someone who is known.

    Attributes
    ----------
    pair, known : float, -1 to 1
    false_accepts : float, 0 to 1
        The share of different pairs, and of strangers, that both were set to accept.
    """

    pair: float
    known: float
    false_accepts: float


@dataclass(frozen=True)
class Recogniser:
    """A model that knows who is who, as it lies in a folder.

    Attributes
    ----------
    gallery : Gallery
    thresholds : Thresholds
    quantiles : tuple of (tuple of float, tuple of float)
        Similarities of pairs of one and of pairs of two, in hundredths: what a similarity means.
    card : Card
        Of the backbone, with its preprocessing.
    engine : str
        The arithmetic that templates were made with, which every comparison repeats.
    backbone : Ref, SavedBackbone, StagesRef, LayerRef or SideBySideSaved
        How to get the network.
    """

    gallery: Gallery
    thresholds: Thresholds
    quantiles: tuple[tuple[float, ...], tuple[float, ...]]
    card: Card
    engine: str
    backbone: Ref | SavedBackbone | StagesRef | LayerRef | SideBySideSaved


def identifies(folder: Path) -> bool:
    """Tell whether a model folder knows who is who, without verifying it."""
    return (folder / GALLERY_FILE).is_file()


def save_recogniser(
    folder: Path,
    model: Recogniser,
    ref: Ref,
    base: Card | None = None,
    layer: str = EMBEDDING,
) -> None:
    """Write a model folder; ``base`` and ``layer`` are as of ``folder.model.save_model``."""
    folder.mkdir(parents=True)
    described = {
        "schema": SCHEMA,
        "headstart": __version__,
        "task": IDENTIFICATION,
        "modality": model.card.modality,
        "engine": model.engine,
        "backbone": model.card.to_json(),
        "weights": save_weights(folder, ref, layer),
        "layers": base.to_json() if base else None,
        "layer": layer,
        "licence": model.card.licence,
        "thresholds": vars(model.thresholds),
        "quantiles": [list(one) for one in model.quantiles],
    }
    _write(folder, described, model.gallery)


def save_gallery(folder: Path, gallery: Gallery) -> None:
    """Put another gallery into a model folder, which nobody else may be reading."""
    _write(folder, described_in(folder), gallery)


def _write(folder: Path, described: dict[str, Any], gallery: Gallery) -> None:
    from safetensors.numpy import save_file

    save_file({TEMPLATES: np.ascontiguousarray(gallery.templates)}, folder / GALLERY_FILE)
    own = {"names": list(gallery.names), "counts": gallery.counts.tolist()}
    describe(folder, {**described, **own})


def load_recogniser(folder: Path) -> Recogniser:
    """Read and verify a model folder.

    Raises
    ------
    ArtifactError
        Not a model that knows who is who, from a newer headstart, or changed since it was written.
    """
    from safetensors.numpy import load_file

    described = described_in(folder)
    if described.get("task") != IDENTIFICATION:
        raise ArtifactError(
            _("{folder!r} holds a model that tells classes, not who is who.", folder=str(folder)),
            _("`headstart train DATA --task identify` makes one that does."),
        )
    verify(folder, described)
    try:
        card = Card.from_json(described["backbone"])
        gallery = Gallery(
            tuple(described["names"]),
            load_file(folder / GALLERY_FILE)[TEMPLATES],
            np.array(described["counts"], np.int64),
        )
        if gallery.templates.shape != (len(gallery.names), card.dim):
            raise ValueError(gallery.templates.shape)
        same, different = described["quantiles"]
        return Recogniser(
            gallery,
            Thresholds(**described["thresholds"]),
            (tuple(same), tuple(different)),
            card,
            described["engine"],
            backbone_of(folder, described, card),
        )
    except NONSENSE as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
