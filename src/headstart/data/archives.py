"""Archives: a zip or tar from anywhere is unpacked whole and within limits, or not at all.

An archive is a stranger's program for writing files. Nothing it holds may be written outside its
folder, be anything but a plain file or folder, or fill the disk, whatever its headers claim.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from headstart.data.headers import GUARDED, HeaderError, Headers, decompressed
from headstart.errors import DataError
from headstart.events import Event, OnEvent, ignore
from headstart.said import N_, _
from headstart.scratch import scratch

MAX_ENTRIES = 100_000
"""Files and folders in one archive; small data has thousands, and to list more takes seconds."""
MAX_DEPTH = 64
"""Folders in one another."""
MAX_NAME, MAX_PATH = 255, 2048
"""Bytes of a name, and of a path: what disks can hold, with room for the folder above."""
MAX_BYTES = 8 * 2**30
"""Unpacked size of one archive."""
MAX_SHARE_OF_DISK = 0.9
"""Of the free disk, so that unpacking never fills it."""
MAX_GROWTH, SMALL = 100, 256 * 2**20
"""Unpacked bytes per byte of the archive, beyond the first ones: photos grow by a few percent and
text tenfold; a thousandfold is a bomb."""

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_CHUNK = 2**20
_DISTRUST = N_("Unpack it yourself if you trust it, and pass the folder.")
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    UnicodeDecodeError,  # a name that says it is UTF-8 and is not
    NotImplementedError,  # a compression method that zipfile lacks
    OSError,  # damaged gzip and bzip2, colliding names, a full disk
    MemoryError,  # a dictionary of compression that no honest archive needs
)


class _RefusalError(Exception):
    """What is wrong with the archive, and the mend; the archive's name is added on the way out."""


@dataclass(frozen=True)
class _Entry:
    """One file or folder of an archive."""

    parts: tuple[str, ...]
    size: int = 0  # as declared
    open: Callable[[], IO[bytes]] | None = None  # None for a folder


def is_archive(path: Path) -> bool:
    """Judge by the suffix."""
    return path.name.lower().endswith(_SUFFIXES)


def stem(path: Path) -> str:
    """Name of the archive without ``.zip``, ``.tar.gz``...

    Examples
    --------
    >>> stem(Path("photos.v2.tar.gz"))
    'photos.v2'
    """
    suffix = max((s for s in _SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)]


def unpacked(archive: Path, cache_dir: Path, on_event: OnEvent = ignore) -> Path:
    """Return the folder of an archive's files, unpacking it only if this was not done before.

    The folder is named by the archive's SHA-256, so a changed archive is unpacked anew.
    """
    try:
        with archive.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as cause:
        raise DataError(
            _("{name} cannot be read: {cause}.", name=archive.name, cause=cause.strerror),
            _("Check its permissions."),
        ) from cause
    into = cache_dir / "archives" / digest
    if not into.is_dir():
        extract(archive, into, on_event)
    return into


def extract(archive: Path, into: Path, on_event: OnEvent = ignore) -> None:
    """Unpack a zip or tar so that ``into`` appears complete or not at all.

    Parameters
    ----------
    archive : Path
        ``.zip``, ``.tar``, or a tar compressed with gzip, bzip2 or xz.
    into : Path
        Must not exist; its parents are made.
    on_event : callable, optional
        Hears of progress, in files.

    Raises
    ------
    DataError
        Entries that would leave the folder or are links or devices, more than the limits allow,
        a password, or damage. Nothing is left behind.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with scratch(".unpacking-", into.parent) as beside:
        try:
            _unpack(archive, beside, on_event)
        except _RefusalError as refusal:
            what, mend = refusal.args
            raise _unfit(archive, what, mend) from None
        except HeaderError as cause:
            raise _unfit(archive, cause.args[0], _(_DISTRUST)) from None
        except DAMAGE as cause:
            why = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
            raise DataError(
                _("{name} cannot be unpacked: {cause}.", name=archive.name, cause=why),
                _("It may be damaged or cut short: copy or download it again, or pass a folder."),
            ) from cause
        appear(beside, into)


def _unfit(archive: Path, what: str, mend: str) -> DataError:
    return DataError(_("{name}: {what}.", name=archive.name, what=what), mend)


def appear(beside: Path, into: Path) -> None:
    """Rename a finished folder into place, unless another process was faster."""
    try:
        beside.rename(into)
    except OSError:
        if not into.is_dir():
            raise


def _unpack(archive: Path, folder: Path, on_event: OnEvent) -> None:
    limit = min(
        MAX_BYTES,
        int(shutil.disk_usage(folder).free * MAX_SHARE_OF_DISK),
        max(SMALL, MAX_GROWTH * archive.stat().st_size),
    )
    on_event(Event(_("unpacking"), unit=_("files")))
    with _entries(archive) as entries:
        _write(_admit(entries, limit), folder, limit, on_event)


@contextmanager
def _entries(archive: Path) -> Iterator[Iterable[_Entry]]:
    if archive.name.lower().endswith(".zip"):
        with archive.open("rb") as opened:
            headers = Headers(opened, **GUARDED["zip"])
            with zipfile.ZipFile(cast("IO[bytes]", headers)) as file:
                headers.done()
                yield _zip_entries(file)
    else:
        with decompressed(archive) as opened:
            headers = Headers(opened, **GUARDED["tar"])
            with tarfile.open(
                fileobj=cast("IO[bytes]", headers), mode="r:", encoding="utf-8"
            ) as tar:
                yield _tar_entries(tar, headers)


def _admit(entries: Iterable[_Entry], limit: int) -> list[_Entry]:
    """Read all headers before anything is written, and refuse what they declare too much of."""
    admitted: list[_Entry] = []
    names: set[tuple[str, ...]] = set()
    total = 0
    for entry in entries:
        if entry.open and entry.parts in names:
            raise _RefusalError(
                _("two entries are called {name!r}", name="/".join(entry.parts)), _(_DISTRUST)
            )
        names.add(entry.parts)
        admitted.append(entry)
        total += entry.size
        if len(admitted) > MAX_ENTRIES:
            raise _RefusalError(_("more than {most:,} entries", most=MAX_ENTRIES), _(_DISTRUST))
        if total > limit:
            raise _too_large(limit, entry)
    return admitted


def _write(entries: list[_Entry], folder: Path, limit: int, on_event: OnEvent) -> None:
    """Write the files, counting what really comes out: headers can lie."""
    files = [entry for entry in entries if entry.open]
    written = 0
    for done, entry in enumerate(files, 1):
        assert entry.open is not None
        target = folder.joinpath(*entry.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.open() as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > limit:
                    raise _too_large(limit, entry)
                out.write(chunk)
        on_event(Event(_("unpacking"), done, len(files), _("files")))
    for entry in entries:
        if not entry.open:  # an empty folder may be a class without examples
            folder.joinpath(*entry.parts).mkdir(parents=True, exist_ok=True)


def _too_large(limit: int, entry: _Entry) -> _RefusalError:
    return _RefusalError(
        _(
            "unpacks to more than {limit:,.0f} MiB, with {entry} (the limit is {most:.0f} GiB, "
            "{share:.0%} of the free disk, and from {small:.0f} MiB on {growth} times the size of "
            "the archive)",
            limit=limit / 2**20,
            entry=_quoted("/".join(entry.parts)),
            most=MAX_BYTES / 2**30,
            share=MAX_SHARE_OF_DISK,
            small=SMALL / 2**20,
            growth=MAX_GROWTH,
        ),
        _("Unpack it yourself where there is room, and pass the folder."),
    )


def _zip_entries(file: zipfile.ZipFile) -> Iterator[_Entry]:
    infos = file.infolist()
    encoding = _name_encoding(infos)
    for info in infos:
        name = info.orig_filename
        if not info.flag_bits & _UTF8_NAME:
            name = name.encode("cp437").decode(encoding)
        parts = _parts(name)
        if info.flag_bits & _ENCRYPTED:
            raise _RefusalError(
                _("{entry} needs a password", entry=_quoted(name)),
                _("Unpack it with the password, and pass the folder."),
            )
        # Unix tools keep the kind of file in the upper half; 0 means an ordinary one.
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _RefusalError(_(_LINK, entry=_quoted(name)), _(_DISTRUST))
        if name.endswith(("/", "\\")):
            yield _Entry(parts)
        else:
            yield _Entry(parts, info.file_size, partial(file.open, info))


_LINK = N_("{entry} is a link or a device, not a file")
_ENCRYPTED, _UTF8_NAME = 0x1, 0x800  # bits of a zip entry's flags


def _name_encoding(infos: list[zipfile.ZipInfo]) -> str:
    """Find the encoding of names that do not say theirs.

    The format says cp437, which Python has applied; Linux tools write UTF-8 and Chinese Windows
    writes GBK. One archive has one encoding, so all names must fit.
    """
    names = [info.orig_filename for info in infos if not info.flag_bits & _UTF8_NAME]
    raw = "/".join(names).encode("cp437")
    for encoding in ("utf-8", "gbk"):
        try:
            if raw.decode(encoding).encode(encoding) == raw:
                return encoding
        except UnicodeError:
            continue
    return "cp437"


def _tar_entries(tar: tarfile.TarFile, headers: Headers) -> Iterator[_Entry]:
    for member in tar:
        name = _quoted(member.name)
        headers.begin(name)
        parts = _parts(member.name)
        member.pax_headers = {}  # what they say is known by now, and they may be long
        tar.pax_headers = {}  # would be copied to every entry that follows
        if member.size < 0:  # would send tarfile back over what it has read, for ever
            raise tarfile.ReadError(_("{entry} has a negative size", entry=name))
        if member.isdir():
            yield _Entry(parts)
        elif member.isreg() and not member.issparse():
            yield _Entry(parts, member.size, partial(_open_member, tar, member))
        else:
            what = N_("{entry} is a file with holes") if member.isreg() else _LINK
            raise _RefusalError(_(what, entry=name), _(_DISTRUST))
    _refuse_cut_short(tar)
    headers.done()


def _open_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    assert stream is not None  # it is None only for what is not a file
    return stream


def _refuse_cut_short(tar: tarfile.TarFile) -> None:
    """Refuse what tarfile takes for the end: it stops in silence at a header it cannot read."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(_("a header in the middle is damaged"))


def _parts(name: str) -> tuple[str, ...]:
    r"""Split a path, taking ``\`` for a separator too, as old Windows tools write it.

    Raises
    ------
    _RefusalError
        A path that is absolute, has a drive, climbs with ``..``, or is too deep or too long.
    """
    path = name.replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    drive = any(re.match("[A-Za-z]:", part) for part in parts)
    if path.startswith("/") or ".." in parts or drive or "\0" in name:
        raise _RefusalError(
            _("{entry} would be written outside its folder", entry=_quoted(name)), _(_DISTRUST)
        )
    if len(parts) > MAX_DEPTH:
        raise _RefusalError(
            _(
                "{entry} lies {n:,} folders deep (the limit is {most})",
                entry=_quoted(name),
                n=len(parts),
                most=MAX_DEPTH,
            ),
            _(_DISTRUST),
        )
    sizes = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    if max(sizes, default=0) > MAX_NAME or sum(sizes) + len(sizes) > MAX_PATH:
        raise _RefusalError(
            _(
                "{entry} is too long a name ({n:,} bytes; the limits are {name} for a name and "
                "{path:,} for a path)",
                entry=_quoted(name),
                n=sum(sizes),
                name=MAX_NAME,
                path=MAX_PATH,
            ),
            _(
                "Give it a shorter name and pack it again, or unpack it yourself and pass the "
                "folder."
            ),
        )
    return parts


def _quoted(name: str) -> str:
    """Quote a name, shortened where it would fill the screen."""
    return repr(name if len(name) <= 100 else f"{name[:60]}...{name[-30:]}")
