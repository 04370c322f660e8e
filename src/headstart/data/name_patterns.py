"""Patterns of file names: ``{label}_{speaker}_{n}`` says what the parts of ``3_george_12.wav`` are.

``{label}`` is the class, ``{n}`` a number, ``*`` anything, and any one other name what belongs
together: ``{speaker}``, ``{patient}``. Where there are several of those, ``{group}`` is the one.
A ``/`` in the pattern stands for a folder: ``{speaker}/*``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.errors import ConfigError
from headstart.said import _, commas, listed

LABEL, GROUP, NUMBER = "label", "group", "n"
EXAMPLE = "--names '{label}_{speaker}_{n}'"
_FIELD = re.compile(r"\{([^{}]*)\}|\*|[{}]")


@dataclass(frozen=True)
class NamePattern:
    """A pattern, read.

    Attributes
    ----------
    written : str
        As the user wrote it.
    regex : re.Pattern
        Fits a whole name without its suffix, and the folders that the pattern has before it.
    depth : int
        How many of those there are.
    group : str
        The field that says what belongs together; "" where there is none.
    labelled : bool
        Whether the names tell the classes.
    """

    written: str
    regex: re.Pattern[str]
    depth: int
    group: str
    labelled: bool

    @classmethod
    def of(cls, written: str) -> NamePattern:
        """Read a pattern; raises ``ConfigError`` for what is none, or tells nothing."""
        text = written.removeprefix("./")
        between = "".join(c for c in _FIELD.sub("", text) if not c.isalnum() and c != "/")
        inner = rf"[^/{re.escape(between)}]+?"  # what stands between fields is in none of them
        parts, at, seen = [], 0, list[str]()
        for found in _FIELD.finditer(text):
            parts += [re.escape(text[at : found.start()]), _read(written, found, seen, inner)]
            at = found.end()
        parts.append(re.escape(text[at:]))
        fields = [name for name in seen if name not in (LABEL, NUMBER)]
        several = len(fields) > 1 and GROUP not in fields
        if several or (not fields and LABEL not in seen):
            raise _unclear(written, fields)
        regex = re.compile("".join(parts) + r"(?:\.\w{1,9})?")
        group = "" if not fields else GROUP if GROUP in fields else fields[0]
        return cls(written, regex, text.count("/"), group, LABEL in seen)

    def read(self, refs: Sequence[str]) -> tuple[list[str] | None, list[str] | None]:
        """Read labels and groups out of paths; None for what the pattern does not tell.

        Raises
        ------
        ConfigError
            Names that it does not fit (first three shown).
        """
        tails = ["/".join(ref.split("/")[-1 - self.depth :]) for ref in refs]
        found = [self.regex.fullmatch(tail) for tail in tails]
        missed = [ref for ref, match in zip(refs, found, strict=True) if match is None]
        if missed:
            raise ConfigError(
                _(
                    "--names {pattern!r} fits {n} of {all} names; not, for example, {missed}.",
                    pattern=self.written,
                    n=len(refs) - len(missed),
                    all=len(refs),
                    missed=commas(map(repr, missed[:3])),
                ),
                _(
                    "It must fit all: {n} stands for a number, * for anything, a name in braces "
                    "for text without the characters between the parts.",
                    n="{n}",
                ),
            )
        labels = [match[LABEL] for match in found if match] if self.labelled else None
        groups = [match[self.group] for match in found if match] if self.group else None
        return labels, groups


def _read(written: str, found: re.Match[str], seen: list[str], inner: str) -> str:
    """Turn one field into its regular expression; the same name again means the same text."""
    name = found[1]
    if found[0] == "*":
        return "[^/]*"
    if name is None or not re.fullmatch(r"[^\W\d]\w*", name):
        raise ConfigError(
            _("--names {pattern!r}: {field!r} is no field.", pattern=written, field=found[0]),
            _("A field is a name in braces: {option}.", option=EXAMPLE),
        )
    if name == NUMBER:
        seen.append(name)
        return r"\d+"
    if name in seen:
        return f"(?P={name})"
    seen.append(name)
    return f"(?P<{name}>{inner})"


def _unclear(written: str, fields: Sequence[str]) -> ConfigError:
    if not fields:
        return ConfigError(
            _(
                "--names {pattern!r} says neither what the class is nor what belongs together.",
                pattern=written,
            ),
            _("For example {option}.", option=EXAMPLE),
        )
    return ConfigError(
        _(
            "--names {pattern!r}: which belongs together, by {fields}?",
            pattern=written,
            fields=listed([f"{{{name}}}" for name in fields], "or"),
        ),
        _("Call that one {group}, or write * for the others.", group="{group}"),
    )
