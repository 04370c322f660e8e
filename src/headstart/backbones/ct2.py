"""Weights as CTranslate2 writes them: ``model.bin``, read without running anything.

Little endian throughout: u32 version; the kind, a string; u32 revision; u32 number of tensors; of
each its name, u8 rank, u32 dims, u8 type, u32 bytes, the values; u32 number of aliases, each a name
and the name it stands for. A string is u16 length, with the zero that ends it, and its bytes.
(``src/models/model.cc`` of CTranslate2 4.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from headstart.errors import BackboneError
from headstart.said import _

VERSION = 6
TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
MOST_AXES = 8

Tensors = dict[str, NDArray[np.generic]]


class _Malformed(Exception):
    """The bytes are not what they claim to be; the message says where."""


def read(data: bytes, name: str) -> Tensors:
    """Read tensors by name; they are views of ``data``.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Of the file, for messages.

    Raises
    ------
    BackboneError
        Bytes that are not such a file, or not all of one.
    """
    try:
        return _Reader(memoryview(data)).tensors()
    except _Malformed as cause:
        raise BackboneError(
            _("{file} does not hold weights of CTranslate2: {cause}.", file=name, cause=cause),
            _("Install the package again."),
        ) from None


@dataclass
class _Reader:
    data: memoryview
    at: int = 0

    def tensors(self) -> Tensors:
        version = self.number("<I")
        if version != VERSION:
            raise _Malformed(
                _("it is of version {found}, not {wanted}", found=version, wanted=VERSION)
            )
        self.string()
        self.number("<I")
        found: Tensors = {}
        self.times(lambda: found.update([self.tensor()]))
        self.times(lambda: found.update([self.alias(found)]))
        if self.at != len(self.data):
            raise _Malformed(_("{n:,} bytes follow its end", n=len(self.data) - self.at))
        return found

    def times(self, work: Callable[[], None]) -> None:
        """Do something as often as the next number says; every time takes bytes, so it ends."""
        for _again in range(self.number("<I")):
            work()

    def tensor(self) -> tuple[str, NDArray[np.generic]]:
        name, rank = self.string(), self.number("<B")
        if rank > MOST_AXES:
            raise _Malformed(_("{tensor!r} has {rank} axes", tensor=name, rank=rank))
        shape = [self.number("<I") for _axis in range(rank)]
        kind, size = self.number("<B"), self.number("<I")
        if kind not in TYPES:
            raise _Malformed(_("{tensor!r} is of the unknown type {kind}", tensor=name, kind=kind))
        dtype = np.dtype(TYPES[kind])
        if prod(shape) * dtype.itemsize != size:
            raise _Malformed(_("{tensor!r} has not as many values as its shape", tensor=name))
        return name, np.frombuffer(self.take(size), dtype).reshape(shape)

    def alias(self, found: Tensors) -> tuple[str, NDArray[np.generic]]:
        name, other = self.string(), self.string()
        if other not in found:
            raise _Malformed(_("{tensor!r} is not in it", tensor=other))
        return name, found[other]

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def string(self) -> str:
        raw = bytes(self.take(self.number("<H"))).removesuffix(b"\0")
        return raw.decode("utf-8", "replace")

    def take(self, n: int) -> memoryview:
        end = self.at + n
        if end > len(self.data):
            raise _Malformed(_("it ends after {n:,} bytes, too soon", n=len(self.data)))
        taken = self.data[self.at : end]
        self.at = end
        return taken
