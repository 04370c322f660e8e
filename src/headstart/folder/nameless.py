"""Documents of a run without the names of files, for those who may not see the data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.folder.sentences import SENTENCES, say_again

HIDDEN = "…"
"""What stands where a name stood."""
BUILTIN = "builtin:"
"""How the names of public data begin."""
FILES = re.compile(
    r"(?:(?<![\w/\\])(?:~|[a-z]:)?[/\\](?![/\\])[^\s'\",;|#()]+)"  # a path, from home or the root
    r"|[^\s'\",;:=|]*\.(?:jpe?g|png|webp|avif|gif|bmp|tiff?|jp2|heic|wav|flac|mp3|ogg|opus|aiff?|caf"
    r"|au|m4a|csv|tsv|jsonl?|ndjson|parquet|np[yz]|txt|zip|tar|t?gz|bz2|xz)\b",
    re.IGNORECASE,
)
"""What looks like the name of a file."""
WORDS = ("message", "many", "by", "spec", "style", "day", "tongue", "number")
"""What of a sentence is ours, not the user's (see ``said.Said``)."""


@dataclass(frozen=True)
class Names:
    """What a run calls its files.

    Attributes
    ----------
    known : tuple of str
        Paths of its examples; the longest first, so that none is left in half.
    alone : frozenset of str
        Names of data, hidden where they stand alone: as part of a sentence they may be any word.
    kept : frozenset of str
        Words that are no names of files, whatever they look like: the classes.
    """

    known: tuple[str, ...] = ()
    alone: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        metrics: dict[str, Any],
        run: dict[str, Any] | None = None,
        split: dict[str, Any] | None = None,
    ) -> Names:
        """Collect them from the documents of a run."""
        split = split or {}
        rows = [*split.get("examples", ()), *split.get("left_out", ())]
        paths = {str(row.get("path", "")) for row in rows}
        paths |= {Path(path).name for path in paths}
        known = [path for path in paths if "." in path or "/" in path or "\\" in path]
        sides = metrics.get("adaptation") or {}
        named = [(sides.get(side) or {}).get("name") for side in ("source", "target")]
        named.append((run or {}).get("config", {}).get("data"))
        alone = {str(n) for n in named if n and not str(n).startswith(BUILTIN)}
        kept = frozenset(metrics.get("classes", ()))
        return cls(tuple(sorted(known, key=len, reverse=True)), frozenset(alone), kept)

    def hidden(self, text: str) -> str:
        """Return a text with every name of a file replaced.

        Examples
        --------
        >>> Names(known=("my cat 1.jpg",)).hidden("first: my cat 1.jpg = /home/b.png")
        'first: … = …'
        """
        if text in self.kept:
            return text
        if text in self.alone:
            return HIDDEN
        for name in self.known:
            if name in text:
                text = text.replace(name, HIDDEN)
        return FILES.sub(HIDDEN, text)


def without_names(document: dict[str, Any], names: Names) -> tuple[dict[str, Any], list[str]]:
    """Return a document of a run without names of files, and the places that were changed.

    Rows about single files are left out, and so are the figures of findings that are no numbers.
    Sentences are said without the names.

    Returns
    -------
    dict
        The document, anew.
    list of str
        Places, such as ``label_issues.rows``, sorted.
    """
    changed: set[str] = set()
    found: dict[str, Any] = _walk(document, (), names, changed.add)
    say_again(found)
    return found, sorted(changed)


def _walk(value: Any, place: tuple[str, ...], names: Names, changed: Callable[[str], None]) -> Any:
    if isinstance(value, str):
        said = names.hidden(value)
        if said != value and place[:1] != (SENTENCES,):
            changed(".".join(place))
        return said
    if isinstance(value, dict):
        if place[:1] == ("findings",) and place[-1:] == ("figures",):
            return _numbers(value, place, changed)
        ours = place[:1] == (SENTENCES,)
        return {
            key: part
            if ours and key in WORDS and isinstance(part, str | int | float)
            else _walk(part, (*place, str(key)), names, changed)
            for key, part in value.items()
        }
    if isinstance(value, list):
        rows = [row for row in value if not (isinstance(row, dict) and "path" in row)]
        if len(rows) < len(value):
            changed(".".join(place))
        return [_walk(row, place, names, changed) for row in rows]
    return value


def _numbers(
    figures: dict[str, Any], place: Iterable[str], changed: Callable[[str], None]
) -> dict[str, Any]:
    """Keep the figures that are numbers, and lists of such."""
    kept = {name: value for name, value in figures.items() if _is_number(value)}
    if len(kept) < len(figures):
        changed(".".join(place))
    return kept


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_number, value))
    return value is None or isinstance(value, bool | int | float)
