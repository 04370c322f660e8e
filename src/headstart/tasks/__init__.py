"""Tasks: what a label is. A task knows nothing of modalities or methods."""

from __future__ import annotations
