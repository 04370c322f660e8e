"""The language of a text, and the network that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

ENGLISH, OTHERS = "embedded:minilm-l6", "embedded:e5-small"
READ = 1_000
"""Characters from which the language is told."""
SHORT = 20
"""Characters below which a language is told of Chinese, Japanese and Korean only: of 60,000 short
sentences in English and French, 1 to 16 % of those with fewer were taken for another language, and
under 1 % of longer ones; of Chinese ones under 1 % at any length (docs/measurements.md)."""
OWN_WRITING = frozenset({"zh", "ja", "ko"})
FOREIGN = 0.1
"""Share of texts in other languages from which on a network for English alone will not do."""


@cache
def _detector() -> Any:
    from eld import LanguageDetector  # 55 MB of tables, read in a tenth of a second

    return LanguageDetector()


def language_of(text: str) -> str:
    """Tell the language of a text, as an ISO 639-1 code; "" where it cannot be told."""
    found = _detector().detect(text[:READ])
    told = str(found.language or "") if found.is_reliable() else ""
    return told if len(text) >= SHORT or told in OWN_WRITING else ""


def backbone_for(told: Sequence[str]) -> str:
    """Name the network that comes with the install and reads texts of these languages."""
    known = Counter(filter(None, told))
    foreign = known.total() - known["en"]
    return OTHERS if foreign and foreign >= FOREIGN * known.total() else ENGLISH
