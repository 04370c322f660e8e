"""The digest of a text: its beginning in a plain form, its length, its language."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import astuple, dataclass

from headstart.modalities.text.language import language_of

MOST = 20_000
"""Characters that are kept: ten pages, so that a library of books stays within the memory."""
DIGEST_KEY = f"NFKC, the first {MOST} characters, language by eld 1"


@dataclass(frozen=True)
class TextDigest:
    """What is kept of a text.

    Attributes
    ----------
    text : str
        Its first 20,000 characters, in Unicode's form NFKC, whitespace as single spaces.
    language : str
        ISO 639-1 code, "zh" for all Chinese; "" where it cannot be told.
    length : int
        Characters of the whole text.
    """

    text: str
    language: str
    length: int

    def pack(self) -> bytes:
        """Write it for the cache, as JSON in UTF-8."""
        return json.dumps(astuple(self), ensure_ascii=False).encode()

    @classmethod
    def unpack(cls, data: bytes) -> TextDigest:
        """Read what ``pack`` wrote."""
        return cls(*json.loads(data))


def digest(text: str) -> TextDigest:
    """Keep what copies, checks, rivals and maps need."""
    # Three times: what is folded or is whitespace may shrink.
    plain = " ".join(unicodedata.normalize("NFKC", text[: 3 * MOST]).split())[:MOST]
    return TextDigest(plain, language_of(plain), len(text))
