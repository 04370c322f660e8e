"""Charts of numbers of all kinds, measured in a browser: no text overlaps or sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import headstart.report
from given import IMAGE
from headstart.report import charts, study_charts, training_charts, trust_charts
from headstart.report.curves import Curves, Epoch
from test_report import TANGLED, browser  # noqa: F401

STYLE = Path(headstart.report.__file__).with_name("page.css").read_text("utf-8")
UNIT = IMAGE.unit
SEEDS = range(12)


def around(rng, value: float, wide: float = 0.1) -> list[float]:
    low, high = rng.uniform(0, wide, 2)
    return [max(0.0, value - low), min(1.0, value + high)]


def run_charts(rng) -> Iterator[str]:
    yield charts.gain(rng.normal(0, 0.3), sorted(rng.normal(0, 0.4, 2)))
    stated = (rng.permutation(10)[: rng.integers(1, 11)] + rng.uniform(0, 0.9)) / 10
    yield charts.reliability(
        [{"confidence": c, "accuracy": rng.uniform(), "count": int(10 ** rng.uniform(0, 6))}
         for c in sorted(stated)], UNIT)  # fmt: skip
    sizes = np.unique((10 ** rng.uniform(0.5, rng.uniform(1, 6), 5)).astype(int)).tolist()
    rows = [(n, rng.uniform(0.2, 1)) for n in sizes]
    yield charts.learning_curve(
        [{"n_train": n, "accuracy": a, "accuracy_ci95": around(rng, a)} for n, a in rows], UNIT
    )
    scale = 10 ** rng.uniform(-4, 1)
    heads = [{"head": "logistic", "C": 10.0 ** (k / 2), "log_loss": scale * (1 + rng.uniform()),
              "log_loss_se": scale * rng.uniform(0, 0.2), "accuracy": 0.9}
             for k in range(-int(rng.integers(2, 12)), int(rng.integers(2, 8)))]  # fmt: skip
    level = scale * rng.uniform(0.9, 3)
    heads += [{"head": name, "C": None, "log_loss": level * f, "accuracy": 0.9}
              for name, f in (("centroid", 1), ("kNN", 1 + rng.uniform(0, 0.02)))]  # fmt: skip
    chosen = heads[rng.integers(len(heads))]
    yield charts.candidates(
        {"candidates": heads, "kind": chosen["head"], "C": chosen["C"] or 1.0}, UNIT
    )


def trust_chart(rng) -> str:
    top = 10 ** rng.uniform(-3, 0)
    curve = [{"coverage": c, "error": top * c**2} for c in np.linspace(0.05, 1, 20)]
    share, error = rng.uniform(0, 1), top * rng.uniform()
    held = {"wanted_error": top * rng.uniform(0.01, 1), "threshold": rng.uniform(), "error": error,
            "coverage": share, "coverage_ci95": around(rng, share),
            "error_ci95": [0.8 * error, 1.1 * error]}  # fmt: skip
    return trust_charts.risk(curve, held, UNIT)


def training(rng) -> Iterator[str]:
    n, scale = int(rng.integers(1, 60)), 10 ** rng.uniform(-3, 1)

    def fit() -> tuple[Epoch, ...]:
        return tuple(Epoch(i + 1, scale * rng.uniform(0.5, 1), rng.uniform(0.8, 1), scale / 99)
                     for i in range(n))  # fmt: skip

    curves = Curves(5, fit(), fit(), fit())
    yield training_charts.loss(curves)
    yield training_charts.accuracy(curves)
    yield training_charts.rate(curves)
    mixed = [{"alpha": a / 4, "accuracy": rng.uniform(0.5, 1)} for a in range(5)]
    yield training_charts.wise(mixed, mixed[rng.integers(5)]["alpha"])
    rates = np.geomspace(1e-6, 10 ** rng.uniform(-3, 1), 30)
    losses = scale * rng.uniform(0.5, 1, 30)
    yield training_charts.finder(
        {"lrs": rates.tolist(), "losses": losses.tolist(), "suggested": rates[rng.integers(30)]}
    )
    names = ("probe", "finetune last-blocks", "finetune two stages", "full", "scratch", "small-cnn")
    tried = [{"name": name, "accuracy": a, "accuracy_ci95": around(rng, a), "chosen": i == 1,
              "seconds": 10 ** rng.uniform(-1, 3)}
             for i, name in enumerate(names)
             for a in rng.uniform(0.5, 1, 1)]  # fmt: skip
    yield training_charts.methods(tried, UNIT)


def studies(rng) -> Iterator[str]:
    n = int(rng.integers(1, 14))
    names = [
        f"timm:vit_large_patch{i}_reg4_dinov2.lvd142m"[: rng.integers(8, 44)] for i in range(n)
    ]
    backbones = [{"name": name, "accuracy": a, "accuracy_ci95": around(rng, a), "tie": a > 0.9,
                  "seconds_per_1000": 10 ** rng.uniform(0, 3)}
                 for name, a in zip(names, rng.uniform(0.7, 1, n), strict=True)]  # fmt: skip
    yield study_charts.ranking({"backbones": backbones, "recommended": names[0]}, UNIT)
    found = [{"name": f"stages.{i}.blocks.{7 * i}.some.thing", "depth": (i + 1) / n, "accuracy": a,
              "accuracy_ci95": around(rng, a), "tie": False}
             for i, a in enumerate(rng.uniform(0.3, 1, n))]  # fmt: skip
    joint = rng.uniform(0.3, 1)
    combined = {"accuracy": joint, "accuracy_ci95": around(rng, joint)}
    yield study_charts.layers({"layers": found, "combined": combined}, UNIT)
    points = [{"per_class": k, "transfer": a, "transfer_ci95": around(rng, a), "baseline": a - 0.1,
               "baseline_ci95": around(rng, a - 0.1)}
              for k, a in zip((1, 2, 4, 9, 17), rng.uniform(0.3, 1, 5), strict=True)]  # fmt: skip
    yield study_charts.labels(
        {"study": "curve", "learned": rng.uniform() < 0.5, "points": points, "fit": None,
         "forecast": None}, UNIT)  # fmt: skip


@pytest.mark.parametrize("width", [390, 1200])
def test_no_text_of_any_chart_touches_another_or_sticks_out(browser, tmp_path, width):  # noqa: F811
    drawn: list[str] = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        drawn += [*run_charts(rng), trust_chart(rng), *training(rng), *studies(rng)]
    figures = "".join(f"<figure>{drawing}</figure>" for drawing in drawn)
    path = tmp_path / "charts.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><section "
        f'style="width: {min(width - 24, 540)}px">{figures}</section>',
        "utf-8",
    )
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(path.as_uri())
    found = page.evaluate(TANGLED)
    page.close()
    assert not found, "\n".join(map(str, found))
