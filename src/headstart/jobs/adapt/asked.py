"""What an adaptation was asked for, beside the configuration of its source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headstart.data.formats import is_table


@dataclass(frozen=True)
class Asked:
    """Arguments of :func:`headstart.jobs.adapt.adapt.adapt` by their names there."""

    target: str | Path
    methods: str
    networks: bool
    target_labels: str | Path | None
    label_budget: int | None
    labelled: str | Path | None

    @property
    def in_tables(self) -> bool:
        """Whether the target, or labels of it, lie in a table: options of tables are for them."""
        given = (self.target, self.target_labels, self.labelled)
        return any(is_table(Path(path)) for path in given if path is not None)

    def to_json(self) -> dict[str, Any]:
        """Return what ``run.json`` keeps: of paths the last part, for a user's name may precede."""
        names = {
            name: None if path is None else Path(path).name
            for name, path in (
                ("target", self.target),
                ("target_labels", self.target_labels),
                ("labelled", self.labelled),
            )
        }
        return {**asdict(self), **names}
