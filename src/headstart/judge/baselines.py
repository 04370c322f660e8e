"""Rivals without transfer that every modality has, by name."""

from __future__ import annotations

RANDOM_NETWORK = "same network, random weights"
MAJORITY = "majority class"
