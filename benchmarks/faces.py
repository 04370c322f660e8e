"""Telling people apart by the backbone ``face``: pairs, identification, speed, and what is found.

FACES is a folder of folders, one a person, such as the AT&T faces (40 people; 20 of them suffice).
All pairs of pictures are compared by the distance of their vectors: the equal error rate, and how
many pairs of one person are accepted where 1 % and 0.1 % of the others are. A person is identified
as the nearest mean of the pictures that were given of each (20 draws). Beside it the same network
on pictures that are not aligned. OTHERS are photos mostly without people.

    python benchmarks/faces.py FACES --others PHOTOS
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.backbones import resolve
from headstart.features.engines import Bench, Engine, Kitchen
from headstart.machine import cache_folder
from headstart.modalities import modality
from headstart.modalities.image.faces import chip
from headstart.modalities.image.faces.look import Faces
from headstart.modalities.image.read import Picture
from headstart.modalities.image.seen import Seen

DRAWS = 20


def squashed(picture: Picture, look: Faces) -> np.ndarray:
    return np.asarray(picture.image.resize((look.size, look.size), Image.Resampling.BILINEAR))


def padded(picture: Picture, look: Faces) -> np.ndarray:
    return chip.whole(picture.image, look.size)


def aligned(picture: Picture, look: Faces) -> np.ndarray:
    return look(picture)


def embed(engine: Engine, chips: list[np.ndarray]) -> np.ndarray:
    forward = engine.replica()
    return np.concatenate([forward(one[None]) for one in chips])


def pairs(vectors: np.ndarray, people: np.ndarray) -> dict[str, float]:
    first, second = np.triu_indices(len(people), 1)
    distances = np.linalg.norm(vectors[first] - vectors[second], axis=1)
    alike = people[first] == people[second]
    mine, other = np.sort(distances[alike]), np.sort(distances[~alike])
    at = np.sort(distances)
    accepted = np.searchsorted(mine, at, side="right") / len(mine)
    wrong = np.searchsorted(other, at, side="right") / len(other)
    even = np.argmin(np.abs(wrong - (1 - accepted)))
    return {
        "equal error": (wrong[even] + 1 - accepted[even]) / 2,
        "accepted at 1 %": accepted[wrong <= 0.01].max(),
        "at 0.1 %": accepted[wrong <= 0.001].max(),
        "within 0.6": np.mean(mine <= 0.6),
        "others within 0.6": np.mean(other <= 0.6),
    }


def identified(vectors: np.ndarray, people: np.ndarray, shots: int) -> float:
    rng, right = np.random.default_rng(0), []
    for _draw in range(DRAWS):
        means, rest = [], []
        for person in np.unique(people):
            rows = rng.permutation(np.flatnonzero(people == person))
            means.append(vectors[rows[:shots]].mean(axis=0))
            rest += rows[shots:].tolist()
        apart = np.linalg.norm(vectors[rest][:, None] - np.array(means)[None], axis=2)
        right.append(np.mean(np.unique(people)[apart.argmin(axis=1)] == people[rest]))
    return float(np.mean(right))


def row(name: str, vectors: np.ndarray, people: np.ndarray) -> None:
    told = {**pairs(vectors, people)}
    told |= {f"from {shots}": identified(vectors, people, shots) for shots in (1, 2, 5)}
    print(f"{name:>24}: " + ", ".join(f"{k} {v:.4f}" for k, v in told.items()), flush=True)


def as_file(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def changed(pictures: list[Picture]) -> dict[str, list[Picture]]:
    """Small and turned copies."""
    images = [picture.image for picture in pictures]
    read = modality("image").read
    how = {
        f"{n} pixels wide": [i.resize((n, n * i.height // i.width)) for i in images]
        for n in (80, 40, 30, 20)
    }
    how |= {f"turned by {a}": [i.rotate(a, expand=True) for i in images] for a in (15, 30, 90, 180)}
    return {name: [read(as_file(image)) for image in made] for name, made in how.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--others", type=Path)
    given = parser.parse_args()
    files = sorted(p for p in given.faces.glob("*/*") if p.is_file())
    people = np.array([p.parent.name for p in files])
    image = modality("image")
    ref = resolve("face")
    kitchen = Kitchen(cache_folder(), 1)
    bench = Bench(kitchen, ref)
    print("seconds a chip, one thread:", bench.time_engines())
    engine = kitchen.engine(ref)
    look = engine.card.look
    assert isinstance(look, Faces)
    pictures = [image.read(p.read_bytes(), look.detail) for p in files]
    print(f"{len(files)} pictures of {len(set(people))} people; engine {engine.name}")
    for way in (squashed, padded, aligned):
        row(way.__name__, embed(engine, [way(p, look) for p in pictures]), people)
    forward, start = engine.replica(), time.process_time()
    for path in files:
        forward(look(image.read(path.read_bytes(), look.detail))[None])
    took = 1000 * (time.process_time() - start) / len(files)
    print(f"CPU ms a picture, from bytes to vector: {took:.1f}")
    for name, made in changed(pictures).items():
        noticed = [look.notice(p) for p in made]
        seen = [Seen.unpack(packed) for _chip, packed in noticed]
        found = np.mean([s.count > 0 for s in seen])
        print(f"{name}: found {found:.3f}, turned {np.mean([s.turned > 0 for s in seen]):.3f}")
        row(name, embed(engine, [one for one, _packed in noticed]), people)
    if given.others:
        photos = sorted(p for p in given.others.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
        start = time.process_time()
        seen = [
            Seen.unpack(look.notice(image.read(p.read_bytes(), look.detail))[1]) for p in photos
        ]
        took = 1000 * (time.process_time() - start) / len(photos)
        count = sum(s.count > 0 for s in seen)
        print(f"{len(photos)} photos of others: faces in {count}, {took:.1f} CPU ms a photo")


if __name__ == "__main__":
    main()
