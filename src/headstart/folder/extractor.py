"""The model of keywords on disk: safetensors, Parquet and JSON, checked on reading.

``model/`` holds ``model.json``, ``keywords.safetensors`` (the weights of the ranker; where they are
fixed, it says so alone), ``words.parquet`` (in how many documents each stem stood) and, unless
its weights come with an installed package, the backbone. ``marker/``, where words are marked, is a
model folder of its own, as of runs that tag words.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart._version import __version__
from headstart.backbones import EMBEDDING, Card, Ref
from headstart.errors import ArtifactError
from headstart.folder.layout import KEYWORDS, KEYWORDS_FILE, MODEL_JSON, WORDS_FILE
from headstart.folder.model import (
    NONSENSE,
    SCHEMA,
    describe,
    described_in,
    no_model,
    save_weights,
    saved_weights,
    verify,
)
from headstart.folder.reading import MEND
from headstart.folder.tagger import load_tagger, save_tagger
from headstart.phrases.extractor import Extractor, Settings
from headstart.phrases.ranker import Ranker
from headstart.phrases.scoring import KNOWN, Rarity
from headstart.said import _

if TYPE_CHECKING:
    from headstart.features.engines import NetworkSource

ARRAYS = ("mean", "scale", "coef", "intercept")
"""Of a ranker."""
MARKER = "marker"


def is_extractor(folder: Path) -> bool:
    """Tell whether a model folder finds keywords, without verifying it."""
    return (folder / KEYWORDS_FILE).is_file()


def save_extractor(
    folder: Path, extractor: Extractor, card: Card, ref: Ref, engine: str, *, column: str = ""
) -> None:
    """Write a model folder.

    Parameters
    ----------
    card, ref, engine
        Of the backbone, and the arithmetic it ran in.
    column : str
        Of the texts, in a table.
    """
    import pyarrow as pa
    from pyarrow import parquet
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    ranker, rarity = extractor.ranker, extractor.rarity
    arrays = {"learned": np.array([ranker is not None], np.float32)}
    if ranker is not None:
        arrays |= {n: np.ascontiguousarray(getattr(ranker, n), np.float32) for n in ARRAYS}
    save_file(arrays, folder / KEYWORDS_FILE)
    if extractor.marker is not None:
        from headstart.phrases.trial import FINETUNE

        method = extractor.marker.method
        trained = method == FINETUNE
        save_tagger(folder / MARKER, extractor.marker.tagger, ref, method, trained=trained)
    words = pa.table({"stem": list(rarity.counts), "documents": list(rarity.counts.values())})
    parquet.write_table(words, folder / WORDS_FILE)
    described = {
        "schema": SCHEMA,
        "headstart": __version__,
        "modality": KEYWORDS,
        "settings": asdict(extractor.settings),
        "known": list(KNOWN),
        "threshold": None if ranker is None else ranker.threshold,
        "marked": None if extractor.marker is None else extractor.marker.method,
        "documents": rarity.documents,
        "column": column,
        "engine": engine,
        "backbone": card.to_json(),
        "weights": save_weights(folder, ref, EMBEDDING),
        "layers": None,
        "layer": EMBEDDING,
        "licence": card.licence,
    }
    describe(folder, described)


def load_extractor(folder: Path) -> tuple[Extractor, NetworkSource, dict[str, Any]]:
    """Read and verify a model folder: the extractor, its network, and what ``model.json`` says.

    Raises
    ------
    ArtifactError
        Not a model of keywords, from a newer headstart, or changed since it was written.
    """
    from pyarrow import ArrowException, parquet
    from safetensors.numpy import load_file

    described = described_in(folder)
    if described.get("modality") != KEYWORDS:
        raise ArtifactError(
            _("{folder!r} holds a model that does not find keywords.", folder=str(folder)), _(MEND)
        )
    verify(folder, described)
    try:
        card = Card.from_json(described["backbone"])
        settings = Settings(**described["settings"])
        words = parquet.read_table(folder / WORDS_FILE)
        counts = zip(words["stem"].to_pylist(), words["documents"].to_pylist(), strict=True)
        rarity = Rarity(described["documents"], dict(counts))
        ranker = _ranker(load_file(folder / KEYWORDS_FILE), described, card.dim)
        network = saved_weights(folder, described, card)
    except (*NONSENSE, ArrowException) as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
    marker = None
    if described.get("marked") is not None:  # the first runs know nothing of it
        from headstart.phrases.marking import Marker  # imports torch

        marker = Marker(load_tagger(folder / MARKER), described["marked"])
    return Extractor(settings, ranker, rarity, marker), network, described


def _ranker(arrays: dict[str, Any], described: dict[str, Any], dim: int) -> Ranker | None:
    if described["threshold"] is None:
        return None
    if described["known"] != list(KNOWN):
        raise ValueError(_("it knows other things of a phrase than this version"))
    named = {name: arrays[name] for name in ARRAYS}
    ranker = Ranker(**named, threshold=float(described["threshold"]))
    if any(getattr(ranker, name).shape != (len(KNOWN) + dim,) for name in ARRAYS[:3]):
        raise ValueError(_("its weights do not fit its backbone"))
    return ranker
