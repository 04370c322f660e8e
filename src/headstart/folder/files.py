"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import ConfigError
from headstart.text import ANY_NAME, to_json

WRITING = ".headstart-writing-"
"""How folders begin that are not complete yet; old ones are cleared away by the next run."""


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write in, and put it in place only when everything in it is there."""
    for stale in folder.parent.glob(f"{WRITING}*"):  # of runs killed while writing
        if time.time() - stale.stat().st_mtime > 3600:
            shutil.rmtree(stale, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=f"{WRITING}{folder.name}-", dir=folder.parent))
    try:
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            old = folder.with_name(f".headstart-replaced-{folder.name}-{os.getpid()}")
            folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(folder)
    except OSError as cause:
        shutil.rmtree(beside, ignore_errors=True)
        raise ConfigError(
            f"Cannot write the run folder {str(folder)!r}: {cause.strerror or cause}.",
            "Free some space or choose another --out; the computed features are cached.",
        ) from cause
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write plain values, for people to read too."""
    path.write_text(to_json(value, indent=1) + "\n", "utf-8")


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows of predictions as CSV or, for ``.jsonl``, as JSON lines; whole or not at all."""
    beside = path.with_name(path.name + ".partial")
    with beside.open("w", encoding="utf-8", errors=ANY_NAME, newline="") as out:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            out.writelines(to_json(row) + "\n" for row in rows)
        else:
            table = csv.DictWriter(out, rows[0] if rows else ["path"])
            table.writeheader()
            table.writerows(rows)
    beside.replace(path)
