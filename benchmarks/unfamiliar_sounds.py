"""Are unknown words and voices noticed by two encoders side by side, as by each of them alone?

    python benchmarks/unfamiliar_sounds.py FSDD

FSDD is the folder of the Free Spoken Digit Dataset, of which 20 of each digit and speaker are
taken. Each digit in turn is unknown to a model of the others, whose recordings by two of the six
speakers are held out; each speaker in turn to a model of the others, with four of ten digits held
out. Printed are, as means over what is unknown, the area under the ROC curve of what is unknown
against what is held out, by Whisper alone, by the speaker encoder alone, by one distance for the
vectors of both, one after the other, and as headstart tells it; then the shares of both that are
flagged.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from headstart.transfer.familiar import Familiarity, FamiliarSideBySide, fit_familiar
from sound import fsdd, places

PAIRS = (
    ("whisper-tiny blocks.2", "speaker embedding"),
    ("whisper-tiny blocks.2", "speaker all"),
    ("whisper-tiny embedding", "speaker embedding"),
)
Detector = Familiarity | FamiliarSideBySide


def main() -> None:
    """Embed, hold out, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fsdd", type=Path)
    files, (digits, speakers, *_few) = fsdd(parser.parse_args().fsdd)
    spaces = places(files)
    with threadpool_limits(1):
        for pair in PAIRS:
            for task in (digits, speakers):
                own = [spaces[name] for name in pair]
                found = [unknown(own, task.y, task.groups, c) for c in range(task.y.max() + 1)]
                one, other, joined, both, ordinary, strange = np.mean(found, axis=0)
                print(
                    f"{' + '.join(pair)}, {task.name}: {one:.3f} alone, {other:.3f} alone, "
                    f"{joined:.3f} by one distance, {both:.3f} by both; flagged {ordinary:.3f} "
                    f"of what is held out, {strange:.3f} of what is unknown",
                    flush=True,
                )


def unknown(own, y, groups, c: int) -> tuple[float, ...]:  # noqa: ANN001
    """Tell class ``c`` from the held-out rows of the others."""
    held, known = groups % 3 == 0, y != c
    train = np.flatnonzero(known & ~held)
    kinds, together = (np.unique(v[train], return_inverse=True)[1] for v in (y, groups))
    rows = np.concatenate([np.flatnonzero(known & held), np.flatnonzero(~known & held)])
    strange, K, X = ~known[rows], int(kinds.max()) + 1, np.hstack(own)
    widths = [space.shape[1] for space in own]

    def area(V, widths=()) -> tuple[float, Detector]:  # noqa: ANN001
        found = fit_familiar(V[train], kinds, K, widths, groups=together)
        return roc_auc_score(strange, -found.scores(V[rows])), found

    *alone, (joined, _one), (both, detector) = *map(area, own), area(X), area(X, widths)
    flags = detector.is_unfamiliar(X[rows])
    areas = [value for value, _detector in alone]
    return *areas, joined, both, flags[~strange].mean(), flags[strange].mean()


if __name__ == "__main__":
    main()
