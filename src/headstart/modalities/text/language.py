"""The language of a text, and the network that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.modalities.text.digest import TextDigest

ENGLISH, OTHERS = "embedded:minilm-l6", "embedded:e5-small"
READ = 1_000
"""Characters from which the language is told."""
FOREIGN = 0.1
"""Share of texts in other languages from which on a network for English alone will not do."""


@cache
def _detector() -> Any:
    from eld import LanguageDetector  # 55 MB of tables, read in a tenth of a second

    return LanguageDetector()


def language_of(text: str) -> str:
    """Tell the language of a text, as an ISO 639-1 code; "" where it cannot be told."""
    found = _detector().detect(text[:READ])
    return str(found.language or "") if found.is_reliable() else ""


def backbone_for(digests: Sequence[TextDigest]) -> str:
    """Name the network that comes with the install and reads these texts."""
    known = Counter(d.language for d in digests if d.language)
    foreign = known.total() - known["en"]
    return OTHERS if foreign >= FOREIGN * max(known.total(), 1) and foreign else ENGLISH
