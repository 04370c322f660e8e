"""The computer a job runs on: its cores, its cache folder, its accelerator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from platformdirs import user_cache_path

from headstart.errors import ConfigError


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
        raise ConfigError("--device cuda: torch sees no CUDA device here.", "Use --device cpu.")
    return "cpu"


def _has_driver() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None
