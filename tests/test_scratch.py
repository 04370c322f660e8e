"""What a killed process leaves behind is gone after the next run; what a live one writes is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headstart.data.archives import extract
from headstart.errors import ConfigError
from headstart.folder.files import whole_file, whole_folder, write_rows
from headstart.scratch import left_behind, scratch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders are locked on POSIX systems alone")

WRITING = """
import sys, time
from pathlib import Path
from headstart.folder.files import whole_file, whole_folder
with {how}(Path(sys.argv[1])) as beside:
    {write}
    print("ready", flush=True)
    time.sleep(60)
"""
FOLDER = WRITING.format(how="whole_folder", write='(beside / "half").write_text("half")')
FILE = WRITING.format(how="whole_file", write='beside.write_text("half")')
UNPACKING = """
import sys, time
from pathlib import Path
from headstart.data.archives import extract
def tell(event):
    if event.done:
        print("ready", flush=True)
        time.sleep(60)
extract(Path(sys.argv[1]), Path(sys.argv[2]), tell)
"""
BETWEEN_RENAMES = """
import os, signal, sys
from pathlib import Path
from headstart.folder import files
rename = Path.rename
def once(self, target):
    done = rename(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
    return done
with files.whole_folder(Path(sys.argv[1])) as beside:
    (beside / "new").write_text("new")
    Path.rename = once
"""


@contextmanager
def process(code: str, *arguments: Path) -> Iterator[subprocess.Popen[str]]:
    """Run code in another process until it says that it is in the middle of its work."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        try:
            yield running
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def killed(tmp_path: Path) -> Callable[..., Path]:
    """Kill a process in the middle of its work; return the folder it worked in."""

    def _killed(code: str, *arguments: Path) -> Path:
        with process(code, *arguments):
            pass
        assert len([n for n in names(tmp_path) if n.startswith(".")]) == 1, "it was in the middle"
        return tmp_path

    return _killed


def test_the_half_run_of_a_killed_process_goes_with_the_next(killed, tmp_path: Path) -> None:
    killed(FOLDER, tmp_path / "run")
    with whole_folder(tmp_path / "other") as beside:
        (beside / "whole").touch()
    assert names(tmp_path) == ["other"]


def test_the_half_file_of_a_killed_process_goes_with_the_next(killed, tmp_path: Path) -> None:
    killed(FILE, tmp_path / "answers.csv")
    write_rows([{"path": "a"}], tmp_path / "answers.csv")
    assert names(tmp_path) == ["answers.csv"]
    assert (tmp_path / "answers.csv").read_text() == "path\na\n"


def test_the_half_archive_of_a_killed_process_goes_with_the_next(tmp_path: Path) -> None:
    from test_archives import make_zip

    packed, cache = make_zip(tmp_path / "a.zip"), tmp_path / "cache"
    with process(UNPACKING, packed, cache / "one"):
        assert len(names(cache)) == 1
    assert names(cache)[0].startswith(".unpacking-")
    extract(packed, cache / "two")
    assert names(cache) == ["two"]


def test_what_a_process_that_lives_is_writing_stays(tmp_path: Path) -> None:
    with process(FOLDER, tmp_path / "run"):
        with whole_folder(tmp_path / "other") as beside:
            (beside / "whole").touch()
        hidden = [p for p in tmp_path.iterdir() if p.name.startswith(".headstart-writing-run-")]
        assert [(p / "half").read_text() for p in hidden] == ["half"]
    assert left_behind(".headstart-writing-", tmp_path) == hidden


def test_a_run_that_was_being_replaced_is_there_again(tmp_path: Path) -> None:
    """A process was killed when the old run was out of its place and the new one not yet in it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").touch()
    command = [sys.executable, "-c", BETWEEN_RENAMES, str(tmp_path / "run")]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert "run" not in names(tmp_path)
    with whole_folder(tmp_path / "other"):
        pass
    assert names(tmp_path) == ["other", "run"]
    assert names(tmp_path / "run") == ["old"]


def test_a_replaced_run_whose_successor_is_there_goes(tmp_path: Path) -> None:
    for name in ("run", ".headstart-replaced-run-123"):
        (tmp_path / name).mkdir()
    with whole_folder(tmp_path / "run") as beside:
        (beside / "new").touch()
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["new"]


def test_two_at_once_in_one_process(tmp_path: Path) -> None:
    with scratch(".making-", tmp_path) as one, scratch(".making-", tmp_path) as other:
        assert one.is_dir() and other.is_dir()
        assert left_behind(".making-", tmp_path) == []
    assert names(tmp_path) == []


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No space"), whole_folder(tmp_path / "run") as beside:
        (beside / "half").touch()
        raise OSError(28, "No space left on device")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.csv") as half:
        half.touch()
        raise KeyboardInterrupt
    assert names(tmp_path) == []
