"""Rivals without transfer that every modality has, by name."""

from __future__ import annotations

from headstart.said import N_
from headstart.tasks.classification import Classification

RANDOM_NETWORK = N_("same network, random weights")
MAJORITY = Classification.floor_name
