"""Refusals: what is wrong with a request, in words, with the status that HTTP has for it."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.errors import HeadstartError
from headstart.language import code_of, in_force, languages, use
from headstart.said import Said


class Refusal(HeadstartError):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        400 and more.
    message, hint : str
        As of every error.
    retry_after : int, seconds, optional
        When it may be tried again.
    """

    def __init__(
        self, status: int, message: str, hint: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        if status == 401:
            self.headers["www-authenticate"] = "Bearer"

    def to_json(self, language: str) -> dict[str, str]:
        """Say it in a language."""
        return in_words(self, language)


def in_words(error: HeadstartError, language: str) -> dict[str, str]:
    """Say an error, and its mend, as a JSON document does."""
    return {"error": said_in(language, error.message), "hint": said_in(language, error.hint)}


def said_in(language: str, text: str) -> str:
    """Say again, in another language, what is said.

    The language in force is the whole process's: only the thread that answers requests may call
    this. What other threads say meanwhile passes through here, too, before it leaves.
    """
    if not isinstance(text, Said):
        return text
    before = in_force().code
    use(language)
    try:
        return str(text.again())
    finally:
        use(before)


def asked_language(headers: Mapping[str, str], default: str) -> str:
    """Choose the language that a request prefers, of those there are (RFC 9110, 12.5.4)."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(headers.get("accept-language", "")[:500].split(",")):
        name, _semicolon, weight = part.partition(";")
        code = code_of(name.strip().replace("*", ""))
        if code in languages():
            wanted.append((-_weight(weight), place, code))
    return min(wanted)[2] if wanted else default


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
