"""Texts: reviews, messages, reports, in cells of a table or in files.

Read ``read.py`` (bytes to a text), ``look.py`` (a text to tokens), ``digest.py`` (what is kept of
it), ``language.py``, ``circumstances.py``, ``check.py``, ``copies.py``, ``baselines.py``,
``parts.py`` and ``show.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headstart.findings import Finding
from headstart.modalities import Circumstance, Fed, Kind, Modality, Unit
from headstart.modalities.copies import Copies
from headstart.modalities.text import read
from headstart.modalities.text.baselines import CHARACTERS, RIVALS
from headstart.modalities.text.check import blank, check
from headstart.modalities.text.circumstances import OF_CONTENT, circumstances
from headstart.modalities.text.copies import find_copies
from headstart.modalities.text.digest import DIGEST_KEY, TextDigest, digest
from headstart.modalities.text.language import backbone_for
from headstart.modalities.text.look import Tokens
from headstart.modalities.text.parts import WordParts
from headstart.modalities.text.show import HINTS, ShowTexts
from headstart.said import N_, NN_

if TYPE_CHECKING:
    from headstart.modalities.entry import Entry

NN_("{n:,} text", "{n:,} texts"), N_("a text")

PACK, PACKED = 8, 2048
"""Texts, and tokens with padding, that go through a network together: of 4, 8, 16 and 32 texts,
eight were fastest for sentences; more of them spread further in length."""

RECIPE = {"lr": 1e-4, "epochs": 3, "augment": "none"}
"""Epochs of Devlin et al. (2019), "BERT", arXiv:1810.04805, appendix A.3: 2 to 4 work for all
tasks; at twice the rate they give, since a network of six layers does better with it on the
development part of SST-2 (docs/measurements.md)."""


class TextModality(Modality[str, TextDigest]):
    """Texts in cells and files."""

    name = "text"
    unit = Unit(N_("text"), N_("texts"))
    kinds = ("file", "cell")
    held = N_("Give a text as a string, or the bytes of a file; several of them as a list.")
    columns = ("text", "review", "sentence", "content", "文本", "评论", "内容")
    turned = N_("with a few words changed")
    show = ShowTexts()
    parts = WordParts()
    hints = HINTS
    of_content = OF_CONTENT
    digest_key = DIGEST_KEY
    taken = 128
    rivals = RIVALS
    beside = CHARACTERS
    recipe = RECIPE
    few_labels = "contrastive"

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """Judge a cell by what is in it, a file by its suffix and first bytes."""
        return read.looks_like_text(kind, name, head)

    def read(self, data: bytes, detail: int = 0) -> str:
        """Decode a text."""
        return read.read(data)

    def encode(self, held: object) -> bytes | None:
        """Write a string as a file of it would be."""
        return read.encode(held)

    def digest(self, x: str) -> TextDigest:
        """Keep its beginning, its length and its language."""
        return digest(x)

    def pack(self, d: TextDigest) -> bytes:
        """Write a digest."""
        return d.pack()

    def unpack(self, data: bytes) -> TextDigest:
        """Read a digest."""
        return TextDigest.unpack(data)

    def look(self, values: dict[str, Any]) -> Tokens:
        """Rebuild a look."""
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
        return backbone_for([d.language for d in digests()])

    def check(
        self, digests: Sequence[TextDigest], refs: Sequence[str], look: Tokens
    ) -> list[Finding]:
        """Report languages, tokens that the network does not know, cut texts, and markup."""
        return check(digests, refs, look)

    def blank(self, d: TextDigest) -> str:
        """Tell a text without words; an empty one cannot be read."""
        return blank(d)

    def circumstances(self, d: TextDigest) -> Mapping[str, Circumstance]:
        """Tell its length, its language, and what kinds of characters it is made of."""
        return circumstances(d)

    def copies(self, hashes: Sequence[str], digests: Sequence[TextDigest]) -> Copies:
        """Find texts that are the same, or nearly."""
        return find_copies(hashes, digests)

    def entry(self, looks: Sequence[Tokens], *, whole: bool = True) -> Entry | None:
        """Return how texts enter a graph."""
        from headstart.modalities.text.graph import TokenIds  # imports torch

        return TokenIds(looks[0]) if len(looks) == 1 else None
