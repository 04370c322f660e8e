"""Modalities: what an example is, and everything that is done with one outside a network.

A modality is one class without arguments, announced under the entry-point group
``headstart.modalities``; the built-in ones enter by the same door. It knows nothing of tasks,
methods or networks. Nothing above this room knows which modality an example is of: bytes come in,
and what stands on this page is all that is asked of them.

What is asked of every modality has no default here. The rest has one, so that a plug-in which
derives from :class:`Modality` starts with six members (docs/contributing.md has a whole one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ConfigError, DataError
from headstart.events import OnEvent
from headstart.findings import Finding
from headstart.modalities.copies import Copies, exact_copies
from headstart.modalities.plain import Plain
from headstart.registry import Registry
from headstart.said import N_, NN_, _, _n, commas, listed

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from headstart.modalities.entry import Entry

X = TypeVar("X")  # an example, as its modality reads it
D = TypeVar("D")  # its digest
S = TypeVar("S")  # an example taken apart
Takes = TypeVar("Takes", contravariant=True)  # an example, where it is only taken
TakesDigest = TypeVar("TakesDigest", contravariant=True)

Fed = NDArray[np.generic]
"""What a network takes: one array, without a batch axis for one example. Where examples are padded
to one length, their values tell what is padding."""
Kind = Literal["file", "cell", "row"]
"""Where an example lies: a file, a cell of a table (UTF-8), a row of numbers (float64)."""
KINDS: dict[Kind, str] = {"file": N_("files"), "cell": N_("cells"), "row": N_("rows")}
"""What sentences call places of a kind."""
Circumstance = float | str | tuple[float, ...]
"""How an example came to be, in one respect: a number, a name, or numbers that belong together."""
DEFAULT = "image"
"""What files are taken for that no modality recognises: reading them will tell."""
LOOKED_AT, HEAD = 20, 512
"""Examples that are looked at to recognise a set, and bytes of each."""


class UnreadableError(ValueError):
    """One example cannot be read; the message is the reason, without the file's name."""

    @property
    def reason(self) -> str:
        """The reason as it was said: ``str(error)`` would forget what it is made of."""
        said = self.args[0] if self.args else None
        return said if isinstance(said, str) else str(self)


@dataclass(frozen=True)
class Unit:
    """What sentences call an example, in the language that is spoken.

    Parameters
    ----------
    singular, plural : str
        The English words, each marked with ``N_`` where it is declared; the catalogues need
        ``NN_("{n:,} image", "{n:,} images")`` and ``N_("an image")`` too.
    brought : str
        What people call those they will bring later, "photos", where that is another word.

    Examples
    --------
    >>> Unit("image", "images").count(1200)
    '1,200 images'
    """

    singular: str
    plural: str
    brought: str = ""

    @property
    def one(self) -> str:
        """The word for one."""
        return _(self.singular)

    @property
    def many(self) -> str:
        """The word for several."""
        return _(self.plural)

    @property
    def coming(self) -> str:
        """The word for those that will be brought later; "" where it is no other."""
        return _(self.brought)

    def count(self, n: int) -> str:
        """Say how many."""
        return _n(f"{{n:,}} {self.singular}", f"{{n:,}} {self.plural}", n)

    def of(self, n: int) -> str:
        """Return the word that goes with a number."""
        return self.one if n == 1 else self.many

    def into(self, text: str) -> str:
        """Fill the words into a message that was written for all: ``{one}`` and ``{many}``."""
        return _(text, one=self.one, many=self.many)

    @property
    def a(self) -> str:
        """The word with its article."""
        return _(f"{'an' if self.singular[0] in 'aeiou' else 'a'} {self.singular}")


EXAMPLE = Unit(N_("example"), N_("examples"))
"""Where the modality is not installed."""
NN_("{n:,} example", "{n:,} examples"), N_("an example")


class Look(Protocol[X]):
    """How an example becomes what a network takes: plain data, which travels with the weights."""

    @property
    def detail(self) -> int:
        """The least detail to read an example in, as ``Modality.read`` takes it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table that make an example together; empty where one cell or file does."""

    def __call__(self, x: X) -> Fed:
        """Prepare one example."""

    def batch(self, fed: Sequence[Fed]) -> Fed:
        """Join prepared examples along a new first axis."""

    def drawn(self, n: int) -> Fed:
        """Make up a batch of ``n``, always the same: to trace, time and compare networks with."""

    def asked(self, **options: Any) -> Look[X]:
        """Return the look with what a user asked for (``size=96``); refuse what it has not."""

    def to_json(self) -> dict[str, Any]:
        """Return plain types only; ``Modality.look`` reads them."""

    def says(self) -> str:
        """Say in a sentence or two what happens to an example."""


@runtime_checkable
class Padded(Protocol):
    """A look under which examples differ in extent: a batch is padded to that of its largest.

    What a network gives for one has ``places(extent)`` for its last axes, up to where it pools, and
    is zero where the example is padded.
    """

    @property
    def extent(self) -> tuple[int, ...]:
        """What every example is padded to, as ``asked(extent=...)`` sets; () for no more."""

    def places(self, extent: tuple[int, ...]) -> tuple[int, ...]:
        """Return the extent of the maps that a network makes of an example so large."""

    def asked(self, **options: Any) -> Look[Any]:
        """Return the look with an extent."""


@runtime_checkable
class Noticing(Protocol):
    """A look that finds something out about an example on the way: kept beside the vectors."""

    @property
    def notices(self) -> str:
        """Name all that what it notices depends on, but for the example."""

    def notice(self, x: Any) -> tuple[Fed, bytes]:
        """Prepare one example as the look does; also return what was noticed, for the cache."""

    def told(self, d: Any, noticed: bytes) -> Any:
        """Return a digest with what was noticed."""


class Baseline(Protocol[TakesDigest]):
    """A rival without transfer: what is known of examples without anything learned."""

    @property
    def says(self) -> str:
        """What it is, for the reader of a report."""

    def describe(self, digests: Sequence[TakesDigest]) -> NDArray[np.float32] | csr_array:
        """Describe examples one by one: (n, d).

        An array is standardised by the heads, inside the folds. A sparse matrix (``csr_array``)
        holds plain counts: heads learn their TF-IDF, inside the folds.
        """


class Show(Protocol[Takes, TakesDigest]):
    """How an example is shown on a page: records of plain values, never HTML.

    A page shows what it finds in a record: ``image``, a ``data:`` address, or ``text``, with its
    language ``lang`` (ISO 639-1) where that is known; both also in the map of all examples. Of what
    lasts also ``seconds``, and to play it ``audio``, a ``data:`` address of some 40 kB at most,
    with as many of them as it has ``played``; pages that would be too heavy leave it out. Of an
    explained example also ``map``, the picture with its parts marked, or ``spans``, the text in
    pieces, each ``text`` with its ``weight`` of 0 to 1.
    """

    @property
    def detail(self) -> int:
        """The detail to read an example in that is shown large."""

    def large(self, x: Takes) -> dict[str, Any]:
        """Show an example."""

    def stand_in(self, d: TakesDigest) -> dict[str, Any]:
        """Show an example whose original has gone, by its digest."""

    def point(self, d: TakesDigest) -> dict[str, Any]:
        """Show an example as a point of a map."""

    def marked(self, seen: Any, weight: NDArray[np.floating]) -> dict[str, Any]:
        """Show an example taken apart (``Parts.of``), its parts marked by weights of 0 to 1."""


@runtime_checkable
class Framing(Protocol):
    """A show that also tells which part of an example the network was given."""

    def framed(self, x: Any, d: Any) -> dict[str, Any]:
        """Show an example as ``Show.large`` does, the part that its digest names outlined.

        A record says ``framed`` where there is one.
        """


class Parts(Protocol[Takes, S]):
    """An example taken apart: what is left out, and how, to see what an answer goes by."""

    def of(self, x: Takes, look: Any) -> S:
        """Take an example apart, as the network sees it."""

    def shape(self, seen: S) -> tuple[int, ...]:
        """Return the shape in which its parts lie: words in a row, pixels in a square."""

    def without(self, seen: S, gone: NDArray[np.bool_]) -> Fed:
        """Prepare it for the network without the parts marked in ``gone``, of that shape."""

    def spread(self, coarse: NDArray[np.float32], seen: S) -> NDArray[np.float32]:
        """Lay a coarse map of a network over the parts."""


@runtime_checkable
class Leaving(Protocol):
    """Parts that also give the example itself without some of them, for what is counted in it."""

    def left(self, seen: Any, gone: NDArray[np.bool_]) -> Any:
        """Return the example without the parts marked in ``gone``, as ``Modality.read`` would."""


class FixedViews(Protocol[Takes]):
    """A fixed number of views of every example, so that what a network makes of them is kept."""

    @property
    def count(self) -> int:
        """How many; view 0 is the example as prediction sees it."""

    @property
    def key(self) -> str:
        """Identify all that a view depends on besides the example and the look."""

    def __call__(self, x: Takes, look: Any, mark: str, view: int) -> Fed:
        """Make one view; ``mark``, the hash of the bytes, decides what is random."""

    def describe(self) -> str:
        """Say what the views are."""


class Fresh(Protocol):
    """Examples by row, for training from the first layer on: new views every time."""

    def plain(self, rows: NDArray[np.int64]) -> Fed:
        """Return the rows as prediction sees them."""

    def varied(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Fed:
        """Return the rows as augmentation shows them this once."""


class Views(Protocol[Takes]):
    """Augmentation."""

    @property
    def kinds(self) -> Mapping[str, int]:
        """The words of ``--augment``: how many fixed views each has by default; 0: only fresh ones.

        ``"none"`` is among them, with one.
        """

    def fixed(self, kind: str, count: int | None = None, seed: int = 0) -> FixedViews[Takes]:
        """Choose fixed views of a kind; a ``count`` of None is the kind's own number."""

    def fresh(
        self,
        read: Callable[[int], Takes],
        n: int,
        look: Any,
        kind: str,
        *,
        workers: int,
        on_event: OnEvent,
    ) -> Fresh:
        """Prepare ``n`` examples, which ``read`` reads by row, to be seen anew every epoch."""


class Modality(Protocol[X, D]):
    """The contract of a modality."""

    name: str
    """In lower case: it stands in ``metrics.json`` and ``model.json``."""
    unit: Unit
    kinds: tuple[Kind, ...] = ("file",)
    """Where its examples may lie."""
    digest_key: str
    """Names how digests are made; a new one where their bytes change, since they are cached."""
    held: str = ""
    """What ``encode`` takes, as the mend for who gave something else."""
    columns: tuple[str, ...] = ()
    """Usual names of a column whose cells are examples."""
    rivals: Mapping[str, Baseline[D]] = {}
    """Baselines by name."""
    beside: str = ""
    """The rival, of those that count, worth putting beside the vectors of a network; "": none."""
    original: Unit | None = None
    """What copies are copies of, such as a picture, where that is another word."""
    turned: str = ""
    """What may have happened to near copies that are not upright, so that they may have another
    label: "mirrored or upside down"."""
    show: Show[X, D] | None = None
    """None: pages name examples and show nothing."""
    parts: Parts[X, Any] | None = None
    """None: answers are not explained."""
    hints: tuple[str, ...] = ()
    """How to read an explained example, in sentences for the reader of a report."""
    views: Views[X] = Plain()
    """By default networks are trained without augmentation."""
    of_content: tuple[str, ...] = ()
    """Circumstances that depend on what an example shows, too, such as its colours."""
    recipe: Mapping[str, Any] = {}
    """What is usual of the options that say how a network is trained, rates as for AdamW."""
    layered: bool = False
    """Whether the layer a model stands on is chosen by default; else it is the last one."""
    encoders: tuple[str, ...] = ()
    """Backbones whose layers compete where they do and the user names none; (): the usual one."""
    recognisers: tuple[str, ...] = ()
    """Backbones that compete to know who is who, those of them that are here; (): the usual one."""
    few_labels: str = ""
    """A method that ``auto`` also tries where labels are few."""
    small_network: tuple[str, Mapping[str, Any]] | None = None
    """Name of a small network to train from scratch, and what is asked of its look."""
    digest_detail: int = 0
    """The detail that ``digest`` needs."""
    taken: int = 8
    """Examples that a worker takes at a time: more, where there is something to pack."""

    def recognise(self, kind: Kind, name: str, head: bytes) -> float:
        """How surely an example is of this modality, 0 to 1.

        Parameters
        ----------
        kind : {"file", "cell", "row"}
        name : str
            How the example is shown; of a file, its path.
        head : bytes
            The first ``HEAD`` bytes; empty where only the name is asked about.
        """

    def read(self, data: bytes, detail: int = 0) -> X:
        """Read one example.

        Parameters
        ----------
        data : bytes
            A whole file, a cell in UTF-8, or the float64 numbers of a row.
        detail : int
            The least detail that will be used, so that work may be saved; 0: everything.

        Raises
        ------
        UnreadableError
            With a reason that a person understands.
        """

    def unpacked(self, data: bytes) -> int:
        """Say by its header how many bytes an example takes once it is read.

        Asked before strangers' files are read; 0 where reading never takes much more than the file,
        or where the header says nothing.
        """
        return 0

    def encode(self, held: object) -> bytes | None:
        """Write what a program holds in memory as a file of it would be; None: it is no example.

        Asked for where examples are files; ``read`` must find in the bytes all that was held.
        """
        return None

    def digest(self, x: X) -> D:
        """Keep what is small and works without a network: for copies, checks, rivals, maps."""

    def pack(self, d: D) -> bytes:
        """Write a digest for the cache."""

    def unpack(self, data: bytes) -> D:
        """Read what ``pack`` wrote."""

    def look(self, values: dict[str, Any]) -> Look[X]:
        """Rebuild a look from ``Look.to_json``; raises ``TypeError`` on missing or unknown keys."""

    def backbone(self, digests: Callable[[], Sequence[D]]) -> str:
        """Name the backbone for who names none; ask for digests only where it depends on them."""

    def asks(
        self,
        columns: tuple[str, ...],
        heads: Callable[[], Iterable[bytes]],
        digests: Callable[[], Sequence[D]],
    ) -> dict[str, Any]:
        """Return what the data ask of a look; ask for digests only where it depends on them.

        Parameters
        ----------
        columns : tuple of str
            Those that make an example together.
        heads : callable
            Gives the first ``HEAD`` bytes of every example.
        digests : callable
            Reads all examples.
        """
        return {}

    def settled(self, digests: Sequence[D | None], look: Any) -> list[D | None]:
        """Return digests as a look that the data asked something of shows the examples."""
        return list(digests)

    def packs(self, fed: Sequence[Fed]) -> list[list[int]]:
        """Say which prepared examples go through a network together on a CPU; by default, none.

        Alone, an example meets the same kernels whatever comes beside. Small ones are faster in
        packs; where they are padded to one extent, ``Look.batch`` joins them.
        """
        return [[k] for k in range(len(fed))]

    def level(self, data: bytes, detail: int) -> int:
        """Return a number that is equal for details which ``read`` reads alike."""
        return detail

    def quiet(self) -> AbstractContextManager[None]:
        """Silence remarks of libraries on files that they read all the same, around reading."""
        return nullcontext()

    def check(self, digests: Sequence[D], refs: Sequence[str], look: Any) -> list[Finding]:
        """Report what a score would hide and only this modality can see."""
        return []

    def blank(self, d: D) -> str:
        """Say in a few words that an example holds nothing to answer by, such as silence; else "".

        Said beside the answer, in the language in force: "silence from beginning to end".
        """
        return ""

    def circumstances(self, d: D) -> Mapping[str, Circumstance]:
        """Tell how an example came to be, not what it shows, by the names that sentences use.

        Whatever classes could differ in by accident: size, length, loudness, format, device.
        """
        return {}

    def copies(self, hashes: Sequence[str], digests: Sequence[D]) -> Copies:
        """Find the same thing twice; by default only what is equal to the byte."""
        return exact_copies(hashes)


@runtime_checkable
class Timed(Protocol):
    """A modality whose examples run over time, so that a stretch of a file is an example as well.

    All times are seconds from the start of the file, 0 or more. What comes back is bytes that
    ``Modality.read`` reads, the same for the same stretch, without reading the whole file for it.
    All raise ``OSError``, or ``UnreadableError`` for what is no such file.
    """

    def seconds(self, file: Path | BinaryIO) -> float:
        """Return how long a file is, as its header says."""

    def cut(self, file: Path | BinaryIO, start: float, end: float) -> bytes:
        """Return the stretch from ``start`` to ``end``, of which a part must lie in the file."""

    def stretches(
        self, file: Path | BinaryIO, every: float
    ) -> Iterator[tuple[float, float, bytes]]:
        """Give start, end and bytes of stretches of ``every`` seconds, one after the other.

        They cover the file; what is left at its end and shorter than half of ``every`` belongs to
        the last one. No more than two of them are held at a time.
        """


@runtime_checkable
class Exported(Protocol):
    """A modality whose examples can enter a graph that is used without headstart."""

    def entry(self, looks: Sequence[Look[Any]], *, whole: bool = True) -> Entry | None:
        """Return how they enter (imports torch); None where they cannot.

        Parameters
        ----------
        looks : sequence of Look
            Of one network, or of several side by side.
        whole : bool
            Whether everything is done in the graph, also what some runtimes are slow at.
        """


def refuse_unknown(options: Mapping[str, Any], what: str) -> None:
    """Raise ``ConfigError`` where options are left that a look does not have."""
    if options:
        flags = commas(f"--{name.replace('_', '-')}" for name in sorted(options))
        raise ConfigError(
            _("{options}: {what} has nothing of the kind.", options=flags, what=what),
            _("Leave it out."),
        )


MODALITIES: Registry[Modality[Any, Any]] = Registry(N_("modality"), "headstart train --help")


@cache
def _announced() -> Registry[Modality[Any, Any]]:
    MODALITIES.add_entry_points("headstart.modalities")
    return MODALITIES


@cache
def modality(name: str) -> Modality[Any, Any]:
    """Return a modality by name; raises ``UnknownNameError`` for one that is not installed."""
    return _announced().get(name).factory()


def unit(name: str) -> Unit:
    """Return what sentences call an example of a modality, also of one that is not installed."""
    return modality(name).unit if name in names() else EXAMPLE


def names() -> list[str]:
    """Names of all modalities that are installed, sorted."""
    return _announced().names()


def columns() -> tuple[str, ...]:
    """Names of columns whose cells some modality takes for examples."""
    return tuple(column for name in names() for column in modality(name).columns)


def columns_of_files() -> tuple[str, ...]:
    """Names of columns that lead to examples of a modality that lies in files alone."""
    alone = (m for m in map(modality, names()) if m.kinds == ("file",))
    return tuple(column for m in alone for column in m.columns)


def takes_cells() -> bool:
    """Whether any modality reads examples out of cells."""
    return any("cell" in modality(name).kinds for name in names())


def augmentations() -> dict[str, int]:
    """Kinds of augmentation that some modality has, with the number of its fixed views."""
    found: dict[str, int] = {}
    for name in names():
        for kind, count in modality(name).views.kinds.items():
            found[kind] = max(count, found.get(kind, 0))
    return found


def recognised(name: str) -> bool:
    """Whether a file's name looks like an example of any modality."""
    return any(modality(m).recognise("file", name, b"") > 0 for m in names())


def recognised_as_file(name: str) -> bool:
    """Whether a file's name looks like an example of a modality that lies in files alone.

    A text file may as well be about the image that is called the same.
    """
    alone = (m for m in map(modality, names()) if "cell" not in m.kinds)
    return any(m.recognise("file", name, b"") > 0 for m in alone)


def recognise(kind: Kind, seen: Iterable[tuple[str, bytes]]) -> str:
    """Name the modality of a set by some of its examples.

    Parameters
    ----------
    kind : {"file", "cell", "row"}
    seen : iterable of (str, bytes)
        Name and first bytes of each.

    Raises
    ------
    ConfigError
        Two are equally sure.
    DataError
        Nothing reads cells, or rows, of this kind.
    """
    sure = _sureness(kind, list(seen)[:LOOKED_AT])
    best = max(sure.values(), default=0.0)
    surest = [name for name, share in sure.items() if share == best]
    if best == 0:
        if kind == "file":
            return DEFAULT
        raise DataError(
            _(
                "No modality reads examples out of the {kinds} of a table (here are: {names}).",
                kinds=_(KINDS[kind]),
                names=commas(names()),
            ),
            _("Give the table a column of paths to files."),
        )
    if len(surest) > 1:
        raise ConfigError(
            _("The examples may be {kinds}.", kinds=listed(surest, "or")),
            _("Say which: {option}.", option=f"--modality {surest[0]}"),
        )
    return surest[0]


def reads_cells(cells: Iterable[str]) -> float:
    """How surely cells are examples of some modality, 0 to 1, by the surest."""
    sure = _sureness("cell", [("", cell.encode("utf-8", "replace")[:HEAD]) for cell in cells])
    return max(sure.values(), default=0.0)


def _sureness(kind: Kind, seen: Sequence[tuple[str, bytes]]) -> dict[str, float]:
    """Ask every modality about examples: its mean answer, by its name."""
    return {
        name: float(np.mean([modality(name).recognise(kind, *one) for one in seen] or [0.0]))
        for name in names()
    }
