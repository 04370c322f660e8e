"""Choices that were measured, by kind and size of the target. Written, not by hand.

By ``benchmarks/adapt_choices.py --count --write``, from choices on PACS, digits (MNIST, USPS,
MNIST-M), solar cells (elpv) and emoji: see docs/measurements.md. Each is ``n, helped, worse,
guessing`` as in ``precedents``.
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
    ("agreement", "10 to 24"): (14, 12, 1, 1),
    ("agreement", "25 or more"): (18, 17, 1, 1),
    ("agreement", "under 10"): (5, 4, 0, 0),
    ("class shares", "25 or more"): (1, 0, 1, 0),
    ("disagreement", "10 to 24"): (2, 0, 1, 1),
    ("disagreement", "under 10"): (3, 3, 0, 2),
    ("no shift", "10 to 24"): (5, 1, 1, 0),
    ("no shift", "25 or more"): (2, 1, 0, 0),
    ("no shift", "under 10"): (1, 1, 0, 0),
    ("objection", "10 to 24"): (2, 2, 0, 1),
    ("objection", "25 or more"): (6, 5, 1, 1),
    ("source-free", "10 to 24"): (12, 11, 1, 1),
    ("source-free", "25 or more"): (20, 17, 2, 3),
    ("source-free", "under 10"): (1, 1, 0, 0),
}
