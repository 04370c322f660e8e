"""What is said of items that nobody has chosen yet."""

from __future__ import annotations

from typing import Any

from headstart.said import _, _n, sentences


def new_items_line(found: dict[str, Any]) -> str:
    """Say how well new items can be told.

    Parameters
    ----------
    found : dict
        The ``cold_items`` of ``metrics.json``.
    """
    count = _n(
        "{n:,} item of the table stands in no log.",
        "{n:,} items of the table stand in no log.",
        found["n"],
    )
    told = {
        "at": found["at"],
        "items": found["items"],
        "recall": found["chosen"],
        "chance": found["chance"],
    }
    if found["gain"]["decision"] == "helps":
        said = _(
            "By what is known of them, {recall:.1%} of what users chose is among the first {at} of "
            "{items:,} items that were held out as if they were new; by chance {chance:.1%}.",
            **told,
        )
    else:
        said = _(
            "What is known of them does not tell who likes them: {recall:.1%} of what users chose "
            "is among the first {at} of {items:,} items that were held out as if they were new, "
            "and by chance {chance:.1%}; they are not recommended.",
            **told,
        )
    return sentences(count, said)
