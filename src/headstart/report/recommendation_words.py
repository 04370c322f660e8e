"""Sentences."""

from typing import Any


def recommendation_lines(found: dict[str, Any]) -> list[str]:
    """Say."""
    return []
