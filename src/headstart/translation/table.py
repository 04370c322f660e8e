"""Pairs in a table: which columns hold sentences and their translations.

They are guessed from their names, which may be those of languages; in a table without a header the
first two columns are taken. Every guess is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from headstart.data.formats import Table, first_rows, is_text_table, read_cells, read_delimited
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.said import _, listed, sentences
from headstart.translation.pairs import Pairs

SOURCES = ("source", "src", "original", "sentence", "input", "原文", "源语言", "源文")
TARGETS = ("target", "tgt", "translation", "translated", "reference", "译文", "目标语言", "翻译")
DOCUMENTS = ("document", "doc", "document_id", "doc_id", "file", "文档")
LANGUAGES = {
    "english": "en", "chinese": "zh", "mandarin": "zh", "french": "fr", "german": "de",
    "spanish": "es", "italian": "it", "portuguese": "pt", "russian": "ru", "japanese": "ja",
    "korean": "ko", "arabic": "ar", "dutch": "nl", "英语": "en", "英文": "en", "中文": "zh",
    "汉语": "zh", "法语": "fr", "德语": "de", "日语": "ja", "cmn": "zh", "eng": "en", "fra": "fr",
    "deu": "de", "jpn": "ja", "spa": "es", "rus": "ru", "ita": "it", "por": "pt", "kor": "ko",
}  # fmt: skip
"""Names of languages as headers write them, and codes of three letters."""
CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)


def language_named(name: str) -> str:
    """Return the ISO 639-1 code that a header or a suffix names; "" for anything else.

    Examples
    --------
    >>> language_named("en"), language_named("zh_CN"), language_named("French"), language_named("x")
    ('en', 'zh', 'fr', '')
    """
    plain = name.strip().casefold()
    if plain in LANGUAGES:
        return LANGUAGES[plain]
    found = CODE.fullmatch(plain)
    if found is None:
        return ""
    code = found[1]
    return LANGUAGES.get(code, code if len(code) == 2 else "")


def read_table(path: Path, asked: Sequence[str | None], encoding: str) -> Pairs:
    """Read two columns of a table.

    Parameters
    ----------
    asked : sequence of three str or None
        Columns of the source, the target and the document.

    Raises
    ------
    DataError
        One column only, or rows with more cells than others.
    ConfigError
        A column that is not there.
    """
    table, header = _cells(path, encoding)
    names = list(table.cells)
    if len(names) < 2:
        raise DataError(
            _("{name} has one column only; pairs need two.", name=path.name),
            _("Put a tab between a sentence and its translation, or pass two files."),
        )
    source, target, document = (_named(path.name, names, one) for one in asked)
    source = source or table.guess(SOURCES, (target, document))
    target = target or table.guess(TARGETS, (source, document))
    if source is None and target is None:
        spoken = [name for name in names if header and language_named(name)]
        source, target = spoken[:2] if len(spoken) >= 2 else names[:2]
    rest = [name for name in names if name not in (source, target, document)]
    source, target = source or rest[0], target or rest[0]
    if document is None and header:
        document = table.guess(DOCUMENTS, (source, target))
    said = [
        _(
            "Sentences from column {source!r}, translations from column {target!r} "
            "(--source-column and --target-column choose others).",
            source=source,
            target=target,
        )
    ]
    if not header:
        said.append(_("{name} has no header: its first row is a pair.", name=path.name))
    note = Finding("note", "info", sentences(*said), {"source": source, "target": target})
    languages = (language_named(source), language_named(target)) if header else ("", "")
    return Pairs(
        path.name,
        tuple(table.cells[source]),
        tuple(table.cells[target]),
        tuple(table.numbers),
        tuple(table.cells[document]) if document else (),
        languages,
        (*table.findings, note),
    )


def _cells(path: Path, encoding: str) -> tuple[Table, bool]:
    """Read all columns; tell whether the first row names them."""
    if not is_text_table(path) and path.suffix.lower() not in (".txt", ".tab"):
        return read_cells(path, encoding), True
    if path.suffix.lower() == ".jsonl":
        return read_cells(path, encoding), True
    _form, rows = first_rows(path, encoding, 1)
    separator = None if path.suffix.lower() == ".csv" else "\t"
    first = rows[0] if rows else []
    known = {*SOURCES, *TARGETS}
    header = sum(c.casefold() in known or bool(language_named(c)) for c in first) >= 2
    if header:
        names = None
    else:
        (_again, rows) = first_rows(path, encoding, 1)
        width = len(rows[0]) if rows else 0
        names = [str(place) for place in range(1, width + 1)]
    (table,) = read_delimited(path, encoding, None, names, separator)
    return table, header


def _named(table: str, names: Sequence[str], asked: str | None) -> str | None:
    if asked is None or asked in names:
        return asked
    raise ConfigError(
        _("{table} has no column {column!r}.", table=table, column=asked),
        _("Its columns: {names}.", names=listed([repr(name) for name in names])),
    )
