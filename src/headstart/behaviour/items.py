"""What is known of items: titles, years, genres, descriptions and pictures, from a table.

The text that an encoder reads of an item is ``Title (year). Genres: a, b. Description``; measured
on films, year and genres in it help.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.columns import ITEMS, TYPED, columns_of, guess, named, plain
from headstart.behaviour.ids import DROPPED, without_points
from headstart.data.decoding import opened, settled
from headstart.data.formats import Table, is_table, read_cells, read_delimited
from headstart.data.located import Locator
from headstart.data.walk import first
from headstart.encodings import UTF_8, blocks_of, first_bad
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, _, _n, listed, sentences

TITLES = (
    *("title", "name", "movietitle", "filmtitle", "itemname", "itemtitle", "productname"),
    *("producttitle", "booktitle", "songtitle", "trackname", "coursename", "headline"),
    *("标题", "名称", "片名", "书名", "商品名称", "商品名", "物品名称", "电影名", "歌名", "题目"),
)
TAGS = (
    *("genres", "genre", "categories", "category", "tags", "tag", "class", "keywords", "topics"),
    *("topic", "类型", "类别", "标签", "分类", "关键词"),
)
YEARS = (
    *("year", "releaseyear", "publicationyear", "releasedate", "published", "date"),
    *("年份", "上映年份", "出版年份", "年", "上映日期", "出版日期"),
)
TEXTS = (
    *("description", "overview", "plot", "summary", "synopsis", "abstract", "text", "about"),
    *("描述", "简介", "内容", "摘要", "介绍", "商品描述"),
)
IMAGES = (
    *("image", "imagepath", "img", "imgpath", "picture", "photo", "poster", "cover", "path"),
    *("file", "filename", "filepath", "图片", "封面", "海报", "照片", "路径", "文件"),
)
PARTS = {"title": TITLES, "tags": TAGS, "year": YEARS, "text": TEXTS, "image": IMAGES}
SAID = {
    "id": N_("ids from column {column!r} (--item-id chooses another)"),
    "title": N_("titles from column {column!r}"),
    "tags": N_("genres from column {column!r}"),
    "year": N_("years from column {column!r}"),
    "text": N_("descriptions from column {column!r}"),
    "image": N_("pictures from column {column!r}"),
}
NO_TAGS = frozenset({"", "unknown", "(no genres listed)", "none", "nan", "n/a", "null", "-", "无"})
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)
"""Of ``u.item``, as the file ``u.genre`` beside it lists them."""
U_ITEM = ("movie id", "movie title", "release date", "video release date", "imdb url", *GENRES)
MOVIES_DAT = ("movie id", "title", "genres")
FLAGS = 2
"""From so many columns of 0 and 1 on they are what items are or are not (plain choice)."""
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_IN_TITLE = re.compile(r"\s*[(（](1[5-9]\d\d|20\d\d)[)）]\s*$")
_ARTICLE = re.compile(
    r"(?P<head>[^(]+?), (?P<article>The|An?|Les?|La|L'|Das|Der|Die|El|Il|Los|Las|Une?)"
    r"(?P<rest>(?:\s*\(.*)?)",
    re.DOTALL,
)


@dataclass(frozen=True)
class ItemTable:
    """What is known of items; one entry an item in each.

    Attributes
    ----------
    ids : tuple of str
        None twice.
    titles : tuple of str
        With the article in front; "" where there is none.
    years : ndarray of float64, shape (n,)
        nan where there is none.
    tags : tuple of tuple of str
        Genres and the like.
    text : tuple of str
        What an encoder reads; "" where nothing is known.
    images : tuple of Path or None
        Files that exist.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    years: NDArray[np.float64]
    tags: tuple[tuple[str, ...], ...]
    text: tuple[str, ...]
    images: tuple[Path | None, ...]

    def __len__(self) -> int:
        """Count the items."""
        return len(self.ids)


def read_items(
    path: Path, encoding: str = UTF_8, id_column: str | None = None
) -> tuple[ItemTable, list[Finding]]:
    """Read a table of items.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file; ``u.item`` or ``movies.dat`` of MovieLens; ``.item`` of
        RecBole.
    encoding : str
        Of a text; ``"utf-8"`` leaves it to the bytes.
    id_column : str, optional
        The column of ids as the log has them; default: guessed from its name.

    Raises
    ------
    DataError
        No such file or column, rows that cannot be parsed, many blank ids, or nothing but ids.
    """
    if not path.is_file():
        raise DataError(
            _("There is no file {name}.", name=str(path)),
            _("Pass a table of items: one row for each, with its id and title."),
        )
    table = _table(path, encoding)
    columns, findings = _columns(table, id_column)
    ids, whole = without_points(table.name, columns["id"], table.cells[columns["id"]])
    keep, dropped = _kept(table, ids)
    parts, told = _parts(table, columns, keep)
    kept_ids = tuple(ids[i] for i in keep)
    return _put_together(kept_ids, *parts), [
        *table.findings,
        *findings,
        *whole,
        *dropped,
        *told,
    ]


def _put_together(
    ids: tuple[str, ...],
    titles: list[str],
    years: NDArray[np.float64],
    tags: list[tuple[str, ...]],
    texts: list[str],
    images: list[Path | None],
) -> ItemTable:
    told = tuple(map(sentence, titles, years.tolist(), tags, texts))
    return ItemTable(ids, tuple(titles), years, tuple(tags), told, tuple(images))


def sentence(title: str, year: float, tags: Sequence[str], text: str) -> str:
    """Write what an encoder reads of an item.

    Examples
    --------
    >>> sentence("The Godfather (1972)", 1972.0, ("Crime", "Drama"), "A family business.")
    'The Godfather (1972). Genres: Crime, Drama. A family business.'
    >>> sentence("Heat", 1995.0, (), ""), sentence("", float("nan"), (), "")
    ('Heat (1995).', '')
    """
    name = title
    if title and year == year and not _IN_TITLE.search(title):
        name = f"{title} ({year:.0f})"
    genres = f"Genres: {', '.join(tags)}" if tags else ""
    ended = [
        part if part.endswith((".", "!", "?", "。")) else f"{part}."
        for part in (name, genres)
        if part
    ]
    return " ".join([*ended, text] if text else ended)


def title_of(written: str) -> str:
    """Put the article in front, where a list that is sorted by it has it behind.

    Examples
    --------
    >>> title_of("Godfather, The (1972)"), title_of("Heat (1995)"), title_of("Yes, An Album")
    ('The Godfather (1972)', 'Heat (1995)', 'Yes, An Album')
    """
    found = _ARTICLE.fullmatch(written)
    if found is None:
        return written
    space = "" if found["article"].endswith("'") else " "
    return f"{found['article']}{space}{found['head']}{found['rest']}"


def _table(path: Path, encoding: str) -> Table:
    """Read a table by its kind."""
    if is_table(path):
        return read_cells(path, encoding)
    with path.open("rb") as file:
        start = file.read(4096)
    head = start.partition(b"\n")[0]
    if b"::" in head:
        return _movielens(path, encoding, "::", MOVIES_DAT)
    if head.count(b"|") + 1 >= len(U_ITEM):
        return _movielens(path, encoding, "|", U_ITEM)
    if b":token" in head or path.suffix.lower() in (".txt", ".dat"):
        (table,) = read_delimited(path, encoding, None)
        return table
    raise DataError(
        _("{name} is no table that can be read.", name=path.name),
        _("Pass a CSV, TSV, JSONL or Parquet file, or one of MovieLens or RecBole."),
    )


def _movielens(path: Path, encoding: str, separator: str, names: Sequence[str]) -> Table:
    """Read a file of MovieLens, which is in Latin-1 and knows no quotation marks."""
    notes: list[Finding] = []
    if encoding == UTF_8 and first_bad(blocks_of(path), UTF_8) is not None:
        encoding = "latin-1"  # as GroupLens wrote it
        message = _(
            "{name} was read as {encoding} (--encoding chooses another).",
            name=path.name,
            encoding=encoding,
        )
        notes.append(Finding("note", "info", message, {"encoding": encoding}))
    else:
        encoding, notes = settled(path, encoding)
    with opened(path, encoding, "\n") as file:
        lines = [(n, line.rstrip("\r\n")) for n, line in enumerate(file, 1) if line.strip()]
    rows = [(n, [cell.strip() for cell in line.split(separator)]) for n, line in lines]
    if plain(rows[0][1][0]) in ITEMS:  # a header
        names = rows.pop(0)[1]
    table = Table(path.name, path.parent.resolve(), {}, [n for n, _cells in rows], "line")
    wrong = [(n, _("(has {n})", n=len(cells))) for n, cells in rows if len(cells) != len(names)]
    table.refuse(
        N_("{table}: wrong number of cells (it has {n} columns) in {rows}."),
        wrong,
        _("Take the file as GroupLens gives it, or pass a CSV."),
        n=str(len(names)),
    )
    cells = {name: [row[place] for _n, row in rows] for place, name in enumerate(names)}
    return Table(table.name, table.folder, cells, table.numbers, "line", findings=tuple(notes))


def _columns(table: Table, id_column: str | None) -> tuple[dict[str, str], list[Finding]]:
    """Choose the columns by their names; say them."""
    names = list(table.cells)
    known = named(table.name, names, id_column) if id_column else guess(names, (*ITEMS, "id"), ())
    if known is None:
        raise DataError(
            sentences(
                _("No column of {table} looks like ids of items.", table=table.name),
                columns_of(names),
            ),
            _("Name it with --item-id COLUMN: the ids that stand in the log."),
        )
    found = {"id": known}
    for part, spellings in PARTS.items():
        column = guess(names, spellings, found.values())
        if column is not None:
            found[part] = column
    guessed = [_(SAID[part], column=column) for part, column in found.items()]
    message = _("{table}: guessed {what}.", table=table.name, what=listed(guessed))
    return found, [Finding("note", "info", message, dict(found))]


def _kept(table: Table, ids: Sequence[str]) -> tuple[list[int], list[Finding]]:
    """Keep rows with an id, each once; say which others there are, or refuse."""
    findings = []
    blank = [(n, "") for n, i in zip(table.numbers, ids, strict=True) if not i]
    if len(blank) >= DROPPED * len(ids):
        table.refuse(
            N_("{table}: no id of an item in {rows}."),
            blank,
            _("Fill the cells, or delete those rows."),
        )
    if blank:
        message = _(
            "{table}: no id of an item in {rows}; left out.",
            table=table.name,
            rows=table.listed(blank),
        )
        findings.append(Finding("note", "warning", message, {"rows": len(blank)}))
    keep: dict[str, int] = {}
    same, other = 0, list[tuple[int, str]]()
    columns = list(table.cells.values())
    for row, name in enumerate(ids):
        first = keep.setdefault(name, row)
        if not name or first == row:
            continue
        if all(cells[first] == cells[row] for cells in columns):
            same += 1
        else:
            other.append((table.numbers[row], repr(name[:40])))
    keep.pop("", None)
    if same:
        message = _n(
            "{table}: {n:,} row says the same again and was left out.",
            "{table}: {n:,} rows say the same again and were left out.",
            same,
            table=table.name,
        )
        findings.append(Finding("duplicates", "info", message, {"rows": same}))
    if other:
        message = _(
            "{table}: an id has said something else before in {rows}; what was said first counts.",
            table=table.name,
            rows=table.listed(other),
        )
        findings.append(Finding("duplicates", "warning", message, {"rows": len(other)}))
    return list(keep.values()), findings


_Parts = tuple[list[str], NDArray[np.float64], list[tuple[str, ...]], list[str], list[Path | None]]


def _parts(
    table: Table, columns: dict[str, str], keep: Sequence[int]
) -> tuple[_Parts, list[Finding]]:
    """Read what is known of the items; raises ``DataError`` where it is nothing."""

    def cells(part: str) -> list[str]:
        if part not in columns:
            return [""] * len(keep)
        column = table.cells[columns[part]]
        return [column[row] for row in keep]

    written, findings = cells("title"), list[Finding]()
    years = np.array([_year(*both) for both in zip(cells("year"), written, strict=True)])
    typed = TYPED.fullmatch(columns.get("tags", ""))
    tags = _apart(cells("tags"), by_spaces=typed is not None and typed[2] == "token_seq")
    flags = _flags(table, list(columns.values()))
    if flags:
        by_flag = [[n for n, held in flags.items() if _is_yes(held[row])] for row in keep]
        tags = [
            tuple(dict.fromkeys((*tag, *(n for n in more if n.casefold() not in NO_TAGS))))
            for tag, more in zip(tags, by_flag, strict=True)
        ]
        message = _n(
            "{table}: {n} column of 0 and 1 says which genres an item has: {names}.",
            "{table}: {n} columns of 0 and 1 say which genres an item has: {names}.",
            len(flags),
            table=table.name,
            names=first([*map(repr, flags)], 3),
        )
        findings.append(Finding("note", "info", message, {"columns": list(flags)}))
    images, missing = _images(table, cells("image"))
    findings += missing
    if not (flags or set(columns) - {"id"}):
        raise DataError(
            sentences(
                _("{table} says nothing about its items but their ids.", table=table.name),
                columns_of(list(table.cells)),
            ),
            _("Add a column such as title, genres, year, description or image."),
        )
    titles = [title_of(title) for title in written]
    return (titles, years, tags, cells("text"), images), findings


def _year(cell: str, title: str) -> float:
    """Take the year behind the title, which is that of the work; else that of its column."""
    whole = cell[:-2] if cell.endswith(".0") else cell
    found = _IN_TITLE.search(title) or _YEAR.search(whole)
    return float(found[1]) if found else np.nan


def _apart(cells: Sequence[str], *, by_spaces: bool) -> list[tuple[str, ...]]:
    """Take lists of tags apart, at the sign that separates them in this column."""
    if by_spaces:
        return [_told(cell.split()) for cell in cells]
    counts = Counter(sign for cell in cells for sign in "|;；、,，" if sign in cell)
    sign = next((s for s in "|;；、" if counts[s]), None)
    commas = ",，" if sign is None else sign
    return [_told(_in_json(cell) or re.split(f"[{re.escape(commas)}]", cell)) for cell in cells]


def _in_json(cell: str) -> list[str] | None:
    """Read a list as ``data.formats`` writes one down."""
    if not cell.startswith("["):
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return [str(tag) for tag in found] if isinstance(found, list) else None


def _told(tags: Sequence[str]) -> tuple[str, ...]:
    stripped = (tag.strip() for tag in tags)
    return tuple(dict.fromkeys(tag for tag in stripped if tag.casefold() not in NO_TAGS))


def _flags(table: Table, taken: Collection[str]) -> dict[str, list[str]]:
    """Find the columns of 0 and 1 that say what an item is."""
    found = {}
    for name, cells in table.cells.items():
        values = {cell.casefold() for cell in cells}
        if name and name not in taken and values <= _YES | _NO and values & _YES:
            found[name] = cells
    return found if len(found) >= FLAGS else {}


_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false", ""})


def _is_yes(cell: str) -> bool:
    return cell.casefold() in _YES


def _images(table: Table, cells: Sequence[str]) -> tuple[list[Path | None], list[Finding]]:
    """Find the pictures that there are; count the others."""
    locator = Locator(table.folder, Path(table.name).stem)
    found = [locator.find(cell) if cell else [] for cell in cells]
    images = [files[0] if len(files) == 1 else None for files in found]
    lacking = [cell for cell, image in zip(cells, images, strict=True) if cell and image is None]
    if not lacking:
        return images, []
    message = _n(
        "{table}: {n:,} picture was not found, such as {name!r}.",
        "{table}: {n:,} pictures were not found, such as {name!r}.",
        len(lacking),
        table=table.name,
        name=lacking[0][:60],
    )
    return images, [Finding("note", "warning", message, {"missing": len(lacking)})]
