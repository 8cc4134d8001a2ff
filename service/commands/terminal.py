"""What every command shares: exit codes, progress bars, JSON output and the one line an error is worth.

Place in the flow: under each command of `service.commands`. It knows the terminal and nothing of the service.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

EXIT_FINDINGS: Final = 1
"""Something was found, or an expectation did not hold."""
EXIT_USAGE: Final = 2
"""The command was called in a way it cannot follow."""
EXIT_FAILED: Final = 3
"""The work could not be done: service unreachable, data directory damaged, disk full."""

EXIT_CODES: Final = (
    "Exit status: 0 done, 1 something was found or an expectation did not hold, "
    "2 wrong usage, 3 the work could not be done."
)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory (BRANDWARDEN_DATA_DIR, else `data`).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ServiceUrl = Annotated[
    str | None, typer.Option("--url", help="Ask a running service there instead of opening the data directory.")
]
ServiceKey = Annotated[
    str | None,
    typer.Option("--key", envvar="BRANDWARDEN_KEY", help="Key for --url.", show_envvar=True, show_default=False),
]


class CommandFailed(Exception):
    """Ends a command with one line on standard error and `code`."""

    def __init__(self, message: str, code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.code = code


class RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """The current rate."""
        speed = task.finished_speed or task.speed
        return Text("-/s" if speed is None else f"{speed:.1f}/s" if speed < 100 else f"{speed:,.0f}/s", style="cyan")


def progress_bar(console: Console) -> Progress:
    """A bar with count, rate and time left; on a pipe it prints nothing but its end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=False,
    )


def messages(as_json: bool = False) -> Console:
    """Where progress and notes go: standard error when standard output belongs to JSON."""
    return Console(stderr=as_json)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
