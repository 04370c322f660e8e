"""Tables: which columns hold paths and labels, and where the files are.

Columns are guessed from their names unless the user names them, and every guess is stated.
Relative paths start from the table's folder.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from headstart import modalities
from headstart.data.formats import Table, is_text_table, read_cells, row_and
from headstart.data.items import Files, Items, Stretches, glimpse, with_times
from headstart.data.labels_in_columns import columns_of_labels
from headstart.data.located import Locator, is_file
from headstart.data.numbers import (
    columns_of_numbers,
    holds_numbers,
    is_measured,
    is_number,
    label_column,
    number_rows,
)
from headstart.data.several_labels import TASKS, read_labels
from headstart.data.spans import Place, Span, same_stretches, span_of, stretches_of
from headstart.data.split_columns import columns_apart, read_split
from headstart.data.texts import (
    columns_of_texts,
    holds_texts,
    label_beside,
    names_files,
    read_texts,
)
from headstart.data.together import column_offer
from headstart.data.walk import first
from headstart.errors import ConfigError, DataError
from headstart.findings import Finding
from headstart.modalities import Kind, Timed, recognise
from headstart.said import N_, _, commas, listed, sentences

PATH_COLUMNS = (
    *("path", "file", "filename", "file_name", "filepath", "file_path"),
    *("路径", "文件"),
)
ID_COLUMNS = ("image_id", "img_id", "image_name", "img_name", "file_id", "id_code", "id")
"""Names of columns of paths that may as well hold something else: the last to be guessed."""
LABEL_COLUMNS = (
    *("label", "labels", "tags", "class", "classname", "category", "target", "y"),
    *("标签", "类别"),
)
HEADING, WORDS = 40, 4
"""The longest name of a column, in characters and words, that is not taken for prose (plain
choice)."""
BLANK = N_("{table}: nothing in column {column!r} in {rows}.")
UTF_8 = "utf-8"
"""The encoding that nobody asked for."""


@dataclass(frozen=True)
class Columns:
    """What the user said about a table; None leaves a column to be guessed from its name.

    Attributes
    ----------
    x, y : str or None
        Columns of paths and of labels; several with commas between them. Of paths, also of where
        the stretches of files start and end.
    groups : str or None
        Column of groups; never guessed.
    encoding : str
        Of text tables. ``"utf-8"`` also takes the mark that Excel puts in front.
    row : tuple of str
        The columns whose numbers make an example, where a model knows them already.
    elsewhere : bool
        Whether ``x`` and ``encoding`` may be meant for another table.
    task : str or None
        Whether an example has one label or several; None: as the labels look.
    modality : str or None
        What the examples are; None: as their names and first bytes tell.
    grouped : bool
        Whether the user says by names or paths what belongs together.
    """

    x: str | None = None
    y: str | None = None
    groups: str | None = None
    encoding: str = UTF_8
    row: tuple[str, ...] = ()
    elsewhere: bool = False
    task: str | None = None
    modality: str | None = None
    grouped: bool = False

    def refuse(self, shown: str) -> None:
        """Raise ``ConfigError`` if any is named although the source is not a table."""
        asked = {"--x": self.x, "--y": self.y, "--groups": self.groups}
        if self.elsewhere:
            del asked["--x"]
        self.refuse_encoding(shown)
        if self.task == TASKS[1]:
            raise ConfigError(
                _(
                    "--task {task}: in {name} every example has one label.",
                    task=self.task,
                    name=shown,
                ),
                _("Pass a table that lists the labels of each."),
            )
        for flag, name in asked.items():
            if name:
                raise ConfigError(
                    _(
                        "{option} {column!r} names a column, but {name} is not a table.",
                        option=flag,
                        column=name,
                        name=shown,
                    ),
                    _(
                        "Read groups out of the paths instead: {option}.",
                        option=r"--groups-from 'patient(\d+)'",
                    )
                    if flag == "--groups"
                    else _("Drop {option}, or pass a table.", option=flag),
                )

    def refuse_encoding(self, shown: str) -> None:
        """Raise ``ConfigError`` if an encoding is named although the source is no text."""
        if self.encoding != UTF_8 and not self.elsewhere:
            raise ConfigError(
                _(
                    "--encoding {encoding!r} is of a text table, but {name} is none.",
                    encoding=self.encoding,
                    name=shown,
                ),
                _("Drop --encoding, or pass a CSV, TSV or JSONL."),
            )


@dataclass(frozen=True)
class Rows:
    """What a source lists, before labels become numbers: one entry per example in each list.

    Attributes
    ----------
    refs : list of str
        Paths as shown, with forward slashes.
    items : Items
        Where the examples lie.
    labels : list of str
        Several of one example joined with ``;``.
    is_test : list of bool
    groups : list of str, or None
    findings : tuple of Finding
    several : bool
        Whether an example may have several labels, or none.
    """

    refs: list[str]
    items: Items
    labels: list[str]
    is_test: list[bool]
    groups: list[str] | None = None
    findings: tuple[Finding, ...] = ()
    several: bool = False


def read(path: Path, columns: Columns | None = None, *, within: Path | None = None) -> Rows:
    """Read a table of examples and labels.

    Examples are files that a column of paths leads to, the cells of a column, or the numbers of
    several columns.

    Parameters
    ----------
    path : Path
        A file for which ``formats.is_table`` holds.
    columns : Columns, optional
        Which columns to read.
    within : Path, optional
        For a table out of an archive: the folder that no path may leave.

    Raises
    ------
    DataError
        A table that cannot be parsed, columns that are not there, blank cells, files that do not
        exist, lie outside ``within`` or may be one of several, one file with two labels, an unknown
        split, columns of numbers with gaps or text in them; what ``read_labels`` refuses.
    ConfigError
        ``x`` and ``y`` are one column, or there is no such encoding.
    """
    columns = columns or Columns()
    if not is_text_table(path):
        columns.refuse_encoding(path.name)
    table = read_cells(path, columns.encoding)
    refuse_headless(table, named=bool(columns.x or columns.y or columns.row))
    kind, x, y, guesses = _choose(table, columns)
    said = read_labels(table, y, columns.task)
    paths = x[:1] if kind == "file" else []
    wanted = [name for name in (*paths, *y, columns.groups) if name]
    for name in wanted:
        if name in y and (said.several or len(y) > 1):
            continue  # an example may have none
        blank = [(n, "") for n, v in zip(table.numbers, table.cells[name], strict=True) if not v]
        table.refuse(BLANK, blank, _("Fill the cells, or delete those rows."), column=name)
    is_test, splits = read_split(table, [*x, *wanted])
    offers = [] if columns.groups or columns.grouped else column_offer(table, [*x, *wanted])
    keep, repeats = list(range(len(table.numbers))), list[Finding]()
    refs = row_names(table)
    items: Items
    if kind == "file":
        items, spans = _items_in_files(table, _locate(table, x[0], within), x, wanted, columns)
        places = same_stretches(items)
        _refuse_two_labels(table, places, said.texts)
        keep, repeats = _first_of_each(table, list(zip(places, is_test, strict=True)))
        named = _refs(table.folder, list(items.files))
        refs = [with_times(name, items, row) for row, name in enumerate(named)]
        guesses += spans
    elif kind == "cell":
        items, cleaned = read_texts(table, x[0])
        repeats += cleaned
    else:
        items = number_rows(table, x)
    return Rows(
        [refs[i] for i in keep],
        items.take(keep),
        [said.texts[i] for i in keep],
        [is_test[i] for i in keep],
        [table.cells[columns.groups][i] for i in keep] if columns.groups else None,
        (*table.findings, *guesses, *said.findings, *splits, *repeats, *offers),
        said.several,
    )


def _items_in_files(
    table: Table,
    files: list[Path],
    x: Sequence[str],
    taken: Collection[str | None],
    columns: Columns,
) -> tuple[Files | Stretches, list[Finding]]:
    """Take files whole, or the stretches of them that further columns of ``x``, or others, name."""
    whole = Files(tuple(files))
    of = columns.modality or recognise("file", glimpse(list(map(str, files)), whole))
    kind, findings = modalities.modality(of), list[Finding]()
    if len(x) == 3:
        return stretches_of(table, Span.named(x[1], x[2]), files, kind), []
    if len(x) == 2 or not isinstance(kind, Timed):
        return whole, []
    span = span_of(table, taken) if columns.x is None else _unused_span(table, taken)
    if span is None:
        return whole, findings
    said = {"table": table.name, "start": span.start, "end": span.end, "x": x[0]}
    if columns.x is not None:
        message = _(
            "{table}: columns {start!r} and {end!r} were not used, since --x names whole files. To "
            "learn from stretches: --x {x},{start},{end}.",
            **said,
        )
        return whole, [Finding("note", "warning", message, {"start": span.start, "end": span.end})]
    message = _(
        "{table}: every example is a stretch of a file, from columns {start!r} and {end!r} (--x "
        "{x} takes whole files).",
        **said,
    )
    found = Finding("note", "info", message, {"start": span.start, "end": span.end})
    return stretches_of(table, span, files, kind), [found]


def _unused_span(table: Table, taken: Collection[str | None]) -> Span | None:
    """Return columns of stretches that are passed over; one of them by itself is no matter."""
    try:
        return span_of(table, taken)
    except DataError:
        return None


def row_names(table: Table) -> list[str]:
    """Name rows as the user's own program numbers them."""
    return [f"{table.row} {number}" for number in table.numbers]


def _choose(table: Table, columns: Columns) -> tuple[Kind, list[str], list[str], list[Finding]]:
    """Choose what examples are, their columns and that of the labels; say what was guessed."""
    named = [] if columns.x is None else columns_named(table, columns.x)
    if columns.row:
        refuse_x(columns.x)
        refuse_lacking(table, columns.row)
        named = list(columns.row)
    y = [] if columns.y is None else columns_named(table, columns.y)
    _refuse_missing_columns(table, columns, named, y)
    x = named or path_column(table, (*y, columns.groups))
    y = y or _listed_alone(table.guess(LABEL_COLUMNS, (*x, columns.groups)))
    if not named:
        x = _or_texts(table, x, (*y, columns.groups))
    kind: Kind = "file"
    left_out: list[Finding] = []
    if not x:
        y = y or _listed_alone(label_column(table, (columns.groups, *columns_apart(table, ()))))
        if y:
            taken = (*y, columns.groups, *columns_apart(table, (*y, columns.groups)))
            (x, left_out), kind = columns_of_numbers(table, taken), "row"
    elif not columns.row and len(x) == 3 and not holds_numbers(table, x[0]):
        pass  # files, and where stretches of them start and end
    elif columns.row or len(x) > 1 or (holds_numbers(table, x[0]) and not _leads(table, x[0])):
        kind = "row"
    elif not _leads_to_files(table, x[0]):
        kind = "cell"
        y = y or _listed_alone(_label_beside(table, x[0], columns.groups))
    if x and not y:
        taken = (*x, columns.groups, *columns_apart(table, x))
        y = columns_of_labels(table, taken)
    if not x or not y:
        lacking = [what for what, name in ((_("paths"), x), (_("labels"), y)) if not name]
        raise DataError(
            sentences(
                _(
                    "No column of {table} looks like {what}.",
                    table=table.name,
                    what=listed(lacking, "or"),
                ),
                _columns_of(table),
            ),
            _("Name them with --x (paths) and --y (labels)."),
        )
    if both := [name for name in y if name in x]:
        raise ConfigError(
            _("--x and --y both name {column!r}.", column=both[0]),
            _("Paths and labels are two columns."),
        )
    guesses = [] if named else [_guess_of(kind, x)]
    if not columns.y and len(y) == 1:
        guesses.append(_("labels from column {column!r} (--y chooses another)", column=y[0]))
    if not guesses:
        return kind, x, y, left_out
    message = _("{table}: guessed {what}.", table=table.name, what=listed(guesses))
    figures: dict[str, object] = {
        "x": x[0] if len(x) == 1 else x,
        "y": y[0] if len(y) == 1 else y,
    }
    return kind, x, y, [Finding("note", "info", message, figures), *left_out]


def _listed_alone(column: str | None) -> list[str]:
    return [] if column is None else [column]


def _or_texts(table: Table, x: list[str], taken: Sequence[str | None]) -> list[str]:
    """Choose texts, told by what is in them, where no name tells of examples; ask if both may be.

    Raises
    ------
    ConfigError
        A column leads to files, and another holds texts.
    DataError
        The first line is no header.
    """
    paths = (*PATH_COLUMNS, *ID_COLUMNS, *modalities.columns_of_files())
    if x and x[0].casefold() not in paths:  # a usual name of a column of cells
        return x
    taken = (*x, *taken, *columns_apart(table, taken))
    texts = columns_of_texts(table, taken)
    if x and texts and _leads(table, x[0]):
        raise ConfigError(
            _(
                "{table} has both files, in column {paths!r}, and texts, in column {texts!r}.",
                table=table.name,
                paths=x[0],
                texts=texts[0],
            ),
            _(
                "Say what is to be learned from: --x {paths!r} or --x {texts!r}.",
                paths=x[0],
                texts=texts[0],
            ),
        )
    if not texts or (x and names_files(table.cells[x[0]])):
        return x
    numbers = [n for n in table.cells if n not in taken and is_measured(table, n)]
    if len(numbers) > 1:  # texts beside measurements: asked about where those are chosen
        return x
    refuse_prose(table, texts[0])
    return texts[:1]


def _label_beside(table: Table, x: str, groups: str | None) -> str | None:
    """Guess the labels of texts where no name tells."""
    y = label_beside(table, (x, groups, *columns_apart(table, (x, groups))))
    if y is not None and y in table.cells[y]:
        raise _headless(table, y)
    return y


def _guess_of(kind: Kind, x: Sequence[str]) -> str:
    what = _({"file": N_("paths"), "cell": N_("texts"), "row": N_("numbers")}[kind])
    if len(x) == 1:
        return _("{what} from column {column!r} (--x chooses another)", what=what, column=x[0])
    return _("{what} from {n} columns (--x chooses others)", what=what, n=len(x))


def columns_named(table: Table, x: str) -> list[str]:
    """Read ``--x`` or ``--y``: the name of one column, or of several with commas between them."""
    if x in table.cells or "," not in x:
        return [x]
    return [*dict.fromkeys(name.strip() for name in x.split(",") if name.strip())]


def refuse_x(x: str | None) -> None:
    """Raise ``ConfigError`` where columns are named for a model that knows its own."""
    if x is not None:
        raise ConfigError(
            _("--x {x!r}: the model takes the columns that it was trained on.", x=x),
            _("Leave it out."),
        )


def refuse_lacking(table: Table, columns: Sequence[str]) -> None:
    """Raise ``DataError`` for a table without the columns that a model was trained on."""
    lacking = [name for name in columns if name not in table.cells]
    if lacking:
        raise DataError(
            sentences(
                _(
                    "{table} has no column {columns}, which the model was trained on.",
                    table=table.name,
                    columns=first([*map(repr, lacking)], 3),
                ),
                _columns_of(table),
            ),
            _("Give the columns of the training table; others are passed over."),
        )


def path_column(
    table: Table, taken: Collection[str | None] = (), *, files: bool = False
) -> list[str]:
    """Guess the column of paths or examples by its name.

    A column of numbers is one if they lead to files (``1`` to ``train/1.png``) and there are no
    other numbers to learn from, or examples are known to be ``files``.
    """
    known = (*PATH_COLUMNS, *modalities.columns(), *ID_COLUMNS)
    found = table.guess(known, taken)
    if found is None or not holds_numbers(table, found):
        return [] if found is None else [found]
    apart = {found, *taken, *columns_apart(table, taken), table.guess(LABEL_COLUMNS, taken)}
    others = [n for n in table.cells if n not in apart and holds_numbers(table, n)]
    return [found] if (files or not others) and _leads(table, found) else []


def refuse_headless(table: Table, *, named: bool = False) -> None:
    """Raise ``DataError`` where the first line of a text table was meant as data.

    Parameters
    ----------
    named : bool
        Whether the user, or a model, named columns that are there: then only files give it away.
    """
    if not table.name.lower().endswith((".csv", ".tsv")):
        return
    names = [name for name in table.cells if name and not _is_known(name)]
    cell = next((name for name in names if _is_example(table, name)), None)
    if cell is None and not named and len(names) == len(table.cells):
        again = (n for n in names if n in table.cells[n] and not is_number(n))
        cell = next(again, None) or _number_for_a_name(names)
    if cell is not None:
        raise _headless(table, cell)


def refuse_prose(table: Table, column: str) -> None:
    """Raise ``DataError`` where a column of examples, guessed to be one, has a text for a name."""
    if len(column) > HEADING or len(column.split()) > WORDS:
        raise _headless(table, column, _("Or say that it is one: --x {column!r}.", column=column))


def _headless(table: Table, cell: str, otherwise: str = "") -> DataError:
    return DataError(
        _(
            "{table} has no header: its first line holds {cell!r}.",
            table=table.name,
            cell=cell if len(cell) <= 60 else f"{cell[:57]}...",
        ),
        sentences(
            _("The first line looks like data: put a header line, such as path,label, above it."),
            otherwise,
        ),
    )


def _is_known(name: str) -> bool:
    known = (*PATH_COLUMNS, *ID_COLUMNS, *LABEL_COLUMNS, *modalities.columns())
    return name.casefold() in known


def _is_example(table: Table, name: str) -> bool:
    file = locator(table).direct(name)
    return is_file(file) or (bool(file.suffix) and modalities.recognised(file.name))


def _number_for_a_name(names: list[str]) -> str | None:
    """Recognise a row of numbers; names that are numbers, such as wavelengths, rise or fall."""
    written = [name for name in names if is_number(name)]
    steps = [float(after) - float(before) for before, after in pairwise(written)]
    rise, fall = all(s > 0 for s in steps), all(s < 0 for s in steps) and len(steps) > 1
    signed = any(float(name) < 0 for name in written)
    if 2 * len(written) <= len(names) or ((rise or fall) and not signed):
        return None
    return written[0]


def locator(table: Table) -> Locator:
    """Return what finds the files that a table names."""
    return Locator(table.folder, Path(table.name).stem)


def _leads(table: Table, column: str) -> bool:
    return locator(table).leads(table.cells.get(column, []))


def _leads_to_files(table: Table, column: str) -> bool:
    """Whether a column holds paths; cells are examples only where a modality reads them."""
    if not modalities.takes_cells() or _leads(table, column):
        return True
    if names_files(table.cells[column]):  # which may not be where they should
        return True
    known = (*PATH_COLUMNS, *ID_COLUMNS, *modalities.columns_of_files())
    return column.casefold() in known and not holds_texts(table, column)


def _refuse_missing_columns(
    table: Table, columns: Columns, x: Sequence[str], y: Sequence[str]
) -> None:
    asked = [*(("--x", n) for n in x), *(("--y", n) for n in y), ("--groups", columns.groups)]
    missing = [(flag, name) for flag, name in asked if name and name not in table.cells]
    if not missing:
        return
    near = [n for _flag, m in missing for n in difflib.get_close_matches(m, table.cells, n=1)]
    raise DataError(
        sentences(
            _(
                "{table} has no column {columns}.",
                table=table.name,
                columns=listed(f"{name!r} ({flag})" for flag, name in missing),
            ),
            _columns_of(table),
        ),
        _("Did you mean {names}?", names=listed(map(repr, near)))
        if near
        else _("Name one of its columns."),
    )


def _columns_of(table: Table) -> str:
    has = _("It has no columns.")
    if table.cells:
        has = _("Its columns are {columns}.", columns=commas(map(repr, table.cells)))
    if not table.embedded:
        return has
    embedded = commas(map(repr, table.embedded))
    return sentences(has, _("({columns} holds data itself, not paths to files.)", columns=embedded))


def _locate(table: Table, column: str, within: Path | None) -> list[Path]:
    """Find the files; absolute, without ``..``."""
    written = table.cells[column]
    find = locator(table)
    if within is not None:
        inside = within.resolve()
        table.refuse(
            N_("{table}: paths that leave the archive in {rows}."),
            [
                (number, repr(text))
                for number, text in zip(table.numbers, written, strict=True)
                if not find.direct(text).is_relative_to(inside)
            ],
            _("Write paths relative to the table, to files in the same archive."),
        )
    found = [find.find(text) for text in written]
    refuse_several(table, column, found)
    missing = [
        (number, text)
        for number, text, files in zip(table.numbers, written, found, strict=True)
        if not files
    ]
    if missing:
        where = _where(find.direct(missing[0][1]))
        quoted = [(number, repr(text)) for number, text in missing]
        table.refuse(N_("{table}: no such file in {rows}."), quoted, where)
    return [files[0] for files in found]


def refuse_several(table: Table, column: str, found: Sequence[Sequence[Path]]) -> None:
    """Refuse cells that may mean several files."""
    several = []
    for number, text, files in zip(table.numbers, table.cells[column], found, strict=True):
        if len(files) > 1:
            shown = listed([f.relative_to(table.folder).as_posix() for f in files[:3]], "or")
            several.append((number, _("{text!r} ({files})", text=text, files=shown)))
    table.refuse(
        N_("{table}: several files that may be meant in {rows}."),
        several,
        _("Write the paths with their folder and suffix."),
    )


def _where(file: Path) -> str:
    """Tell where a missing file was looked for, and what is there instead."""
    hint = _(
        "Paths start from the table's own folder; the first was looked for at {path}.",
        path=str(file),
    )
    near = similar_names(file, 1)
    there = _("Did you mean {name!r}, which is there?", name=near[0]) if near else ""
    return sentences(hint, there)


def similar_names(path: Path, n: int = 3) -> list[str]:
    """List what lies beside a path that does not exist and is called nearly the same."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 2000)]
    except (OSError, ValueError):  # no such folder, or one that cannot be
        return []
    return difflib.get_close_matches(path.name, names, n=n)


def _refuse_two_labels(table: Table, places: list[Place], labels: list[str]) -> None:
    known: dict[Place, tuple[int, str]] = {}
    clashes: list[tuple[int, str]] = []
    for number, place, label in zip(table.numbers, places, labels, strict=True):
        file = place[0]
        before, other = known.setdefault(place, (number, label))
        if label != other:
            clash = _(
                "({file} is {label!r}, but {other!r} in {row})",
                file=file.name,
                label=label,
                other=other,
                row=row_and(table.row, before),
            )
            clashes.append((number, clash))
    table.refuse(
        N_("{table}: another label for the same file in {rows}."),
        clashes,
        _("Delete the rows that are wrong."),
    )


def _first_of_each(table: Table, keys: list[tuple[Place, bool]]) -> tuple[list[int], list[Finding]]:
    """Drop rows that say again what an earlier row said.

    A file in both training and test stays in both: the search for copies judges that, with the
    copies that have another name.
    """
    keep = sorted({key: i for i, key in reversed(list(enumerate(keys)))}.values())
    if len(keep) == len(keys):
        return keep, []
    again = sorted(set(range(len(keys))) - set(keep))
    repeated = table.listed([(table.numbers[i], f"({keys[i][0][0].name})") for i in again])
    message = _(
        "{table}: the same file again in {rows}; each file counts once.",
        table=table.name,
        rows=repeated,
    )
    return keep, [Finding("duplicate_rows", "info", message, {"count": len(again)})]


def _refs(folder: Path, files: list[Path]) -> list[str]:
    """Show paths from the table's folder or, if files lie elsewhere, from what they share."""
    if not all(file.is_relative_to(folder) for file in files):
        try:
            folder = Path(os.path.commonpath([file.parent for file in files]))
        except ValueError:  # files on several drives
            return [file.as_posix() for file in files]
    return [file.relative_to(folder).as_posix() for file in files]
