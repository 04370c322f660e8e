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

from headstart.data.cells import guarded
from headstart.errors import ArtifactError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

MEND = "Restore the run folder from a copy, or train again."
DEEPEST = 100
"""Lists and tables in one another; a run has about ten."""
TOO_DEEP = f"its lists lie in one another more than {DEEPEST} deep"
LONGEST = 100
"""Letters of a wrong value that are shown."""


def read_document(path: Path, mend: str = MEND) -> dict[str, Any]:
    """Read a JSON file of a run or a study, whose name says what it must hold.

    Parameters
    ----------
    mend : str
        What the reader of an error can do.

    Raises
    ------
    ArtifactError
        A file that is missing, is no JSON, or is not what its name promises.
    """
    from pydantic import ValidationError  # a tenth of a second, which commands without runs save

    try:
        document = json.loads(path.read_text("utf-8"))
        _refuse_depth(document)
        _type(path.name).validate_python(document, strict=True)
    except OSError as cause:
        raise ArtifactError(f"{path} cannot be read: {cause.strerror or cause}.", mend) from cause
    except ValidationError as cause:
        raise ArtifactError(f"{path} cannot be read: {_said(cause)}.", mend) from cause
    except RecursionError as cause:
        raise ArtifactError(f"{path} cannot be read: {TOO_DEEP}.", mend) from cause
    except ValueError as cause:
        raise ArtifactError(f"{path} cannot be read: {cause}.", mend) from cause
    return document  # as it was parsed: numbers keep their form, and keys of later versions stay


def _refuse_depth(document: Any) -> None:
    """Raise ``ValueError`` for a document that cannot be worked through by recursion."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(TOO_DEEP)
        inside = (value for value in level if isinstance(value, dict | list))
        level = [v for box in inside for v in (box.values() if isinstance(box, dict) else box)]


@cache
def _type(name: str) -> TypeAdapter[dict[str, Any]]:
    from pydantic import TypeAdapter

    from headstart.folder.schema import DOCUMENTS

    return TypeAdapter(DOCUMENTS[name])


def _said(cause: ValidationError) -> str:
    """Say the first thing that is wrong, where it stands, and how many more there are."""
    errors = cause.errors(include_url=False)
    first = errors[0]
    what = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if first["type"] == "missing":
        return f"{_place(first['loc'])}a value is missing"
    value = repr(first["input"])
    shown = value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
    more = f"; {len(errors) - 1} more places are wrong too" if len(errors) > 1 else ""
    return f"{_place(first['loc'])}{what[:1].lower()}{what[1:]}, and is {shown}{more}"


def _place(where: tuple[int | str, ...]) -> str:
    """Write a place in a document.

    Examples
    --------
    >>> _place(("estimate", "accuracy_ci95", 1)), _place(())
    ('at estimate.accuracy_ci95[1] ', '')
    """
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    shown = path if len(path) <= LONGEST else f"{path[:LONGEST]}..."
    return f"at {shown.removeprefix('.')} " if shown else ""


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
        raise ArtifactError(f"{path} cannot be read: {cause.strerror or cause}.", MEND) from cause
    except csv.Error as cause:
        raise ArtifactError(f"{path} cannot be read: {cause}.", MEND) from cause


def read_predictions(
    path: Path, classes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read ``path, label, predicted, p:CLASS..., fold`` by position: names may be anything.

    Returns
    -------
    y : ndarray of int64, shape (n,)
        True classes.
    proba : ndarray of float64, shape (n, K)

    Raises
    ------
    ArtifactError
        As ``read_rows``; no rows, or one that does not fit the classes.
    """
    number = {name: c for c, name in enumerate(classes)}
    number |= {guarded(name): c for c, name in enumerate(classes)}
    y: list[int] = []
    proba: list[list[float]] = []
    for line, row in list(read_rows(path))[1:]:
        try:
            if len(row) > 1 and row[1] not in number:
                raise ValueError(f"{row[1][:LONGEST]!r} is no class of the run")
            if len(row) != len(classes) + 4:
                raise ValueError(f"it has {len(row)} cells, not {len(classes) + 4}")
            shares = [float(cell) for cell in row[3:-1]]
            if not all(0 <= share <= 1 for share in shares):
                raise ValueError("a share is not within 0 and 1")
        except ValueError as cause:
            raise ArtifactError(f"{path} cannot be read in line {line}: {cause}.", MEND) from cause
        y.append(number[row[1]])
        proba.append(shares)
    if not y:
        raise ArtifactError(f"{path} cannot be read: it holds no predictions.", MEND)
    return np.array(y, np.int64), np.array(proba, np.float64)
