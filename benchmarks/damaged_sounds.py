"""Damaged recordings: are they read or refused, without a traceback and without a hang?

    python benchmarks/damaged_sounds.py FOLDER [--files 300] [--seed 0]

Takes recordings out of FOLDER (``.wav``, of any length), writes them in every format that can be
written here, and damages each in one way drawn at random: cut short, bytes flipped, a header of
noise, sizes that lie, a hole of zeros, nothing but zeros, text, another file in front, the suffix
of another format. ``headstart check`` then looks at all of them, and a model that was trained on
sound ones, of two classes, answers for them, each in a process of its own with an empty cache.

Printed are, kind by kind, how many are read and how many refused with a reason; tracebacks, other
failures of the commands, seconds of each, and of the slowest file read by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from headstart.modalities import modality

FORMATS = {
    **{f"{kind}.wav": ("WAV", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW")},
    "RF64.wav": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "au": ("AU", "PCM_16"),
}
CLASSES, LONGEST = ("one", "other"), 600
"""Seconds that a command may take: beyond, it hangs."""
Generator = np.random.Generator
Damage = Callable[[bytes, Generator], bytes]


def cut(data: bytes, rng: Generator) -> bytes:
    """Leave away the end, from anywhere on."""
    return data[: int(rng.integers(0, len(data)))]


def flipped(data: bytes, rng: Generator) -> bytes:
    """Change some bytes anywhere."""
    return _with(data, rng.integers(0, len(data), int(rng.integers(1, 200))), rng)


def noisy_header(data: bytes, rng: Generator) -> bytes:
    """Change bytes among the first 80, but for those that name the format."""
    return _with(data, rng.integers(4, min(80, len(data)), int(rng.integers(1, 12))), rng)


def lying_sizes(data: bytes, rng: Generator) -> bytes:
    """Set a field of four bytes in the header to nothing, or to all that it can say."""
    told = bytearray(data)
    at = 4 * int(rng.integers(1, 12))
    told[at : at + 4] = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff")[int(rng.integers(3))]
    return bytes(told)


def hole(data: bytes, rng: Generator) -> bytes:
    """Put zeros in the place of a stretch, as of a sector that was lost."""
    start = int(rng.integers(0, len(data)))
    length = min(len(data) - start, int(rng.integers(16, 4096)))
    return data[:start] + bytes(length) + data[start + length :]


def zeros(data: bytes, rng: Generator) -> bytes:
    """Leave its length alone."""
    return bytes(len(data))


def text(data: bytes, rng: Generator) -> bytes:
    """Write a page that says that there is no such file, as servers send it."""
    return b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * int(rng.integers(1, 40))


def behind_another(data: bytes, rng: Generator) -> bytes:
    """Put something else in front: a film's head, a tag, an archive's, noise."""
    fronts = (b"\x00\x00\x00\x18ftypmp42", b"ID3\x04\x00\x00\x00\x00\x0f\x76", b"PK\x03\x04",
              rng.bytes(64))  # fmt: skip
    return fronts[int(rng.integers(len(fronts)))] + data


def whole(data: bytes, rng: Generator) -> bytes:
    """Change nothing: its suffix is that of another format."""
    return data


DAMAGES: dict[str, Damage] = {
    "cut": cut,
    "bytes flipped": flipped,
    "header of noise": noisy_header,
    "sizes that lie": lying_sizes,
    "a hole of zeros": hole,
    "zeros": zeros,
    "text": text,
    "behind another": behind_another,
    "wrong suffix": whole,
}


@dataclass(frozen=True)
class Told:
    """What a command said."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def traceback(self) -> bool:
        """Whether it failed as no program should."""
        return "Traceback" in self.err or self.status not in (0, 2)


def damage(sources: list[Path], to: Path, n: int, seed: int) -> dict[str, str]:
    """Write damaged files in two classes; return name -> kind of damage."""
    rng, kinds = np.random.default_rng(seed), {}
    for k in range(n):
        suffix = list(FORMATS)[k % len(FORMATS)]
        kind = list(DAMAGES)[int(rng.integers(len(DAMAGES)))]
        data = DAMAGES[kind](_as(sources[int(rng.integers(len(sources)))], suffix), rng)
        if kind == "wrong suffix":
            suffix = list(FORMATS)[int(rng.integers(len(FORMATS)))]
        path = to / CLASSES[k % 2] / f"{k:03d}.{suffix.split('.')[-1]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        kinds[f"{path.parent.name}/{path.name}"] = kind
    return kinds


def headstart(*words: str, cache: Path) -> Told:
    """Run a command in a process of its own."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "headstart", *words],
        env={**os.environ, "HEADSTART_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr, time.perf_counter() - start)


def slowest(folder: Path, names: list[str]) -> tuple[float, str]:
    """Read file by file; return the most seconds that one took, and its name."""
    audio, took = modality("audio"), []
    for name in names:
        data, start = (folder / name).read_bytes(), time.perf_counter()
        # What is refused is counted elsewhere.
        with audio.quiet(), contextlib.suppress(ValueError, OSError):
            audio.digest(audio.read(data))
        took.append((time.perf_counter() - start, name))
    return max(took)


def refused_by_check(told: Told) -> dict[str, str]:
    """Return name -> reason of what ``check`` left out."""
    found = [f for f in json.loads(told.out)["findings"] if f["kind"] == "unreadable"]
    return {name: reason for f in found for name, reason in f["figures"]["files"]}


def refused_by_predict(told: Told, folder: Path) -> dict[str, str]:
    """Return name -> reason of what ``predict`` did not answer for."""
    rows: list[dict[str, Any]] = json.loads(told.out)["predictions"]
    named = {str(Path(row["path"]).relative_to(folder)): row["error"] for row in rows}
    return {name: error for name, error in named.items() if error}


def main() -> None:
    """Damage, ask and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sources = sorted(asked.folder.rglob("*.wav"))
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch).resolve()
        kinds = damage(sources, home / "damaged", asked.files, asked.seed)
        for k, path in enumerate(sources[:: max(1, len(sources) // 40)][:40]):
            link = home / "sound" / CLASSES[k % 2] / f"{k}.wav"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
        trained = headstart("train", str(home / "sound"), "--out", str(home / "run"), "--layer",
                            "last", cache=home / "a")  # fmt: skip
        if trained.status:
            raise SystemExit(trained.err)
        told = {
            "check": headstart("check", str(home / "damaged"), "--json", cache=home / "b"),
            "predict": headstart(
                "predict", str(home / "run"), str(home / "damaged"), "--json", cache=home / "c"
            ),
        }
        for name, said in told.items():
            print(f"{name}: {said.seconds:.0f} s, traceback: {said.traceback}")
            if said.status:
                raise SystemExit(said.err)
        checked = refused_by_check(told["check"])
        answered = refused_by_predict(told["predict"], home / "damaged")
        report(kinds, checked, answered)
        seconds, name = slowest(home / "damaged", list(kinds))
        print(f"slowest: {seconds:.2f} s ({name}, {kinds[name]})")


def report(kinds: dict[str, str], checked: dict[str, str], answered: dict[str, str]) -> None:
    """Print what was read and refused, and the reasons."""
    of = defaultdict(list)
    for name, kind in kinds.items():
        of[kind].append(name)
    for kind, names in of.items():
        refused = sum(name in answered for name in names)
        print(f"{kind}: {len(names) - refused} read, {refused} refused")
    differ = set(checked) ^ set(answered)
    print(f"all: {len(kinds) - len(answered)} read, {len(answered)} refused, "
          f"{sum(not why.strip() for why in answered.values())} without a reason; "
          f"check and predict differ on {len(differ)}")  # fmt: skip
    for reason, n in Counter(answered.values()).most_common():
        print(f"  {n:3d} {reason}")


def _with(data: bytes, places: np.ndarray, rng: Generator) -> bytes:
    changed = bytearray(data)
    for at in places:
        changed[at] = int(rng.integers(256))
    return bytes(changed)


def _as(source: Path, suffix: str) -> bytes:
    """Return a recording as a file of a format."""
    samples, rate = soundfile.read(source)
    kind, subtype = FORMATS[suffix]
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


if __name__ == "__main__":
    main()
