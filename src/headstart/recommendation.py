"""A finished run that recommends: load it, ask it, render its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from headstart.behaviour.advice import Advice, Adviser, Asking
from headstart.behaviour.columns import ITEMS, USERS, columns_of, guess, named
from headstart.behaviour.ids import without_points
from headstart.behaviour.read import Spec
from headstart.data.formats import is_table, read_cells
from headstart.errors import ArtifactError, ConfigError, DataError
from headstart.folder.adviser import is_adviser, load_adviser
from headstart.folder.layout import METRICS, MODEL
from headstart.folder.reading import read_document
from headstart.kinds import declared
from headstart.said import _, sentences
from headstart.speaking import speaking

MOST = 1_000
"""Items that are recommended to one user, at most."""


class RecommendRun:
    """The run folder of ``recommend``.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ArtifactError
        No such run folder, from a newer headstart, or tampered with.
    """

    @declared
    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ArtifactError(
                _("There is no run folder {folder!r}.", folder=str(folder)),
                _("`headstart recommend TARGET` makes one."),
            )
        self.adviser: Adviser = load_adviser(self.folder / MODEL)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``."""
        return read_document(self.folder / METRICS)

    @declared
    def predict(self, users: Sequence[str | Asking], *, n: int = 10) -> Iterator[Advice]:
        """Recommend ``n`` items to users, given by id, or to histories.

        Parameters
        ----------
        users : sequence of str or Asking
            Users of the target or the source by their ids; ``Asking(name, history)`` for a history
            of item ids.
        n : int, 1 to 1,000

        Raises
        ------
        ConfigError
            Another ``n``.
        """
        return self.adviser.recommend(_asked(users, n), n)

    @declared
    def new_items(self, users: Sequence[str | Asking], *, n: int = 10) -> Iterator[Advice]:
        """Recommend to users ``n`` items that nobody has chosen yet, by what is known of them.

        Parameters
        ----------
        users, n
            As of :meth:`predict`.

        Raises
        ------
        ConfigError
            Another ``n``; or the run has no such items that can be told.
        """
        if self.adviser.new is None:
            raise ConfigError(
                _("{run!r} has no new items to recommend.", run=str(self.folder)),
                _(
                    "`headstart recommend` needs a table (--items) with items that stand in no "
                    "log, and with genres, years or texts that tell who likes them."
                ),
            )
        return self.adviser.new_items(_asked(users, n), n)

    @declared
    def report(self, *, lang: str | None = None) -> Path:
        """Render ``report.html`` afresh, in the language that is spoken or in ``lang``."""
        from headstart.report.recommendation import REPORT

        with speaking(lang):
            return REPORT.render(self.folder)

    def __repr__(self) -> str:
        return f"<RecommendRun {str(self.folder)!r}>"

    def _repr_html_(self) -> str:
        """Show the run in a notebook: what came out, and the comparison; nothing is loaded."""
        from headstart.report.glance import of_recommendation

        return of_recommendation(self.folder, self.metrics)


def _asked(users: Sequence[str | Asking], n: int) -> list[Asking]:
    if not 1 <= n <= MOST:
        raise ConfigError(_("--top {n} is not possible.", n=n), _("Give 1 to {most:,}.", most=MOST))
    return [one if isinstance(one, Asking) else Asking(str(one)) for one in users]


def recommends(folder: str | Path) -> bool:
    """Tell whether a run folder recommends, without reading its model."""
    return is_adviser(Path(folder) / MODEL)


def asking_from(path: Path, spec: Spec) -> list[Asking]:
    """Read whom to recommend to: users, one a row, or what they chose, one choice a row.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file with a column of users; where there is one of items too,
        it holds histories, which count instead of what the model knows of those users.

    Raises
    ------
    DataError
        No such table, no column of users, or nothing in it.
    """
    if not path.is_file():
        raise DataError(
            _("There is no file {name}.", name=str(path)),
            _("Name a table of users, ids of users, or --history."),
        )
    if not is_table(path):
        raise DataError(
            _("{name} is no table.", name=path.name),
            _("Pass a CSV, TSV, JSONL or Parquet file with a column of users, or --history."),
        )
    table = read_cells(path, spec.encoding)
    names = list(table.cells)
    user = named(table.name, names, spec.user) if spec.user else guess(names, (*USERS, "id"), ())
    if user is None:
        raise DataError(
            sentences(
                _("No column of {table} looks like ids of users.", table=table.name),
                columns_of(names),
            ),
            _("Name it with --x COLUMN."),
        )
    item = named(table.name, names, spec.item) if spec.item else guess(names, ITEMS, (user,))
    users = without_points(table.name, user, table.cells[user])[0]
    if not any(users):
        raise DataError(
            _("{table}: column {column!r} has no ids.", table=table.name, column=user),
            _("Fill the cells."),
        )
    if item is None:
        return [Asking(one) for one in dict.fromkeys(users) if one]
    items = without_points(table.name, item, table.cells[item])[0]
    chosen: dict[str, list[str]] = {}
    for one, other in zip(users, items, strict=True):
        if one:
            chosen.setdefault(one, []).extend([other] if other else [])
    return [Asking(one, tuple(history)) for one, history in chosen.items()]
