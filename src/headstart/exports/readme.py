"""What lies beside an exported model: how to use it, in words and in code that runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.exports.int8 import Scores
from headstart.exports.parity import Parity
from headstart.modalities.entry import Entry
from headstart.run import Run
from headstart.said import _

HERE = Path(__file__).parent
README, SCRIPT = "README.md", "predict.py"


@dataclass(frozen=True)
class Shown:
    """What a README tells of an exported model."""

    run: Run
    entry: Entry
    format: str
    file: str
    about: Mapping[str, str]
    parity: Parity
    int8: Scores | None = None


def write_beside(shown: Shown, folder: Path) -> None:
    """Write README, scripts and what they need beside a model."""
    library, entry = shown.format.partition("-")[0], shown.entry
    script = entry.handed / f"{library}.py"
    if script.is_file():
        shutil.copyfile(script, folder / SCRIPT)
    for page in sorted((entry.handed / library).glob("*")):
        shutil.copyfile(page, folder / page.name)
    for name, data in entry.beside().items():
        (folder / name).write_bytes(data)
    (folder / README).write_text(_readme(shown, folder, entry.notes(library)), "utf-8")


def _readme(shown: Shown, folder: Path, notes: list[str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals["_"] = _
    text = environment.get_template("readme.md.j2").render(_facts(shown, folder), notes=notes)
    return re.sub(r"\n{4,}", "\n\n", text).strip() + "\n"


def _facts(shown: Shown, folder: Path) -> dict[str, Any]:
    about = shown.about
    thresholds = json.loads(about["thresholds"])
    return {
        "name": shown.run.folder.resolve().name,
        "about": about,
        "format": shown.format,
        "file": shown.file,
        "classes": json.loads(about["classes"]),
        "accuracy": json.loads(about["accuracy"]),
        "interval": json.loads(about["accuracy_ci95"]),
        "parity": shown.parity,
        "int8": shown.int8,
        "input": shown.entry.name,
        "needs": shown.entry.needs,
        "familiar": thresholds.get("familiar"),
        "abstain": thresholds.get("abstain"),
        "several": "labels" in thresholds,
        "label_thresholds": thresholds.get("labels", []),
        "script": _there(folder / SCRIPT),
    }


def _there(file: Path) -> str:
    return file.read_text("utf-8") if file.is_file() else ""
