"""Names in ``metrics.json`` that are words: people read them in their language.

Ways to adapt, scores, and what an entry says by a word of ours. CORAL is a name in any language.
"""

from __future__ import annotations

from headstart.said import N_, _

PLAIN = "no adaptation"
"""The way that always takes part, and is named first."""

WORDS = frozenset(
    (
        N_("no adaptation"),
        N_("standardisation"),
        N_("Gaussian transport"),
        N_("subspace alignment"),
        N_("optimal transport"),
        N_("importance weighting"),
        N_("self-training"),
        N_("label propagation"),
        N_("prototypes"),
        N_("source and labels"),
        N_("labels alone"),
        N_("committee"),
        N_("way back"),
        N_("neighbours"),
        N_("clusters"),
        N_("adaptation"),
        N_("neither"),
        N_("under 10"),
        N_("10 to 24"),
        N_("25 or more"),
    )
)
NETWORK = ", network"
"""How the name of a way ends by which a network is trained."""


def called(name: str) -> str:
    """Say a name; one that is none of these words stays, whoever wrote the file it comes from.

    Examples
    --------
    >>> called("labels alone"), called("CORAL"), called("no adaptation, network")
    ('labels alone', 'CORAL', 'no adaptation, network')
    """
    if name.endswith(NETWORK):
        return _("{way}, network", way=called(name.removesuffix(NETWORK)))
    return _(name) if name in WORDS else name
