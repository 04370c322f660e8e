"""Speech made by rule: dialects that the program espeak-ng speaks, where it is installed.

Nobody is heard in it: it shows what headstart does with recordings, on every computer, in a minute.
It says nothing about people.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from headstart.data import tables
from headstart.data.archives import appear
from headstart.data.cells import write_table
from headstart.data.tables import Rows
from headstart.errors import DataError, MissingExtraError
from headstart.events import Event, OnEvent
from headstart.findings import Finding
from headstart.machine import worker_count
from headstart.said import N_, _, listed
from headstart.scratch import scratch

PROGRAM = "espeak-ng"
RULE_MADE = N_("Rule-made speech tests the machinery and says nothing about people.")
VARIANTS = (*(f"m{k}" for k in range(1, 9)), *(f"f{k}" for k in range(1, 6)))
"""Of espeak-ng: each shapes all voices as another mouth would."""
SPEED, PITCH = (140, 190), (30, 70)
"""Words a minute, and the program's own scale of 0 to 99."""
LONGEST = 60
"""Seconds that one sentence may take."""


@dataclass(frozen=True)
class Script:
    """What is spoken, and by whom.

    Attributes
    ----------
    voices : mapping
        Class to voice of espeak-ng.
    texts : tuple of str
        Each is spoken by every voice, and is a group: no model may know it from training.
    takes : int
        How often, each time in another variant, speed and pitch.
    """

    voices: Mapping[str, str]
    texts: tuple[str, ...]
    takes: int


ENGLISH = Script(
    {
        "American": "en-us",
        "New York": "en-us-nyc",
        "Received Pronunciation": "en-gb-x-rp",
        "Scottish": "en-gb-scotland",
        "Lancaster": "en-gb-x-gbclan",
        "West Midlands": "en-gb-x-gbcwmd",
        "Caribbean": "en-029",
    },
    (
        "The train to the coast leaves at half past four.",
        "Put the butter and the bread on the table.",
        "My father bought a car in the other town.",
        "It was a cold night, and nobody was out.",
        "She asked the girl to close the door.",
        "We took a path along the water's edge.",
        "There is hardly any milk in the bottle.",
        "The boys were running around the park.",
        "He could not find the book he wanted.",
        "Our house stands by a large old church.",
        "Tomorrow the weather will be better.",
        "They danced all night at the farmer's party.",
        "Have you heard the news from the north?",
        "A third of the workers went home early.",
        "The bath is full of hot water.",
        "I never thought that it would be so far.",
        "Turn right at the corner after the bridge.",
        "The nurse gave him a cup of tea.",
        "You ought to write your mother a letter.",
        "No one knows where the money came from.",
        "The dog was lying in front of the fire.",
        "Last year the harvest was poor.",
        "Either of these coats would fit you.",
        "She sells fresh fish and pure honey.",
        "The moon rose over the quiet hills.",
    ),
    1,
)
CHINESE = Script(
    {"普通话": "cmn-latn-pinyin", "粤语": "yue", "客家话": "hak"},
    (
        *("3 5 8 1 9", "2 4 6 7 0", "1 3 9 5 6", "8 0 2 7 4", "5 9 1 6 3", "7 2 0 4 8"),
        *("6 1 7 3 5", "9 4 8 0 2", "0 6 3 9 1", "4 7 5 2 8", "2 8 6 1 7", "5 0 9 4 3"),
        *("1 7 4 8 6", "3 2 5 0 9", "8 6 0 3 1", "9 5 7 4 2", "7 3 1 9 8", "0 4 2 6 5"),
        *("6 8 3 2 1", "4 0 7 5 9", "2 9 1 8 3", "5 6 4 7 0", "1 0 8 2 4", "3 7 9 6 5"),
    ),
    2,
)
"""Numbers, digit by digit: espeak-ng reads no Hakka characters. ``cmn`` alone would read pinyin as
if it were English."""


def read_spoken(name: str, script: Script, cache_dir: Path, on_event: OnEvent) -> Rows:
    """List the recordings, made when they are asked for the first time.

    Raises
    ------
    MissingExtraError
        There is no espeak-ng.
    DataError
        It does not speak a voice.
    """
    home = cache_dir / "datasets" / name
    index = home / "recordings" / "index.csv"
    if not index.is_file():
        _prepare(name, script, home, on_event)
    rows = tables.read(index, tables.Columns("path", "label", "group"))
    return replace(rows, findings=(Finding("spoken", "info", _(RULE_MADE)),))


def _prepare(name: str, script: Script, home: Path, on_event: OnEvent) -> None:
    """Write ``home/recordings`` with its index, whole or not at all."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise MissingExtraError(
            _(
                "builtin:{name} is spoken by the program {program}, which is not on this computer.",
                name=name,
                program=PROGRAM,
            ),
            _(
                "Install it: {commands}. Then run the same command again.",
                commands=listed(
                    [
                        "apt install espeak-ng (Debian, Ubuntu)",
                        "brew install espeak-ng (macOS)",
                        "winget install eSpeak-NG.eSpeak-NG (Windows)",
                    ],
                    "or",
                ),
            ),
        )
    lines = list(_lines(script))
    home.mkdir(parents=True, exist_ok=True)
    with scratch(".writing-", home) as beside:
        for label in script.voices:
            (beside / label).mkdir()

        def speak(line: _Line) -> None:
            _speak(program, line, beside / line.path)

        with ThreadPoolExecutor(worker_count()) as pool:
            for done, _spoken in enumerate(pool.map(speak, lines), 1):
                on_event(Event(_("speaking {data}", data=name), done, len(lines), _("recordings")))
        with (beside / "index.csv").open("w", encoding="utf-8", newline="") as file:
            rows: Iterator[Sequence[object]] = ((x.path, x.label, x.group) for x in lines)
            write_table(file, ["path", "label", "group"], rows)
        appear(beside, home / "recordings")


@dataclass(frozen=True)
class _Line:
    """One recording to make."""

    path: str
    label: str
    group: str
    text: str
    options: tuple[str, ...]


def _lines(script: Script) -> Iterator[_Line]:
    """Cast every line; the same line is spoken alike on every computer with the same program."""
    for label, voice in script.voices.items():
        for number, text in enumerate(script.texts, 1):
            for take in range(script.takes):
                rng = Random(f"{voice} {number} {take}")
                mouth = rng.choice(VARIANTS)
                speed, pitch = rng.randint(*SPEED), rng.randint(*PITCH)
                options = ("-v", f"{voice}+{mouth}", "-s", str(speed), "-p", str(pitch))
                path = f"{label}/{number:02d}{'abcdef'[take]}.wav"
                yield _Line(path, label, f"text {number:02d}", text, options)


def _speak(program: str, line: _Line, to: Path) -> None:
    told = [program, *line.options, "-w", str(to), line.text]
    try:
        subprocess.run(told, check=True, capture_output=True, timeout=LONGEST)
        cause = "" if to.is_file() else "no file"
    except subprocess.CalledProcessError as failed:
        cause = failed.stderr.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired) as failed:
        cause = str(failed)
    if cause:
        raise DataError(
            _(
                "{program} did not speak {text!r} with the voice {voice!r}: {cause}.",
                program=PROGRAM,
                text=line.text,
                voice=line.options[1],
                cause=" ".join(cause.split()).rstrip("."),
            ),
            _(
                "Its version 1.51 has all voices: `{command}` says which one is here.",
                command=f"{PROGRAM} --version",
            ),
        )
