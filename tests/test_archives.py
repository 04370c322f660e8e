"""Archives are unpacked whole and within limits, or nothing is left of them."""

import gzip
import io
import lzma
import os
import random
import shutil
import stat
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest

from headstart.data import archives
from headstart.data.archives import extract, is_archive, stem, unpacked
from headstart.errors import DataError
from headstart.events import Event

CONTENT = {"cat/1.txt": b"miaow", "cat/deep/2.txt": b"", "dog/1.txt": b"woof" * 999}
ESCAPES = [
    *("../evil", "a/../../evil", "/evil", "//evil", "C:/evil", "c:evil", "a/C:/evil", "..", "a/.."),
    *("..\\evil", "a\\..\\..\\evil", "\\evil", "\\\\host\\evil", "C:\\evil"),
]


def make_zip(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def make_tar(path: Path, content: dict[str, bytes] = CONTENT, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def special_tar(path: Path, kind: bytes, target: str = "") -> Path:
    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = kind, target
        file.addfile(member)
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def refuse(tmp_path):
    """Extract what must be refused; nothing may be left. Return message and mend."""

    def _refuse(archive: Path) -> tuple[str, str]:
        before = sorted(tmp_path.iterdir())
        with pytest.raises(DataError) as caught:
            extract(archive, tmp_path / "place" / "into")
        assert list((tmp_path / "place").iterdir()) == []
        (tmp_path / "place").rmdir()
        assert sorted(tmp_path.iterdir()) == before
        assert caught.value.message.startswith(archive.name)
        return caught.value.message, caught.value.hint

    return _refuse


# ------------------------------------------------------------------ what is fine


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("a.zip", "zip"), ("a.ZIP", "zip"), ("a.tar", "w"), ("a.tar.gz", "w:gz")),
        *(("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz"), ("a.txz", "w:xz")),
    ],
)
def test_extract(tmp_path, name, mode):
    path = tmp_path / name
    make_zip(path) if mode == "zip" else make_tar(path, mode=mode)
    events: list[Event] = []
    extract(path, tmp_path / "place/into", events.append)
    assert files_in(tmp_path / "place/into") == CONTENT
    assert [p.name for p in (tmp_path / "place").iterdir()] == ["into"]
    assert {(e.stage, e.unit) for e in events} == {("unpacking", "files")}
    assert [(e.done, e.total) for e in events] == [(0, 0), (1, 3), (2, 3), (3, 3)]
    assert is_archive(path)
    assert stem(path) == "a"


def test_empty_folders_are_kept(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"cat/": b"", "dog/1.txt": b""})
    extract(path, tmp_path / "into")
    assert (tmp_path / "into/cat").is_dir()
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        file.add(tmp_path / "into", ".")
    extract(tmp_path / "a.tar", tmp_path / "again")
    assert (tmp_path / "again/cat").is_dir()


def test_nothing_from_an_archive_may_run(tmp_path):
    info = zipfile.ZipInfo("run.sh")
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o4777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "#!/bin/sh")
    extract(tmp_path / "a.zip", tmp_path / "into")
    assert not (tmp_path / "into/run.sh").stat().st_mode & 0o7111


def test_separators_of_old_windows_tools(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"cat#1.txt": b"x", "cat#2.txt": b"y"})
    path.write_bytes(path.read_bytes().replace(b"#", b"\\"))
    extract(path, tmp_path / "into")
    assert files_in(tmp_path / "into") == {"cat/1.txt": b"x", "cat/2.txt": b"y"}


@pytest.mark.parametrize(
    ("names", "encoding", "shown"),
    [
        (["猫/1.txt", "狗/一.txt"], "gbk", ["猫/1.txt", "狗/一.txt"]),
        (["猫/1.txt", "狗/一.txt"], "utf-8", ["猫/1.txt", "狗/一.txt"]),
        # The second byte of this character is a backslash in GBK.
        (["誠/1.txt"], "gbk", ["誠/1.txt"]),
        (["Bär/é.txt"], "cp437", ["Bär/é.txt"]),
    ],
)
def test_names_that_do_not_say_their_encoding(tmp_path, names, encoding, shown):
    """As Chinese Windows writes them: the bytes of the code page, and no UTF-8 flag."""
    raw = [name.encode(encoding) for name in names]
    path = make_zip(tmp_path / "a.zip", {"#" * len(r) + str(i): b"" for i, r in enumerate(raw)})
    data = path.read_bytes()
    for i, r in enumerate(raw):
        old = b"#" * len(r) + str(i).encode()
        data = data.replace(old, r + str(i).encode())
    path.write_bytes(data)
    extract(path, tmp_path / "into")
    expected = sorted(f"{name}{i}" for i, name in enumerate(shown))
    assert sorted(files_in(tmp_path / "into")) == expected


def test_names_with_the_utf8_flag(tmp_path):
    extract(make_zip(tmp_path / "a.zip", {"猫/é.txt": b""}), tmp_path / "into")
    assert list(files_in(tmp_path / "into")) == ["猫/é.txt"]


def test_a_finished_extraction_is_reused(tmp_path):
    path = make_zip(tmp_path / "a.zip")
    folder = unpacked(path, tmp_path)
    assert folder.parent == tmp_path / "archives"
    assert len(folder.name) == 64  # SHA-256
    (folder / "mark").touch()
    assert unpacked(path, tmp_path) == folder
    assert (folder / "mark").exists()
    make_zip(path, {"other": b""})
    assert unpacked(path, tmp_path) != folder


def test_whoever_is_later_leaves_the_finished_folder_alone(tmp_path):
    path, into = make_zip(tmp_path / "a.zip"), tmp_path / "place/into"
    into.mkdir(parents=True)
    (into / "mark").touch()
    extract(path, into)
    assert [p.name for p in into.iterdir()] == ["mark"]
    assert [p.name for p in into.parent.iterdir()] == ["into"]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("make", [partial(make_zip), partial(make_tar)])
def test_paths_that_leave_the_folder(refuse, tmp_path, name, make):
    path = tmp_path / ("a.zip" if make.func is make_zip else "a.tar")
    message, hint = refuse(make(path, {"fine.txt": b"x", name: b"x"}))
    assert "would be written outside its folder" in message
    assert repr(name) in message
    assert hint == "Unpack it yourself if you trust it, and pass the folder."


def test_a_null_byte_in_a_name(refuse, tmp_path):
    path = make_zip(tmp_path / "a.zip", {"good#evil": b""})
    path.write_bytes(path.read_bytes().replace(b"#", b"\0"))
    assert "outside its folder" in refuse(path)[0]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "inside"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar(refuse, tmp_path, kind, target):
    message, hint = refuse(special_tar(tmp_path / "a.tar", kind, target))
    assert message == "a.tar: 'odd' is a link or a device, not a file."
    assert "Unpack it yourself" in hint


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip(refuse, tmp_path, kind):
    info = zipfile.ZipInfo("odd")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    assert "'odd' is a link or a device" in refuse(tmp_path / "a.zip")[0]


def test_a_password(refuse, tmp_path):
    path = make_zip(tmp_path / "a.zip", {"x.txt": b"secret"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header,
    data[data.index(b"PK\1\2") + 8] |= 1  # and in the directory
    path.write_bytes(data)
    message, hint = refuse(path)
    assert message == "a.zip: 'x.txt' needs a password."
    assert hint == "Unpack it with the password, and pass the folder."


def test_two_entries_of_one_name(refuse, tmp_path):
    assert (
        "two entries are called 'a/x'"
        in refuse(make_tar(tmp_path / "a.tar", {"a/x": b"1", "a//x": b"2"}))[0]
    )


def test_a_file_that_is_also_a_folder(refuse, tmp_path):
    message, hint = refuse(make_zip(tmp_path / "a.zip", {"a": b"1", "a/b": b"2"}))
    assert "cannot be unpacked" in message
    assert str(tmp_path) not in message
    assert hint


# ------------------------------------------------------------------ limits


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_too_many_entries(refuse, tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    message, hint = refuse(make(tmp_path / ("a.zip" if make is make_zip else "a.tar")))
    assert "more than 2 entries" in message
    assert "pass the folder" in hint


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_too_many_bytes_are_refused_before_any_is_written(refuse, tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "MAX_BYTES", 4000)
    monkeypatch.setattr(archives, "_write", None)  # would fail if it came so far
    message, hint = refuse(make(tmp_path / ("a.zip" if make is make_zip else "a.tar")))
    assert "unpacks to more than" in message
    assert "where there is room" in hint


def test_more_than_the_free_disk(refuse, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_SHARE_OF_DISK", 0.0)
    assert "0% of the free disk" in refuse(make_zip(tmp_path / "a.zip"))[0]


def test_a_bomb(refuse, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 10**6)
    bomb = make_tar(tmp_path / "a.tar.gz", {"zeros": bytes(2 * 10**6)}, "w:gz")
    assert bomb.stat().st_size < 10**4
    assert "unpacks to more than" in refuse(bomb)[0]


@pytest.mark.parametrize("claimed", [0, 10, 2**31])
def test_a_zip_whose_header_lies_about_sizes(refuse, tmp_path, monkeypatch, claimed):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    true = 10**5
    path = make_zip(tmp_path / "a.zip", {"zeros": bytes(true)})
    size, lie = true.to_bytes(4, "little"), claimed.to_bytes(4, "little")
    data = path.read_bytes()
    assert data.count(size) == 2  # local header and directory
    path.write_bytes(data.replace(size, lie))
    message, hint = refuse(path)
    assert "cannot be unpacked" in message or "more than" in message
    assert hint


def test_bytes_are_counted_as_they_come_out(tmp_path):
    """Whatever library decompresses, a file larger than it said stops at the limit."""
    lying = archives._Entry(("x",), 10, lambda: io.BytesIO(bytes(5000)))
    with pytest.raises(archives._RefusalError, match="unpacks to more than"):
        archives._write([lying], tmp_path, 1000, lambda event: None)
    assert (tmp_path / "x").stat().st_size == 0


# ------------------------------------------------------------------ damage


def test_what_is_no_archive(refuse, tmp_path):
    for name in ("a.zip", "a.tar", "a.tar.gz", "a.tar.xz"):
        (tmp_path / name).write_bytes(b"this is text")
        message, hint = refuse(tmp_path / name)
        assert "cannot be unpacked" in message
        assert "damaged or cut short" in hint
        (tmp_path / name).write_bytes(b"")
        if name == "a.zip":
            refuse(tmp_path / name)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
def test_archives_cut_short(refuse, tmp_path, name, kept):
    noise = random.Random(0).randbytes
    content = {f"{i}.bin": noise(3000) for i in range(10)}
    path = tmp_path / name
    if name == "a.zip":
        make_zip(path, content)
    else:
        make_tar(path, content, {"a.tar": "w"}.get(name, f"w:{name.rpartition('.')[2]}"))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    message, hint = refuse(path)
    assert "cannot be unpacked" in message
    assert "copy or download it again" in hint


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(refuse, tmp_path):
    path = make_tar(tmp_path / "a.tar", {f"{i}.txt": b"x" for i in range(4)})
    data = bytearray(path.read_bytes())
    data[2048] ^= 0xFF  # first byte of the third header
    path.write_bytes(data)
    assert "a header in the middle is damaged" in refuse(path)[0]


def test_a_flipped_bit_in_a_file(refuse, tmp_path):
    path = make_zip(tmp_path / "a.zip", {"x": random.Random(0).randbytes(1000)})
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    assert "cannot be unpacked" in refuse(path)[0]


def test_random_damage_is_refused_or_unpacked_but_nothing_is_left(tmp_path):
    rng = random.Random(0)
    sources = [
        make_zip(tmp_path / "a.zip", {**CONTENT, "猫/é.txt": b"x" * 50}),
        make_tar(tmp_path / "a.tar"),
        make_tar(tmp_path / "a.tar.gz", mode="w:gz"),
        make_tar(tmp_path / "a.tar.xz", mode="w:xz"),
    ]
    original = {path: path.read_bytes() for path in sources}
    place = tmp_path / "place"
    for _ in range(400):
        path = rng.choice(sources)
        data = bytearray(original[path])
        for _ in range(rng.randint(1, 5)):
            # Headers are where it hurts: the beginning, and a zip's directory at the end.
            spot = rng.choice([rng.randrange(len(data)), rng.randrange(300), -rng.randrange(200)])
            data[spot % len(data)] = rng.randrange(256)
        path.write_bytes(data)
        try:
            extract(path, place / "into")
        except DataError as error:
            assert error.hint
            assert list(place.iterdir()) == []
        else:
            assert [p.name for p in place.iterdir()] == ["into"]
            shutil.rmtree(place / "into")


def test_ctrl_c_leaves_nothing(tmp_path):
    def interrupt(event: Event) -> None:
        if event.done == 2:
            raise KeyboardInterrupt

    path = make_zip(tmp_path / "a.zip")
    with pytest.raises(KeyboardInterrupt):
        extract(path, tmp_path / "place/into", interrupt)
    assert list((tmp_path / "place").iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
def test_an_archive_without_permission(tmp_path):
    path = make_zip(tmp_path / "a.zip")
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied") as caught:
        unpacked(path, tmp_path)
    assert "permissions" in caught.value.hint


def test_compression_that_python_lacks(refuse, tmp_path):
    path = make_zip(tmp_path / "a.zip", {"x": b"x" * 100})
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\1\2") + 10] = 9  # Deflate64, as Windows uses for large files
    path.write_bytes(data)
    assert "compression" in refuse(path)[0]


def test_gzip_and_xz_with_no_tar_inside(refuse, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"no tar" * 200))
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(b"no tar" * 200))
    for name in ("a.tar.gz", "a.tar.xz"):
        assert "cannot be unpacked" in refuse(tmp_path / name)[0]
