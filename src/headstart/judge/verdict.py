"""The verdict: did the pretrained knowledge help? Paired on the same images, with its doubt.

Negative transfer is defined against the best that can be done without the source, with the same
target data (Wang et al. 2019, "Characterizing and avoiding negative transfer", section 3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, t

from headstart.judge.intervals import Interval, clopper_pearson, corrected_t

Decision = Literal["helps", "hurts", "cannot tell"]
POWER = 0.8


@dataclass(frozen=True)
class Verdict:
    """Whether transfer helps, by how much, and how small a gain could have been seen.

    Attributes
    ----------
    decision : {"helps", "hurts", "cannot tell"}
    gain : float
        Score with transfer minus score of the best model without, in shares (0.12 = 12 points).
    gain_ci95 : (float, float)
    baseline : str
        The model without transfer that was picked.
    detectable : float
        The gain that data of this size would reveal 4 times in 5.
    test, metric : str
        How it was tested, and on which score.
    """

    decision: Decision
    gain: float
    gain_ci95: Interval
    baseline: str
    detectable: float
    test: str
    metric: str

    def to_json(self) -> dict[str, Any]:
        """Return plain types, with the sentence."""
        return {**asdict(self), "gain_ci95": list(self.gain_ci95), "sentence": self.sentence()}

    def sentence(self) -> str:
        """One sentence a beginner can repeat."""
        low, high = (100 * x for x in self.gain_ci95)
        score = self.metric.replace("_", " ")
        if self.decision == "cannot tell":
            return (
                f"We cannot tell whether the pretrained network helps: against the best model "
                f"without it ({self.baseline}) the {score} differs by {100 * self.gain:+.1f} "
                f"points (95 % interval {low:+.1f} to {high:+.1f}), and with this much data only "
                f"a difference of about {100 * self.detectable:.0f} points or more would show."
            )
        side = "better" if self.decision == "helps" else "worse"
        advice = "" if self.decision == "helps" else " Use the simpler model, or another backbone."
        return (
            f"The pretrained network {self.decision}: its {score} is "
            f"{100 * abs(self.gain):.1f} points {side} than the best model without it "
            f"({self.baseline}), 95 % interval {low:+.1f} to {high:+.1f} points.{advice}"
        )


def from_folds(
    transfer: NDArray[np.floating],
    baseline: NDArray[np.floating],
    test_share: float,
    name: str,
    metric: str,
    *,
    n: int,
) -> Verdict:
    """Judge from scores of the same folds, by the corrected resampled t-test.

    Parameters
    ----------
    transfer, baseline : ndarray of shape (J,)
    test_share : float
        ``n_test / n_train`` of a fold.
    n : int
        Examples behind the scores. No interval is narrower than ±3/n: where nothing differed in n
        examples, up to 3/n of others may (the "rule of three", Hanley & Lippman-Hand 1983).
    """
    mean, se, df = corrected_t(transfer - baseline, test_share)
    se = max(se, 3 / n / float(t.ppf(0.975, df)))
    half = float(t.ppf(0.975, df)) * se
    return Verdict(
        _decide(mean - half, mean + half),
        mean,
        (mean - half, mean + half),
        name,
        float((t.ppf(0.975, df) + t.ppf(POWER, df)) * se),
        "Nadeau-Bengio corrected resampled t, 95 %",
        metric,
    )


def from_test_set(
    transfer_right: NDArray[np.bool_], baseline_right: NDArray[np.bool_], name: str
) -> Verdict:
    """Judge from one fixed test set, by the exact paired (McNemar) test.

    The interval is the exact one of the share of disagreements that transfer wins, scaled to all
    images, so it excludes zero exactly when the test rejects. Training variability is not in it.
    """
    n = len(transfer_right)
    wins = int((transfer_right & ~baseline_right).sum())
    losses = int((~transfer_right & baseline_right).sum())
    apart = wins + losses
    low, high = clopper_pearson(wins, apart)
    interval = (apart * (2 * low - 1) / n, apart * (2 * high - 1) / n)
    rejected = apart > 0 and binomtest(wins, apart).pvalue < 0.05
    decision: Decision = "cannot tell" if not rejected else "helps" if wins > losses else "hurts"
    # Fewer than six disagreements can never reject; else the usual normal approximation.
    detectable = max(6 / n, 2.8 * np.sqrt((apart + 1) / n / n))
    return Verdict(
        decision,
        (wins - losses) / n,
        interval,
        name,
        float(min(detectable, 1.0)),
        "exact McNemar on the test set, 5 % (training variability not included)",
        "accuracy",
    )


def _decide(low: float, high: float) -> Decision:
    if low > 0:
        return "helps"
    return "hurts" if high < 0 else "cannot tell"
