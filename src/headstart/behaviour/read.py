"""Read a log: a table of who chose what becomes a :class:`~headstart.behaviour.log.Log`.

Whatever was guessed, dropped or told by looks is said. Ids are texts; a user and an item that meet
several times count once, at the last time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.behaviour.found import log_file
from headstart.behaviour.ids import DROPPED, without_points
from headstart.behaviour.log import Log
from headstart.behaviour.raw import Coded, Codes, Raw, no_rows, read_raw
from headstart.data.numbers import MISSING
from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent, ignore
from headstart.findings import Finding
from headstart.said import _, _n, number, sentences

if TYPE_CHECKING:
    import pyarrow as pa

LIKED = 0.75
"""Where on the scale of ratings an offered ``--at-least`` lies: 4 of 1 to 5 (plain choice)."""
Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class Spec:
    """What the user said about a log; None leaves a column to be guessed from its name.

    Attributes
    ----------
    user, item, rating, time : str or None
        Columns; of a file without a header their places, from ``"1"``.
    encoding : str
        Of a text; ``"utf-8"`` leaves it to the bytes.
    at_least : float or None
        The rating from which on an interaction counts; None: all count.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None
    encoding: str = "utf-8"
    at_least: float | None = None

    def columns(self) -> dict[str, str | None]:
        """Return the columns by what they hold."""
        return {"user": self.user, "item": self.item, "rating": self.rating, "time": self.time}


def read_log(
    path: Path, spec: Spec | None = None, on_event: OnEvent = ignore
) -> tuple[Log, list[Finding]]:
    """Read a log, in bounded memory.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file; ``u.data`` or ``ratings.dat`` of MovieLens; ``.inter`` of
        RecBole; a folder or an archive with one of these; any of them with ``.gz``.
    spec : Spec, optional
    on_event : callable, optional
        Hears of progress.

    Returns
    -------
    log : Log
        In the order of the file.
    findings : list of Finding
        What was guessed, dropped, and told by looks.

    Raises
    ------
    DataError
        No such file or column; rows that cannot be parsed; many blank cells; ratings that are no
        numbers; times that are none; nothing left.
    ConfigError
        One column for two things; ``at_least`` without ratings.

    Notes
    -----
    Ten million rows of a CSV take about 1 GiB and 12 seconds of one core (measured on drawn rows
    of 200,000 users and 50,000 items).
    """
    spec = spec or Spec()
    with log_file(path, on_event) as file:
        raw = read_raw(file, spec.columns(), spec.encoding, on_event)
        return _log_of(raw, spec)


def _log_of(raw: Raw, spec: Spec) -> tuple[Log, list[Finding]]:
    findings = raw.findings
    ratings = _ratings(raw, spec.at_least)
    time, told = (None, []) if raw.time is None else raw.time.settle()
    findings += told
    rows, blank = _filled(raw, ratings, time)
    findings += blank
    user, item = _ids(raw, "user", findings), _ids(raw, "item", findings)
    time, order = _usable(raw, time, rows)
    rows, repeated = _last_of_each(user, item, time, rows, raw)
    if ratings is not None:
        rows, chosen = _chosen(raw, ratings, rows, spec.at_least)
        repeated += chosen
    kept = np.flatnonzero(rows)
    users, user_codes = _in_order(user, kept)
    items, item_codes = _in_order(item, kept)
    log = Log(users, items, user_codes, item_codes, None if time is None else time[kept])
    return log, [*findings, *order, *repeated]


def _ratings(raw: Raw, at_least: float | None) -> NDArray[np.float64] | None:
    """Return the rating of each distinct text, nan where it stands for none."""
    if raw.rating is None:
        if at_least is not None:
            raise ConfigError(
                _(
                    "--at-least {at_least}, but {table} has no column that looks like ratings.",
                    at_least=number(at_least, "g"),
                    table=raw.name,
                ),
                _("Name it with --rating COLUMN, or drop --at-least."),
            )
        return None
    values = np.array([_rating(text) for text in raw.rating.values])
    wrong = raw.rating.among(np.isinf(values).tolist())
    if wrong.any():
        raise DataError(
            _n(
                "{table}: {n:,} rating in column {column!r} is no number: {rows}.",
                "{table}: {n:,} ratings in column {column!r} are no numbers: {rows}.",
                int(wrong.sum()),
                table=raw.name,
                column=raw.roles.rating,
                rows=raw.listed(wrong, raw.rating),
            ),
            _(
                "Write them as numbers, such as 1 to 5 with a point before decimals, or leave the "
                "column out of the table: then every row counts."
            ),
        )
    return values


def _rating(text: str) -> float:
    """Read a rating: nan where there is none, infinite where it is no number."""
    if text.casefold() in MISSING:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        return np.inf
    return value if np.isfinite(value) else np.inf


def _filled(
    raw: Raw, ratings: NDArray[np.float64] | None, time: NDArray[np.float64] | None
) -> tuple[Rows, list[Finding]]:
    """Tell the rows that name a user and an item; say which do not, or refuse.

    Rows without anything are no rows.
    """
    no_user, no_item = raw.user.blank(), raw.item.blank()
    empty = no_user & no_item
    if time is not None:
        empty &= np.isnan(time)
    if ratings is not None and raw.rating is not None:
        empty &= raw.rating.blank()
    n = len(raw) - int(empty.sum())
    wrong = (no_user | no_item) & ~empty
    if not n:
        raise no_rows(raw.name)
    if not wrong.any():
        return ~empty, []
    message = _n(
        "{table}: {n:,} row names no user or no item ({share:.1%}): {rows}.",
        "{table}: {n:,} rows name no user or no item ({share:.1%}): {rows}.",
        int(wrong.sum()),
        table=raw.name,
        share=wrong.sum() / n,
        rows=raw.listed(wrong),
    )
    if wrong.sum() >= DROPPED * n:
        raise DataError(message, _("Fill the cells, or delete those rows."))
    said = sentences(message, _("They were left out."))
    return ~(wrong | empty), [Finding("note", "warning", said, {"rows": int(wrong.sum())})]


def _ids(raw: Raw, role: str, findings: list[Finding]) -> Coded:
    """Write ids plainly, each once; what that changed is among the findings."""
    import pyarrow as pa

    column, name = (raw.user, raw.roles.user) if role == "user" else (raw.item, raw.roles.item)
    plain, said = without_points(raw.name, name, column.values)
    if not said:
        return column
    findings += said
    once = pa.array(plain, pa.string()).dictionary_encode()
    return Coded(once.dictionary.to_pylist(), _places(once)[column.codes])


def _places(once: pa.DictionaryArray) -> Codes:
    places: Codes = once.indices.to_numpy()
    return places


def _usable(
    raw: Raw, time: NDArray[np.float64] | None, rows: Rows
) -> tuple[NDArray[np.float64] | None, list[Finding]]:
    """Keep times that can tell an order; rows without one are left out where they are few."""
    if time is None:
        return None, [_no_order(_("{table} has no times.", table=raw.name))]
    lacking = rows & np.isnan(time)
    share = lacking.sum() / rows.sum()
    if share >= DROPPED:
        said = _(
            "{table}: column {column!r} is blank in {share:.0%} of the rows, so times were not "
            "used.",
            table=raw.name,
            column=raw.roles.time,
            share=share,
        )
        return None, [_no_order(said)]
    rows &= ~lacking
    held = time[rows]
    if held.min() == held.max():
        said = _(
            "{table}: all times in column {column!r} are the same.",
            table=raw.name,
            column=raw.roles.time,
        )
        rows |= lacking
        return None, [_no_order(said)]
    if not lacking.any():
        return time, []
    message = _n(
        "{table}: {n:,} row has no time and was left out: {rows}.",
        "{table}: {n:,} rows have no time and were left out: {rows}.",
        int(lacking.sum()),
        table=raw.name,
        rows=raw.listed(lacking),
    )
    return time, [Finding("note", "warning", message, {"rows": int(lacking.sum())})]


def _no_order(why: str) -> Finding:
    said = _(
        "Nothing can be said about order: which interaction of a user counts as the last is drawn "
        "by chance."
    )
    return Finding("order", "info", sentences(why, said))


def _last_of_each(
    user: Coded, item: Coded, time: NDArray[np.float64] | None, rows: Rows, raw: Raw
) -> tuple[Rows, list[Finding]]:
    """Keep the last row of each user and item, in time and then in the file."""
    places = np.flatnonzero(rows)
    pairs = user.codes[places].astype(np.int64) * len(item.values) + item.codes[places]
    order = (
        np.argsort(pairs, kind="stable")
        if time is None
        else np.lexsort((time[places], pairs))  # stable: ties stay in the order of the file
    )
    pairs = pairs[order]
    last = np.append(pairs[1:] != pairs[:-1], True)
    again = int(len(last) - last.sum())
    if not again:
        return rows, []
    kept = np.zeros_like(rows)
    kept[places[order[last]]] = True
    message = _n(
        "{table}: {n:,} row names a user and an item that meet again, such as {rows}; the last of "
        "each counts.",
        "{table}: {n:,} rows name a user and an item that meet again, such as {rows}; the last of "
        "each counts.",
        again,
        table=raw.name,
        rows=raw.listed(_first(rows & ~kept)),
    )
    return kept, [Finding("duplicates", "info", message, {"rows": again})]


def _first(rows: Rows) -> Rows:
    only = np.zeros_like(rows)
    only[rows.argmax()] = True
    return only


def _chosen(
    raw: Raw, ratings: NDArray[np.float64], rows: Rows, at_least: float | None
) -> tuple[Rows, list[Finding]]:
    """Keep what is rated high enough; or say that all count, and the scale."""
    assert raw.rating is not None
    counts = np.bincount(raw.rating.codes[rows], minlength=len(ratings))
    scale = np.unique(ratings[(counts > 0) & ~np.isnan(ratings)])
    if at_least is None:
        return rows, _all_count(raw, scale)
    kept = rows & raw.rating.among((ratings >= at_least).tolist())
    if not kept.any():
        seen = _("They go from {low} to {high}.", low=_short(scale[0]), high=_short(scale[-1]))
        raise DataError(
            _(
                "{table}: no rating is {at_least} or more.",
                table=raw.name,
                at_least=_short(at_least),
            ),
            sentences(seen if len(scale) else "", _("Pass a lower --at-least.")),
        )
    message = _(
        "{table}: {kept:,} of {n:,} interactions count, with a rating of {at_least} or more.",
        table=raw.name,
        kept=int(kept.sum()),
        n=int(rows.sum()),
        at_least=_short(at_least),
    )
    figures: dict[str, object] = {"kept": int(kept.sum()), "at_least": at_least}
    return kept, [Finding("note", "info", message, figures)]


def _all_count(raw: Raw, scale: NDArray[np.float64]) -> list[Finding]:
    if len(scale) < 2:
        return []
    low, high = float(scale[0]), float(scale[-1])
    liked = float(scale[scale >= low + LIKED * (high - low)][0])
    message = _(
        "{table}: ratings go from {low} to {high}, and all count as chosen; --at-least {liked} "
        "counts only those from {liked} on.",
        table=raw.name,
        low=_short(low),
        high=_short(high),
        liked=_short(liked),
    )
    return [Finding("note", "info", message, {"low": low, "high": high, "values": len(scale)})]


def _short(value: float) -> str:
    return f"{value:.6g}"


def _in_order(column: Coded, kept: NDArray[np.intp]) -> tuple[tuple[str, ...], Codes]:
    """Give ids new places, in order of their first appearance among the rows that are kept."""
    codes = column.codes[kept]
    first = np.full(len(column.values), -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last to be written is the first row
    present = np.flatnonzero(first >= 0)
    present = present[np.argsort(first[present])]
    place = np.empty(len(column.values), np.int32)
    place[present] = np.arange(len(present), dtype=np.int32)
    return tuple(column.values[i] for i in present.tolist()), place[codes]
