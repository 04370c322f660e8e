"""Pairs in two files, line by line, as Moses and most corpora of the field lay them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from headstart.data.decoding import opened, settled
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.said import _, listed
from headstart.translation.pairs import Pairs
from headstart.translation.table import language_named


def read_two(source: Path, target: Path, encoding: str) -> Pairs:
    """Read two files whose lines belong together.

    Raises
    ------
    DataError
        Files of different numbers of lines.
    """
    (ours, said), (theirs, more) = _lines(source, encoding), _lines(target, encoding)
    if len(ours) != len(theirs):
        raise DataError(
            _(
                "{source} has {n:,} lines, {target} has {other:,}: which belong together cannot be "
                "told.",
                source=source.name,
                target=target.name,
                n=len(ours),
                other=len(theirs),
            ),
            _(
                "Line 5 of one must translate line 5 of the other. Look for a line that was broken "
                "in two or left out."
            ),
        )
    return Pairs(
        source.name,
        ours,
        theirs,
        tuple(range(1, len(ours) + 1)),
        (),
        (language_named(source.suffix[1:]), language_named(target.suffix[1:])),
        (*said, *more),
    )


def read_folder(folder: Path, encoding: str, asked: Sequence[str | None]) -> Pairs:
    """Read the files of a folder that have one name and the suffixes of two languages.

    Each pair of files is a document.

    Parameters
    ----------
    asked : (str or None, str or None)
        The languages, where the user named them.

    Raises
    ------
    DataError
        No such files.
    ConfigError
        Files in more than two languages, and nobody said which to take.
    """
    by_stem: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        code = language_named(path.suffix[1:])
        if path.is_file() and code and not path.name.startswith("."):
            by_stem.setdefault(path.stem, {})[code] = path
    languages = sorted({code for files in by_stem.values() for code in files})
    wanted = _two(folder, languages, asked) if len(languages) > 1 else tuple(languages)
    both = {stem: files for stem, files in by_stem.items() if all(c in files for c in wanted)}
    if len(wanted) < 2 or not both:
        raise DataError(
            _("{folder} holds no two files of one name in two languages.", folder=folder.name),
            _("Name them by their languages, such as news.en and news.zh."),
        )
    source, target = wanted
    parts = [read_two(files[source], files[target], encoding) for files in both.values()]
    return Pairs(
        folder.name,
        _joined(part.source for part in parts),
        _joined(part.target for part in parts),
        tuple(n for part in parts for n in part.numbers),
        _joined((stem,) * len(part) for stem, part in zip(both, parts, strict=True)),
        (source, target),
        tuple(one for part in parts for one in part.findings),
    )


def _two(folder: Path, languages: Sequence[str], asked: Sequence[str | None]) -> tuple[str, str]:
    """Settle which language is the source and which the target."""
    given = [language_named(one) if one else None for one in asked]
    if given[0] and given[1]:
        return given[0], given[1]
    if len(languages) != 2:
        raise ConfigError(
            _(
                "{folder} holds files in these languages: {names}.",
                folder=folder.name,
                names=listed(languages),
            ),
            _("Say which to take: --source-language en --target-language zh."),
        )
    first, second = languages
    if given[0] == second or given[1] == first:
        return second, first
    return first, second


def _lines(path: Path, encoding: str) -> tuple[tuple[str, ...], list[Finding]]:
    encoding, said = settled(path, encoding)
    with opened(path, encoding, "\n") as file:
        return tuple(line.strip() for line in file), said


def _joined(parts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(one for part in parts for one in part)
