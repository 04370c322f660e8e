"""Choices that were measured, by kind and size of the target. Written, not by hand.

By ``benchmarks/adapt_choices.py --count --write``; docs/measurements.md says on which sets. Each
is ``n, helped, worse, guessing`` as in ``precedents``.
"""

COUNTED = "2026-11-28"

METHODS = (
    "standardisation",
    "CORAL",
    "Gaussian transport",
    "subspace alignment",
    "optimal transport",
    "importance weighting",
    "T3A",
    "self-training",
    "label propagation",
    "prototypes",
    "DANN",
    "CDAN+E",
    "DAN",
    "JAN",
    "MCC",
    "MDD",
    "SHOT",
)

COUNTS = {
    ("agreement", "10 to 24"): (30, 27, 2, 2),
    ("agreement", "25 or more"): (58, 54, 2, 2),
    ("agreement", "under 10"): (10, 8, 0, 1),
    ("class shares", "25 or more"): (1, 0, 1, 0),
    ("disagreement", "10 to 24"): (5, 1, 1, 2),
    ("disagreement", "25 or more"): (2, 0, 2, 0),
    ("disagreement", "under 10"): (7, 6, 1, 3),
    ("no shift", "10 to 24"): (11, 2, 2, 0),
    ("no shift", "25 or more"): (5, 1, 1, 0),
    ("no shift", "under 10"): (4, 1, 0, 0),
    ("objection", "10 to 24"): (3, 3, 0, 1),
    ("objection", "25 or more"): (10, 8, 1, 1),
    ("source-free", "10 to 24"): (28, 27, 1, 1),
    ("source-free", "25 or more"): (60, 56, 3, 3),
    ("source-free", "under 10"): (6, 6, 0, 0),
}
