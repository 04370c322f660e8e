"""Real things, tiny: every test run has its own caches and never the network."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before anything imports a library that reads them once: private caches, and no network.
_HOME = Path(tempfile.mkdtemp(prefix="headstart-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["HEADSTART_CACHE"] = str(_HOME / "cache")
os.environ["HF_HOME"] = str(_HOME / "huggingface")
os.environ["TORCH_HOME"] = str(_HOME / "torch")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("SCIPY_ARRAY_API", None)
# Threads of one small matrix product only wait for each other; the product limits them itself.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from PIL import Image  # noqa: E402


def draw(kind: int, rng: np.random.Generator, side: int = 96) -> Image.Image:
    """Draw a picture of one of three kinds: stripes, a disc, a chequerboard; noisy and moved."""
    y, x = np.mgrid[:side, :side] + rng.integers(0, 24)
    shapes = (
        (x // 6 + rng.integers(2)) % 2,
        np.hypot(x - side / 2, y - side / 2) < side * rng.uniform(0.25, 0.4),
        (x // 12 + y // 12) % 2,
    )
    colour = rng.uniform(80, 200, 3)
    pixels = shapes[kind][..., None] * colour + rng.normal(30, 12, (side, side, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def draw_folder(
    root: Path,
    per_class: int,
    classes: tuple[str, ...] = ("stripes", "disc", "chequers"),
    seed: int = 0,
) -> Path:
    """Write a folder of class folders, JPEG and PNG alternating."""
    rng = np.random.default_rng(seed)
    for kind, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            suffix = ("jpg", "png")[i % 2]
            draw(kind % 3, rng).save(root / name / f"{name}{i}.{suffix}", quality=92)
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 drawn pictures in three class folders; do not write into it."""
    return draw_folder(tmp_path_factory.mktemp("data") / "photos", 15)


@pytest.fixture(scope="session")
def run_folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on ``photos``; do not write into it."""
    import headstart as hs

    return hs.train(photos, out=tmp_path_factory.mktemp("runs") / "photos").folder
