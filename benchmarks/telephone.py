"""Recordings to a telephone: does adapting pay, and does it where the layer is chosen?

    python benchmarks/telephone.py FSDD [--layer auto|last] [--seed 0]

FSDD is the folder of the Free Spoken Digit Dataset, ``{digit}_{speaker}_{n}.wav``. Takes 0 to 7 of
each digit and speaker are the source, takes 8 to 15 the target, cut to 300-3,400 Hz with white
noise 10 dB below the voice. ``headstart adapt`` sees no label of the target before all is chosen.
Printed are the layer, the method, and the accuracies on the target: of the source's model, of what
was chosen, of the best of all methods (read off the target), and of one that learned from labels of
the target in cross-validation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

import headstart as hs

TAKES, BAND, BELOW = 8, (300, 3400), 10
Floats = NDArray[np.float64]


def by_telephone(samples: Floats, rate: int, rng: np.random.Generator) -> Floats:
    """Cut to the band of a telephone; add noise, dB ``BELOW`` the voice."""
    filtered: Floats = sosfiltfilt(butter(4, BAND, "bandpass", fs=rate, output="sos"), samples)
    loud = np.sqrt(np.mean(np.square(filtered)))
    return filtered + loud * 10 ** (-BELOW / 20) * rng.standard_normal(len(filtered))


def main() -> None:
    """Write both domains, adapt, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fsdd", type=Path)
    parser.add_argument("--layer", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        for path in sorted(asked.fsdd.rglob("*.wav")):
            digit, _speaker, take = path.stem.split("_")
            if int(take) >= 2 * TAKES:
                continue
            side = "source" if int(take) < TAKES else "target"
            samples, rate = soundfile.read(path)
            if side == "target":
                samples = by_telephone(samples, rate, rng)
            to = home / side / digit / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(to, samples, rate, subtype="FLOAT")
        run = hs.adapt(home / "source", home / "target", layer=asked.layer, seed=asked.seed,
                       target_labels=home / "target", out=home / "run")  # fmt: skip
        show(run.metrics)


def show(metrics: dict[str, object]) -> None:
    """Print what was chosen and what it is worth."""
    layer, section = metrics["layer"], metrics["adaptation"]
    assert isinstance(section, dict)
    place = f"{layer['encoder']} {layer['layer']}" if isinstance(layer, dict) else "last layer"
    truth = {k: v for k, v in section["target_labels"].items() if not isinstance(v, list | dict)}
    print(f"{place}: {section['decision']}, {section['chosen']}")
    print(truth)
    for entry in section["candidates"]:
        print(f"  {entry['name']}: {entry.get('accuracy')}")


if __name__ == "__main__":
    main()
