"""Labels of a table: one an example, or several, in a cell or in columns of 0 and 1.

Which it is, is read off the data, said in a finding, and settled by ``--task``.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.data.formats import Table
from headstart.data.labels_in_columns import is_ticked, ticked
from headstart.data.walk import first
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, _, _n, sentences
from headstart.tasks.classification import Classification
from headstart.tasks.multilabel import JOINED, MultiLabel, apart, together

TASKS = (Classification.name, MultiLabel.name)
SEPARATORS = (";；", "|｜", "、", ",，")
"""What parts labels in a cell, the surest first: a comma often stands within one."""
SURE = SEPARATORS[:2]
LONGEST = 10_000
"""Characters of a cell that may be a list."""
ONE_EACH = N_("Pass {option} if every cell is one label.")


@dataclass(frozen=True)
class TableLabels:
    """The labels of all rows of a table.

    Attributes
    ----------
    texts : list of str
        By row; several joined with ``;``, none ``""``.
    several : bool
        Whether a row may have several labels, or none.
    findings : tuple of Finding
        How they were read.
    """

    texts: list[str]
    several: bool
    findings: tuple[Finding, ...] = ()


def read_labels(table: Table, names: Sequence[str], task: str | None) -> TableLabels:
    """Read the column of labels, or several columns of 0 and 1.

    Parameters
    ----------
    names : sequence of str
        Of the columns; one or more.
    task : str or None
        One of ``TASKS``; None: as the data look.

    Raises
    ------
    DataError
        Columns of other things than 0 and 1, names that hold what joins them, or several labels in
        a row where ``task`` allows for one.
    """
    yes_or_no = task == MultiLabel.name and is_ticked(table.cells[names[0]])
    if len(names) > 1 or yes_or_no:
        return _of_columns(table, names, task)
    return _of_cells(table, names[0], task)


def _of_columns(table: Table, names: Sequence[str], task: str | None) -> TableLabels:
    _refuse_joined(table, names)
    texts = ticked(table, names)
    counts = [len(apart(text)) for text in texts]
    shown = first([*map(repr, names)], 5)
    one_each = all(n == 1 for n in counts)
    if task == Classification.name or (task is None and one_each):
        table.refuse(
            N_("{table}: not one label but none or several in {rows}."),
            [
                (number, repr(text))
                for number, text, n in zip(table.numbers, texts, counts, strict=True)
                if n != 1
            ],
            _("Drop --task classification: then a row may have any number of labels."),
        )
        message = _(
            "{table}: a 1 in one of {n} columns says the class: {columns}. Pass {option} to "
            "learn each by itself.",
            table=table.name,
            n=len(names),
            columns=shown,
            option=f"--task {MultiLabel.name}",
        )
        return TableLabels(texts, False, (_note(message, "columns", list(names)),))
    message = sentences(
        _(
            "{table}: a row has a label or not, by a 1 in column {column}.",
            table=table.name,
            column=shown,
        )
        if len(names) == 1
        else _(
            "{table}: a row may have several labels, by a 1 in {n} columns: {columns}.",
            table=table.name,
            n=len(names),
            columns=shown,
        ),
        _counted(counts),
        _("For one of them alone: {option}.", option=f"--y {names[0]}") if len(names) > 1 else "",
    )
    return TableLabels(texts, True, (_note(message, "columns", list(names)),))


def _of_cells(table: Table, column: str, task: str | None) -> TableLabels:
    cells = table.cells[column]
    if task == Classification.name:
        return TableLabels(cells, False)
    lists = _lists(cells)
    separator = "" if lists else _separator(cells, asked=task == MultiLabel.name)
    if not (lists or separator or task == MultiLabel.name):
        return TableLabels(cells, False, _left_whole(table, column))
    rows = lists or [_parts(cell, separator) for cell in cells]
    _refuse_joined(table, {part for row in rows for part in row})
    texts = [together(sorted(set(row))) for row in rows]
    how = _("in column {column!r} as lists", column=column)
    if separator:
        shown = next(mark for mark in separator if any(mark in cell for cell in cells))
        how = _("in column {column!r} with {mark!r} between them", column=column, mark=shown)
    elif not lists:
        how = _("in column {column!r}, one in a cell", column=column)
    twice = sum(len(row) > len(set(row)) for row in rows)
    message = sentences(
        _("{table}: a row may have several labels, {how}.", table=table.name, how=how),
        _counted([len(set(row)) for row in rows]),
        _n(
            "{n} cell names a label twice, which counts once.",
            "{n} cells name a label twice, which counts once.",
            twice,
        )
        if twice
        else "",
        _(ONE_EACH, option=f"--task {Classification.name}") if task is None else "",
    )
    return TableLabels(texts, True, (_note(message, "column", column),))


def _separator(cells: Sequence[str], *, asked: bool) -> str:
    """Find what parts labels in a cell: that by which cells come to share them.

    Half of the parts have to stand in another cell too. A comma is also found within names, such as
    ``Salem, OR``: it has to leave fewer parts than there are sets of them.
    """
    found = [marks for marks in SEPARATORS if any(mark in c for c in cells for mark in marks)]
    for marks in found:
        parted = {frozenset(_parts(cell, marks)) for cell in cells} - {frozenset[str]()}
        times = Counter(part for labels in parted for part in labels)
        inside = {p for c in cells if any(m in c for m in marks) for p in _parts(c, marks)}
        shared = sum(times[part] > 1 for part in inside)
        if len(times) < len(parted) or (marks in SURE and shared and 2 * shared >= len(inside)):
            return marks
    return found[0] if asked and found else ""


def _parts(cell: str, marks: str) -> list[str]:
    parts = re.split(f"[{re.escape(marks)}]", cell) if marks else [cell]
    return [part for part in map(str.strip, parts) if part]


def _lists(cells: Sequence[str]) -> list[list[str]]:
    """Read cells that are all lists of texts, as JSON or Python write them; [] if they are not."""
    if not any(cells):
        return []
    rows = []
    for cell in cells:
        row = _list(cell)
        if row is None:
            return []
        rows.append(row)
    return rows


def _list(cell: str) -> list[str] | None:
    if not cell:
        return []
    if not (cell[0] == "[" and cell[-1] == "]" and len(cell) <= LONGEST):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list) and all(isinstance(part, str | int) for part in found):
            return [text for text in (str(part).strip() for part in found) if text]
    return None


def _left_whole(table: Table, column: str) -> tuple[Finding, ...]:
    """Say where cells hold what often parts labels and were read as one label all the same."""
    mark = next((m for m in ";；|｜" if any(m in c for c in table.cells[column])), None)
    if mark is None:
        return ()
    message = _(
        "{table}: cells of column {column!r} hold {mark!r} and were read as one label each. If it "
        "stands between labels, pass {option}.",
        table=table.name,
        column=column,
        mark=mark,
        option=f"--task {MultiLabel.name}",
    )
    return (_note(message, "column", column),)


def _counted(counts: Sequence[int]) -> str:
    told = {"mean": sum(counts) / len(counts), "most": max(counts), "all": len(counts)}
    none = sum(n == 0 for n in counts)
    return _n(
        "On average {mean:.1f} labels a row, at most {most}; {n} of {all} has none.",
        "On average {mean:.1f} labels a row, at most {most}; {n} of {all} have none.",
        none,
        **told,
    )


def _refuse_joined(table: Table, labels: Sequence[str] | set[str]) -> None:
    """Refuse labels that hold what joins labels in everything that is written."""
    bad = sorted(label for label in labels if JOINED in label)
    if bad:
        raise DataError(
            _(
                "{table}: the label {label!r} holds {mark!r}, which headstart writes between "
                "labels.",
                table=table.name,
                label=bad[0],
                mark=JOINED,
            ),
            _("Rename it."),
        )


def _note(message: str, name: str, value: object) -> Finding:
    return Finding("labels", "info", message, {name: value})
