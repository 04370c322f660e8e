"""Files of tagged sentences: CoNLL (a token a row, its tag last, a blank row between sentences) and
JSONL (a sentence a row, with lists of tokens and tags); alone, in a folder, or in an archive.
"""  # noqa: D205

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from headstart.data.archives import is_archive, unpacked
from headstart.data.decoding import decode, settled
from headstart.data.walk import files_below, first, walk
from headstart.encodings import EncodingError, decoded
from headstart.errors import DataError
from headstart.events import OnEvent, ignore
from headstart.findings import Finding
from headstart.said import N_, _, _n, commas, listed
from headstart.tagging.schemes import OUTSIDE, PREFIXES, SAID, Scheme, parted, scheme_of, to_iob2
from headstart.tagging.sentences import Sentence

PARTS = {
    "train": re.compile(r"(?<![a-z])(train|training)(?![a-z])"),
    "dev": re.compile(r"(?<![a-z])(dev|val|valid|validation|testa|devel)(?![a-z])"),
    "test": re.compile(r"(?<![a-z])(test|testing|testb|eval)(?![a-z])"),
}
"""What the name of a file says that it is for."""
SUFFIXES = (
    *("", ".txt", ".tsv", ".conll", ".conll2003", ".conll2002", ".bio", ".iob", ".iob2", ".bioes"),
    *(".bmes", ".ner", ".data", ".char", ".train", ".dev", ".test", ".testa", ".testb", ".jsonl"),
)
TOKENS, TAGS = ("tokens", "words", "text_tokens"), ("tags", "ner_tags", "labels", "ner")
DOCUMENT = ("document", "doc", "doc_id", "document_id")
"""Keys of JSONL."""
DOCSTART = "-DOCSTART-"
OTHERS = 8
"""Files with other names, such as a licence or a paper, from which on it is another folder."""
LOOKED_AT = 2**16
"""Bytes by which a file is recognised."""
_COMMENT = re.compile(r"#\s*(\S+\s*=|newdoc|newpar)")
_APART = re.compile(r"[ \t]+")
FORMATS = N_(
    "A row holds a token and, last, its tag, with spaces or a tab between; a blank row ends a "
    "sentence. Or JSONL: lists tokens and tags in every row."
)
Row = tuple[int, str]


@dataclass(frozen=True)
class Tagged:
    """What was read, and how.

    Attributes
    ----------
    sentences : tuple of Sentence
        In IOB2.
    scheme : str
        In which the tags were written.
    findings : tuple of Finding
    """

    sentences: tuple[Sentence, ...]
    scheme: Scheme
    findings: tuple[Finding, ...]


def recognised(data: str | Path, cache_dir: Path) -> bool:
    """Tell whether a file, folder or archive holds tagged sentences, by what is in it."""
    if str(data).startswith("builtin:"):
        return False
    path = Path(data).expanduser()
    try:
        if path.is_file() and is_archive(path):
            path = unpacked(path, cache_dir)
        if path.is_file():
            return _looks_tagged(path)
        files = _files(path) if path.is_dir() and _mostly_texts(path) else []
        return bool(files) and all(map(_looks_tagged, files))
    except (OSError, DataError):  # said by whoever reads it
        return False


def read_tagged(
    data: str | Path,
    encoding: str,
    cache_dir: Path,
    on_event: OnEvent = ignore,
    *,
    alone: bool = False,
) -> Tagged:
    """Read all sentences, with what their files are for.

    Parameters
    ----------
    data : str or Path
        A file, a folder or an archive.
    encoding : str
        Of the files; ``"utf-8"``: told by the bytes.
    alone : bool
        Whether nothing is learned from them, so that files for training may be missing.

    Raises
    ------
    DataError
        Nothing to read, ragged rows, no tags, or another encoding.
    """
    path = Path(data).expanduser()
    if not path.exists():
        raise DataError(
            _("There is no {path!r}.", path=str(path)), _("Check the path for typing errors.")
        )
    if path.is_file() and is_archive(path):
        path = unpacked(path, cache_dir, on_event)
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(_("There are no tagged sentences in {path!r}.", path=str(path)), _(FORMATS))
    parts = [_part(file) if path.is_dir() else "train" for file in files]
    own_documents = parts.count("train") > 1
    sentences, findings, blanks = list[Sentence](), list[Finding](), 0
    for file, part in zip(files, parts, strict=True):
        known, more, blank = _read(file, encoding)
        if own_documents and part == "train" and not any(one.document for one in known):
            known = [replace(one, document=file.name) for one in known]
        sentences += [replace(one, part=part) for one in known]
        findings += more
        blanks += blank
    if blanks:
        findings.append(_blanks(blanks))
    if "train" not in parts and not alone:
        raise DataError(
            _("{path!r} has nothing to train on: {names}.", path=str(path), names=_named(files)),
            _("Name a file train.txt or train.conll."),
        )
    if len(files) > 1:
        findings.append(_parts_said(files, parts))
    return _in_iob2(_tested(sentences), findings)


def read_untagged(path: Path, encoding: str) -> list[Sentence]:
    """Read the tokens of a CoNLL or JSONL file; tags, where there are any, are kept as they are.

    Raises
    ------
    DataError
        As ``read_tagged``; but tags may be missing.
    """
    return _read(path, encoding, tags=False)[0]


def _mostly_texts(folder: Path) -> bool:
    """Tell whether hardly any file has a name of another kind; of most folders the first few do."""
    others = (file for file in walk(folder) if file.suffix.lower() not in SUFFIXES)
    return len(list(islice(others, OTHERS))) < OTHERS


def _looks_tagged(path: Path) -> bool:
    """Tell by the beginning of a file whether its rows end in tags."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    with path.open("rb") as opened:
        head = opened.read(LOOKED_AT)
    whole = len(head) < LOOKED_AT
    try:
        text = decoded(head if whole else head[: head.rfind(b"\n") + 1])[0]
    except EncodingError:
        return False
    rows = text.splitlines()
    if path.suffix.lower() == ".jsonl":
        return bool(rows) and _is_tagged_record(rows[0])
    cells = [_cells(row) for row in rows if not _between(row)]
    last = [row[-1] for row in cells if len(row) > 1]
    if not last or len(last) < 0.9 * len(cells):
        return False
    plain = [tag == OUTSIDE or (tag[1:2] in ("-", "_") and tag[0] in PREFIXES) for tag in last]
    named = path.suffix.lower() not in ("", ".txt", ".tsv", ".data")
    return all(plain) and (named or any(tag != OUTSIDE for tag in last))


def _is_tagged_record(row: str) -> bool:
    try:
        record = json.loads(row)
    except ValueError:
        return False
    if not isinstance(record, dict):
        return False
    lists = [_of(record, names) for names in (TOKENS, TAGS)]
    return all(isinstance(one, list) for one in lists)


def _files(folder: Path) -> list[Path]:
    """List the files of a folder that may hold sentences: those with parts first, if there are."""
    found = [file for file in files_below(folder) if file.suffix.lower() in SUFFIXES]
    named = [file for file in found if _part_said(file)]
    return named or [file for file in found if not file.stem.lower().startswith(("readme", "lic"))]


def _part_said(file: Path) -> str:
    name = file.name.lower()
    return next((part for part, pattern in PARTS.items() if pattern.search(name)), "")


def _part(file: Path) -> str:
    return _part_said(file) or "train"


def _tested(sentences: list[Sentence]) -> list[Sentence]:
    """Let a development file be the test where there is no other."""
    if any(one.part == "test" for one in sentences):
        return sentences
    return [replace(one, part="test" if one.part == "dev" else one.part) for one in sentences]


def _read(
    path: Path, encoding: str, *, tags: bool = True
) -> tuple[list[Sentence], list[Finding], int]:
    """Read one file; return with it how many blank tokens were left out."""
    try:
        known, findings = settled(path, encoding)
        text = decode(path.name, path.read_bytes(), known)
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=path.name, cause=cause.strerror or cause),
            _("Check its permissions."),
        ) from cause
    rows = list(enumerate(text.split("\n"), start=1))
    reader = _records if path.suffix.lower() == ".jsonl" else _columns
    sentences, blanks = reader(path.name, rows, tags)
    if not sentences:
        raise DataError(_("{name} holds no sentences.", name=path.name), _(FORMATS))
    return sentences, findings, blanks


def _between(row: str) -> bool:
    """Whether a row ends a sentence, or says something of the file."""
    return not row.strip() or row.startswith(DOCSTART) or bool(_COMMENT.match(row))


def _cells(row: str) -> list[str]:
    """Cut a row at its tabs, or at its spaces where it has none; the first cell may be blank."""
    row = row.rstrip("\r\n \t")
    return [cell.strip() for cell in (row.split("\t") if "\t" in row else _APART.split(row))]


def _columns(name: str, rows: Sequence[Row], tags: bool) -> tuple[list[Sentence], int]:
    cells = [(number, _cells(row)) for number, row in rows if not _between(row)]
    widths = Counter(len(row) for _number, row in cells)
    width = widths.most_common(1)[0][0] if widths else 0
    ragged = [(number, len(row)) for number, row in cells if len(row) != width]
    if ragged:
        shown = first([_("row {row} has {k}", row=r, k=k) for r, k in ragged], 3)
        raise DataError(
            _n(
                "{name}: {n:,} row has another number of columns than the {width} of the others "
                "({rows}).",
                "{name}: {n:,} rows have another number of columns than the {width} of the others "
                "({rows}).",
                len(ragged),
                name=name,
                width=width,
                rows=shown,
            ),
            _(FORMATS),
        )
    if tags and width == 1:
        raise DataError(_("{name} has one column, so no tags.", name=name), _(FORMATS))
    of_row, found, blanks = dict(cells), list[Sentence](), 0
    documents, begun = 0, list[tuple[int, str, str]]()

    def close() -> None:
        if begun:
            document = f"{name} {documents}" if documents else ""
            own = tuple(tag for _r, _w, tag in begun) if width > 1 else ()
            where = f"{name}:{begun[0][0]}"
            words = tuple(word for _r, word, _tag in begun)
            found.append(Sentence(words, own, document, where=where))
            begun.clear()

    for number, row in rows:
        if number not in of_row:
            if not _COMMENT.match(row) or "newdoc" in row:
                close()
            documents += row.startswith(DOCSTART) or "newdoc" in row[:10]
            continue
        cell = of_row[number]
        if not cell[0]:
            blanks += 1
        else:
            begun.append((number, cell[0], cell[-1] or OUTSIDE))
    close()
    return found, blanks


def _records(name: str, rows: Sequence[Row], tags: bool) -> tuple[list[Sentence], int]:
    found, wrong, blanks = list[Sentence](), list[Row](), 0
    for number, row in rows:
        if not row.strip():
            continue
        try:
            sentence, blank = _of_record(json.loads(row), f"{name}:{number}", tags)
        except ValueError as cause:
            wrong.append((number, str(cause)))
            continue
        blanks += blank
        if sentence.tokens:
            found.append(sentence)
    if wrong:
        shown = first([_("row {row}: {cause}", row=r, cause=c) for r, c in wrong], 3)
        raise DataError(
            _n(
                "{name}: {n:,} row is no tagged sentence ({rows}).",
                "{name}: {n:,} rows are no tagged sentences ({rows}).",
                len(wrong),
                name=name,
                rows=shown,
            ),
            _(FORMATS),
        )
    return found, blanks


def _of_record(record: object, where: str, tags: bool) -> tuple[Sentence, int]:
    """Turn a record into a sentence; raises ``ValueError`` with the reason where it is none."""
    if not isinstance(record, dict):
        raise ValueError(_("it is no record"))
    tokens, own = _of(record, TOKENS), _of(record, TAGS)
    if not isinstance(tokens, list) or not all(isinstance(one, str) for one in tokens):
        raise ValueError(_("no list of texts called {names}", names=listed(TOKENS, "or")))
    if own is None and not tags:
        own = []
    if not isinstance(own, list) or not all(isinstance(one, str) for one in own):
        raise ValueError(_("no list of names of tags called {names}", names=listed(TAGS, "or")))
    if own and len(own) != len(tokens):
        raise ValueError(_("{n} tokens and {tags} tags", n=len(tokens), tags=len(own)))
    kept = [k for k, token in enumerate(tokens) if token.strip()]
    words = tuple(tokens[k].strip() for k in kept)
    found = tuple(own[k].strip() or OUTSIDE for k in kept) if own else ()
    document = _of(record, DOCUMENT)
    said = "" if document is None else str(document)
    return Sentence(words, found, said, where=where), len(tokens) - len(kept)


def _of(record: dict[str, object], names: Sequence[str]) -> object:
    return next((record[name] for name in names if name in record), None)


def _in_iob2(sentences: list[Sentence], findings: list[Finding]) -> Tagged:
    """Write all tags in IOB2, and say what was done to them."""
    scheme = scheme_of(one.tags for one in sentences)
    found, repaired, where = list[Sentence](), 0, ""
    for one in sentences:
        tags, wrong = to_iob2(one.tags, scheme)
        where = where or (one.where if wrong else "")
        repaired += wrong
        found.append(replace(one, tags=tags))
    if scheme in SAID:
        message = _("Tags were turned into IOB2: {how}.", how=_(SAID[scheme]))
        findings.append(Finding("note", "info", message, {"scheme": scheme}))
    if repaired:
        message = _n(
            "{n:,} tag goes on with an entity that has not begun (first: {where}); it now begins "
            "one.",
            "{n:,} tags go on with entities that have not begun (first: {where}); they now begin "
            "one.",
            repaired,
            where=where,
        )
        findings.append(Finding("note", "info", message, {"repaired": repaired}))
    return Tagged(tuple(found), scheme, tuple(findings))


def _blanks(blanks: int) -> Finding:
    message = _n("{n:,} blank token was left out.", "{n:,} blank tokens were left out.", blanks)
    return Finding("note", "info", message, {"blanks": blanks})


def _parts_said(files: Sequence[Path], parts: Sequence[str]) -> Finding:
    """Say what each file is for."""
    say: dict[str, Callable[[str], str]] = {
        "train": lambda names: _("trained on: {names}", names=names),
        "dev": lambda names: _("settings are chosen on: {names}", names=names),
        "test": lambda names: _("tested on: {names}", names=names),
    }
    own = list(parts)
    if "test" not in own:
        own = ["test" if part == "dev" else part for part in own]
    told = [
        say[part](_named([f for f, p in zip(files, own, strict=True) if p == part]))
        for part in say
        if part in own
    ]
    message = _("The names of the files say what they are for: {parts}.", parts=commas(told))
    return Finding("note", "info", message, {})


def _named(files: Sequence[Path]) -> str:
    return first([file.name for file in files], 3)


def kinds_in(sentences: Sequence[Sentence]) -> Iterator[str]:
    """Give the types of all tags, token by token."""
    return (parted(tag)[1] for one in sentences for tag in one.tags if tag != OUTSIDE)
