"""The model of a run that tags words on disk: safetensors and JSON, checked on reading.

``model/`` holds ``model.json``, ``tagger.safetensors`` (the head) and, unless an installed package
has the network's weights as they are, the network itself, as every other model does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import EMBEDDING, Card, Ref
from headstart.errors import ArtifactError
from headstart.folder.layout import MODEL_JSON, TAGGER_FILE, TAGGING
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
from headstart.folder.reading import MEND
from headstart.said import _
from headstart.transfer.heads import LinearHead

if TYPE_CHECKING:
    from headstart.tagging.tagger import Tagger


def is_tagger(folder: Path) -> bool:
    """Tell whether a model folder tags words, without verifying it."""
    return (folder / TAGGER_FILE).is_file()


def save_tagger(folder: Path, tagger: Tagger, ref: Ref, method: str, *, trained: bool) -> None:
    """Write a model folder.

    Parameters
    ----------
    ref : Ref
        The network by its name.
    method : str
        How it was learned.
    trained : bool
        Whether the network's weights are the model's own.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    head, card = tagger.head, tagger.backbone.card
    tensors = {"W": head.head.W, "b": head.head.b}
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / TAGGER_FILE)
    described: dict[str, Any] = {
        "schema": SCHEMA,
        "headstart": __version__,
        "modality": TAGGING,
        "method": method,
        "tags": list(head.tags),
        "C": head.C,
        "layer": head.space,
        "pool": tagger.pool,
        "split": tagger.split,
        "scheme": tagger.scheme,
        "backbone": card.to_json(),
        "weights": save_weights(folder, ref, EMBEDDING, tagger.backbone if trained else None),
        "licence": card.licence,
    }
    describe(folder, described)


def load_tagger(folder: Path) -> Tagger:
    """Read and verify a model folder.

    Raises
    ------
    ArtifactError
        Not a model that tags words, from a newer headstart, or changed since it was written.
    """
    from safetensors.numpy import load_file

    from headstart.backbones.text_network import TextBackbone  # imports torch
    from headstart.tagging.probe import TagHead
    from headstart.tagging.tagger import Tagger

    described = described_in(folder)
    if described.get("modality") != TAGGING:
        raise ArtifactError(
            _("{folder!r} holds a model that does not tag words.", folder=str(folder)), _(MEND)
        )
    verify(folder, described)
    try:
        card = Card.from_json(described["backbone"])
        backbone = backbone_of(folder, described, card).load()
        assert isinstance(backbone, TextBackbone)
        arrays = load_file(folder / TAGGER_FILE)
        tags = tuple(described["tags"])
        head = LinearHead(arrays["W"], arrays["b"])
        if head.W.shape != (card.dim, len(tags)) or head.b.shape != (len(tags),):
            raise ValueError(_("the head does not fit its tags and its network"))
    except (*NONSENSE, AssertionError) as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
    own = TagHead(tags, head, float(described["C"]), int(described["layer"]))
    return Tagger(backbone, own, *(described[name] for name in ("pool", "split", "scheme")))
