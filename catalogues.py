"""Compiles the catalogues of words, so that the package holds them: gettext reads ``.mo`` files.

Called when the package is built or installed, and as ``python catalogues.py`` after a change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "src" / "headstart" / "locale"

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # called by hand
    BuildHookInterface = object


def compile_catalogues() -> None:
    """Write each ``.mo`` beside its ``.po``."""
    for source in LOCALES.glob("*/LC_MESSAGES/*.po"):
        with source.open("rb") as words, source.with_suffix(".mo").open("wb") as out:
            write_mo(out, read_po(words))


class Hook(BuildHookInterface):
    """What hatchling calls before it packs or links the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile."""
        compile_catalogues()


if __name__ == "__main__":
    compile_catalogues()
