"""Speaking the language that a user asks for; what is none is refused in that of their system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from headstart.errors import UnknownNameError
from headstart.kinds import declared
from headstart.language import VARIABLE, code_of, in_force, languages, of_environment, use
from headstart.said import _, commas


@declared
def speak(asked: str | None = None) -> str:
    """Speak a language from now on.

    Parameters
    ----------
    asked : str, optional
        ``"zh"``, or as a locale is written: ``"zh_CN.UTF-8"``. None: that of ``HEADSTART_LANG``,
        else of the locale, else English.

    Returns
    -------
    str
        What is wrong with the catalogue, where English is spoken instead; else "".

    Raises
    ------
    UnknownNameError
        One that there is no catalogue of.
    """
    use(of_environment())  # which an error is said in
    named = asked or os.environ.get(VARIABLE)
    if not named:
        return ""
    code = code_of(named)
    if code not in languages():
        raise UnknownNameError(
            _("There is no language {name!r}.", name=named)
            if asked
            else _("HEADSTART_LANG asks for {name!r}, which is no language here.", name=named),
            _("One of: {names}.", names=commas(languages())),
        )
    wrong = use(code)
    if wrong is None:
        return ""
    return _(
        "The catalogue of {code!r} cannot be read ({cause}); what follows is in English.",
        code=code,
        cause=str(wrong),
    )


@contextmanager
def speaking(asked: str | None) -> Iterator[None]:
    """Speak a language for a while; None: go on in the one in force."""
    before = in_force().code
    try:
        if asked:
            speak(asked)
        yield
    finally:
        use(before)
