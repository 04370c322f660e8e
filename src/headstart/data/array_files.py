"""Arrays of numpy with labels: ``.npz`` with both, ``.npy`` with its labels beside it.

Nothing is unpickled: arrays of Python objects are refused.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.data.items import NumberRows
from headstart.data.tables import Rows
from headstart.errors import DataError
from headstart.said import N_, _, commas, sentences

X_NAMES = ("x", "features", "data", "embeddings", "vectors", "samples")
Y_NAMES = ("y", "labels", "label", "target", "targets", "classes")
GROUP_NAMES = ("groups", "group")
TEST = re.compile(r"(.*)_(?:test|val)$")
LAYOUT = N_(
    "An .npz holds X, of shape (rows, columns), and y, of shape (rows,); or x_train, y_train, "
    "x_test, y_test. Beside X.npy lies y.npy."
)


def is_array_file(path: Path) -> bool:
    """Judge by the suffix."""
    return path.suffix.lower() in (".npz", ".npy")


def read_arrays(path: Path, columns: Sequence[str] = ()) -> Rows:
    """Read rows of numbers with their labels.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns, where a model knows them.

    Raises
    ------
    DataError
        Not arrays, none of numbers or of labels, shapes that do not fit, values that are missing.
    """
    arrays = _load(path)
    if path.suffix.lower() == ".npy":
        arrays = {"x": next(iter(arrays.values())), "y": _labels_beside(path)}
    parts = _parts(path, arrays)
    X = [rows_of(path.name, name, x) for name, x, _ in parts]
    if len({x.shape[1] for x in X}) > 1:
        raise DataError(
            _("{name}: training and test differ in their columns.", name=path.name), _(LAYOUT)
        )
    labels: list[str] = []
    is_test: list[bool] = []
    for (name, _rows, y), x in zip(parts, X, strict=True):
        labels += _labels(path, name, y, len(x))
        is_test += [bool(TEST.match(name))] * len(x)
    groups = _pick(arrays, GROUP_NAMES)
    n = len(labels)
    return Rows(
        row_names(n),
        with_columns(path.name, number_rows(np.concatenate(X)), columns),
        labels,
        is_test,
        None if groups is None or len(groups) != n else [str(g) for g in groups],
    )


def read_unlabelled_arrays(path: Path) -> tuple[list[str], NumberRows]:
    """Read rows of numbers whose labels, if there are any, are not looked at."""
    arrays = _load(path)
    x = next(iter(arrays.values())) if path.suffix.lower() == ".npy" else _pick(arrays, X_NAMES)
    if x is None:
        raise _no_rows(path, arrays)
    return named_rows(path.name, x)


def named_rows(read: str, x: NDArray[np.generic]) -> tuple[list[str], NumberRows]:
    """Name the rows of an array that was read from a place, if it holds rows of numbers."""
    numbers = rows_of(read, "x", x)
    return row_names(len(numbers)), number_rows(numbers)


def number_rows(numbers: NDArray[np.float64]) -> NumberRows:
    """Name columns by their place, from 0, as numpy does."""
    return NumberRows(numbers, tuple(str(k) for k in range(numbers.shape[1])))


def with_columns(name: str, rows: NumberRows, columns: Sequence[str]) -> NumberRows:
    """Hold rows without names for their columns to the number of columns wanted."""
    if columns and len(columns) != len(rows.columns):
        raise DataError(
            _(
                "{name} has {n} columns; the model was trained on {wanted}.",
                name=name,
                n=len(rows.columns),
                wanted=len(columns),
            ),
            _("Give the columns of the training data, in the same order."),
        )
    return NumberRows(rows.numbers, tuple(columns) or rows.columns)


def row_names(n: int) -> list[str]:
    """Name rows by their place, from 0, as numpy does."""
    return [f"row {i}" for i in range(n)]


def rows_of(read: str, name: str, x: NDArray[np.generic]) -> NDArray[np.float64]:
    """Turn an array into rows of float64, or say why it is none."""
    if x.ndim != 2 or not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise DataError(
            _(
                "{read}: {name} is {dtype} of shape {shape}, not numbers of shape (rows, columns).",
                read=read,
                name=name,
                dtype=str(x.dtype),
                shape=str(x.shape),
            ),
            sentences(_("Reshape it, for example with x.reshape(len(x), -1)."), _(LAYOUT)),
        )
    numbers = x.astype(np.float64)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            _(
                "{read}: {n} values of {name} are missing or infinite (first: row {row}, column "
                "{column}: {value}).",
                read=read,
                n=len(bad),
                name=name,
                row=int(row),
                column=int(column),
                value=float(numbers[row, column]),
            ),
            _("Fill the gaps, for example with the median of the column, or delete those rows."),
        )
    return numbers


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with path.open("rb") as file:  # numpy leaves damaged files open
            found = np.load(file, allow_pickle=False)
            arrays = {k: found[k] for k in found.files} if hasattr(found, "files") else {"x": found}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as cause:
        text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise DataError(
            _("{name} cannot be read as arrays of numbers ({cause}).", name=path.name, cause=text),
            _("Save it with numpy.savez(path, X=..., y=...); objects are not read, for safety."),
        ) from cause
    if not arrays:
        raise DataError(_("{name} holds no array.", name=path.name), _(LAYOUT))
    return arrays


def _parts(
    path: Path, arrays: Mapping[str, NDArray[np.generic]]
) -> list[tuple[str, NDArray[np.generic], NDArray[np.generic]]]:
    """Pair arrays of rows with their labels: (name, rows, labels), training before test."""
    low = {name.casefold(): array for name, array in arrays.items()}
    found = []
    for suffix in ("", "_train", "_val", "_test"):
        x, y = (_pick(low, [n + suffix for n in names]) for names in (X_NAMES, Y_NAMES))
        if x is not None and y is not None:
            found.append((f"x{suffix}", x, y))
    if not found:
        raise _no_rows(path, arrays)
    names = {name for name, *_ in found}
    if "x_test" in names:  # then the validation part joins training, as for folders
        found = [(n.replace("_val", "_train"), x, y) for n, x, y in found]
    return found


def _no_rows(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> DataError:
    shown = commas(f"{name} {array.shape}" for name, array in list(arrays.items())[:6])
    return DataError(
        _("{name} holds {arrays}; which are rows and labels?", name=path.name, arrays=shown),
        _(LAYOUT),
    )


def _pick(
    arrays: Mapping[str, NDArray[np.generic]], names: Sequence[str]
) -> NDArray[np.generic] | None:
    low = {name.casefold(): array for name, array in arrays.items()}
    return next((low[name] for name in names if name in low), None)


def _labels(path: Path, name: str, y: NDArray[np.generic], n: int) -> list[str]:
    if y.ndim != 1 or len(y) != n:
        raise DataError(
            _(
                "{read}: the labels of {name} have shape {shape}, for {n} rows.",
                read=path.name,
                name=name,
                shape=str(y.shape),
                n=n,
            ),
            sentences(_("One label for every row."), _(LAYOUT)),
        )
    labels = y.tolist()
    whole = all(isinstance(v, float) and v.is_integer() for v in labels)  # 1.0 is class 1
    return [str(int(v)) if whole else str(v) for v in labels]


def _labels_beside(path: Path) -> NDArray[np.generic]:
    """Find the labels of X.npy: y.npy, labels.npy or NAME_labels.npy in the same folder."""
    stem = path.stem
    swapped = [re.sub(rf"^{x}", y, stem, flags=re.I) for x in X_NAMES for y in Y_NAMES]
    names = dict.fromkeys([*swapped, *(f"{stem}_{y}" for y in Y_NAMES), *Y_NAMES])
    for name in names:
        other = path.with_name(f"{name}.npy")
        if name != stem and other.is_file():
            return next(iter(_load(other).values()))
    raise DataError(_("There are no labels beside {name}.", name=path.name), _(LAYOUT))
