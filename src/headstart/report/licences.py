"""Licences of weights: what a hub calls them, and which of them keep a model at home."""

from __future__ import annotations

import re

HUB = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "lgpl-3.0"),
    *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-3.0"),
    *("cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "openrail", "isc"),
}
"""Identifiers that Hugging Face's hub knows, as its documentation lists them (not all)."""
_CLOSED = re.compile(r"\bNC\b|non-?commercial|research only", re.IGNORECASE)
_SILENT = re.compile(r"not stated|unknown|^other$|^$", re.IGNORECASE)


def forbids_trade(licence: str) -> bool:
    """Whether a licence says that what it covers may not be used to earn money.

    Examples
    --------
    >>> forbids_trade("CC-BY-NC-4.0"), forbids_trade("Apache-2.0")
    (True, False)
    """
    return bool(_CLOSED.search(licence))


def is_unknown(licence: str) -> bool:
    """Whether nobody says what is allowed.

    Examples
    --------
    >>> is_unknown("not stated (code: BSD-3-Clause)"), is_unknown("MIT")
    (True, False)
    """
    return bool(_SILENT.search(licence))


def on_the_hub(licence: str) -> dict[str, str]:
    """Return what the metadata of a model on the hub says of a licence.

    Examples
    --------
    >>> on_the_hub("Apache-2.0"), on_the_hub("not stated")
    ({'license': 'apache-2.0'}, {'license': 'unknown'})
    >>> on_the_hub("MIT, Apache-2.0")
    {'license': 'other', 'license_name': 'mit-apache-2.0'}
    """
    known = licence.strip().lower()
    if known in HUB:
        return {"license": known}
    if is_unknown(licence):
        return {"license": "unknown"}
    slug = re.sub(r"[^a-z0-9.]+", "-", known).strip("-")
    return {"license": "other", "license_name": slug[:60] or "other"}
