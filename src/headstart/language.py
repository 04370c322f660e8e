"""Which language is spoken: the one asked for, else that of the environment, else English.

Catalogues of the others are gettext's: ``locale/zh/LC_MESSAGES/headstart.po``, compiled when the
package is built.
"""

from __future__ import annotations

import gettext
import locale
import os
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN, VARIABLE, ENGLISH = "headstart", "HEADSTART_LANG", "en"


@dataclass(frozen=True)
class Language:
    """A language and its catalogue.

    Attributes
    ----------
    code : str
        ``"zh"``: as in the ``lang`` attribute of a page.
    catalogue : gettext.NullTranslations
    """

    code: str = ENGLISH
    catalogue: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)


class _Now:
    """The language in force: one for the whole process, with all its threads."""

    language: Language | None = None


def languages() -> list[str]:
    """List the languages that there are, English first."""
    return [ENGLISH, *sorted(p.parts[-3] for p in CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))]


def in_force() -> Language:
    """Return the language that is spoken; nobody having asked for one, that of the environment."""
    if _Now.language is None:
        use(of_environment())
    assert _Now.language is not None
    return _Now.language


def use(code: str) -> Exception | None:
    """Speak a language that there is; return what is wrong with it, if English it must be."""
    try:
        _Now.language = _language(code)
    except (OSError, ValueError, LookupError, AttributeError, struct.error) as cause:
        _Now.language = Language()
        return cause
    return None


def code_of(asked: str) -> str:
    """Find the code of a language that is named as a locale may be.

    Examples
    --------
    >>> code_of("zh_CN.UTF-8"), code_of("zh-Hans"), code_of("EN")
    ('zh', 'zh', 'en')
    """
    return asked.replace("-", "_").partition(".")[0].partition("_")[0].lower()


def of_environment() -> str:
    """Find the language that the environment asks for, as gettext does; on Windows that of it."""
    if (named := code_of(os.environ.get(VARIABLE, ""))) in languages():
        return named
    found = gettext.find(DOMAIN, CATALOGUES)
    if found:
        return Path(found).parts[-3]
    spoken = (locale.getlocale()[0] or "") if os.name == "nt" else ""
    return "zh" if spoken.startswith(("zh", "Chinese")) else ENGLISH


@cache
def _language(code: str) -> Language:
    if code == ENGLISH:
        return Language()
    return Language(code, gettext.translation(DOMAIN, CATALOGUES, [code]))
