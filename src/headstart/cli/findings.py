"""What the checks noticed, on the terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from headstart.cli.console import say


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Print what the checks noticed, one line each."""
    if findings:
        say("")
    for finding in findings:
        mark = "[yellow]![/]" if finding["severity"] == "warning" else "[dim]·[/]"
        say(f"{mark} {escape(finding['message'])}")
