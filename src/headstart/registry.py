"""A name becomes an object once, at the edge: one generic registry for every kind of plug-in."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from headstart.errors import HeadstartError, UnknownNameError
from headstart.said import _, listed, sentences

T = TypeVar("T")


@dataclass(frozen=True)
class Record(Generic[T]):
    """What is known of a name before its object is made.

    Attributes
    ----------
    name : str
        Unique within its registry.
    factory : callable
        Makes the object; called only when the object is wanted, so heavy imports live inside it.
    summary, licence, source : str
        One line each, shown in listings.
    """

    name: str
    factory: Callable[[], T]
    summary: str = ""
    licence: str = ""
    source: str = ""


@dataclass
class Registry(Generic[T]):
    """Names to records, with suggestions for unknown names.

    Parameters
    ----------
    kind : str
        What is registered, as messages should call it: ``N_("backbone provider")``.
    listing : str
        The command that shows what there is; it goes into the hint of unknown names.
    """

    kind: str
    listing: str = ""
    _records: dict[str, Record[T]] = field(default_factory=dict)

    def add(self, record: Record[T]) -> None:
        """Register a record; a name taken already raises ``ValueError``."""
        if record.name in self._records:
            raise ValueError(f"{self.kind} {record.name!r} is registered already")
        self._records[record.name] = record

    def add_entry_points(self, group: str) -> None:
        """Register everything that installed packages announce under an entry-point group."""
        for point in entry_points(group=group):
            # The factory loads the module only when asked: `import headstart` stays light.
            self.add(Record(point.name, partial(_plugged_in, self.kind, point)))

    def get(self, name: str) -> Record[T]:
        """Return the record of a name; raise ``UnknownNameError`` with suggestions if none."""
        if name not in self._records:
            raise unknown_name(self.kind, name, self._records, self.listing)
        return self._records[name]

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell-style pattern."""
        return sorted(fnmatch.filter(self._records, pattern))

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[Record[T]]:
        return iter(self._records.values())


def _plugged_in(kind: str, point: EntryPoint) -> Any:
    """Make what a package announced; one that is broken is named, since its fault looks as ours."""
    try:
        return point.load()()
    except HeadstartError:
        raise
    except Exception as fault:
        package = point.dist.name if point.dist else point.module
        raise HeadstartError(
            _(
                "The {kind} {name!r} of the package {package!r} does not load: {error}: {fault}",
                kind=_(kind),
                name=point.name,
                package=package,
                error=type(fault).__name__,
                fault=str(fault),
            ),
            _("Update that package, or uninstall it."),
        ) from fault


def unknown_name(kind: str, name: str, known: Iterable[str], listing: str = "") -> UnknownNameError:
    """Build the error for an unknown name, with up to three near ones as the hint.

    ``kind`` is said already, or marked with ``N_`` where it stands.

    Examples
    --------
    >>> unknown_name("backbone", "resnet5", ["resnet50", "vgg16"]).hint
    "Did you mean 'resnet50'?"
    """
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    meant = near and _("Did you mean {names}?", names=listed(map(repr, near), "or"))
    there = listing and _("`{command}` lists what there is.", command=listing)
    return UnknownNameError(
        _("No {kind} {name!r}.", kind=_(kind), name=name), sentences(meant or "", there)
    )
