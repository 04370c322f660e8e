"""The model on disk: safetensors and JSON, checked on reading, never pickle.

``model/`` holds ``model.json`` (everything that is data), ``head.safetensors`` (the fitted
arrays) and, unless the backbone's weights come with an installed package, the backbone itself in
``backbone.safetensors``, so that the folder is all that prediction needs. Of backbones side by side
each has a folder of its own for that, ``part-0`` and so on.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from headstart._version import __version__
from headstart.backbones import ALL, EMBEDDING, Card, Ref, is_packaged
from headstart.backbones.saved import REBUILT, SavedBackbone
from headstart.backbones.side_by_side import SideBySideRef, SideBySideSaved, at
from headstart.errors import ArtifactError, BackboneError
from headstart.folder.layout import BACKBONE_FILE, HEAD_FILE, MODEL_JSON
from headstart.folder.reading import MEND, UNREADABLE, read_document
from headstart.said import _, listed
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import MultiLabel
from headstart.transfer import Familiarity, FamiliarSideBySide, FittedModel, Moments, Pair
from headstart.transfer.familiar import LOWEST
from headstart.transfer.heads import HEADS, arrays_of

if TYPE_CHECKING:
    from headstart.backbones.layer import LayerRef
    from headstart.backbones.network import Backbone
    from headstart.backbones.stages import StagesRef


SCHEMA = 1
PART = "part-{}"
"""Folder of one of several backbones side by side."""
FAMILIAR = ("centroids", "basis", "discount")
MOMENTS = ("mean", "scale", "shares", "groups")


@dataclass(frozen=True)
class SavedModel:
    """A model as it lies in a folder.

    Attributes
    ----------
    model : FittedModel
    card : Card
        Of the backbone, with its preprocessing.
    engine : str
        The arithmetic the features were made with, which prediction repeats.
    backbone : Ref, SavedBackbone, StagesRef, LayerRef or SideBySideSaved
        How to get the network.
    licence : str
        Of the backbone's weights.
    """

    model: FittedModel
    card: Card
    engine: str
    backbone: Ref | SavedBackbone | StagesRef | LayerRef | SideBySideSaved


def save_model(
    folder: Path,
    model: FittedModel,
    card: Card,
    ref: Ref,
    engine: str,
    trained: Backbone | None = None,
    base: Card | None = None,
    layer: str = EMBEDDING,
) -> None:
    """Write a model folder.

    Parameters
    ----------
    folder : Path
        Made; the caller renames it into place when everything beside it is written.
    trained : Backbone, optional
        A backbone whose weights are the model's own; without it they are those of ``ref``.
    base : Card, optional
        Of the backbone itself, where the head works on one of its layers, or on all, and ``card``
        is of those.
    layer : str
        The layer that the head works on; with ``base``, ``"all"`` or the block to end at.
    """
    folder.mkdir(parents=True)
    save_file(_tensors(model), folder / HEAD_FILE)
    described: dict[str, Any] = {
        "schema": SCHEMA,
        "headstart": __version__,
        **_said_of(model),
        "modality": card.modality,
        "engine": engine,
        "backbone": card.to_json(),
        "weights": save_weights(folder, ref, layer, trained),
        "layers": base.to_json() if base else None,
        "layer": layer,
        "licence": card.licence,
    }
    describe(folder, described)


def save_weights(
    folder: Path, ref: Ref, layer: str, trained: Backbone | None = None
) -> str | dict[str, Any]:
    """Keep the weights that no package holds; return what ``model.json`` says of all of them.

    Parameters are those of ``save_model``.
    """
    if isinstance(ref, SideBySideRef) and trained is None:
        return {"parts": [_save_part(folder / PART.format(k), *p) for k, p in enumerate(ref.refs)]}
    if trained is None and is_packaged(ref):
        return {"provider": ref.prefix, "name": ref.name, **dict(ref.asked)}
    SavedBackbone.save(trained or _to_keep(ref, layer), folder / BACKBONE_FILE)
    return BACKBONE_FILE


def _save_part(folder: Path, ref: Ref, layer: str) -> dict[str, Any]:
    """Keep one of several backbones side by side; describe it as ``model.json`` does a lone one."""
    if not is_packaged(ref):
        folder.mkdir()
    whole = ref.load().card
    return {
        "backbone": (whole if layer == EMBEDDING else at(ref, layer).load().card).to_json(),
        "weights": save_weights(folder, ref, layer),
        "layers": None if layer == EMBEDDING else whole.to_json(),
        "layer": layer,
    }


def _to_keep(ref: Ref, layer: str) -> Backbone:
    """Load a backbone as far as a model needs it."""
    if layer in (EMBEDDING, ALL):
        return ref.load()
    from headstart.backbones.layer import LayerRef  # imports torch

    return LayerRef(ref, layer).load()


def save_with_head(source: Path, folder: Path, model: FittedModel) -> None:
    """Write a copy of a model folder with another head on the same backbone.

    Raises
    ------
    ArtifactError
        As ``load_model``.
    """
    load_model(source)  # whole, and as it was saved
    shutil.copytree(source, folder)
    save_file(_tensors(model), folder / HEAD_FILE)
    describe(folder, described_in(source) | {"headstart": __version__, **_said_of(model)})


def _tensors(model: FittedModel) -> dict[str, NDArray[Any]]:
    """Collect the arrays of a model by the names they are saved under."""
    named: list[tuple[str, object, tuple[str, ...]]] = [("moments", model.moments, MOMENTS)]
    if isinstance(model.familiar, FamiliarSideBySide):
        own = [(f"familiar.{PART.format(k)}", p) for k, p in enumerate(model.familiar.parts)]
        named += [("familiar", model.familiar, ("scale",)), *((n, p, FAMILIAR) for n, p in own)]
    else:
        named += [("familiar", model.familiar, FAMILIAR)]
    tensors = {f"head.{name}": np.ascontiguousarray(a) for name, a in arrays_of(model.head).items()}
    for prefix, part, names in named:
        if part is not None:
            tensors |= {f"{prefix}.{n}": np.ascontiguousarray(getattr(part, n)) for n in names}
    return tensors


def _said_of(model: FittedModel) -> dict[str, Any]:
    return {
        "method": model.method,
        "task": model.task.name,
        "classes": list(model.classes),
        "head": model.head.kind,
        "temperature": model.temperature,
        "beside": model.beside,
        "thresholds": {
            "familiar": model.familiar.threshold if model.familiar else None,
            "abstain": model.abstain,
            **({} if model.thresholds is None else {"labels": list(model.thresholds)}),
        },
    }


def describe(folder: Path, described: dict[str, Any]) -> None:
    """Write ``model.json`` with the checksums of the files beside it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MODEL_JSON)
    for path in files:
        path.chmod(0o644)  # safetensors writes files only their owner may read
    sums = {path.relative_to(folder).as_posix(): _sha256(path) for path in files}
    described = {**described, "files": sums}
    described["checksum"] = _checksum(described)
    text = json.dumps(described, indent=1, ensure_ascii=False)
    (folder / MODEL_JSON).write_text(text + "\n", "utf-8")


def refuse_unsavable(ref: Ref, card: Card) -> None:
    """Raise ``BackboneError`` for a network that could be trained on but not rebuilt later."""
    if isinstance(ref, SideBySideRef):
        for (part, _layer), (_name, architecture, _n) in zip(ref.refs, card.layers, strict=True):
            refuse_unsavable(part, replace(card, name=str(part), architecture=architecture))
        return
    if not is_packaged(ref) and card.architecture.partition(":")[0] not in REBUILT:
        raise BackboneError(
            _(
                "{backbone} is of architecture {architecture!r}, which a saved model could not "
                "rebuild.",
                backbone=card.name,
                architecture=card.architecture,
            ),
            _("Backbones must be built by {names}.", names=listed(REBUILT, "or")),
        )


def load_model(folder: Path) -> SavedModel:
    """Read and verify a model folder.

    Raises
    ------
    ArtifactError
        Not a model folder, from a newer headstart, or changed since it was written.
    """
    described = described_in(folder)
    verify(folder, described)
    try:
        card = Card.from_json(described["backbone"])
        model = _fitted(described, load_file(folder / HEAD_FILE))
        backbone = backbone_of(folder, described, card)
    except NONSENSE as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
    return SavedModel(model, card, described["engine"], backbone)


def verify(folder: Path, described: dict[str, Any]) -> None:
    """Raise ``ArtifactError`` unless the files of a model are those that were saved."""
    for name, digest in described["files"].items():
        path = folder / _within(name)
        if not path.is_file():
            raise ArtifactError(
                _("{file} is missing.", file=str(path)),
                _("Restore the run folder, or train again."),
            )
        if _sha256(path) != digest:
            raise ArtifactError(
                _("{file} is not the file that was saved: its checksum differs.", file=str(path)),
                _(MEND),
            )


def _within(name: str) -> PurePosixPath:
    """Return the path of a file of a model, which leads nowhere else."""
    return PurePosixPath(*(p for p in PurePosixPath(name).parts if p not in ("/", "..")))


def read_card(folder: Path) -> Card:
    """Read what a model folder says of its backbone, without its arrays.

    Raises
    ------
    ArtifactError
        As ``load_model``.
    """
    try:
        return Card.from_json(read_document(folder / MODEL_JSON)["backbone"])
    except NONSENSE as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause


def size_of_head(folder: Path) -> int:
    """Count the head's numbers from the header of its file, without loading them.

    Raises
    ------
    ArtifactError
        A file that is missing or damaged.
    """
    path = folder / HEAD_FILE
    try:
        with safe_open(path, framework="numpy") as tensors:
            names = [name for name in tensors.keys() if name.startswith("head.")]  # noqa: SIM118
            shapes = [tensors.get_slice(name).get_shape() for name in names]
    except (OSError, SafetensorError) as cause:
        raise ArtifactError(_(UNREADABLE, file=str(path), cause=str(cause)), _(MEND)) from cause
    return sum(math.prod(shape) for shape in shapes)


NONSENSE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError),
    SafetensorError,
)
"""What comes of a description that has the right form, and contents that belong to no model."""


def no_model(path: Path, cause: BaseException) -> ArtifactError:
    """Say that a description belongs to no model."""
    return ArtifactError(
        _("{file} does not describe a model ({cause}).", file=str(path), cause=repr(cause)),
        _(MEND),
    )


def backbone_of(
    folder: Path, described: dict[str, Any], card: Card
) -> Ref | SavedBackbone | StagesRef | LayerRef | SideBySideSaved:
    """Return how to get the network of a model folder, by what it says of itself."""
    weights = described["weights"]
    if isinstance(weights, dict) and "parts" in weights:
        own = [
            (
                saved_weights(folder / PART.format(k), one, Card.from_json(one["backbone"])),
                one["layer"],
            )
            for k, one in enumerate(weights["parts"])
        ]
        return SideBySideSaved(tuple(own))
    return saved_weights(folder, described, card)


def saved_weights(
    folder: Path, described: dict[str, Any], card: Card
) -> Ref | SavedBackbone | StagesRef | LayerRef:
    """Return how to get the one backbone that a folder describes, whose card this is."""
    """Return how to get the network that a model's description names."""
    weights, layers = described["weights"], described.get("layers")
    base = Card.from_json(layers) if layers else card
    # Before there was a choice, a head on layers was one on all of them.
    layer = described.get("layer", ALL) if layers else EMBEDDING
    block = "" if layer in (EMBEDDING, ALL) else layer
    backbone: Ref | SavedBackbone
    if isinstance(weights, dict):
        asked = {k: v for k, v in weights.items() if k not in ("provider", "name")}
        if base.look.asked(**asked).to_json() != base.look.to_json():
            raise ValueError(
                _("its weights ask for {asked}, unlike its backbone", asked=str(asked))
            )
        backbone = Ref(weights["provider"], weights["name"]).at(**asked)
    else:
        backbone = SavedBackbone(folder / BACKBONE_FILE, base, block=block)
    if layer == EMBEDDING or (block and isinstance(backbone, SavedBackbone)):
        return backbone
    if block and isinstance(backbone, Ref):
        from headstart.backbones.layer import LayerRef  # imports torch

        return LayerRef(backbone, block)
    from headstart.backbones.stages import StagesRef  # imports torch

    return StagesRef(backbone)


def _fitted(described: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> FittedModel:
    head_class = HEADS[described["head"]]
    arrays = {k.removeprefix("head."): v for k, v in tensors.items() if k.startswith("head.")}
    moments = None
    if all(f"moments.{name}" in tensors for name in MOMENTS):
        moments = Moments(**{name: tensors[f"moments.{name}"] for name in MOMENTS})
    model = FittedModel(
        described["method"],
        head_class(**arrays),
        float(described["temperature"]),
        tuple(described["classes"]),
        _familiar(described["thresholds"].get("familiar"), tensors),
        described["thresholds"].get("abstain"),
        moments,
        described.get("beside", ""),
        _label_thresholds(described),
    )
    width = model.head.logits(_nothing(described["backbone"]["dim"], model.beside)).shape[1]
    if width != len(model.classes):
        raise ValueError(
            _(
                "the head has {width} outputs for {n} classes",
                width=int(width),
                n=len(model.classes),
            )
        )
    return model


def _familiar(
    threshold: float | None, tensors: dict[str, NDArray[Any]]
) -> Familiarity | FamiliarSideBySide | None:
    """Return what tells unfamiliar inputs: of one network, of several, or nothing."""

    def one(prefix: str, threshold: float) -> Familiarity:
        return Familiarity(**{n: tensors[f"{prefix}.{n}"] for n in FAMILIAR}, threshold=threshold)

    if threshold is None:
        return None
    if "familiar.scale" in tensors:
        scale = tensors["familiar.scale"]
        parts = tuple(one(f"familiar.{PART.format(k)}", LOWEST) for k in range(len(scale)))
        return FamiliarSideBySide(parts, scale, threshold)
    there = all(f"familiar.{name}" in tensors for name in FAMILIAR)
    return one("familiar", threshold) if there else None


def _label_thresholds(described: dict[str, Any]) -> tuple[float, ...] | None:
    """Return from which probability each of several labels is given; None for one class."""
    if described.get("task", Classification.name) == Classification.name:
        return None
    if described["task"] != MultiLabel.name:
        raise ValueError(_("no task is called {name!r}", name=described["task"]))
    found = tuple(map(float, described["thresholds"]["labels"]))
    if len(found) != len(described["classes"]):
        raise ValueError(
            _(
                "it has {width} thresholds for {n} labels",
                width=len(found),
                n=len(described["classes"]),
            )
        )
    return found


def _nothing(dim: int, beside: str) -> NDArray[np.float64] | Pair:
    """Return a row of zeros, as a head takes it."""
    zeros = np.zeros((1, dim))
    if not beside:
        return zeros
    from scipy.sparse import csr_array

    return Pair(zeros, csr_array((1, 1)))


def described_in(folder: Path) -> dict[str, Any]:
    """Read what a model folder says of itself; raise ``ArtifactError`` where that was changed."""
    path = folder / MODEL_JSON
    if not path.is_file():
        raise ArtifactError(
            _("{folder} holds no model ({file} is missing).", folder=str(folder), file=MODEL_JSON),
            _("Point to a run folder that `headstart train` wrote."),
        )
    described = read_document(path)
    if described["schema"] > SCHEMA:
        raise ArtifactError(
            _(
                "{file} was written by a newer headstart ({version}, schema {schema}; this one "
                "reads up to {most}).",
                file=str(path),
                version=described.get("headstart", _("unknown")),
                schema=described["schema"],
                most=SCHEMA,
            ),
            _("Upgrade headstart: pip install -U headstart."),
        )
    if described.get("checksum") != _checksum(described):
        raise ArtifactError(
            _("{file} was changed after it was written: its checksum differs.", file=str(path)),
            _(MEND),
        )
    return described


def _checksum(described: dict[str, Any]) -> str:
    rest = {k: v for k, v in described.items() if k != "checksum"}
    canonical = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
