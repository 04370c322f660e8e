"""Which copies of texts does the check find, what does it claim that is none, and is the language
told rightly?

Makes copies of 200 texts of every table, adds them to the whole and counts those found; lists what
it claims in the untouched set, to be read: what is no copy there is a false alarm. Of tables of
sentences and their translations (tab-separated, as Tatoeba has them) it tells the languages.

    python benchmarks/texts.py reviews.csv:review ... --pairs eng-fra.txt:en:fr eng-cmn.txt:en:zh
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from headstart.data.formats import read_cells
from headstart.modalities.text.copies import find_copies, plainly
from headstart.modalities.text.digest import TextDigest, digest
from headstart.modalities.text.language import language_of

MADE = 200
WIDTHS = (10, 20, 40, 100, 10_000)


def middle(text: str, change: Callable[[str], str]) -> str:
    """Change the fifth of a text in its middle."""
    start, end = int(0.45 * len(text)), int(0.55 * len(text))
    return text[:start] + change(text[start:end]) + text[end:]


COPIES: dict[str, Callable[[str], str]] = {
    "capitals, spaces, stops": lambda t: "  " + t.upper().replace(".", " ") + "!!",
    "a line in front": lambda t: "[quoted] " + t,
    "5 % left out at the end": lambda t: t[: int(0.95 * len(t))],
    "10 % left out in the middle": lambda t: middle(t, lambda part: ""),
    "10 % turned round in the middle": lambda t: middle(t, lambda part: part[::-1]),
}


def read(source: str) -> list[TextDigest]:
    """Read a column of a table, FILE:COLUMN, or the first column of a tab-separated file."""
    name, _, column = source.rpartition(":")
    if column.isidentifier() and name:
        cells = read_cells(Path(name), "utf-8").cells[column]
    else:
        cells = [line.split("\t")[0] for line in Path(source).read_text("utf-8").splitlines()]
    return [digest(cell) for cell in cells if cell.strip()]


def found(digests: list[TextDigest]) -> np.ndarray:
    """Equal numbers for copies."""
    return find_copies(
        [hashlib.sha256(d.text.encode()).hexdigest() for d in digests], digests
    ).component


def copies(source: str) -> None:
    """Print what is found of made copies, and what is claimed in the set as it is."""
    digests = read(source)
    start = time.process_time()
    component = found(digests)
    seconds = time.process_time() - start
    print(f"\n{source}: {len(digests)} texts, {seconds:.2f} s of processor time")
    of: dict[int, set[str]] = defaultdict(set)
    for number, d in zip(component.tolist(), digests, strict=True):
        of[number].add(plainly(d))
    claimed = [forms for forms in of.values() if len(forms) > 1]
    print(f"claims {len(claimed)} groups of texts that differ in more than case and stops:")
    for forms in claimed:
        print("   ", " = ".join(sorted(form[:60] for form in forms)[:3]))
    long = [i for i, d in enumerate(digests) if len(plainly(d)) >= 40]
    rows = np.random.default_rng(0).choice(long, min(MADE, len(long)), replace=False)
    for how, change in COPIES.items():
        made = [digest(change(digests[i].text)) for i in rows]
        together = found([*digests, *made])
        hits = together[rows] == together[len(digests) :]
        print(f"  {how:32} {hits.mean():6.1%} of {len(rows)} found")


def languages(source: str) -> None:
    """Print how often a language is told, and told wrongly, by the length of the sentence."""
    name, *codes = source.split(":")
    told: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for line in Path(name).read_text("utf-8").splitlines():
        for code, text in zip(codes, line.split("\t"), strict=False):
            width = next(w for w in WIDTHS if len(text) < w)
            answer = language_of(" ".join(text.split()))
            told[code, width]["right" if answer == code else "wrong" if answer else "untold"] += 1
    print(f"\n{name}: language, sentences under so many characters, right, wrong, not told")
    for (code, width), counts in sorted(told.items()):
        n = counts.total()
        shares = " ".join(f"{counts[k] / n:7.2%}" for k in ("right", "wrong", "untold"))
        print(f"  {code} {width:6} {n:7} {shares}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--pairs", nargs="*", default=[])
    given = parser.parse_args()
    for table in given.tables:
        copies(table)
    for pairs in given.pairs:
        languages(pairs)
