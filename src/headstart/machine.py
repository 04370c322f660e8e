"""The computer a job runs on: its cores, its cache folder, its accelerator."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from headstart.errors import ConfigError
from headstart.events import Event, OnEvent, ignore
from headstart.said import _


@dataclass(frozen=True)
class Machine:
    """What a job runs on, asked once at its edge and handed down.

    Attributes
    ----------
    cache : Path
        Where features, activations and prepared engines are kept.
    workers : int
        Threads to work in.
    device : {"cpu", "cuda"}
    on_event : callable
        Hears progress.
    """

    cache: Path
    workers: int
    device: str
    on_event: OnEvent = ignore

    @classmethod
    def here(cls, device: str = "auto", on_event: OnEvent = ignore) -> Machine:
        """Ask the computer this runs on.

        Raises
        ------
        ConfigError
            A device that is not there.
        """
        return cls(cache_folder(), worker_count(), resolve_device(device), on_event)

    def ticker(self, stage: str) -> Callable[[int, int], None]:
        """Return what turns (done, total) fits of a stage into events."""
        return lambda done, total: self.on_event(Event(stage, done, total, _("fits")))


def worker_count() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def cache_folder() -> Path:
    """``$HEADSTART_CACHE``, or the platform's cache folder."""
    named = os.environ.get("HEADSTART_CACHE")
    return Path(named).expanduser() if named else user_cache_path("headstart")


def resolve_device(asked: str) -> str:
    """Resolve ``auto`` without importing torch where no driver is installed."""
    if asked == "cpu" or (asked == "auto" and not _has_driver()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise ConfigError(
            _("--device cuda: torch sees no CUDA device here."), _("Use --device cpu.")
        )
    return "cpu"


def _has_driver() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None
