"""How good translations are: BLEU and chrF by sacreBLEU, with the signatures that make them clear.

BLEU counts runs of words that a translation shares with its reference, chrF runs of characters.
Neither knows what a sentence means; both rank systems on the same sentences well enough. chrF is
what everything is chosen by here: it needs no words to be told apart, so it is the same measure for
Chinese, and it says something of a single sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.judge.verdict import Comparison, from_test_set

TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char", "th": "char"}
"""What BLEU takes for words where spaces do not part them; the signature says it."""
RESAMPLES = 1_000
"""Of the test sentences, for the intervals (Koehn 2004; sacreBLEU's own number)."""
Floats = NDArray[np.float64]


def metrics(language: str) -> dict[str, Any]:
    """Return the two metrics for translations into a language (ISO 639-1)."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return {"BLEU": BLEU(tokenize=TOKENIZERS.get(language, "13a")), "chrF2": CHRF()}


def corpus_chrf(translations: Sequence[str], references: Sequence[str]) -> float:
    """Return chrF of all sentences together, 0 to 1."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(translations), [list(references)]).score) / 100


def sentence_chrf(translations: Sequence[str], references: Sequence[str]) -> Floats:
    """Return chrF of each sentence by itself, (n,), 0 to 1."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF()
    pairs = zip(translations, references, strict=True)
    return np.array([metric.sentence_score(ours, [wanted]).score / 100 for ours, wanted in pairs])


def scored(
    systems: Mapping[str, Sequence[str]], references: Sequence[str], language: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Score several systems on the same sentences, with intervals by the bootstrap.

    Parameters
    ----------
    systems : mapping of str to sequence of str
        Translations by what made them; the first is what the others are compared with.
    language : str
        Of the translations.

    Returns
    -------
    rows : list of dict
        ``name``, ``bleu``, ``bleu_ci95``, ``bleu_p`` and the same of ``chrf``; in shares. ``p`` is
        that of the paired bootstrap test against the first system, None for that itself.
    signatures : dict
        Of both metrics, as sacreBLEU writes them.

    References
    ----------
    Koehn (2004), "Statistical significance tests for machine translation evaluation", EMNLP.
    Post (2018), "A call for clarity in reporting BLEU scores", WMT. Popović (2015), "chrF", WMT.
    """
    from sacrebleu.significance import PairedTest

    names = list(systems)
    named: list[tuple[str, Sequence[str]]] = [(name, list(systems[name])) for name in names]
    test = PairedTest(
        named, metrics(language), [list(references)], test_type="bs", n_samples=RESAMPLES
    )
    signatures, results = test()
    rows = [
        {
            "name": name,
            **_said("bleu", results["BLEU"][i]),
            **_said("chrf", results["chrF2"][i]),
        }
        for i, name in enumerate(names)
    ]
    return rows, {"bleu": str(signatures["BLEU"]), "chrf": str(signatures["chrF2"])}


def _said(metric: str, result: Any) -> dict[str, Any]:
    mean, half = float(result.mean), float(result.ci)
    return {
        metric: float(result.score) / 100,
        f"{metric}_ci95": [(mean - half) / 100, (mean + half) / 100],
        f"{metric}_p": None if result.p_value is None else float(result.p_value),
    }


def compared(
    ours: Sequence[str],
    theirs: Sequence[str],
    references: Sequence[str],
    cluster: NDArray[np.int64],
) -> Comparison:
    """Compare two systems by chrF, sentence by sentence; near copies count together.

    Parameters
    ----------
    cluster : ndarray of int, (n,)
        Sentences of one number are nearly the same.
    """
    groups = None if len(set(cluster.tolist())) == len(cluster) else cluster
    return from_test_set(
        sentence_chrf(ours, references),
        sentence_chrf(theirs, references),
        groups=groups,
        metric="chrF",
    )
