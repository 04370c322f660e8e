"""Weights as TensorFlow.js writes them: a manifest in JSON and plain bytes, read without running.

A manifest is a list of groups, each with ``paths`` of files and ``weights``: their name, shape and
type, one after the other in the joined files, little endian. A tensor may be kept as unsigned
integers with a ``scale`` and a ``min``: its values are ``q * scale + min``, in float32.
(``io/types.ts`` and ``io/io_utils.ts`` of TensorFlow.js 4.)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import BackboneError
from headstart.said import _

TYPES = {"float32": "<f4", "int32": "<i4", "uint8": "<u1", "uint16": "<u2", "float16": "<f2"}
KEPT = ("uint8", "uint16", "float16")
"""Types that float32 may be kept as."""
MOST_AXES = 8

Tensors = dict[str, NDArray[np.generic]]


class _Malformed(Exception):
    """The bytes are not what they claim to be; the message says where."""


def read(manifest: bytes, data: Callable[[str], bytes], name: str) -> Tensors:
    """Read tensors by name.

    Parameters
    ----------
    manifest : bytes
        The JSON.
    data : callable
        Gives the bytes of a file that the manifest names.
    name : str
        Of the manifest, for messages.

    Raises
    ------
    BackboneError
        A manifest that is none, or files that do not hold what it says.
    """
    try:
        return _tensors(json.loads(manifest), data)
    except (_Malformed, ValueError, TypeError, KeyError, AttributeError, OverflowError) as cause:
        raise BackboneError(
            _("{file} does not hold weights of TensorFlow.js: {cause}.", file=name, cause=cause),
            _("Bring the files again, as the package has them."),
        ) from cause


def _tensors(groups: list[dict[str, Any]], data: Callable[[str], bytes]) -> Tensors:
    found: Tensors = {}
    for group in groups:
        held, at = b"".join(data(str(path)) for path in group["paths"]), 0
        for entry in group["weights"]:
            name, shape = str(entry["name"]), _shape(entry)
            kept = entry.get("quantization")
            dtype = _dtype(entry, kept)
            end = at + prod(shape) * dtype.itemsize
            if end > len(held):
                raise _Malformed(_("it ends after {n:,} bytes, too soon", n=len(held)))
            values = np.frombuffer(held, dtype, prod(shape), at)
            found[name] = _restored(values, entry, kept).reshape(shape)
            at = end
        if at != len(held):
            raise _Malformed(_("{n:,} bytes follow its end", n=len(held) - at))
    return found


def _shape(entry: dict[str, Any]) -> list[int]:
    shape = [int(side) for side in entry["shape"]]
    if len(shape) > MOST_AXES or any(side < 0 for side in shape):
        raise _Malformed(
            _("{tensor!r} has the shape {shape}", tensor=entry["name"], shape=str(shape)[:80])
        )
    return shape


def _dtype(entry: dict[str, Any], kept: dict[str, Any] | None) -> np.dtype[Any]:
    kind = entry["dtype"] if kept is None else kept.get("dtype", "uint8")
    if kind not in TYPES or (kept is not None and kind not in KEPT):
        raise _Malformed(
            _("{tensor!r} is of the unknown type {kind}", tensor=entry["name"], kind=str(kind))
        )
    return np.dtype(TYPES[kind])


def _restored(
    values: NDArray[Any], entry: dict[str, Any], kept: dict[str, Any] | None
) -> NDArray[Any]:
    if kept is None:
        return values
    if values.dtype.kind == "u":
        scale, least = np.float32(kept["scale"]), np.float32(kept["min"])
        if not np.isfinite([scale, least]).all():
            raise _Malformed(_("{tensor!r} has a scale that is no number", tensor=entry["name"]))
        values = values.astype(np.float32) * scale + least
    if entry["dtype"] == "int32":
        return values.round().astype(np.int32)
    return values.astype(np.float32)
