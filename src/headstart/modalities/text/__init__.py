"""Texts: reviews, messages, reports, in cells of a table or in files.

Read ``read.py`` (bytes to a text), ``look.py`` (a text to tokens), ``digest.py`` (what is kept of
it), ``language.py``, ``copies.py``, ``baselines.py``, ``parts.py`` and ``show.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headstart.modalities import Fed, Kind, Look, Modality, Unit
from headstart.modalities.text.digest import DIGEST_KEY, TextDigest, digest
from headstart.modalities.text.language import backbone_for
from headstart.modalities.text.read import encode, looks_like_text, read
from headstart.said import N_, NN_

NN_("{n:,} text", "{n:,} texts"), N_("a text")

PACK, PACKED = 8, 2048
"""Texts, and tokens with padding, that go through a network together: of 4, 8, 16 and 32 texts,
eight were fastest for sentences; more of them spread further in length."""


class TextModality(Modality[str, TextDigest]):
    """Texts in cells and files."""

    name = "text"
    unit = Unit(N_("text"), N_("texts"))
    kinds = ("file", "cell")
    held = N_("Give a text as a string, or the bytes of a file; several of them as a list.")
    columns = ("text", "review", "sentence", "content", "文本", "评论", "内容")
    digest_key = DIGEST_KEY
    taken = 128

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a cell by what is in it, a file by its suffix and first bytes."""
        return looks_like_text(kind, name, head)

    def read(self, data: bytes, detail: int = 0) -> str:
        """Decode a text."""
        return read(data)

    def encode(self, held: object) -> bytes | None:
        """Write a string as a file of it would be."""
        return encode(held)

    def digest(self, x: str) -> TextDigest:
        """Keep its beginning, its length and its language."""
        return digest(x)

    def pack(self, d: TextDigest) -> bytes:
        """Write a digest."""
        return d.pack()

    def unpack(self, data: bytes) -> TextDigest:
        """Read a digest."""
        return TextDigest.unpack(data)

    def look(self, values: dict[str, Any]) -> Look[str]:
        """Rebuild a look."""
        from headstart.modalities.text.look import Tokens

        return Tokens(**{**values, "extent": tuple(values["extent"])})

    def packs(self, fed: Sequence[Fed]) -> list[list[int]]:
        """Pack texts of similar length."""
        order = sorted(range(len(fed)), key=lambda k: (fed[k].shape, k))
        found: list[list[int]] = []
        for k in order:
            room = min(PACK, PACKED // fed[k].size)
            if not found or len(found[-1]) >= room or len(fed[found[-1][0]]) != len(fed[k]):
                found.append([])
            found[-1].append(k)
        return found

    def backbone(self, digests: Callable[[], Sequence[TextDigest]]) -> str:
        """Name the network that reads the language of the texts."""
        return backbone_for(digests())
