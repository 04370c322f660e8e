"""Which copies does the check find, and what does it claim that is none?

Makes known copies (rescaled, recompressed, toned) of random images of each dataset, adds them to
the whole set and counts how many are found at each step of the check; then lists the pairs that it
claims in the untouched set, to be looked at.

    python benchmarks/near_copies.py FOLDER [FOLDER ...] builtin:elpv
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from headstart.data import checks
from headstart.data.sources import open_source
from headstart.features.extract import _thumb, extract
from headstart.features.store import FeatureStore
from headstart.modalities.image import ImageModality


def encoded(image: Image.Image, form: str, **options: int) -> bytes:
    """Bytes of an image file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def smaller(image: Image.Image, share: float) -> Image.Image:
    """Scale both sides."""
    return image.resize(tuple(max(16, round(side * share)) for side in image.size))


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "half size": lambda im: encoded(smaller(im, 1 / 2), "PNG"),
    "a third, JPEG 75": lambda im: encoded(smaller(im, 1 / 3), "JPEG", quality=75),
    "96 pixels, JPEG 85": lambda im: encoded(smaller(im, 96 / im.width), "JPEG", quality=85),
    "JPEG 30": lambda im: encoded(im, "JPEG", quality=30),
    "brightness +10 %": lambda im: encoded(
        ImageEnhance.Brightness(im).enhance(1.1), "JPEG", quality=90
    ),
    "contrast +30 %": lambda im: encoded(
        ImageEnhance.Contrast(im).enhance(1.3), "JPEG", quality=90
    ),
    "2 % cropped off": lambda im: encoded(
        im.crop((im.width // 100, im.height // 100, im.width * 99 // 100, im.height * 99 // 100)),
        "JPEG",
        quality=90,
    ),
}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--images", type=int, default=64, help="copied per dataset")
    a = ask.parse_args()
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[bool, bool, bool]]] = {name: [] for name in COPIES}
    with tempfile.TemporaryDirectory() as work:
        for source in a.data:
            dataset = open_source(source, cache_dir=Path(work))
            with FeatureStore(Path(work)) as store:
                features = extract(dataset.files, [], store, workers=2)
            claimed = checks.find_copies(features.hashes, features.thumbs).clusters()
            print(f"{source}: {len(dataset)} images, {len(claimed)} pictures claimed twice or more")
            for rows in claimed:
                print("   ", " = ".join(dataset.refs[i] for i in rows))
            rows = rng.choice(len(dataset), min(a.images, len(dataset)), replace=False)
            for name, copy in COPIES.items():
                found[name] += steps(features, dataset.files, rows, copy)
    for name, made in found.items():
        print(f"{name:<20} {len(made)} copies: hash, correlation, found", np.mean(made, 0).round(3))


def steps(features, files, rows, copy) -> list[tuple[bool, bool, bool]]:  # noqa: ANN001
    """Say of each copied row whether its copy is near by hash, by correlation, and found."""
    pictures = [copy(Image.open(files[i]).convert("RGB")) for i in rows]
    new = np.stack([_thumb(ImageModality().read(data)) for data in pictures])
    gray = checks._gray(np.concatenate([features.thumbs[rows], new]), np.arange(2 * len(rows)))
    one, two = np.split(checks.perceptual_hash(gray), 2)
    near = np.bitwise_count(one ^ two) <= checks.NEAR_BITS
    flat = np.split(gray.reshape(len(gray), -1), 2)
    alike = np.array([np.corrcoef(p, q)[0, 1] for p, q in zip(*flat, strict=True)])
    copies = checks.find_copies(
        [*features.hashes, *(f"copy {i}" for i in rows)], np.concatenate([features.thumbs, new])
    )
    same = copies.component[rows] == copies.component[len(features.hashes) :]
    return list(zip(near, near & (alike >= checks.NEAR_CORRELATION), same, strict=True))


if __name__ == "__main__":
    main()
