"""Columns of a table that say what is for testing, and those that only look as if they did."""

from __future__ import annotations

from collections.abc import Collection

from headstart.data.formats import Table
from headstart.data.parts import held_out, role
from headstart.findings import Finding
from headstart.said import N_, _

SPLIT_COLUMNS = ("split", "set")
"""Refused where they hold anything but parts."""
MAYBE_SPLIT_COLUMNS = ("subset", "partition", "phase", "usage")
"""Read where they hold nothing but parts."""
MARK_COLUMNS = ("is_valid", "is_val", "is_validation", "is_test", "is_train", "is_training")
"""Hold yes or no; fastai's is ``is_valid``."""
FOLD_COLUMNS = ("fold", "folds", "kfold", "fold_id", "cv_fold")
MOST_FOLDS = 20
"""More values of a fold column are something else (plain choice)."""

_YES = frozenset({"true", "1", "1.0", "yes", "t", "y"})
_NO = frozenset({"false", "0", "0.0", "no", "f", "n", ""})
Split = tuple[list[bool], list[Finding]]


def columns_apart(table: Table, taken: Collection[str | None]) -> list[str]:
    """Name the columns that speak of parts or folds: a model must not learn from them."""
    split = _split_column(table, taken)
    fold = _fold_column(table, taken)
    marks = [table.guess((name,), taken) for name in MARK_COLUMNS]
    return [name for name in (split, fold, *marks) if name]


def read_split(table: Table, taken: Collection[str | None]) -> Split:
    """Read which rows are set apart for testing, and say which column does so.

    Raises
    ------
    DataError
        ``split`` or ``set`` with a value that is no part.
    """
    column, mark = _split_column(table, taken), table.guess(MARK_COLUMNS, taken)
    if column is not None:
        is_test, findings = _by_part(table, column)
    elif mark is not None:
        is_test, findings = _by_mark(table, mark)
    else:
        is_test, findings = [False] * len(table.numbers), []
    fold = _fold_column(table, taken)
    if fold is not None:
        message = _(
            "{table}: column {column!r} ({n} values) was not used: folds are dealt anew. If rows "
            "of one fold belong together, pass {option}.",
            table=table.name,
            column=fold,
            n=len(set(table.cells[fold])),
            option=f"--groups {fold}",
        )
        findings = [*findings, Finding("note", "info", message, {"column": fold})]
    return is_test, findings


def _split_column(table: Table, taken: Collection[str | None]) -> str | None:
    column = table.guess(SPLIT_COLUMNS, taken)
    maybe = table.guess(MAYBE_SPLIT_COLUMNS, taken)
    if column is None and maybe is not None and all(map(role, table.cells[maybe])):
        return maybe
    return column


def _fold_column(table: Table, taken: Collection[str | None]) -> str | None:
    column = table.guess(FOLD_COLUMNS, taken)
    if column is None:
        return None
    values = set(table.cells[column])
    whole = all(value.isdecimal() for value in values)
    return column if whole and 2 <= len(values) <= MOST_FOLDS else None


def _by_part(table: Table, column: str) -> Split:
    values = table.cells[column]
    table.refuse(
        N_("{table}: unknown value in column {column!r} in {rows}."),
        [
            (number, repr(value))
            for number, value in zip(table.numbers, values, strict=True)
            if role(value) is None
        ],
        _("Write train, val or test; or rename the column if it means something else."),
        column=column,
    )
    test, findings = held_out(values)
    is_test = [value in test for value in values]
    return is_test, [_apart(table, column, is_test), *findings]


def _by_mark(table: Table, column: str) -> Split:
    """Read yes and no; where there is only one of them, or anything else, it is no split."""
    values = [value.casefold() for value in table.cells[column]]
    yes = {value for value in values if value in _YES}
    if not (yes and set(values) <= _YES | _NO and set(values) - yes):
        message = _(
            "{table}: column {column!r} was not used: it does not hold yes for some rows and no "
            "for the others.",
            table=table.name,
            column=column,
        )
        return [False] * len(values), [Finding("note", "info", message, {"column": column})]
    held = column.casefold() not in ("is_train", "is_training")
    is_test = [(value in yes) == held for value in values]
    return is_test, [_apart(table, column, is_test)]


def _apart(table: Table, column: str, is_test: list[bool]) -> Finding:
    message = _(
        "{table}: column {column!r} sets {n} of {all} rows apart.",
        table=table.name,
        column=column,
        n=sum(is_test),
        all=len(is_test),
    )
    return Finding("note", "info", message)
