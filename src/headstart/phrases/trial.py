"""The trial: every way to rank phrases is tried on documents whose gold keywords it has not seen.

Documents are put into folds, copies of one another into the same. What learns does so from the
other folds; what does not is asked about all documents alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.judge.crossval import in_threads
from headstart.phrases.cutting import Cut, cut, tokens
from headstart.phrases.extractor import (
    Answer,
    Extractor,
    Settings,
    above,
    rarity_of,
    share_of,
)
from headstart.phrases.ranker import THRESHOLDS, CountingRanker, fit, fit_counting
from headstart.phrases.rivals import RIVALS
from headstart.phrases.scoring import BY_NETWORK, Rarity, known
from headstart.phrases.stems import key, plain
from headstart.phrases.vectors import Vectors
from headstart.phrases.yake import YAKE, by_use
from headstart.said import N_
from headstart.tasks.keywords import f1_at

if TYPE_CHECKING:
    from headstart.phrases.marking import Marking  # imports torch

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

FOLDS = 5
FEWEST = 20
"""Documents with gold keywords from which on weights are learned (plain choice)."""
AT = 10
"""The verdict is about the first 10."""
OURS, FIXED = N_("learned weights, with the network"), N_("fixed weights, with the network")
TRAINED = N_("learned weights, with the network trained")
COUNTING = N_("learned weights, without the network")
PROBE, FINETUNE = "probe", "finetune"
METHODS = {TRAINED: FINETUNE, OURS: PROBE}
"""How it is learned to mark the words of documents, by the name of the way."""
Reader = Callable[[Sequence[str], Sequence[Cut], Sequence[set[str]], Ints, int], "Marking"]
"""Texts, cuts, gold keys, groups and a seed to what learns to mark their words."""


@dataclass(frozen=True)
class Judged:
    """A document that can be judged.

    Attributes
    ----------
    ref, text : str
    gold : tuple of str
        As people wrote them.
    """

    ref: str
    text: str
    gold: tuple[str, ...]


@dataclass
class Trial:
    """Documents with gold keywords, cut and embedded once, and what each way answers.

    Parameters
    ----------
    documents : sequence of Judged
    groups : ndarray of int, shape (n,)
        Equal numbers for copies.
    settings : Settings
    vectors : Vectors
    seed : int
        Draws the folds.
    reader : Reader, optional
        Reads whole documents, to mark their words; without one phrases are judged by themselves.
    tell : callable
        Hears of (done, total) fits.

    Attributes
    ----------
    whole, parts : list of Cut
        Each document cut into runs, and into the parts of runs.
    golds : list of set of str
        Keys.
    marking : Marking or None
        There is enough to learn from, and somebody to read.
    answers : dict of str to list of Answer
        By what a way is called: one for each document.
    """

    documents: Sequence[Judged]
    groups: Ints
    settings: Settings
    vectors: Vectors
    seed: int = 0
    reader: Reader | None = None
    tell: Callable[[int, int], None] = lambda _done, _total: None
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = [one.text for one in self.documents]
        languages = [self.settings.of(text) for text in texts]
        longest = self.settings.longest
        pairs = list(zip(texts, languages, strict=True))
        self.whole = [cut(text, language, longest=longest) for text, language in pairs]
        self.parts = [cut(text, language, longest=longest, parts=True) for text, language in pairs]
        self.golds = [
            {name for gold in one.gold if (name := key(gold, language))}
            for one, language in zip(self.documents, languages, strict=True)
        ]
        self._of_documents = self.vectors.documents(texts)
        names = dict.fromkeys(
            one.text for cuts in (self.whole, self.parts) for each in cuts for one in each.phrases
        )
        self._place = {name: k for k, name in enumerate(names)}
        self._vectors = self.vectors.phrases(list(names))
        self.fold = folds_of(self.groups, self.seed)
        self.marking = (
            self.reader(texts, self.parts, self.golds, self.groups, self.seed)
            if self.reader is not None and self.learns
            else None
        )

    @property
    def learns(self) -> bool:
        """Whether there is enough to learn from."""
        both = {bool(gold) for one in range(len(self.documents)) for gold in self.is_gold(one)}
        return len(np.unique(self.groups)) >= FEWEST and both == {True, False}

    def run(self) -> None:
        """Ask every way about every document."""
        fixed = Extractor(self.settings)
        rarity = rarity_of(self.whole)
        self.answers[FIXED] = [self._asked(fixed, k) for k in range(len(self.documents))]
        for name, rank in RIVALS.items():
            self.answers[name] = [_ranked(each, rank(each, rarity)) for each in self.whole]
        self.answers[YAKE] = [
            _ranked(each, by_use(each, tokens(one.text, each.language)))
            for each, one in zip(self.whole, self.documents, strict=True)
        ]
        if self.learns:
            self._learn_in_folds()

    def fit(self, rows: Ints | None = None) -> Extractor:
        """Learn a ranker from documents; from all where None."""
        rows = np.arange(len(self.documents)) if rows is None else rows
        rarity = rarity_of([self.parts[k] for k in rows])
        return Extractor(self.settings, fit(*self._table(rows, rarity)), rarity)

    def final(self, name: str) -> Extractor:
        """Learn from all documents by one way; its threshold is the best of their answers."""
        if name == FIXED:
            return Extractor(self.settings)
        found = self.fit()
        assert found.ranker is not None
        bar = threshold(list(zip(self.answers[name], self.golds, strict=True)))
        marker = None if self.marking is None else self.marking.learned(METHODS[name])
        return replace(found, ranker=replace(found.ranker, threshold=bar), marker=marker)

    def is_gold(self, k: int) -> NDArray[np.bool_]:
        """Tell which phrases of a document, cut into parts, are gold."""
        return np.array([one.key in self.golds[k] for one in self.parts[k].phrases], bool)

    def _learn_in_folds(self) -> None:
        methods = [PROBE] if self.marking is None else list(self.marking.ways)
        ways = [name for name, method in METHODS.items() if method in methods]
        for name in (*ways, COUNTING):
            self.answers[name] = [Answer(each, [], np.zeros(0), 0) for each in self.parts]
        folds = np.unique(self.fold).tolist()
        threads = 1 if TRAINED in ways else self.vectors.workers
        for found in in_threads(partial(self._learn, ways), folds, threads, self.tell):
            for name, k, answer in found:
                self.answers[name][k] = answer
        for name in ways:
            self._count(name)

    def _learn(self, ways: Sequence[str], fold: int) -> list[tuple[str, int, Answer]]:
        """Learn from all folds but one; answer for its documents by every way that learns."""
        train, held = np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)
        extractor = self.fit(train)
        counting = self._counting(train, extractor.rarity)
        found = [
            (COUNTING, k, self._by_counting(counting, extractor.rarity, k)) for k in held.tolist()
        ]
        for name in ways:
            marked = (
                {}
                if self.marking is None
                else self.marking.odds(METHODS[name], train, held, fold + 1)
            )
            found += [(name, k, self._asked(extractor, k, marked.get(k))) for k in held.tolist()]
        return found

    def _count(self, name: str) -> None:
        """Say how many keywords each document has, by a threshold that others' answers set."""
        own = self.answers[name]
        for fold in range(FOLDS):
            others, held = np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)
            bar = threshold([(own[k], self.golds[k]) for k in others])
            for k in held.tolist():
                own[k] = replace(own[k], many=above(own[k].scores, bar))

    def _counting(self, rows: Ints, rarity: Rarity) -> CountingRanker:
        features, _X, gold = self._table(rows, rarity)
        keys = [one.key for k in rows for one in self.parts[k].phrases]
        return fit_counting(features[:, BY_NETWORK:], keys, gold)

    def _by_counting(self, ranker: CountingRanker, rarity: Rarity, k: int) -> Answer:
        each = self.parts[k]
        features = known(each, np.zeros(len(each.phrases)), rarity)[:, BY_NETWORK:]
        return _ranked(each, ranker.score(features, [one.key for one in each.phrases]))

    def _table(
        self, rows: Ints, rarity: Rarity
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Lay out the phrases of documents to learn from; their words count as seen elsewhere."""
        elsewhere = Rarity(
            max(rarity.documents - 1, 0), {w: n - 1 for w, n in rarity.counts.items()}
        )
        features = [known(self.parts[k], self._close(self.parts[k], k), elsewhere) for k in rows]
        X = [self._of(self.parts[k]) for k in rows]
        return np.vstack(features), np.vstack(X), np.concatenate([self.is_gold(k) for k in rows])

    def _of(self, each: Cut) -> NDArray[np.float32]:
        return self._vectors[[self._place[one.text] for one in each.phrases]]

    def _close(self, each: Cut, k: int) -> Floats:
        return np.asarray(self._of(each) @ self._of_documents[k])

    def _asked(self, extractor: Extractor, k: int, odds: Floats | None = None) -> Answer:
        each = self.whole[k] if extractor.ranker is None else self.parts[k]
        n = AT if extractor.ranker is None else len(each.phrases)
        return extractor.answer(each, self._of(each), self._close(each, k), n, odds)

    def f1(self, name: str, at: int | None, *, exact: bool = False) -> NDArray[np.float64]:
        """Return F1 of every document; ``at`` None: of as many as the way itself gives."""
        found = []
        for one, gold, document in zip(self.answers[name], self.golds, self.documents, strict=True):
            order = one.order[: one.many if at is None else at]
            if exact:
                wanted = {word for g in document.gold if (word := plain(g))}
                found.append(f1_at([plain(one.cut.phrases[k].text) for k in order], wanted, at))
            else:
                found.append(f1_at([one.cut.phrases[k].key for k in order], gold, at))
        return np.array(found, np.float64)

    def present(self) -> tuple[int, int]:
        """Count gold keywords, and those of them that stand in their document."""
        n = there = 0
        for document, gold, each in zip(self.documents, self.golds, self.parts, strict=True):
            text = key(document.text, each.language)
            spaced = f" {text} "
            n += len(gold)
            there += sum(
                f" {one} " in spaced or (not one.isascii() and one in text) for one in gold
            )
        return n, there


def folds_of(groups: Ints, seed: int) -> Ints:
    """Deal groups into folds, the largest first: (n,)."""
    kinds, member, count = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(kinds))
    order = order[np.argsort(-count[order], kind="stable")]
    size, fold = np.zeros(FOLDS), np.zeros(len(kinds), np.int64)
    for group in order:
        fold[group] = int(np.argmin(size))
        size[fold[group]] += count[group]
    found: Ints = fold[member]
    return found


def threshold(answers: Sequence[tuple[Answer, set[str]]]) -> float:
    """Find the probability from which on phrases are keywords: with the best F1 over documents."""
    best, chosen = -1.0, 0.5
    for bar in THRESHOLDS:
        scores = []
        for one, gold in answers:
            order = one.order[: above(one.scores, bar)]
            scores.append(f1_at([one.cut.phrases[k].key for k in order], gold, None))
        if np.mean(scores) > best:
            best, chosen = float(np.mean(scores)), float(bar)
    return chosen


def _ranked(each: Cut, score: Floats) -> Answer:
    """Order phrases by a score; a third of them count as keywords."""
    many = share_of(len(each.phrases))
    order = np.argsort(-score, kind="stable")[: max(AT, many)].tolist()
    return Answer(each, order, score, many)
