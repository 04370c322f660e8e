"""Stop words: the words that phrases are cut at, by language.

English has scikit-learn's list, all others those of the package stopwordsiso. The latter's English
list also holds words such as "computer" and "information", which are what texts are about.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from headstart.errors import MissingExtraError
from headstart.registry import unknown_name
from headstart.said import N_, _

NEEDS = ("rjieba", "snowballstemmer", "stopwordsiso")
"""Modules of the extra ``keywords``."""
ENGLISH = "en"
SUBJECTS = frozenset({"bill", "computer", "fire", "interest", "mill", "system"})
"""Words of scikit-learn's list that texts are about (Nothman, Qin & Yurchak 2018, "Stop word lists
in free open-source software packages")."""
UNSPACED = frozenset({"th", "lo", "km", "my"})
"""Languages written without spaces, for whose words nothing is here that finds them."""


@cache
def refuse_without_extra() -> None:
    """Raise ``MissingExtraError`` where a package of the extra is not installed."""
    lacking = [name for name in NEEDS if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            _("Keywords need the package {name}, which is not installed.", name=lacking[0]),
            _("Install it: {command}", command="pip install 'headstart[text,keywords]'"),
        )


@cache
def languages() -> tuple[str, ...]:
    """List the languages with a list, as ISO 639-1 codes."""
    import stopwordsiso

    return tuple(sorted(stopwordsiso.langs()))


def refuse_unknown(language: str) -> None:
    """Raise ``UnknownNameError`` for a language that has no list."""
    if language not in languages():
        raise unknown_name(
            N_("list of stop words for the language"),
            language,
            languages(),
            "headstart keywords -h",
        )


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the stop words of a language in small letters; none where there is no list."""
    if language == ENGLISH:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return frozenset(ENGLISH_STOP_WORDS) - SUBJECTS
    if language not in languages():
        return frozenset()
    import stopwordsiso

    return frozenset(word.casefold() for word in stopwordsiso.stopwords(language))
