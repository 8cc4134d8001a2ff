"""A bar with the rate and the time left, on standard error.

Place in the flow: shown by `training.evaluate` around each run; nothing is shown where nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text


class _RateColumn(ProgressColumn):
    """Questions a second."""

    def render(self, task: RichTask) -> Text:
        """What is shown."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


@contextmanager
def showing(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; call what it gives with how many are done, and of how many."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
