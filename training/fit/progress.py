"""Progress bars of a fit: how far, how fast, how long still.

Place in the flow: `running` opens them around its long parts.
"""

from __future__ import annotations

from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Advance(Protocol):
    """Told how many are done, and optionally what to say beside the bar."""

    def __call__(self, done: int, text: str = "") -> None: ...


class Bars:
    """A context in which bars are shown on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, name: str, total: int, done: int = 0) -> Advance:
        """A bar for `total` things; the returned function moves it."""
        task = self._progress.add_task(name, total=total, completed=done, rate="", text="")

        def advance(done: int, text: str = "") -> None:
            speed = self._progress.tasks[task].speed
            rate = f"{speed:.2f}/s" if speed else ""
            self._progress.update(task, completed=done, rate=rate, text=text)

        return advance
