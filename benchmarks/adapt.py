"""Does adaptation help, and does it step aside where it would not? Accuracies on the target.

    python benchmarks/adapt.py --pacs FOLDER --emoji FOLDER [--skada] [--seed 0]
    python benchmarks/adapt.py --no-elpv --texts DATA
    python benchmarks/adapt.py --time 5000
    python benchmarks/adapt.py --pacs FOLDER --permute

Pairs of a labelled source and a target whose labels are used for scoring alone: the twelve of PACS
(a folder with art_painting/, cartoon/, photo/, sketch/ of class folders), ``builtin:elpv`` from
mono- to polycrystalline cells and back, and emoji in two drawing styles (a folder in which the npm
packages emoji-datasource-google and -twitter are unpacked as google/ and twitter/; half of the
emoji are drawn in one style, the other half in the other, and the class is the category). With
--texts, reviews of hotels and of takeaway meals in Chinese (DATA as for ``text.py``), four draws.

The main column is what ``select`` takes without target labels. "best" is what an oracle would have
taken among the same candidates. With --skada, the same arrays go to that library's methods
(pip install skada). With --time, the default family adapts that many drawn features to as many.
With --permute, target labels are shuffled, to show that nothing depends on them. The last column
is what the model of the source alone becomes, without its images (``select_source_free``).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from headstart.adaptation.align import NoAdaptation
from headstart.adaptation.domains import Domains
from headstart.adaptation.families import adapters_of
from headstart.adaptation.select import PLAIN, Selection, select
from headstart.adaptation.shift import Shift, find_shift
from headstart.adaptation.sourcefree import SourceFree, select_source_free
from headstart.machine import worker_count
from headstart.prepare.config import configure
from headstart.prepare.source import prepare
from headstart.transfer import FittedModel
from headstart.transfer.probe import fit_probe

HARM = 0.01
TEXT_DRAWS = 4
Pair = tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # name, Xs, ys, Xt, yt


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--pacs", type=Path)
    ask.add_argument("--emoji", type=Path)
    ask.add_argument("--texts", type=Path)
    ask.add_argument("--no-elpv", action="store_true")
    ask.add_argument("--skada", action="store_true")
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--time", type=int, metavar="N")
    ask.add_argument("--permute", action="store_true")
    ask.add_argument("--table", action="store_true", help="every candidate's accuracy")
    a = ask.parse_args()
    if a.time:
        clock(a.time)
        return
    rows, peers = [], []
    print(f"{'source -> target':34s} none  chosen        gain  best  source-free", flush=True)
    for name, Xs, ys, Xt, yt in pairs(a):
        row = judge(name, Xs, ys, Xt, yt, a)
        rows.append(row)
        if a.skada:
            peers.append(skada(Xs, ys, Xt, yt))
    summary("all pairs", rows)
    summary("PACS", [r for r in rows if r["name"].startswith("pacs")])
    summary("source-free", rows, "free")
    each(rows)
    if peers:
        for method in peers[0]:
            scores = [p[method] for p in peers]
            gains = [s - r["none"] for s, r in zip(scores, rows, strict=True)]
            print(
                f"skada {method:26s} mean {np.nanmean(scores):.3f}  gain {np.nanmean(gains):+.3f}  "
                f"harmed {sum(g < -HARM for g in gains)} of {len(gains)}"
            )


def pairs(a: argparse.Namespace) -> Iterator[Pair]:
    if a.pacs:
        names = ("art_painting", "cartoon", "photo", "sketch")
        sets = {name: features(a.pacs / name) for name in names}
        for s, t in itertools.permutations(names, 2):
            yield f"pacs {s} -> {t}", *sets[s], *sets[t]
    with tempfile.TemporaryDirectory() as scratch:
        for draw in range(TEXT_DRAWS if a.texts else 0):
            hotels, meals = (features(path) for path in reviews(a.texts, Path(scratch), draw))
            yield f"hotels -> takeaway, draw {draw}", *hotels, *meals
            yield f"takeaway -> hotels, draw {draw}", *meals, *hotels
        if not a.no_elpv:
            mono, poly = (features(path) for path in elpv(Path(scratch)))
            yield "elpv mono -> poly", *mono, *poly
            yield "elpv poly -> mono", *poly, *mono
        if a.emoji:
            google, twitter = (features(p) for p in emoji(a.emoji, Path(scratch)))
            yield "emoji google -> twitter", *google, *twitter
            yield "emoji twitter -> google", *twitter, *google


def features(data: Path) -> tuple[np.ndarray, np.ndarray]:
    prepared = prepare(configure(data, {}), baseline=False)
    return prepared.features.vectors[0], prepared.dataset.labels


def elpv(folder: Path) -> Iterator[Path]:
    """Write a table for each kind of cell."""
    spec = find_spec("elpv_dataset")
    assert spec and spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0], "data")
    lines = [line.split() for line in (data / "labels.csv").read_text("utf-8").splitlines() if line]
    for kind in ("mono", "poly"):
        rows = [
            f"{data / path},{'defective' if float(chance) > 0.5 else 'functional'}"
            for path, chance, cell in lines
            if cell == kind
        ]
        table = folder / f"elpv_{kind}.csv"
        table.write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
        yield table


def reviews(data: Path, folder: Path, draw: int, n: int = 600) -> Iterator[Path]:
    """Write a table of ``n`` reviews of each trade, their classes as frequent as they are there."""
    for name in ("ChnSentiCorp_htl_all", "waimai_10k"):
        with (data / "chinese" / name / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            known = {r["review"]: r["label"] for r in csv.DictReader(file) if r["review"]}
        texts, rng = list(known), np.random.default_rng(draw)
        table = folder / f"{name}-{draw}.csv"
        with table.open("w", encoding="utf-8", newline="") as opened:
            rows = csv.writer(opened)
            rows.writerow(["text", "label"])
            for i in rng.choice(len(texts), n, replace=False):
                rows.writerow([texts[i], ("bad", "good")[int(known[texts[i]])]])
        yield table


def emoji(packages: Path, folder: Path) -> Iterator[Path]:
    """Copy every second emoji of each style, other ones in each, into folders of categories."""
    for parity, style in enumerate(("google", "twitter")):
        (root,) = packages.glob(f"{style}*/**/emoji.json")
        known = [e for e in json.loads(root.read_text("utf-8")) if e["category"] != "Component"]
        for e in known[parity::2]:
            image = root.parent / "img" / style / "64" / e["image"]
            if image.is_file():
                into = folder / style / e["category"].replace(" & ", "_").replace(" ", "_")
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(image, into)
        yield folder / style


def judge(
    name: str, Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, yt: np.ndarray, a: argparse.Namespace
) -> dict:
    """Let ``select`` choose; only then look at the target's labels."""
    start = time.perf_counter()
    found, model, _ = run_select(Xs, ys, Xt, a.seed)
    seconds = time.perf_counter() - start
    assert model.moments is not None
    free = select_source_free(SourceFree(model.head, model.moments, Xt.astype(float)))
    alone = free.head.logits(Xt.astype(float)).argmax(axis=1)
    if a.permute:
        yt = np.random.default_rng(a.seed).permutation(yt)
    accuracy = {
        c.name: float((c.trial.answers == yt).mean())
        for c in found.candidates
        if not c.trial.failure
    }
    best = max(accuracy, key=accuracy.__getitem__)
    row = {
        "name": name,
        "none": accuracy[PLAIN],
        "chosen": found.chosen,
        "accuracy": accuracy[found.chosen],
        "best": best,
        "oracle": accuracy[best],
        "each": accuracy,
        "free": float((alone == yt).mean()),
    }
    print(
        f"{name:34s} {row['none']:.3f} {row['accuracy']:.3f} {found.chosen:20s} "
        f"{row['accuracy'] - row['none']:+.3f} {row['oracle']:.3f} {best:20s} "
        f"{row['free']:.3f} {free.name:16s} {seconds:.1f} s",
        flush=True,
    )
    return row


def run_select(
    Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, seed: int, workers: int | None = None
) -> tuple[Selection, FittedModel, Shift]:
    K = int(ys.max()) + 1
    rng = np.random.default_rng(seed)
    fold = np.arange(len(ys)) % 5
    order = rng.permutation(len(ys))
    order = order[np.argsort(ys[order], kind="stable")]
    folds = [(order[fold != f], order[fold == f]) for f in range(5)]
    with threadpool_limits(1):
        model, choice = fit_probe(Xs, ys, tuple(map(str, range(K))), folds, rivals=False)
    domains = Domains(Xs.astype(float), ys, Xt.astype(float), K, C=choice.C, seed=seed)
    shift = find_shift(domains)
    found = select(
        domains,
        (NoAdaptation(), *adapters_of("auto")),
        shift_found=shift.found,
        workers=workers or worker_count(),
    )
    return found, model, shift


def summary(name: str, rows: list[dict], key: str = "accuracy") -> None:
    if not rows:
        return
    gains = np.array([r[key] - r["none"] for r in rows])
    half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    none, chosen, best = (np.mean([r[k] for r in rows]) for k in ("none", key, "oracle"))
    print(
        f"{name}: none {none:.3f}, chosen {chosen:.3f}, best {best:.3f}; mean gain "
        f"{gains.mean():+.3f} ({gains.mean() - half:+.3f} to {gains.mean() + half:+.3f}); "
        f"harmed by more than a point: {(gains < -HARM).sum()} of {len(gains)}"
    )


def each(rows: list[dict]) -> None:
    """Print what always taking one method would have brought."""
    for method in rows[0]["each"]:
        gains = np.array([r["each"].get(method, np.nan) - r["none"] for r in rows])
        scores = [r["each"].get(method, np.nan) for r in rows]
        print(
            f"always {method:25s} mean {np.nanmean(scores):.3f}  gain {np.nanmean(gains):+.3f}  "
            f"harmed {(gains < -HARM).sum()} of {len(gains)}"
        )


def clock(n: int) -> None:
    """Time everything after the features on drawn features of the default backbone's width."""
    rng = np.random.default_rng(0)
    K, dim = 10, 1280
    centres = rng.normal(size=(K, dim))
    ys, yt = rng.integers(0, K, n), rng.integers(0, K, n)
    Xs = np.abs(centres[ys] + 2 * rng.normal(size=(n, dim))).astype(np.float32)
    Xt = np.abs(0.7 * centres[yt] + 2 * rng.normal(size=(n, dim)) + 0.5).astype(np.float32)
    domains = Domains(Xs.astype(float), ys, Xt.astype(float), K)
    start = time.perf_counter()
    shift = find_shift(domains)
    print(f"shift {time.perf_counter() - start:.1f} s")
    found = select(
        domains,
        (NoAdaptation(), *adapters_of("auto")),
        shift_found=True,
        workers=worker_count(),
    )
    for c in found.candidates:
        print(f"{c.name:25s} {c.trial.seconds:6.1f} s")
    print(f"{n} to {n} features: {time.perf_counter() - start:.1f} s, chosen {found.chosen}")
    del shift


def skada(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, yt: np.ndarray) -> dict[str, float]:
    """Accuracies of the methods that skada and we both have, each with its own defaults."""
    warnings.filterwarnings("ignore")
    import skada as peer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def head() -> LogisticRegression:
        return LogisticRegression(C=0.01, max_iter=200).set_fit_request(sample_weight=True)

    adapters = {
        "source only": None,
        "PerDomain(StandardScaler)": peer.PerDomain(StandardScaler()),
        "CORAL": peer.CORALAdapter(reg=0.1),
        "SubspaceAlignment": peer.SubspaceAlignmentAdapter(n_components=50),
        "LinearOTMapping": peer.LinearOTMappingAdapter(reg=0.1),
        "OTMapping": peer.OTMappingAdapter(),
        "EntropicOTMapping": peer.EntropicOTMappingAdapter(reg_e=100.0),
        "ClassRegularizerOTMapping": peer.ClassRegularizerOTMappingAdapter(reg_e=100.0),
        "TransferComponentAnalysis": peer.TransferComponentAnalysisAdapter(n_components=50),
        "DiscriminatorReweight": peer.DiscriminatorReweightAdapter(),
        "OTLabelProp": peer.OTLabelPropAdapter(),
    }
    X = np.vstack([Xs, Xt]).astype(float)
    domain = np.r_[np.ones(len(Xs), int), np.full(len(Xt), -2)]
    y = np.r_[ys, np.full(len(Xt), -1)]
    found = {}
    for name, adapter in adapters.items():
        scaled = isinstance(adapter, peer.PerDomain)
        steps = [
            s for s in (None if scaled else StandardScaler(), adapter, head()) if s is not None
        ]
        try:
            model = peer.make_da_pipeline(*steps).fit(X, y, sample_domain=domain)
            said = model.predict(
                Xt.astype(float), sample_domain=np.full(len(Xt), -2), allow_source=True
            )
            found[name] = float((said == yt).mean())
        except Exception as cause:  # a peer's failure is a result, too
            print(f"  skada {name}: {type(cause).__name__}: {str(cause)[:80]}")
            found[name] = float("nan")
    return found


if __name__ == "__main__":
    main()
