"""The model of a recommendation on disk: safetensors, Parquet and JSON, checked on reading.

``model/`` holds ``model.json``, ``behaviour.safetensors`` (the fitted arrays, and who chose what,
so that users are known by their ids), ``users.parquet`` and ``items.parquet`` (ids and titles);
where items that stand in no log are recommended too, ``new_items.parquet`` names them.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart._version import __version__
from headstart.behaviour.advice import Adviser
from headstart.behaviour.ease import Ease
from headstart.behaviour.factors import Factors
from headstart.behaviour.log import Log
from headstart.behaviour.models import Candidate, Model, Popularity, Recommender
from headstart.behaviour.neighbours import Neighbours
from headstart.behaviour.new_items import NewItems
from headstart.behaviour.union import Union
from headstart.errors import ArtifactError
from headstart.folder.layout import (
    BEHAVIOUR,
    ITEMS_FILE,
    MODEL_JSON,
    NEW_ITEMS_FILE,
    TENSORS,
    USERS_FILE,
)
from headstart.folder.model import NONSENSE, SCHEMA, describe, described_in, no_model, verify
from headstart.folder.reading import MEND
from headstart.said import _

ROLES = ("known", "cold", "few")
NEW = ("places", "V", "everyone")
"""Arrays of ``NewItems``."""
KINDS: dict[str, type[Model]] = {
    one.__name__: one for one in (Ease, Factors, Neighbours, Popularity)
}


def is_adviser(folder: Path) -> bool:
    """Tell whether a model folder recommends, without verifying it."""
    return (folder / TENSORS).is_file()


def save_adviser(folder: Path, adviser: Adviser) -> None:
    """Write a model folder; models that serve several roles are written once."""
    import pyarrow as pa
    from pyarrow import parquet
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    union = adviser.union
    tensors: dict[str, NDArray[Any]] = {}
    for name, log in (("target", union.target), ("source", union.source)):
        tensors |= {f"{name}.user": log.user, f"{name}.item": log.item}
    roles: dict[str, Any] = {}
    for role in ROLES:
        model: Recommender = getattr(adviser, role)
        same = next((r for r in roles if getattr(adviser, r) is model), None)
        if same is None:
            tensors[f"{role}.popularity"] = model.popularity
            names = [one.name for one in fields(model.model)]
            tensors |= {f"{role}.{name}": getattr(model.model, name) for name in names}
        c = model.candidate
        roles[role] = {
            "as": same,
            "kind": c.kind,
            "weight": c.weight,
            "strength": c.strength,
            "model": type(model.model).__name__,
        }
    if adviser.new is not None:
        tensors |= {f"new.{name}": getattr(adviser.new, name) for name in NEW}
        new = pa.table({"id": adviser.new.ids, "title": adviser.new.titles})
        parquet.write_table(new, folder / NEW_ITEMS_FILE)
    save_file({k: np.ascontiguousarray(a) for k, a in tensors.items()}, folder / TENSORS)
    parquet.write_table(pa.table({"id": union.users}), folder / USERS_FILE)
    items = pa.table({"id": union.items, "title": adviser.titles})
    parquet.write_table(items, folder / ITEMS_FILE)
    described = {
        "schema": SCHEMA,
        "headstart": __version__,
        "modality": BEHAVIOUR,
        "own": union.own,
        "offered": union.offered,
        "roles": roles,
        "new": None if adviser.new is None else {"way": list(adviser.new.way)},
    }
    describe(folder, described)


def load_adviser(folder: Path) -> Adviser:
    """Read and verify a model folder.

    Raises
    ------
    ArtifactError
        Not a model that recommends, from a newer headstart, or changed since it was written.
    """
    from pyarrow import ArrowException, parquet
    from safetensors.numpy import load_file

    described = described_in(folder)
    if described.get("modality") != BEHAVIOUR:
        raise ArtifactError(
            _("{folder!r} holds a model that does not recommend.", folder=str(folder)), _(MEND)
        )
    verify(folder, described)
    try:
        users = tuple(parquet.read_table(folder / USERS_FILE)["id"].to_pylist())
        table = parquet.read_table(folder / ITEMS_FILE)
        items, titles = (tuple(table[name].to_pylist()) for name in ("id", "title"))
        tensors = load_file(folder / TENSORS)
        target, source = (
            Log(users, items, tensors[f"{name}.user"], tensors[f"{name}.item"])
            for name in ("target", "source")
        )
        union = Union(users, items, target, source, described["own"], described["offered"])
        models: dict[str, Recommender] = {}
        for role in ROLES:
            models[role] = _model(role, described["roles"][role], tensors, models)
        new = _new(folder, described.get("new"), tensors)
    except (*NONSENSE, ArrowException) as cause:
        raise no_model(folder / MODEL_JSON, cause) from cause
    return Adviser(union, titles, **models, new=new)


def _new(
    folder: Path, said: dict[str, Any] | None, tensors: dict[str, NDArray[Any]]
) -> NewItems | None:
    """Read the items that stand in no log; runs of older versions have none."""
    from pyarrow import parquet

    if said is None:
        return None
    table = parquet.read_table(folder / NEW_ITEMS_FILE)
    ids, titles = (tuple(table[name].to_pylist()) for name in ("id", "title"))
    return NewItems(ids, titles, tuple(said["way"]), *(tensors[f"new.{name}"] for name in NEW))


def _model(
    role: str,
    said: dict[str, Any],
    tensors: dict[str, NDArray[Any]],
    models: dict[str, Recommender],
) -> Recommender:
    if said["as"]:
        return models[said["as"]]
    arrays = {
        name.removeprefix(f"{role}."): array
        for name, array in tensors.items()
        if name.startswith(f"{role}.")
    }
    popularity = arrays.pop("popularity")
    model: Model = KINDS[said["model"]](**arrays)
    candidate = Candidate(said["kind"], said["weight"], said["strength"])
    return Recommender(candidate, model, popularity)
