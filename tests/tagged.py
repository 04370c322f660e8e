"""Tagged sentences for tests: who went where, by rule, so that what is right is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PEOPLE = ["ada", "ben", "cleo", "dan", "eva", "finn"]
PLACES = [["rome"], ["oslo"], ["new", "york"], ["hong", "kong"]]
Sentence = list[tuple[str, str]]


def draw(n: int, seed: int = 0) -> list[Sentence]:
    """Draw sentences of tokens with tags in IOB2."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        place = PLACES[rng.integers(len(PLACES))]
        one: Sentence = [(PEOPLE[rng.integers(len(PEOPLE))], "B-PER"), ("went", "O"), ("to", "O")]
        one += [(word, "B-LOC" if k == 0 else "I-LOC") for k, word in enumerate(place)]
        extra = [(word, "O") for word in rng.choice(["very", "fast", "slow", "now"], 2)]
        found.append([*extra[: rng.integers(3)], *one, (".", "O")])
    return found


def write(path: Path, sentences: list[Sentence], *, between: str = "\t", end: str = "\n") -> Path:
    """Write them as CoNLL."""
    rows = [
        *(row for one in sentences for row in [*(f"{w}{between}{t}" for w, t in one), ""]),
    ]
    path.write_bytes((end.join(rows) + end).encode())
    return path
