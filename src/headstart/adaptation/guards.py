"""Guards: what rules a candidate out, whatever the scores say. Each answers in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.adaptation.scores import entropy
from headstart.adaptation.trials import Trial
from headstart.modalities import EXAMPLE, Unit
from headstart.said import _
from headstart.transfer.logistic import Floats, Ints

SLACK = 0.3
"""Of source accuracy that an adaptation may cost: enough to stop what is broken. The head for the
source is a by-product: with a slack of 0.02 label propagation, prototypes and optimal transport
were ruled out where they gained most."""

RATIO = 3.0
"""Between a class's share among the answers and in the source, either way."""

COLLAPSE = 0.5
"""Of the source's effective number of classes; fewer among the answers is a collapse."""


def guards(
    trial: Trial,
    plain: Trial,
    prior: Floats,
    classes: Sequence[str] | None = None,
    unit: Unit = EXAMPLE,
) -> list[str]:
    """Say everything that rules a candidate out; nothing where it may be chosen.

    Parameters
    ----------
    trial : Trial
        The candidate.
    plain : Trial
        "no adaptation"; what it does wrong as well rules nobody out.
    prior : ndarray of shape (K,)
        Class shares of the source.
    classes : sequence of str, optional
        Their names, for the sentences.
    unit : Unit
        What an example is called.
    """
    if trial.failure:
        return [trial.failure]
    said = (
        costs_source_accuracy(trial, plain, unit),
        collapses(trial.answers, plain.answers, prior),
        distorts_shares(trial.answers, plain.answers, prior, classes),
    )
    return [sentence for sentence in said if sentence]


def costs_source_accuracy(trial: Trial, plain: Trial, unit: Unit = EXAMPLE) -> str:
    """Compare row by row on held-out source: beyond the slack and one standard error it is out."""
    if not len(trial.held_y):
        return ""
    loss = plain.right - trial.right
    error = float(loss.std() / np.sqrt(len(loss)))
    if loss.mean() <= SLACK + error:
        return ""
    return _(
        "It costs accuracy on held-out source {many}: {now:.0f} % instead of {before:.0f} %.",
        many=unit.many,
        now=100 * float(trial.right.mean()),
        before=100 * float(plain.right.mean()),
    )


def collapses(answers: Ints, plain: Ints, prior: Floats) -> str:
    """Compare the effective number of classes, ``exp(H(shares))``, with the source's."""
    now, before = (effective(shares(a, len(prior))) for a in (answers, plain))
    if now >= COLLAPSE * effective(prior) or now >= before:
        return ""
    return _(
        "It collapses: its answers are worth {now:.1f} equally frequent classes, the source "
        "{source:.1f}.",
        now=now,
        source=effective(prior),
    )


def distorts_shares(
    answers: Ints, plain: Ints, prior: Floats, classes: Sequence[str] | None = None
) -> str:
    """Compare class shares with the source's: too many or too few, and worse than before."""
    now, before = (_ratios(a, prior) for a in (answers, plain))
    k = int(np.abs(np.log(now)).argmax())
    if abs(np.log(now[k])) <= np.log(RATIO) or np.abs(np.log(before)).max() >= abs(np.log(now[k])):
        return ""
    return _(
        "It gives '{name}' to {now:.0f} % of the target; in the source {source:.0f} % belong to "
        "it, and without adaptation the shares are less distorted.",
        name=_("class {number}", number=k + 1) if classes is None else classes[k],
        now=100 * float((answers == k).mean()),
        source=100 * float(prior[k]),
    )


def shares(answers: Ints, n_classes: int) -> Floats:
    """Share of every class among answers (n,): ``(K,)``."""
    return np.bincount(answers, minlength=n_classes) / max(len(answers), 1)


def effective(share: Floats) -> float:
    """Effective number of classes ``exp(H)`` of shares (K,): 1 to K."""
    return float(np.exp(entropy(share)))


def _ratios(answers: Ints, prior: Floats) -> Floats:
    """Shares over the source's; one example more of every class keeps few from saying much."""
    n_classes = len(prior)
    count = np.bincount(answers, minlength=n_classes)
    expected = prior * len(answers)
    return np.asarray((count + 1) / (expected + 1), np.float64)
