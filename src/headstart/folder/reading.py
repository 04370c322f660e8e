"""Files of a run as they are read: what a folder holds may come from a stranger, or be damaged.

Every file is held to the type that ``schema`` has for it before anything looks into it, so whoever
reads on finds what the documentation promises, and an error names the file, the place and the mend.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.cells import guarded, unguarded
from headstart.errors import ArtifactError
from headstart.folder.layout import BEHAVIOUR, IDENTIFICATION, KEYWORDS, TAGGING, TRANSLATION
from headstart.folder.sentences import say_again
from headstart.said import N_, _, _n
from headstart.tasks import Encoded, Task
from headstart.tasks.multilabel import MultiLabel, apart

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

MEND = N_("Restore the run folder from a copy, or train again.")
UNREADABLE = N_("{file} cannot be read: {cause}.")
DEEPEST = 100
"""Lists and tables in one another; a run has about ten."""
TOO_DEEP = N_("its lists lie in one another more than {most} deep")
OF_THEIR_OWN = (BEHAVIOUR, KEYWORDS, TRANSLATION, TAGGING, IDENTIFICATION)
"""Kinds of runs whose documents are others."""
LONGEST = 100
"""Letters of a wrong value that are shown."""
SHOULD = {
    "string_type": N_("it should be a valid string"),
    "int_type": N_("it should be a valid integer"),
    "float_type": N_("it should be a valid number"),
    "bool_type": N_("it should be true or false"),
    "list_type": N_("it should be a valid list"),
    "dict_type": N_("it should be a valid table"),
    "finite_number": N_("it should be a finite number"),
    "greater_than_equal": N_("it should be at least {ge:g}"),
    "less_than_equal": N_("it should be at most {le:g}"),
    "too_short": N_("it should have at least {min_length} items"),
    "too_long": N_("it should have at most {max_length} items"),
}
"""What should stand in a place, by what pydantic calls the mistake, with what it says of it."""


def read_document(path: Path, mend: str = "") -> dict[str, Any]:
    """Read a JSON file of a run or a study, whose name says what it must hold.

    Its sentences are in the language that is spoken, whichever they were written in.

    Parameters
    ----------
    mend : str, optional
        What the reader of an error can do; default: what helps a run folder.

    Raises
    ------
    ArtifactError
        A file that is missing, is no JSON, or is not what its name promises.
    """
    from pydantic import ValidationError  # a tenth of a second, which commands without runs save

    try:
        document = json.loads(path.read_text("utf-8"))
        _refuse_depth(document)
        say_again(document)
        _type(_kind(path.name, document)).validate_python(document, strict=True)
    except OSError as cause:
        raise _unreadable(path, cause.strerror or str(cause), mend) from cause
    except ValidationError as cause:
        raise _unreadable(path, _said(cause), mend) from cause
    except RecursionError as cause:
        raise _unreadable(path, _too_deep(), mend) from cause
    except ValueError as cause:
        raise _unreadable(path, str(cause), mend) from cause
    return document  # as it was parsed: numbers keep their form, and keys of later versions stay


def _unreadable(path: Path, cause: str, mend: str = "") -> ArtifactError:
    return ArtifactError(_(UNREADABLE, file=str(path), cause=cause), mend or _(MEND))


def _too_deep() -> str:
    return _(TOO_DEEP, most=DEEPEST)


def _refuse_depth(document: Any) -> None:
    """Raise ``ValueError`` for a document that cannot be worked through by recursion."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(_too_deep())
        inside = (value for value in level if isinstance(value, dict | list))
        level = [v for box in inside for v in (box.values() if isinstance(box, dict) else box)]


def _kind(name: str, document: Any) -> str:
    """Name the document: those of runs of another kind are others."""
    told = document if isinstance(document, dict) else {}
    kind = next((k for k in (told.get("modality"), told.get("task")) if k in OF_THEIR_OWN), None)
    return f"{kind}/{name}" if kind else name


@cache
def _type(name: str) -> TypeAdapter[dict[str, Any]]:
    from pydantic import TypeAdapter

    from headstart.folder.schema import DOCUMENTS

    return TypeAdapter(DOCUMENTS[name])


def _said(cause: ValidationError) -> str:
    """Say the first thing that is wrong, where it stands, and how many more there are."""
    errors = cause.errors(include_url=False)
    first = errors[0]
    place, value = _place(first["loc"]), _short(repr(first["input"]))
    if first["type"] == "missing":
        return _("at {place} a value is missing", place=place)
    if place:
        wrong = _(
            "at {place} {should}, and is {value}", place=place, should=_should(first), value=value
        )
    else:
        wrong = _("{should}, and is {value}", should=_should(first), value=value)
    if len(errors) == 1:
        return wrong
    return _n(
        "{first}; {n} more place is wrong too",
        "{first}; {n} more places are wrong too",
        len(errors) - 1,
        first=wrong,
    )


def _should(error: ErrorDetails) -> str:
    """Say what a place should hold, in our words: those of pydantic are English."""
    said: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":  # raised by the schema
        return str(said["error"])
    return _(SHOULD.get(error["type"], N_("it should have another form")), **said)


def _place(where: tuple[int | str, ...]) -> str:
    """Write a place in a document.

    Examples
    --------
    >>> _place(("estimate", "accuracy_ci95", 1)), _place(())
    ('estimate.accuracy_ci95[1]', '')
    """
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return _short(path.removeprefix("."))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file of a run, each with the number of its line; the header is first.

    Raises
    ------
    ArtifactError
        A file that is missing, or not CSV.
    """
    try:
        # a name may be any bytes
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
            table = csv.reader(opened)
            for row in table:
                yield table.line_num, row
    except OSError as cause:
        raise _unreadable(path, cause.strerror or str(cause)) from cause
    except csv.Error as cause:
        raise _unreadable(path, str(cause)) from cause


def read_predictions(path: Path, task: Task) -> tuple[Encoded, NDArray[np.float64]]:
    """Read ``path, label, predicted, p:CLASS..., fold`` by position: names may be anything.

    Returns
    -------
    y : ndarray
        The truth, as the task encodes it.
    out : ndarray of float64, shape (n, n_outputs)
        Answers, as the task scores them.

    Raises
    ------
    ArtifactError
        As ``read_rows``; no rows, or one that does not fit the classes.
    """
    classes, several = task.classes, isinstance(task, MultiLabel)
    as_written = {guarded(name): name for name in classes} | {name: name for name in classes}
    y: list[str] = []
    out: list[list[float]] = []
    for line, row in list(read_rows(path))[1:]:
        try:
            truth = [row[1]] if len(row) > 1 else []
            if several:
                truth = [part for text in row[1:3] for part in apart(unguarded(text))]
            for label in truth:
                if label not in as_written:
                    raise ValueError(_("{label!r} is no class of the run", label=label[:LONGEST]))
            wanted = len(classes) + 4
            if len(row) != wanted:
                raise ValueError(_("it has {n} cells, not {wanted}", n=len(row), wanted=wanted))
            shares = [_share(cell) for cell in row[3:-1]]
        except ValueError as cause:
            message = _(
                "{file} cannot be read in line {line}: {cause}.",
                file=str(path),
                line=line,
                cause=str(cause),
            )
            raise ArtifactError(message, _(MEND)) from cause
        if several:
            given = task.encode([unguarded(row[2])])[0]
            y.append(unguarded(row[1]))
            out.append([*shares, *given.astype(float)])
        else:
            y.append(as_written[row[1]])
            out.append(shares)
    if not y:
        raise _unreadable(path, _("it holds no predictions"))
    return task.encode(y), np.array(out, np.float64)


def _share(cell: str) -> float:
    try:
        share = float(cell)
    except ValueError:
        raise ValueError(_("{cell!r} is no number", cell=cell[:LONGEST])) from None
    if not 0 <= share <= 1:
        raise ValueError(_("a share is not within 0 and 1"))
    return share
