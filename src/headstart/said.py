"""Said: a message in the language that is spoken, which remembers what it was made of.

A message is an English sentence, whole, with named placeholders; a catalogue has the same in
another language. What is said is text like any other. Since it also keeps message and values, the
sentences of a run, which lie in its files, can be said again in another language.

``_`` and ``_n`` are what gettext's tools look for in the code; ``N_`` and ``NN_`` mark what is said
later.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from headstart.language import ENGLISH, in_force

SPEC = re.compile(r"[+-]?z?,?(\.\d)?[%defg]?")
"""How a placeholder may ask for its number to be written."""
LONGEST = 2_000
"""Letters of a message out of a file, a hundred times as many with its values."""


class Said(str):
    """Text in the language in force, with what it was made of.

    Attributes
    ----------
    parts : dict
        Its first key tells the form: ``message``, ``number``, ``list``, ``day``, ``tongue``,
        ``joined``. Values are plain, or said themselves.
    """

    parts: dict[str, Any]

    def __new__(cls, parts: dict[str, Any]) -> Said:
        """Say it; raises ``LookupError``, ``TypeError`` or ``ValueError`` for what is no form."""
        form = next(iter(parts), "")
        said = super().__new__(cls, _FORMS[form](parts))
        said.parts = parts
        return said

    def again(self) -> Said:
        """Say the same in the language that is now in force."""
        return Said({name: _again(part) for name, part in self.parts.items()})

    def __getnewargs__(self) -> tuple[dict[str, Any]]:  # type: ignore[override]
        return (self.parts,)

    def __deepcopy__(self, memo: object) -> Said:
        return self


def _(message: str, /, **values: Any) -> Said:
    """Say a message, with values for its placeholders.

    Examples
    --------
    >>> _("{hits} of {all} are right: {share:.1%}.", hits=3, all=4, share=0.75)
    '3 of 4 are right: 75.0%.'
    """
    return Said({"message": message, "values": values})


def _n(one: str, many: str, n: int, /, **values: Any) -> Said:
    """Say a message that depends on a number, which is its placeholder ``n``.

    Examples
    --------
    >>> _n("{n:,} label is wrong.", "{n:,} labels are wrong.", 1200)
    '1,200 labels are wrong.'
    """
    return Said({"message": one, "many": many, "n": n, "values": values})


def N_(message: str) -> str:  # gettext's name for it
    """Mark a message that is said later, with ``_``."""
    return message


def NN_(one: str, many: str) -> tuple[str, str]:
    """Mark a message that depends on a number and is said later, with ``_n``."""
    return one, many


def number(value: float, spec: str) -> Said:
    """Write a number as Python's format does, with the signs of the language.

    Examples
    --------
    >>> number(0.8704, ".1%"), number(1234.5, ",.2f")
    ('87.0%', '1,234.50')
    """
    return Said({"number": value, "spec": spec})


def listed(items: Iterable[str], style: str = "standard") -> Said:
    """List things in a sentence; ``style`` is one of CLDR's: ``"standard"``, ``"or"``.

    Examples
    --------
    >>> listed(["cat"]), listed(["cat", "dog", "cow"]), listed(["cat", "dog"], "or")
    ('cat', 'cat, dog and cow', 'cat or dog')
    """
    return Said({"list": list(items), "style": style})


def commas(items: Iterable[str]) -> Said:
    """List things with nothing but commas between.

    Examples
    --------
    >>> commas(["cat", "dog"])
    'cat, dog'
    """
    return Said({"joined": list(items), "by": N_("{before}, {after}")})


def sentences(*said: str) -> Said:
    """Say sentences one after another; empty ones are left out.

    Examples
    --------
    >>> sentences("It helps.", "", "Use it.")
    'It helps. Use it.'
    """
    return Said({"joined": [s for s in said if s], "by": N_("{before} {after}")})


def day(when: date) -> Said:
    """Write a date.

    Examples
    --------
    >>> day(date(2026, 1, 31))
    '31 January 2026'
    """
    return Said({"day": when.isoformat()[:10]})


def tongue(code: str) -> Said:
    """Name a language by its ISO 639 code.

    Examples
    --------
    >>> tongue("zh"), tongue("en")
    ('Chinese', 'English')
    """
    return Said({"tongue": code})


def in_html(message: str, /, **values: Any) -> Markup:
    """Say a message that holds HTML, as those of pages may; values are escaped.

    Examples
    --------
    >>> in_html("<b>{name}</b>", name="<cat>")
    Markup('<b>&lt;cat&gt;</b>')
    """
    found = in_force().catalogue.gettext(message)
    return Markup(_filled(message, found, values, _HTML))


def in_html_n(one: str, many: str, n: int, /, **values: Any) -> Markup:
    """Say a message that holds HTML and depends on a number."""
    found = in_force().catalogue.ngettext(one, many, n)
    return Markup(_filled(one if n == 1 else many, found, {"n": n, **values}, _HTML))


def isolated(text: str) -> str:
    """Set text that runs from right to left apart, so that it does not turn what is around it.

    It is put between the characters FSI and PDI of the Unicode bidirectional algorithm (UAX 9).
    """
    turns = any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    return f"\u2068{text}\u2069" if turns else text


class _Text(string.Formatter):
    """Fills in the placeholders of a message; which may come from a stranger's file."""

    def get_field(self, name: str, args: Any, values: Any) -> Any:
        """Look a value up; of nothing in it, unlike Python's own."""
        return values[name], name

    def format_field(self, value: Any, spec: str) -> str:
        if not SPEC.fullmatch(spec):
            raise ValueError(spec)
        if isinstance(value, int | float) and spec:
            return _number({"number": value, "spec": spec})
        text = format(value, spec)
        return text if isinstance(value, Said) else isolated(text)


class _Html(_Text):
    """Fills in those of a message with HTML."""

    def format_field(self, value: Any, spec: str) -> str:
        return escape(value if hasattr(value, "__html__") else super().format_field(value, spec))


_TEXT, _HTML = _Text(), _Html()


def _filled(message: str, found: str, values: dict[str, Any], formatter: _Text) -> str:
    """Fill in what a catalogue has for a message; where its placeholders are wrong, the message.

    Without values nothing is filled in: the message may be a name, and hold any brace.
    """
    if not values:
        return found
    try:
        return formatter.vformat(found, (), values)
    except (LookupError, ValueError, TypeError, AttributeError):
        return formatter.vformat(message, (), values)


def _message(parts: dict[str, Any]) -> str:
    catalogue, message, values = in_force().catalogue, parts["message"], parts["values"]
    if "many" not in parts:  # of the empty message gettext returns the catalogue's head
        return _filled(message, message and catalogue.gettext(message), values, _TEXT)
    many, n = parts["many"], parts["n"]
    found = catalogue.ngettext(message, many, n)
    return _filled(message if n == 1 else many, found, {"n": n, **values}, _TEXT)


def _number(parts: dict[str, Any]) -> str:
    text = format(parts["number"], parts["spec"])
    if in_force().code == ENGLISH:  # as Python writes it
        return text
    from babel import numbers

    point = numbers.get_decimal_symbol(in_force().code)
    group = numbers.get_group_symbol(in_force().code)
    signs: dict[str, str | int | None] = {".": point, ",": group}
    return text.translate(str.maketrans(signs))


def _list(parts: dict[str, Any]) -> str:
    from babel.lists import format_list

    return format_list([_one(v) for v in parts["list"]], parts["style"], _locale())


def _day(parts: dict[str, Any]) -> str:
    from babel.dates import format_date

    return format_date(date.fromisoformat(parts["day"]), "long", _locale())


def _tongue(parts: dict[str, Any]) -> str:
    from babel import Locale

    return str(Locale.parse(_locale()).languages.get(parts["tongue"], parts["tongue"]))


def _joined(parts: dict[str, Any]) -> str:
    between = _(parts["by"], before="", after="")
    return between.join(_one(v) for v in parts["joined"])


def _one(value: str) -> str:
    return value if isinstance(value, Said) else isolated(value)


def _locale() -> str:
    """Name the locale whose rules hold; English is written without the comma before "and"."""
    code = in_force().code
    return "en_GB" if code == ENGLISH else code


_FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "message": _message,
    "number": _number,
    "list": _list,
    "day": _day,
    "tongue": _tongue,
    "joined": _joined,
}


def _again(value: Any) -> Any:
    """Say again what is said in a value."""
    if isinstance(value, Said):
        return value.again()
    if isinstance(value, dict):
        return {name: _again(part) for name, part in value.items()}
    return [_again(part) for part in value] if isinstance(value, list) else value


def to_plain(value: Any) -> Any:
    """Write a value as plain types: what is said as a table under the one key ``said``."""
    if isinstance(value, Said):
        return {"said": {name: to_plain(part) for name, part in value.parts.items()}}
    if isinstance(value, dict):
        return {name: to_plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    return value.item() if hasattr(value, "item") else value  # numpy's numbers


def from_plain(value: Any) -> Any:
    """Undo ``to_plain``; raises ``ValueError`` for more than a sentence can be.

    A file may come from a stranger: messages in messages could grow without end.
    """
    if isinstance(value, dict):
        parts = {name: from_plain(part) for name, part in value.items()}
        if list(parts) != ["said"]:
            return parts
        messages = (parts["said"].get(name, "") for name in ("message", "many", "by"))
        if any(len(message) > LONGEST for message in messages):
            raise ValueError("a message is too long")
        said = Said(parts["said"])
        if len(said) > 100 * LONGEST:
            raise ValueError("what is said is too long")
        return said
    return [from_plain(part) for part in value] if isinstance(value, list) else value
