"""Whether the classes are surely otherwise frequent in the target than in the source.

All methods of adaptation make the two domains look alike: in their means, at least. Where the
classes are otherwise frequent that makes their shares alike too, and so makes answers wrong that
were right: no such method can do well on both domains then. An unadapted model tells shares that
have changed only where it is still right about the target, though, and where it is not its answers
look just the same. Its way back to the source tells the two apart: who learns the target from
wrong answers does badly on the source, and an adaptation would lead back better.

References
----------
Zhao, Tachet des Combes, Zhang & Gordon (2019), "On learning invariant representations for domain
adaptation", ICML, arXiv:1901.09453, theorem 4.3: the error of aligned domains is at least what
their class shares differ by.
"""

from __future__ import annotations

import numpy as np

from headstart.adaptation.domains import Domains
from headstart.adaptation.priors import Priors, find_priors
from headstart.adaptation.trials import Trial
from headstart.transfer.logistic import softmax

AS_WELL = 3.0
"""Standard errors by which an adaptation's way back may be better than that of "no adaptation", and
still be called no better. From hotels to takeaway meals, where the shares have changed, they were
-2 to 1.9 in four draws; in the one of 29 other pairs whose gain the rule could cost, 11
(docs/measurements.md)."""


def other_shares(
    domains: Domains, plain: Trial, back: float, back_of_rival: float
) -> Priors | None:
    """Estimate the target's class shares; None unless they differ surely and can be believed.

    Parameters
    ----------
    domains : Domains
    plain : Trial
        "no adaptation".
    back, back_of_rival : float, 0..1
        How well the answers of "no adaptation", and those of the best rival, lead back to the
        source (:func:`~headstart.adaptation.scores.way_back`).
    """
    error = np.sqrt(max(back_of_rival * (1 - back_of_rival), 1e-12) / len(domains.y))
    if back_of_rival - back > AS_WELL * error:
        return None
    T = plain.temperature
    found = find_priors(
        domains.y, plain.held_y, softmax(plain.held / T), softmax(plain.target / T),
        seed=domains.seed,
    )  # fmt: skip
    return found if found.differ.any() else None
