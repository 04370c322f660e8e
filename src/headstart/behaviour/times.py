"""Times of a log, as people and programs write them, become seconds since 1970.

Numbers are seconds, or by their size milliseconds and smaller; or dates written without a sign
between (``20190401``). Everything else is a date, with a time of day or without. A time that names
no zone counts as UTC. Each cell is read by itself where it can mean one thing only; whether
``01/04/2019`` is in January or in April is told by the other cells of the column, or refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.formats import row_and
from headstart.errors import DataError
from headstart.findings import Finding
from headstart.said import N_, _, _n, commas, sentences

if TYPE_CHECKING:
    import pyarrow as pa

Seconds = NDArray[np.float64]

UNITS = (
    (1e17, 1e9, N_("nanoseconds")),
    (1e14, 1e6, N_("microseconds")),
    (1e11, 1e3, N_("milliseconds")),
)
"""From which size on a number is in which unit, and how many make a second; 1e11 seconds would be
the year 5138, 1e11 ms is 1973."""
A_MOMENT = 1e8
"""Smaller numbers are no unix times, but may be an order."""
SHOWN = 3
DAYS, CLOCK_DAYS = (19000101, 21001231), (19000101000000, 21001231235959)
"""Numbers that may be dates without a sign between, also with the time of day."""
_CLOCK = (
    r"(?:[T\s日]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d{1,9})?))?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_WEEKDAY = r"(?:[A-Za-z]{3,9},?\s+)?"
FORMS = (
    rf"^(?P<year>\d{{4}})[-/.年](?P<month>\d{{1,2}})[-/.月](?P<day>\d{{1,2}})日?{_CLOCK}$",
    rf"^(?P<day>\d{{1,2}})[-/.](?P<month>\d{{1,2}})[-/.](?P<year>\d{{4}}),?{_CLOCK}$",
    rf"^{_WEEKDAY}(?P<day>\d{{1,2}})[-/.\s](?P<name>[A-Za-z]{{3,9}})\.?[-/.,\s]+"
    rf"(?P<year>\d{{4}}),?{_CLOCK}$",
    rf"^{_WEEKDAY}(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}),?"
    rf"{_CLOCK}$",
)
"""Year first; numbers with the year last; the name of the month in the middle, or in front."""
TWO_WAYS = 1
"""The form of which day and month may be meant either way round."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass
class _Rows:
    """How many rows there are of a kind, with the first of them."""

    n: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)

    def add(self, wrong: NDArray[np.bool_], cells: pa.Array, numbers: Sequence[int]) -> None:
        """Take in those of a piece."""
        places = np.flatnonzero(wrong)
        self.n += len(places)
        for place in places[: SHOWN - len(self.shown)]:
            text = f"{str(cells[int(place)].as_py())[:40]!r}"
            self.shown.append((int(numbers[int(place)]), text))

    def listed(self, row: str) -> str:
        """Name the first, as a table calls its rows, and count the rest."""
        shown = commas(row_and(row, number, text) for number, text in self.shown)
        if self.n > len(self.shown):
            return _("{shown} and {n} more", shown=shown, n=self.n - len(self.shown))
        return shown


class Times:
    """Times of a column, read in pieces and settled when all are there.

    Parameters
    ----------
    table, column : str
        For messages.
    row : {"row", "line"}
        What the table calls its rows.
    """

    def __init__(self, table: str, column: str, row: str = "row") -> None:
        self._table, self._column, self._row = table, column, row
        self._numbers: list[Seconds] = []  # as they stand; nan where there is a date
        self._dates: list[Seconds] = []  # seconds, the day in front where either may be
        self._turned: list[Seconds | None] = []  # the month in front; None: nowhere in the piece
        self._bad, self._small = _Rows(), _Rows()
        self._day_first, self._month_first, self._either = _Rows(), _Rows(), _Rows()
        self._any_date = False

    def add(self, cells: pa.Array, numbers: Sequence[int]) -> None:
        """Read a piece.

        Parameters
        ----------
        cells : pyarrow Array of shape (n,)
            Texts, numbers, dates or timestamps; null and ``""`` where there is none.
        numbers : sequence of int
            What the user's program calls its rows.
        """
        import pyarrow as pa

        kind = cells.type
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            self._keep(_nothing(len(cells)), _from_stamps(cells), None)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._add_numbers(cells, numbers)
        else:
            self._add_texts(cells.cast(pa.string()), numbers)

    def settle(self) -> tuple[Seconds, list[Finding]]:
        """Return seconds since 1970, nan where a cell is blank; say what was told by looks.

        Raises
        ------
        DataError
            Cells that are no time, or several things that cannot be told apart.
        """
        self._refuse()
        dates = np.concatenate([_nothing(0), *self._dates])
        if self._month_first.n:
            pairs = zip(self._dates, self._turned, strict=True)
            dates = np.concatenate([d if t is None else t for d, t in pairs])
        values = np.concatenate([_nothing(0), *self._numbers])
        self._numbers, self._dates, self._turned = [], [], []
        seconds, findings = self._scaled(values)
        np.copyto(seconds, dates, where=np.isnan(seconds))
        return seconds, findings

    def _keep(self, values: Seconds, dates: Seconds, turned: Seconds | None) -> None:
        self._numbers.append(values)
        self._dates.append(dates)
        self._turned.append(turned)
        self._any_date |= not bool(np.isnan(dates).all())

    def _add_numbers(self, cells: pa.Array, numbers: Sequence[int]) -> None:
        import pyarrow as pa

        values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        self._bad.add(np.isinf(values), cells, numbers)
        self._note_small(values, cells, numbers)
        self._keep(np.array(values), _nothing(len(values)), None)

    def _add_texts(self, cells: pa.Array, numbers: Sequence[int]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = pc.utf8_trim_whitespace(cells)
        blank = pc.fill_null(pc.equal(cells, ""), True)
        cells = pc.if_else(blank, pa.scalar(None, pa.string()), cells)
        try:
            self._add_numbers(cells.cast(pa.float64()), numbers)
            return
        except pa.ArrowInvalid:
            pass
        try:
            stamps = cells.cast(pa.timestamp("us"))
            self._keep(_nothing(len(cells)), _from_stamps(stamps), None)
        except pa.ArrowInvalid:
            self._add_each(cells, numbers)

    def _add_each(self, cells: pa.Array, numbers: Sequence[int]) -> None:
        """Read cells that are not all of one usual form."""
        import pyarrow as pa
        import pyarrow.compute as pc

        is_number = pc.match_substring_regex(cells, r"^[+-]?\d{1,20}(\.\d*)?$")
        only = pc.if_else(is_number, cells, pa.scalar(None, pa.string())).cast(pa.float64())
        values = np.array(only.to_numpy(zero_copy_only=False))
        self._note_small(values, cells, numbers)
        dates, turned = _nothing(len(cells)), _nothing(len(cells))
        for form, pattern in enumerate(FORMS):
            fields = _fields(cells, pattern)
            if fields is None:
                continue
            found = _seconds(fields)
            if form == TWO_WAYS:
                other = _seconds({**fields, "day": fields["month"], "month": fields["day"]})
                self._note_sides(found, other, cells, numbers)
                np.copyto(turned, other, where=np.isnan(turned))
            np.copyto(dates, found, where=np.isnan(dates))
        none = np.isnan(values) & np.isnan(dates) & np.isnan(turned)
        held = np.asarray(cells.is_valid().to_numpy(zero_copy_only=False))
        self._bad.add(none & held, cells, numbers)
        two_ways = not np.isnan(turned).all()
        if two_ways:
            np.copyto(turned, dates, where=np.isnan(turned))
        self._keep(values, dates, turned if two_ways else None)

    def _note_small(self, values: Seconds, cells: pa.Array, numbers: Sequence[int]) -> None:
        self._small.add(np.abs(values) < A_MOMENT, cells, numbers)

    def _note_sides(
        self, day: Seconds, month: Seconds, cells: pa.Array, numbers: Sequence[int]
    ) -> None:
        is_day, is_month = ~np.isnan(day), ~np.isnan(month)
        self._day_first.add(is_day & ~is_month, cells, numbers)
        self._month_first.add(is_month & ~is_day, cells, numbers)
        self._either.add(is_day & is_month & (day != month), cells, numbers)

    def _refuse(self) -> None:
        said = {"table": self._table, "column": self._column}
        write = _("Write all of them in one way, such as 2019-04-01 12:30:00.")
        if self._bad.n:
            raise DataError(
                _n(
                    "{table}: {n:,} cell of column {column!r} is no time: {rows}.",
                    "{table}: {n:,} cells of column {column!r} are no times: {rows}.",
                    self._bad.n,
                    **said,
                    rows=self._bad.listed(self._row),
                ),
                sentences(write, _("Or leave times out of the table.")),
            )
        if self._day_first.n and self._month_first.n:
            raise DataError(
                _(
                    "{table}: in column {column!r} some dates have the day in front ({day}), others"
                    " the month ({month}).",
                    **said,
                    day=self._day_first.listed(self._row),
                    month=self._month_first.listed(self._row),
                ),
                write,
            )
        if self._either.n and not self._day_first.n and not self._month_first.n:
            raise DataError(
                _(
                    "{table}: in column {column!r} day and month cannot be told apart: {rows}.",
                    **said,
                    rows=self._either.listed(self._row),
                ),
                write,
            )
        if self._any_date and self._small.n:
            raise DataError(
                _(
                    "{table}: column {column!r} holds dates, and numbers that are none: {rows}.",
                    **said,
                    rows=self._small.listed(self._row),
                ),
                write,
            )

    def _scaled(self, values: Seconds) -> tuple[Seconds, list[Finding]]:
        """Bring numbers to seconds by their size; say so."""
        for days, clock in ((DAYS, False), (CLOCK_DAYS, True)):
            dates = _compact(values, days, clock)
            if dates is not None:
                return dates, []
        size, divisor, units = np.abs(values), np.ones(len(values)), []
        for least, a_second, unit in reversed(UNITS):
            large = size >= least
            if large.any():
                divisor[large] = a_second
                units = [unit]
        if not units:
            return values, []
        message = _(
            "{table}: the times in column {column!r} are so large that they were read as {unit}.",
            table=self._table,
            column=self._column,
            unit=_(units[0]),
        )
        return values / divisor, [Finding("note", "info", message, {"unit": units[0]})]


def _nothing(n: int) -> Seconds:
    return np.full(n, np.nan)


def _from_stamps(cells: pa.Array) -> Seconds:
    import pyarrow as pa

    ticks = cells.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return np.array(ticks.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)) / 1e6


def _fields(cells: pa.Array, pattern: str) -> dict[str, Seconds] | None:
    """Take a date apart; nan where a cell is of another form, None if all are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(cells, pattern)
    if found.null_count == len(found):
        return None
    texts = {f.name: pc.struct_field(found, f.name) for f in found.type}
    fields = {name: _numbers(texts[name]) for name in ("year", "day", "hour", "minute", "second")}
    if "name" in texts:
        start = pc.utf8_slice_codeunits(pc.utf8_lower(texts["name"]), 0, 3)
        place = pc.index_in(start, pa.array(MONTHS)).cast(pa.float64())
        fields["month"] = np.array(place.to_numpy(zero_copy_only=False)) + 1
    else:
        fields["month"] = _numbers(texts["month"])
    half = np.array(pc.utf8_lower(texts["half"]).to_numpy(zero_copy_only=False))
    fields["hour"] = np.where(half == "p", fields["hour"] % 12 + 12, fields["hour"])
    fields["hour"] = np.where(half == "a", fields["hour"] % 12, fields["hour"])
    sign = pc.extract_regex(texts["zone"], r"^(?P<sign>[+-])(?P<h>\d{2}):?(?P<m>\d{2})$")
    ahead = 60 * _numbers(pc.struct_field(sign, "h")) + _numbers(pc.struct_field(sign, "m"))
    minus = np.array(pc.struct_field(sign, "sign").to_numpy(zero_copy_only=False)) == "-"
    fields["ahead"] = np.nan_to_num(np.where(minus, -ahead, ahead))
    return fields


def _numbers(texts: pa.Array) -> Seconds:
    import pyarrow as pa
    import pyarrow.compute as pc

    held = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return np.array(held.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _seconds(fields: dict[str, Seconds]) -> Seconds:
    """Count from 1970; nan where there is no such day or time of day."""
    clock = [np.nan_to_num(fields[name]) for name in ("hour", "minute", "second")]
    year, month, day = fields["year"], fields["month"], fields["day"]
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    good &= (clock[0] < 24) & (clock[1] < 60) & (clock[2] < 61)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype(np.int64)
    first = months.astype("datetime64[M]")
    days = first.astype("datetime64[D]") + np.where(good, day - 1, 0).astype(np.int64)
    good &= days.astype("datetime64[M]") == first  # no 30 February
    of_day = clock[0] * 3600 + (clock[1] - fields["ahead"]) * 60 + clock[2]
    seconds: Seconds = np.where(good, days.astype(np.int64) * 86400.0 + of_day, np.nan)
    return seconds


def _compact(values: Seconds, bounds: tuple[int, int], clock: bool) -> Seconds | None:
    """Read numbers such as 20190401 as dates; None unless all of them can be."""
    held = values[~np.isnan(values)]
    if not len(held) or held.min() < bounds[0] or held.max() > bounds[1]:
        return None
    dates = _nothing(len(values))
    digits = np.nan_to_num(values).astype(np.int64)
    parts = dict(zip(("second", "minute", "hour"), _pairs(digits, 3 if clock else 0), strict=False))
    days = digits // (10**6 if clock else 1)
    fields = {"year": days // 10000, "month": days // 100 % 100, "day": days % 100, **parts}
    floats = {name: np.asarray(part, np.float64) for name, part in fields.items()}
    for name in ("hour", "minute", "second", "ahead"):
        floats.setdefault(name, np.zeros(len(values)))
    dates = _seconds(floats)
    dates[np.isnan(values)] = np.nan
    whole = bool((held == np.floor(held)).all()) and np.isnan(dates).sum() == np.isnan(values).sum()
    return dates if whole else None


def _pairs(digits: NDArray[np.int64], n: int) -> Iterator[Any]:
    for _place in range(n):
        yield digits % 100
        digits = digits // 100
