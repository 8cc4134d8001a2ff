"""What was measured, for people: tables for the terminal, and Markdown.

Place in the flow: the end of `command`. Lists that are only there to be drawn are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.speed.goals import Verdict

_MARKS = {True: "met", False: "MISSED", None: "not measured"}
_DRAWN = ("over_time", "latencies_ms", "copies_found")


def table(name: str, measured: Mapping[str, Any]) -> Table:
    """One part."""
    shown = Table(title=name, title_justify="left")
    for column in ("figure", "measured"):
        shown.add_column(column)
    for key, value in _figures(measured):
        shown.add_row(key, value)
    return shown


def goals(verdicts: Sequence[Verdict]) -> Table:
    """Every figure that has a goal."""
    shown = Table(title="goals", title_justify="left")
    for column in ("figure", "measured", "goal", ""):
        shown.add_column(column)
    for verdict in verdicts:
        shown.add_row(*_row(verdict))
    return shown


def markdown(kept: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """The whole result as a page."""
    lines = ["# Speed", "", " · ".join(f"{name} {value}" for name, value in kept["machine"].items()), ""]
    lines += [f"Pictures: {kept['pictures']}.", "", "| figure | measured | goal | |", "| --- | --- | --- | --- |"]
    lines += ["| " + " | ".join(_row(verdict)) + " |" for verdict in verdicts]
    for name, measured in kept["parts"].items():
        lines += ["", f"## {name}", "", "| figure | measured |", "| --- | --- |"]
        lines += [f"| {key} | {value} |" for key, value in _figures(measured)]
    return "\n".join(lines) + "\n"


def _row(verdict: Verdict) -> tuple[str, str, str, str]:
    value = "" if verdict.value is None else f"{verdict.value:.3g}"
    return verdict.goal.text, value, f"{verdict.goal.sign} {verdict.goal.limit:g}", _MARKS[verdict.met]


def _figures(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in measured.items():
        if key in _DRAWN:
            continue
        if isinstance(value, Mapping):
            yield key, ", ".join(f"{name} {number}" for name, number in value.items())
        else:
            yield key, str(value)
