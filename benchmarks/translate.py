"""Does pretraining on English-French help English-Chinese with few pairs? A curve, with its doubt.

    python benchmarks/translate.py FOLDER [--seeds 0,1,2] [--sizes 500,2000,8000]
        [--starts nothing,french] [--epochs N] [--keep FILE...] [--parent FOLDER]

FOLDER holds fra.txt and cmn.txt: Tatoeba's pairs, English, a tab, and the other language. The small
network is trained on the first, once; then on 500, 2,000 and 8,000 pairs of the second, starting
from the first and starting from nothing, with the same pairs, seeds and recipe. Both are asked for
the same sentences, of which no near copy stands among the English-Chinese pairs learned from. Every
training is written to the first --keep, and the English-French network to --parent; what stands
there is not done again, so seeds may run side by side. One thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from headstart.folder.translator import load_translator, save_translator
from headstart.judge.verdict import from_test_set
from headstart.modalities.text.digest import digest
from headstart.translation.checks import clean
from headstart.translation.memory import from_memory
from headstart.translation.network import small_network, start_from
from headstart.translation.pairs import Pairs
from headstart.translation.pieces import fit_pieces, pieces_used, with_pieces_of
from headstart.translation.read import Spec, read_pairs
from headstart.translation.scores import corpus_chrf, metrics, sentence_chrf
from headstart.translation.split import Parts, clusters, split
from headstart.translation.train import SMALL, for_few, train
from headstart.translation.translator import Translator

SIZES = (500, 2_000, 8_000)


def read(path: Path, language: str) -> tuple[Pairs, Parts]:
    pairs = read_pairs(path, None, Spec(source_language="en", target_language=language))
    sides = ([*map(digest, pairs.source)], [*map(digest, pairs.target)])
    pairs, rows, _findings = clean(pairs, sides)
    left = ([sides[0][i] for i in rows], [sides[1][i] for i in rows])
    return pairs, split(pairs, clusters(left), 0)


def part(pairs: Pairs, rows: np.ndarray) -> Pairs:
    return pairs.take(rows.tolist())


def small(pairs: Pairs, seed: int, parent: Translator | None) -> Translator:
    pieces = fit_pieces(pairs)
    if parent is None:
        return Translator(*small_network(pieces, seed), "tiny", pairs.languages)
    model, tokenizer = small_network(with_pieces_of(pieces, parent.known), seed)
    start_from(model, tokenizer, parent.model, parent.tokenizer)
    return Translator(model, tokenizer, "tiny", pairs.languages)


def trained(
    make: Callable[[], Translator],
    learned: Pairs,
    watched: Pairs,
    test: Pairs,
    seed: int,
    epochs: int | None = None,
) -> tuple[Translator, dict[str, object]]:
    began = time.process_time()
    translator = make()
    recipe = for_few(SMALL, len(learned))
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    found = train(translator, learned, watched, recipe, seed)
    said = translator.translate(test.source)
    row = {
        "epochs": len(found.curve),
        "kept": found.kept,
        "cpu_s": round(time.process_time() - began),
        "parameters": translator.parameters,
        "said": said,
    }
    return translator, row


def main() -> None:
    torch.set_num_threads(1)
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--seeds", default="0,1,2")
    asked.add_argument("--sizes", default=",".join(map(str, SIZES)))
    asked.add_argument("--epochs", type=int, help="on English-Chinese; default: as the command")
    asked.add_argument("--starts", default="nothing,french")
    asked.add_argument("--keep", type=Path, nargs="+", default=[Path("translate.jsonl")])
    asked.add_argument("--parent", type=Path, default=Path("translate.parent"))
    given = asked.parse_args()
    french, of_french = read(given.folder / "fra.txt", "fr")
    chinese, parts = read(given.folder / "cmn.txt", "zh")
    test, watched = part(chinese, parts.test), part(chinese, parts.validation)
    lines = [line for file in given.keep if file.exists() for line in file.open(encoding="utf-8")]
    done = {(r["n"], r["seed"], r["start"]): r for r in map(json.loads, lines)}
    seeds = [int(seed) for seed in given.seeds.split(",") if seed]
    sizes = [int(size) for size in given.sizes.split(",")]
    parent = None
    for seed, n, start in itertools.product(seeds, sizes, given.starts.split(",")):
        if (n, seed, start) in done:
            continue
        if start == "french" and parent is None:
            if not given.parent.exists():
                learned = part(french, of_french.train)
                own = part(french, of_french.validation), part(french, of_french.test)
                parent, row = trained(partial(small, learned, 0, None), learned, *own, 0)
                chrf = corpus_chrf(row.pop("said"), own[1].target)
                print(f"English-French: chrF {100 * chrf:.1f}, {row}", flush=True)
                used = pieces_used(parent.tokenizer.backend_tokenizer, learned.source)
                save_translator(given.parent, replace(parent, known=tuple(used)))
            parent = load_translator(given.parent)
        drawn = np.random.default_rng(seed).permutation(parts.train)[:n]
        learned = part(chinese, np.sort(drawn))
        few = watched.take(range(min(len(watched), n // 10)))
        origin = parent if start == "french" else None
        make = partial(small, learned, seed, origin)
        _network, row = trained(make, learned, few, test, seed, given.epochs)
        row |= {"n": n, "seed": seed, "start": start}
        if start == "nothing":
            row["memory"] = from_memory(learned, test.source)
        done[n, seed, start] = row
        with given.keep[0].open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        chrf = corpus_chrf(row["said"], test.target)
        print(f"{n} {seed} {start}: chrF {100 * chrf:.2f}, {row['cpu_s']} s", flush=True)
    tell(done, test, parts.cluster[parts.test], {*french.source})


def tell(done: dict, test: Pairs, cluster: np.ndarray, seen: set[str]) -> None:
    bleu = metrics("zh")["BLEU"]
    fresh = np.array([text not in seen for text in test.source])
    print(f"{len(test)} test sentences, {int((~fresh).sum())} of them stand in English-French too")
    for n in SIZES:
        seeds = [seed for m, seed, start in done if m == n and start == "french"]
        seeds = sorted(seed for seed in seeds if (n, seed, "nothing") in done)
        if not seeds:
            continue
        of = {s: [done[n, seed, s]["said"] for seed in seeds] for s in ("nothing", "french")}
        of["memory"] = [done[n, seed, "nothing"]["memory"] for seed in seeds]
        for start, runs in of.items():
            chrf = [100 * corpus_chrf(said, test.target) for said in runs]
            scores = [bleu.corpus_score(said, [list(test.target)]).score for said in runs]
            print(
                f"{n:>5} {start:<8} chrF {np.mean(chrf):5.2f} ({min(chrf):.2f} to {max(chrf):.2f})"
                f"  BLEU {np.mean(scores):5.2f} ({min(scores):.2f} to {max(scores):.2f})"
            )
        each = {s: np.array([sentence_chrf(said, test.target) for said in of[s]]) for s in of}
        for name, rows in (("all", np.ones(len(test), bool)), ("unseen English", fresh)):
            ours, theirs = (each[s][:, rows].mean(axis=0) for s in ("french", "nothing"))
            found = from_test_set(ours, theirs, groups=cluster[rows], metric="chrF")
            low, high = (100 * end for end in found.gain_ci95)
            print(
                f"{n:>5} gain, {name}: {100 * found.gain:+.2f} points a sentence "
                f"({low:+.2f} to {high:+.2f}), p {found.p:.4f}; by seed "
                + ", ".join(
                    f"{100 * (a[rows] - b[rows]).mean():+.2f}"
                    for a, b in zip(each["french"], each["nothing"], strict=True)
                )
            )


if __name__ == "__main__":
    main()
