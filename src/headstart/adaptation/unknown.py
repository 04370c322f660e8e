"""Open set: examples in the target of classes that the source does not have.

A model must answer with a class it knows. This looks for target examples that are unlike any of the
source and answered with doubt, more of them than the source's own held-out examples explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from sklearn.neighbors import NearestNeighbors

from headstart.adaptation.domains import Domains
from headstart.adaptation.scores import entropy
from headstart.adaptation.shift import Shift
from headstart.adaptation.standard import Standard
from headstart.judge.intervals import Interval
from headstart.modalities import EXAMPLE, Unit
from headstart.said import _
from headstart.transfer.moments import unit

Floats = NDArray[np.float64]
Beliefs = NDArray[np.floating]

FAMILIAR = 0.8
"""Share of source examples that count as ordinary; the bound is looked for beyond them."""
NEIGHBOURS = 5
MILD = 0.75
"""AUC of the domain classifier up to which strangeness says something: beyond it examples of known
classes look strange as well, and no score told them from unknown ones (see Notes)."""
LEAST = 25
"""Held-out source examples below which their spread is not known well enough."""
SHOWN = 12


@dataclass(frozen=True)
class Unknown:
    """Target examples that may belong to no class of the source.

    Attributes
    ----------
    judged : bool
        Whether the shift is mild enough to tell; otherwise nothing is flagged.
    share : float, 0..1
        At least so many of the target's examples, if the known classes look alike in both domains.
    share_ci95 : (float, float)
    scores : ndarray of float64, shape (n_t,), 0..1
        How strange an example is among the target's: its rank by distance and doubt together.
    unit : Unit
        What sentences call an example.
    """

    judged: bool
    share: float
    share_ci95: Interval
    scores: Floats
    unit: Unit = EXAMPLE

    @property
    def flagged(self) -> bool:
        """Whether the interval lies above zero."""
        return self.judged and self.share_ci95[0] > 0

    @property
    def sentence(self) -> str:
        """Say it in words."""
        low, high = (100 * end for end in self.share_ci95)
        if not self.judged:
            return _(
                "Whether the target holds classes that the source does not have cannot be told: "
                "under a shift this large {many} of known classes look strange as well.",
                many=self.unit.many,
            )
        if not self.flagged:
            return _("No sign of classes that the source does not have.")
        return _(
            "About {share:.0f} % of the target's {many} or more (95 % interval {low:.0f} to "
            "{high:.0f}) may belong to classes that the source does not have. The model has no "
            "answer for them but a known class, so look at the strangest before trusting theirs.",
            share=100 * self.share,
            many=self.unit.many,
            low=low,
            high=high,
        )

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the numbers, ready for ``metrics.json``; examples only where flagged."""
        rows = np.argsort(-self.scores, kind="stable")[: SHOWN if self.flagged else 0]
        return {
            "sentence": self.sentence,
            "flagged": self.flagged,
            "share": self.share if self.judged else None,
            "share_ci95": list(self.share_ci95) if self.judged else None,
            "examples": [{"path": paths[row], "score": float(self.scores[row])} for row in rows],
        }


def find_unknown(
    domains: Domains,
    shift: Shift,
    held_proba: Beliefs,
    target_proba: Beliefs,
    *,
    held: NDArray[np.integer] | None = None,
) -> Unknown:
    """Bound the share of target examples that are of no class of the source.

    Parameters
    ----------
    domains : Domains
    shift : Shift
        Of the same domains: it decides whether strangeness says anything.
    held_proba : ndarray of shape (m, K)
        Beliefs about source rows by a plain model of the source that has not seen them.
    target_proba : ndarray of shape (n_t, K)
        Beliefs of the same model about the target.
    held : ndarray of int, shape (m,), optional
        Which source rows ``held_proba`` is about; without it they must be all of them, in order.
        Where that is not so beliefs cannot be matched with distances, and distances count alone.

    Notes
    -----
    The score of an example is the sum of its mean distance to the five nearest of the source (unit
    vectors, standardised by the source; the source's own without themselves) and the entropy of
    the belief, each in standard deviations of the source's. If the known classes look alike in both
    domains the target's scores are a mixture ``(1 - p) known + p unknown``, so for every q ``p >= 1
    - F_t(q) / F_s(q)``. It is taken at the source's 80 % quantile, with Katz's interval.

    Measured on five real sets cut in halves of 140 to 300 images, four cuts each: with all classes
    known none of 20 was flagged; with one class (14 %) held out of the source 4 of 20, with two
    (28 %) 12 of 20, and the score ranked examples of unknown classes above the others with an AUROC
    of 0.86 to 0.94. Between the domains of PACS (AUC of the domain classifier above 0.95) no
    score told open from closed sets, so nothing is said there.

    References
    ----------
    Blanchard, Lee & Scott (2010), "Semi-supervised novelty detection", JMLR 11, section 5, the
    bound; Sun et al. (2022), "Out-of-distribution detection with deep nearest neighbors",
    arXiv:2204.06507, the distance; Katz et al. (1978), Biometrics 34, the interval.
    """
    if shift.auc > MILD or len(held_proba) < LEAST:
        return Unknown(False, 0.0, (0.0, 1.0), np.zeros(len(domains.target)), domains.unit)
    score = strangeness(domains, held_proba, target_proba, held)
    share, interval = novel_share(*score)
    ranks = rankdata(score[1]) / len(score[1])
    return Unknown(True, share, interval, np.asarray(ranks, np.float64), domains.unit)


def strangeness(
    domains: Domains,
    held_proba: Beliefs,
    target_proba: Beliefs,
    held: NDArray[np.integer] | None = None,
) -> tuple[Floats, Floats]:
    """Score held-out source rows, ``(m,)``, and the target's, ``(n_t,)``; see ``find_unknown``."""
    own, other = _distances(domains)
    parts: list[tuple[NDArray[np.floating], NDArray[np.floating]]]
    parts = [(own if held is None else own[held], other)]
    if len(held_proba) == len(parts[0][0]):
        parts.append((entropy(held_proba), entropy(target_proba)))
    known, asked = np.zeros(len(parts[0][0])), np.zeros(len(other))
    for source, target in parts:
        spread = max(float(source.std()), 1e-12)
        known += (source - source.mean()) / spread
        asked += (target - source.mean()) / spread
    return known, asked


def novel_share(source: Floats, target: Floats) -> tuple[float, Interval]:
    """Bound the share of the target whose scores the source cannot explain; larger is stranger.

    Parameters
    ----------
    source, target : ndarray of shape (m,) and (n,)
        Scores of held-out source rows and of target rows.

    Returns
    -------
    share : float, 0..1
        ``1 - F_t(q) / F_s(q)`` at the source's 80 % quantile, not below zero.
    interval : (float, float)
    """
    q = np.sort(source)[max(int(np.ceil(FAMILIAR * len(source))) - 1, 0)]
    # Half a row is added everywhere, so that no share is zero.
    m, n = len(source) + 0.5, len(target) + 0.5
    a, b = float((target <= q).sum()) + 0.5, float((source <= q).sum()) + 0.5
    ratio = (a / n) / (b / m)
    se = np.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    factor = float(np.exp(norm.ppf(0.975) * se))
    low, share, high = (
        float(np.clip(1 - r, 0, 1)) for r in (ratio * factor, ratio, ratio / factor)
    )
    return share, (low, high)


def _distances(domains: Domains) -> tuple[Floats, Floats]:
    """Mean distance to the nearest source rows: of the source's others, and of the target."""
    standard = Standard.fit(domains.source)
    S, T = (unit(standard(side)) for side in (domains.source, domains.target))
    k = min(NEIGHBOURS, len(S) - 1)
    near = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(S)
    own, _ = near.kneighbors()  # without themselves
    other, _ = near.kneighbors(T)
    return own.mean(axis=1), other.mean(axis=1)
