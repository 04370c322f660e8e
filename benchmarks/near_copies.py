"""Which copies does the check find, and what does it claim that is none?

Plants 40 copies (resized, recompressed, mirrored, upside down) of random images of each dataset
across a split and counts those caught; makes known copies of more kinds, adds them to the whole set
and counts how many are found at each step of the check; and lists what it claims in the untouched
set, to be looked at (``--sheet`` draws it): what is no copy there is a false alarm.

    python benchmarks/near_copies.py FOLDER [FOLDER ...] builtin:elpv --sheet claimed.png
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from headstart.data.sources import open_source
from headstart.features.extract import extract
from headstart.features.store import FeatureStore
from headstart.modalities.image import ImageModality
from headstart.modalities.image import copies as checks
from headstart.modalities.image.digest import digest


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

PLANTED: dict[str, Callable[[Image.Image], bytes]] = {
    "resized": COPIES["half size"],
    "recompressed": COPIES["JPEG 30"],
    "mirrored": lambda im: encoded(ImageOps.mirror(im), "JPEG", quality=90),
    "upside down": lambda im: encoded(ImageOps.flip(im), "JPEG", quality=90),
}
COPIES |= {
    "mirrored": PLANTED["mirrored"],
    "upside down": PLANTED["upside down"],
    "turned by half": lambda im: encoded(im.rotate(180), "JPEG", quality=90),
    "mirrored, a third": lambda im: encoded(smaller(ImageOps.mirror(im), 1 / 3), "JPEG"),
}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("data", nargs="+")
    ask.add_argument("--images", type=int, default=64, help="copied per dataset")
    ask.add_argument("--planted", type=int, default=40, help="copies across the split, a dataset")
    ask.add_argument("--sheet", type=Path, help="draw the pictures that are claimed twice")
    a = ask.parse_args()
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[bool, bool, bool]]] = {name: [] for name in COPIES}
    drawn: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as work:
        for source in a.data:
            dataset = open_source(source, cache_dir=Path(work))
            with FeatureStore(Path(work)) as store:
                features = extract(dataset.examples, [], store, workers=2)
            start = time.perf_counter()
            copies = checks.find_copies(features.hashes, features.digests)
            seconds, claimed = time.perf_counter() - start, copies.clusters()
            flagged = sum(len(rows) for rows in claimed)
            print(
                f"{source}: {len(dataset)} images in {seconds:.2f} s, {len(claimed)} pictures "
                f"claimed twice or more: {flagged} images, {flagged / len(dataset):.2%}"
            )
            for rows in claimed:
                over = len(np.unique(copies.unturned[rows])) > 1
                print("   ", " = ".join(dataset.refs[i] for i in rows), "(turned)" * over)
                drawn.append(np.hstack([features.digests[i].thumb for i in (*rows[:2],)]))
            print("    planted:", planted(features, dataset.examples.items.files, a.planted, rng))
            rows = rng.choice(len(dataset), min(a.images, len(dataset)), replace=False)
            for name, copy in COPIES.items():
                found[name] += steps(features, dataset.examples.items.files, rows, copy)
    if a.sheet and drawn:
        sheet(drawn).save(a.sheet)
    for name, made in found.items():
        print(f"{name:<20} {len(made)} copies: hash, correlation, found", np.mean(made, 0).round(3))


def sheet(pairs: list[np.ndarray], columns: int = 8) -> Image.Image:
    """Lay pictures of one size out in rows."""
    high, wide, _ = pairs[0].shape
    page = Image.new("RGB", (columns * (wide + 8), -(-len(pairs) // columns) * (high + 8)), "white")
    for k, pair in enumerate(pairs):
        page.paste(Image.fromarray(pair), (k % columns * (wide + 8), k // columns * (high + 8)))
    return page


def planted(features, files, n, rng) -> str:  # noqa: ANN001
    """Put copies of training images into a test set; count what is caught, and what joins wrongly.

    Half of the images, chosen at random, train; copies of ``n`` of them, of each kind in turn,
    join the other half. A copy is caught if it shares its picture with its original.
    """
    train = rng.permutation(len(files))[: len(files) // 2]
    rows, kinds = train[:n], [list(PLANTED)[k % len(PLANTED)] for k in range(n)]
    pictures = [
        PLANTED[kind](Image.open(files[i]).convert("RGB"))
        for i, kind in zip(rows, kinds, strict=True)
    ]
    new = [digest(ImageModality().read(data)) for data in pictures]
    hashes = [*features.hashes, *(f"planted {i}" for i in rows)]
    before = checks.find_copies(features.hashes, features.digests)
    after = checks.find_copies(hashes, [*features.digests, *new])
    caught = after.component[rows] == after.component[len(files) :]
    missed = [
        f"{kind} {files[i].name}" for i, kind, c in zip(rows, kinds, caught, strict=True) if not c
    ]
    # Whoever is flagged now, is not an original, and was not flagged before, was drawn in wrongly.
    flagged = np.bincount(after.component)[after.component][: len(files)] > 1
    known = np.bincount(before.component)[before.component] > 1
    others = np.setdiff1d(np.flatnonzero(flagged & ~known), rows)
    return f"{caught.sum()} of {len(rows)} caught; {len(others)} other images drawn in" + (
        f"; missed: {', '.join(missed)}" if missed else ""
    )


def steps(features, files, rows, copy) -> list[tuple[bool, bool, bool]]:  # noqa: ANN001
    """Say of each copied row whether its copy is near by hash, by correlation, and found."""
    pictures = [copy(Image.open(files[i]).convert("RGB")) for i in rows]
    new = [digest(ImageModality().read(data)) for data in pictures]
    gray = checks._gray([*(features.digests[i] for i in rows), *new], np.arange(2 * len(rows)))
    old, made = np.split(gray, 2)
    near, sure = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for down, across in checks.TURNS:
        turned = old[:, ::down, ::across]
        bits = np.bitwise_count(checks.perceptual_hash(turned) ^ checks.perceptual_hash(made))
        alike = [np.corrcoef(p.ravel(), q.ravel())[0, 1] for p, q in zip(turned, made, strict=True)]
        close = bits <= checks.NEAR_BITS
        near |= close
        sure |= close & (np.array(alike) >= checks.NEAR_CORRELATION)
    copies = checks.find_copies(
        [*features.hashes, *(f"copy {i}" for i in rows)], [*features.digests, *new]
    )
    same = copies.component[rows] == copies.component[len(features.hashes) :]
    return list(zip(near, sure, same, strict=True))


if __name__ == "__main__":
    main()
