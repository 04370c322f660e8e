"""Archives made to harm are refused soon and in little memory, and nothing is left of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.archives import MAX_DEPTH, extract
from headstart.errors import DataError

MIB = 2**20


def header(name: str = "x", size: int = 0, kind: bytes = b"0") -> bytes:
    """One block of a tar, whatever it claims."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def long(data: bytes, kind: bytes = b"x", claimed: int | None = None) -> bytes:
    """A header about the next entry, with what it says in the blocks behind it."""
    size = len(data) if claimed is None else claimed
    return header("long", size, kind) + data + bytes(-len(data) % 512)


def pax(**said: str) -> bytes:
    """Records of a pax header."""
    records = []
    for key, value in said.items():
        rest = f" {key.replace('_', '.')}={value}\n"
        size = len(rest) + len(str(len(rest)))
        size = len(rest) + len(str(size))
        records.append(f"{size}{rest}".encode())
    return b"".join(records)


def with_holes(blocks: int) -> bytes:
    """A sparse file whose map goes on for so many blocks."""
    first = bytearray(header("holes", 0, b"S"))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (b"00000000000\0" * 42 + b"\1" + bytes(7)) * blocks


def tarred(blocks: Iterator[bytes] | list[bytes], packed: Callable[..., io.IOBase]) -> bytes:
    out = io.BytesIO()
    with packed(out, "wb") as file:
        for block in blocks:
            file.write(block)
        file.write(bytes(1024))
    return out.getvalue()


def plain(out: io.BytesIO, mode: str) -> io.BytesIO:
    class Kept(io.BytesIO):
        def __exit__(self, *_: object) -> None:
            out.write(self.getvalue())

    return Kept()


def directory(entries: int, name: bytes = b"%07d") -> bytes:
    """The directory of a zip that lists many files and holds none."""
    listed = [
        struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 8, 7, *[0] * 6) + name % i
        for i in range(entries)
    ]
    size = sum(map(len, listed))
    return b"".join(listed) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, size, 0, 0)


def zipped(names: list[str], content: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in dict.fromkeys(name.partition("\0")[0] or "x" for name in names):
            file.writestr(name, content)
    return out.getvalue()


def long_header(kind: bytes) -> Iterator[bytes]:
    """A header of 1.2 GB, which a megabyte of gzip holds; the tests stop after 64 MB."""
    yield header("long", 1200 * MIB, kind)
    yield from [b"a" * MIB] * 64


# ------------------------------------------------------------------ the ones that were met


def refused(data: bytes, name: str, folder: Path) -> DataError:
    """Extract in this process what must be refused, at once."""
    (folder / name).write_bytes(data)
    before = time.process_time()
    with pytest.raises(DataError) as caught:
        extract(folder / name, folder / "place" / "into")
    assert time.process_time() - before < 5
    assert list((folder / "place").iterdir()) == []
    assert caught.value.message.startswith(f"{name}: ")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_header_of_a_gigabyte(tmp_path: Path, kind: bytes) -> None:
    """Five megabytes of such a thing took two minutes and 3.5 GB."""
    error = refused(tarred(long_header(kind), gzip.open), "a.tar.gz", tmp_path)
    assert "the header after the beginning is too long (1,258,291,200 bytes" in error.message


def test_what_came_before_a_long_header_is_named(tmp_path: Path) -> None:
    blocks = [header("cat/1.txt"), *long_header(b"x")]
    error = refused(tarred(blocks, gzip.open), "a.tar.gz", tmp_path)
    assert "the header after 'cat/1.txt' is too long" in error.message


def test_a_chain_of_headers(tmp_path: Path) -> None:
    chain = [long(pax(comment="x"))] * 5000
    assert "chain of headers" in refused(tarred(chain, gzip.open), "a.tgz", tmp_path).message


def test_headers_that_are_long_again_and_again(tmp_path: Path) -> None:
    many = [long(b"19 a=bcdefghijklmno\n" * 3000) + header(f"{i}.txt") for i in range(300)]
    error = refused(tarred(many, gzip.open), "a.tar.gz", tmp_path)
    assert re.search(r"after '\d+\.txt' is too long", error.message)


def test_a_number_without_end(tmp_path: Path) -> None:
    digits = [long(b"1" * 60_000), header("x")]
    assert "number without end" in refused(tarred(digits, gzip.open), "a.tgz", tmp_path).message


@pytest.mark.parametrize("blocks", [0, 3, 50_000])
def test_files_with_holes(tmp_path: Path, blocks: int) -> None:
    error = refused(tarred([with_holes(blocks)], gzip.open), "a.tar.gz", tmp_path)
    assert "a file with holes" in error.message or "chain of headers" in error.message


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_folders_1500_deep(tmp_path: Path, suffix: str) -> None:
    """Making them recursed until Python gave up."""
    name = "d/" * 1500 + "x"
    data = (
        zipped([name]) if suffix == ".zip" else tarred([long(pax(path=name)), header()], bz2.open)
    )
    error = refused(data, f"a{suffix}", tmp_path)
    assert "lies 1,501 folders deep (the limit is 64)" in error.message
    assert len(str(error)) < 400


def test_as_deep_as_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(["d/" * (MAX_DEPTH - 1) + "x"]))
    extract(tmp_path / "a.zip", tmp_path / "into")
    assert len(list((tmp_path / "into").rglob("*"))) == MAX_DEPTH


@pytest.mark.parametrize(
    "name", ["n" * 300, "猫" * 90, "/".join(["n" * 200] * 20)], ids=["ascii", "wide", "path"]
)
def test_names_that_are_too_long(tmp_path: Path, name: str) -> None:
    error = refused(zipped([name]), "a.zip", tmp_path)
    assert "is too long a name" in error.message
    assert "shorter name" in error.hint


def test_a_directory_of_a_zip_with_half_a_million_entries(tmp_path: Path) -> None:
    error = refused(directory(500_000), "a.zip", tmp_path)
    assert "is too long" in error.message


@pytest.mark.parametrize("packed", [gzip.open, lzma.open], ids=["gz", "xz"])
def test_a_bomb_of_zeros(tmp_path: Path, packed: Callable[..., io.IOBase]) -> None:
    blocks = [header("zeros", 2000 * MIB), *[bytes(MIB)] * 8]
    error = refused(tarred(blocks, packed), "a.tar", tmp_path)
    assert "unpacks to more than 256 MiB, with 'zeros'" in error.message
    assert "100 times the size of the archive" in error.message


# ------------------------------------------------------------------ and what may be thought up

NAMES = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    st.sampled_from(["..", "../x", "/x", "C:/x", "a\\..\\..\\x", "a" * 300, "d/" * 99, "x\0y"]),
    st.lists(st.sampled_from(["a", "b", "..", ".", "", "猫"]), max_size=6).map("/".join),
)
SIZES = st.sampled_from([0, 1, 511, 512, 10**6, 2**31, 2**33, 2**40])
KINDS = st.sampled_from([*(bytes([c]) for c in b"01234567LKxgSDVX"), b"\0"])
BLOCKS = st.one_of(
    st.builds(header, NAMES.map(lambda name: name[:99]), SIZES, KINDS),
    st.builds(long, st.binary(max_size=2000), KINDS, SIZES),
    st.builds(long, NAMES.map(str.encode), st.sampled_from([b"L", b"K"])),
    st.builds(
        lambda path, size, real: long(pax(path=path, size=size, GNU_sparse_realsize=real)),
        NAMES,
        st.sampled_from(["0", "-5", "99999999999", "x", "1e9"]),
        st.sampled_from(["0", "7", "9" * 30]),
    ),
    st.integers(0, 400).map(with_holes),
    st.binary(max_size=1024),
    st.integers(0, 6).map(lambda n: bytes(512 * n)),
    st.sampled_from([b"a" * MIB, bytes(MIB)]),
)
TARS = st.builds(
    lambda blocks, again, packed: tarred(blocks * again, packed),
    st.lists(BLOCKS, max_size=8),
    st.sampled_from([1, 1, 2, 40]),
    st.sampled_from([plain, gzip.open, bz2.open, lzma.open]),
).map(lambda data: (data, "a.tar"))
ZIPS = st.one_of(
    st.lists(NAMES, max_size=6, unique=True).map(zipped),
    st.integers(0, 2000).map(directory),
    st.just(zipped(["zeros"], bytes(MIB))),
).map(lambda data: (data, "a.zip"))


@st.composite
def hostile(draw: st.DrawFn) -> tuple[bytes, str]:
    """An archive, and its name; some damaged on top of it all."""
    data, name = draw(st.one_of(TARS, TARS, ZIPS))
    changed = bytearray(data)
    for place, value in draw(
        st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4)
    ):
        if changed:
            changed[place % len(changed)] = value
    return bytes(changed[: draw(st.sampled_from([len(changed)] * 3 + [len(changed) // 2]))]), name


@settings(deadline=None)
@given(made=hostile())
def test_hostile_archives(made: tuple[bytes, str]) -> None:
    data, name = made
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / name).write_bytes(data)
        before = time.process_time()
        try:
            extract(folder / name, folder / "place" / "into")
        except DataError as error:
            assert error.hint
            assert list((folder / "place").iterdir()) == []
        else:
            assert [p.name for p in (folder / "place").iterdir()] == ["into"]
            assert not [p for p in (folder / "place").rglob("*") if p.is_symlink()]
        assert sorted(p.name for p in folder.iterdir()) == sorted([name, "place"])
        assert time.process_time() - before < 10


MEASURE = """
import resource, sys
from pathlib import Path
from headstart.data.archives import extract
from headstart.errors import DataError
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = used()
for archive in map(Path, sys.argv[1:]):
    try:
        extract(archive, archive.with_suffix(".into"))
    except DataError:
        pass
print((used() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_memory_is_bounded(tmp_path: Path) -> None:
    files = {
        "long.tar.gz": tarred(long_header(b"L"), gzip.open),
        "pax.tar.xz": tarred(long_header(b"x"), lzma.open),
        "many.zip": directory(200_000),
        "deep.zip": zipped(["d/" * 1500 + "x"]),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in files]
    ran = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 300, "MiB, beyond what Python needs itself"
