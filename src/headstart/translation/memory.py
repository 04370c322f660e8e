"""A translation memory: what needs no network at all, and what a network has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.translation.pairs import Pairs

GRAMS = (2, 4)
"""Characters in a row by which sentences are compared."""
AT_ONCE = 256


def from_memory(known: Pairs, asked: Sequence[str]) -> list[str]:
    """Translate by looking up: answer with the translation of the known sentence most like it.

    Likeness is the cosine of runs of 2 to 4 characters, weighed by how rare they are.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, sublinear_tf=True)
    held = vectorizer.fit_transform(known.source).T.tocsr()
    answers: list[str] = []
    for start in range(0, len(asked), AT_ONCE):
        like = vectorizer.transform(asked[start : start + AT_ONCE]) @ held
        answers += [known.target[int(i)] for i in like.toarray().argmax(axis=1)]
    return answers
