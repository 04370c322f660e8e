"""The verdict: did the pretrained knowledge help? Paired on the same examples, with its doubt.

Negative transfer is defined against the best that can be done without the source, with the same
target data (Wang et al. 2019, "Characterizing and avoiding negative transfer", section 3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from headstart.judge.intervals import Interval, clopper_pearson, effective_count
from headstart.judge.sign_test import sign_test
from headstart.notation import decimal, in_points
from headstart.said import N_, _, commas, sentences

Decision = Literal["helps", "hurts", "cannot tell"]
N_("helps"), N_("hurts"), N_("cannot tell"), N_("accuracy"), N_("balanced accuracy")
Floats = NDArray[np.floating]
LEVEL, POWER = 0.05, 0.8
EXACT, FLIPS = 12, 10_000
"""Up to 2^12 patterns of flipped signs are gone through; of more, this many are drawn."""
MAY_TELL = 20
"""Fewest held-out examples of a class that is tested by itself: with fewer, a drop of 25 points
would mostly go unseen, and the other classes would pay for the extra test."""


@dataclass(frozen=True)
class Comparison:
    """Two models, or procedures, compared on the same held-out examples.

    Attributes
    ----------
    gain : float
        Score of the first minus score of the second, in shares (0.12 = 12 points).
    gain_ci95 : (float, float)
        Excludes zero exactly when ``p`` is below 5 %.
    p : float
        Of no difference, two-sided.
    detectable : float
        The gain that data of this size would reveal 4 times in 5.
    test, metric : str
        How it was tested, and on which score.
    """

    gain: float
    gain_ci95: Interval
    p: float
    detectable: float
    test: str
    metric: str

    @property
    def decision(self) -> Decision:
        """What the comparison says by itself."""
        return decide(self.gain, self.p)


@dataclass(frozen=True)
class Rival:
    """Transfer against one baseline; ``p_holm`` knows how many were compared, ``p`` does not."""

    baseline: str
    gain: float
    gain_ci95: Interval
    p: float
    p_holm: float
    decision: Decision


@dataclass(frozen=True)
class ClassGain:
    """Transfer against the best baseline in telling one class from all others.

    Attributes
    ----------
    n : int
        Held-out examples of the class.
    gain : float
        Difference of the balanced accuracy of "this class or another".
    p_holm : float or None
        None where the class is too small to be tested.
    harmed : bool
        Transfer is clearly worse at this class, whatever it does overall.
    """

    name: str
    n: int
    gain: float
    p_holm: float | None
    harmed: bool


@dataclass(frozen=True)
class Verdict:
    """Whether transfer helps, by how much, and how small a gain could have been seen.

    Attributes
    ----------
    decision : {"helps", "hurts", "cannot tell"}
    gain, gain_ci95, detectable, test, metric
        See :class:`Comparison`: with transfer against the best model without.
    baseline : str
        The model without transfer that was picked.
    rivals : tuple of Rival
        One per baseline.
    per_class : tuple of ClassGain
        One per class.
    caution : str
        What else may have made the difference, as a sentence; "" where nothing is known.
    withheld : str
        Why no verdict is given, as a sentence; "" where one is. The decision is then "cannot tell",
        and nothing is said of single baselines and classes.
    """

    decision: Decision
    gain: float
    gain_ci95: Interval
    baseline: str
    detectable: float
    test: str
    metric: str
    rivals: tuple[Rival, ...] = ()
    per_class: tuple[ClassGain, ...] = ()
    caution: str = ""
    withheld: str = ""

    @classmethod
    def of(
        cls,
        headline: Comparison,
        baseline: str,
        rivals: tuple[Rival, ...] = (),
        per_class: tuple[ClassGain, ...] = (),
    ) -> Verdict:
        """Make the verdict of a comparison with the best baseline."""
        return cls(
            headline.decision,
            headline.gain,
            headline.gain_ci95,
            baseline,
            headline.detectable,
            headline.test,
            headline.metric,
            rivals,
            per_class,
        )

    def withhold(self, why: str) -> Verdict:
        """Return it without its decision, with the reason."""
        return replace(self, decision="cannot tell", rivals=(), per_class=(), withheld=why)

    def to_json(self) -> dict[str, Any]:
        """Return plain types, with the sentence."""
        return {
            **asdict(self),
            "gain_ci95": list(self.gain_ci95),
            "rivals": [{**asdict(r), "gain_ci95": list(r.gain_ci95)} for r in self.rivals],
            "per_class": [asdict(c) for c in self.per_class],
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """One sentence a beginner can repeat; more where a class is harmed or caution is due."""
        if self.withheld:
            return self.withheld
        return sentences(self._overall(), self._harm(), self.caution)

    def _overall(self) -> str:
        low, high = map(in_points, self.gain_ci95)
        told = {
            "baseline": _(self.baseline),
            "score": _(self.metric.replace("_", " ")),
            "low": low,
            "high": high,
        }
        if self.decision == "cannot tell":
            return _(
                "We cannot tell whether the pretrained network helps: against the best model "
                "without it ({baseline}) the {score} differs by {gain} points (95 % interval {low} "
                "to {high}), and with this much data only a difference of about {least:.0f} points "
                "or more would show.",
                gain=in_points(self.gain),
                least=100 * self.detectable,
                **told,
            )
        points = 100 * abs(self.gain)
        if self.decision == "helps":
            return _(
                "The pretrained network helps: its {score} is {points:.1f} points better than the "
                "best model without it ({baseline}), 95 % interval {low} to {high} points.",
                points=points,
                **told,
            )
        return _(
            "The pretrained network hurts: its {score} is {points:.1f} points worse than the best "
            "model without it ({baseline}), 95 % interval {low} to {high} points. Use the simpler "
            "model, or another backbone.",
            points=points,
            **told,
        )

    def _harm(self) -> str:
        harmed = sorted((c for c in self.per_class if c.harmed), key=lambda c: c.gain)
        if not harmed:
            return ""
        named = commas(
            _("{name} ({points} points)", name=c.name, points=decimal(100 * -c.gain, 0))
            for c in harmed
        )
        return _(
            "It is clearly worse than that model at telling {classes} from the rest.",
            classes=named,
        )


def decide(gain: float, p: float) -> Decision:
    """Turn a p value into words."""
    if p >= LEVEL:
        return "cannot tell"
    return "helps" if gain > 0 else "hurts"


def from_answers(
    won: Floats,
    k: int,
    *,
    weight: Floats | None = None,
    groups: Any = None,
    metric: str = "accuracy",
) -> Comparison:
    """Compare held-out answers of repeated cross-validation, by a corrected resampled t-test.

    Parameters
    ----------
    won : ndarray of shape (R, n), -1 to 1
        In every repeat, how right each example was with the first model minus with the second.
    k : int
        Folds of each repeat.
    weight, groups, metric
        See :func:`from_test_set`.

    Notes
    -----
    Models of different folds share training examples, so their scores are not independent. Nadeau
    and Bengio replace ``s²/J``, for J = R k scores, by ``s² (1/J + n_test/n_train)``. The variance
    s² of a fold's score is taken here from the examples, as k times the variance V of the mean over
    all of them (or over groups), and not from the scattering of the J scores: of five scores that
    is so unsure that only gains a third larger would show, and of fifty it is too often too small
    (docs/measurements.md).

    No interval is narrower than ±3/N for N independent examples, or what examples in groups are
    worth (``intervals.effective_count``): where nothing differed in N, up to 3/N of others may (the
    "rule of three", Hanley & Lippman-Hand 1983).

    References
    ----------
    Nadeau & Bengio (2003), "Inference for the generalization error", Machine Learning 52, eq. 9;
    for repeated cross-validation Bouckaert & Frank (2004).
    """
    repeats, n = won.shape
    metric = metric if weight is None else f"balanced_{metric}"
    weight = np.full(n, 1 / n) if weight is None else weight
    member = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    several = int(member.max()) + 1
    mean = won @ weight  # (R,)
    apart = (won - mean[:, None]) * weight
    sums = np.stack([np.bincount(member, row) for row in apart])  # (R, G)
    V = float(np.square(sums).sum(axis=1).mean()) * several / max(several - 1, 1)
    df = max(several - 1, 1)
    quantile = float(stdtrit(df, 1 - LEVEL / 2))
    overlap = k * (1 / (repeats * k) + 1 / max(k - 1, 1))
    least = 3 / effective_count(won.mean(axis=0), member) / quantile
    se = max(float(np.sqrt(V * overlap)), least)
    gain = float(mean.mean())
    # A gain g takes g² off the variance of what is won: g = z sqrt(overlap (V + gain² u - g² u)).
    unit = float(np.square(np.bincount(member, weight)).sum())  # u: what a typical group counts
    z = quantile + float(stdtrit(df, POWER))
    at_gain = np.sqrt(overlap * (V + gain**2 * unit) / (1 + z**2 * overlap * unit))
    return Comparison(
        gain,
        _within((gain - quantile * se, gain + quantile * se)),
        2 * float(stdtr(df, -abs(gain) / se)),
        min(z * max(float(at_gain), least), 1.0),
        _("Nadeau-Bengio corrected resampled t on paired answers, 95 %"),
        metric,
    )


def from_test_set(
    transfer: Floats,
    baseline: Floats,
    *,
    weight: Floats | None = None,
    groups: Any = None,
    metric: str = "accuracy",
) -> Comparison:
    """Compare answers on one fixed test set. Training variability is not in it.

    Independent examples that all count the same and are right or wrong: the exact paired (McNemar)
    test, with the exact interval of the share of disagreements that transfer wins, scaled to all
    examples. Otherwise the sign-flip test, since McNemar's counts examples as if they were
    independent and alike.

    Parameters
    ----------
    transfer, baseline : ndarray of shape (n,), 0 to 1
        How right each answer is.
    weight : ndarray of shape (n,), optional
        What each example counts, in sum one: equal for every class makes the score balanced
        accuracy.
    groups : ndarray of int, shape (n,), optional
        Examples of one number are right or wrong together.
    metric : str
        What the mean of it is called, before ``weight``.
    """
    n = len(transfer)
    apart = np.asarray(transfer, np.float64) - baseline
    if weight is None and groups is None and np.isin(apart, (-1, 0, 1)).all():
        return _mcnemar(apart, metric)
    metric = metric if weight is None else f"balanced_{metric}"
    weight = np.full(n, 1 / n) if weight is None else weight
    member = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    share = np.bincount(member, weight).astype(np.float64)
    won = np.bincount(member, weight * apart).astype(np.float64)
    (low, high), p = sign_flip(won, share)
    gain = float(won.sum())
    unit = float((share**2).sum())  # what a typical group counts
    return Comparison(
        gain,
        _with_doubt((low, high), gain, effective_count(apart, member)),
        p,
        _detectable(float((won**2).sum()), abs(gain), unit),
        _sign_flip_said(groups is not None),
        metric,
    )


def _sign_flip_said(grouped: bool) -> str:
    if grouped:
        return _(
            "sign-flip permutation over groups of the test set, 5 % (training variability not "
            "included)"
        )
    return _(
        "sign-flip permutation over examples of the test set, 5 % (training variability not "
        "included)"
    )


def _mcnemar(won: Floats, metric: str) -> Comparison:
    n = len(won)
    wins, losses = int((won > 0).sum()), int((won < 0).sum())
    apart = wins + losses
    low, high = clopper_pearson(wins, apart)
    return Comparison(
        (wins - losses) / n,
        _with_doubt(
            (apart * (2 * low - 1) / n, apart * (2 * high - 1) / n), (wins - losses) / n, n
        ),
        sign_test(wins, apart),
        _detectable(apart / n**2, abs(wins - losses) / n, 1 / n),
        _("exact McNemar on the test set, 5 % (training variability not included)"),
        metric,
    )


def _with_doubt(interval: Interval, gain: float, n: float) -> Interval:
    """Widen an interval to ±3/n: where nothing differed in n examples, up to 3/n of others may.

    References
    ----------
    The "rule of three": Hanley & Lippman-Hand (1983), JAMA 249.
    """
    return _within((min(interval[0], gain - 3 / n), max(interval[1], gain + 3 / n)))


def _within(interval: Interval) -> Interval:
    return max(interval[0], -1.0), min(interval[1], 1.0)


def _detectable(power: float, gain: float, unit: float) -> float:
    """Solve ``g = z sqrt(V0 + g u)``: a gain brings disagreements of its own.

    Parameters
    ----------
    power : float
        Sum of squared differences, over groups.
    gain : float
        The size of the gain that was seen.
    unit : float
        u, what one group counts. What the gain explains of ``power``, ``gain * u``, is taken off
        to find V0, the disagreement that would be there without one; at least that of one group.
    """
    z = float(ndtri(1 - LEVEL / 2) + ndtri(POWER))
    noise = max(power - gain * unit, 0.0) + unit**2
    return min((z * z * unit + np.sqrt((z * z * unit) ** 2 + 4 * z * z * noise)) / 2, 1.0)


def sign_flip(won: Floats, share: Floats) -> tuple[Interval, float]:
    """Test whether groups are won and lost alike, and find the gains the data do not rule out.

    If two models are alike, what a group adds to their difference might as well have had the other
    sign. The p value is the share of sign patterns s that make the sum as large as it is. A gain g
    is tested by taking ``g * share`` off every group; pattern s does not speak against it where
    ``|sum s (won - g share)| >= |sum (won - g share)|``, which holds between the two roots of that
    equation, on both sides of the gain seen. The interval is all g that 5 % of patterns allow, so
    it excludes zero exactly when p is below 5 %.

    Parameters
    ----------
    won : ndarray of shape (G,)
        The difference each group adds.
    share : ndarray of shape (G,)
        What each group counts: positive.

    Returns
    -------
    interval : (float, float)
        Within -1..1.
    p : float

    References
    ----------
    Fisher (1935), "The design of experiments", section 21; Phipson & Smyth (2010): where patterns
    are drawn, the one that was seen counts as one of them.
    """
    kinds, count = np.unique(np.stack([won, share]), axis=1, return_counts=True)
    if len(won) <= EXACT:
        signs = np.array(list(product((1, -1), repeat=len(won))), dtype=float)
        flipped, kept = signs @ won, signs @ share
    else:
        # Groups alike in both are exchangeable: draw how many of them keep their sign.
        drawn = np.random.default_rng(0).binomial(count, 0.5, (FLIPS, len(count)))
        signs = np.vstack([count, 2 * drawn - count]).astype(float)
        flipped, kept = signs @ kinds[0], signs @ kinds[1]
    total, whole = won.sum(), share.sum()
    slack = 1e-9 * whole
    gain = total / whole
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([(total - flipped) / (whole - kept), (total + flipped) / (whole + kept)])
    same = np.stack([whole - kept < slack, whole + kept < slack])  # all signs kept, all flipped
    low = np.where(same.any(axis=0), -np.inf, np.where(same, gain, roots).min(axis=0))
    high = np.where(same.any(axis=0), np.inf, np.where(same, gain, roots).max(axis=0))
    allowed = int(np.ceil(LEVEL * len(low) - 1e-9)) - 1
    p = float(np.mean(np.abs(flipped) >= abs(total) - slack))
    interval = (
        float(max(np.sort(low)[allowed], -1.0)),
        float(min(np.sort(high)[::-1][allowed], 1.0)),
    )
    return interval, p
