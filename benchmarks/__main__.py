"""`python -m benchmarks [NAME …]`: measure, print by the targets, write JSON. `--help` lists the names.

All by default. Ends with 1 when a target is missed. `--references` makes the index smaller for a quick look.
`python -m benchmarks speed` and `size` are benchmarks of their own with options of their own (`--help`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import cases, clean, engine, index, promotion, recall, replay, saving, size, webhooks
from benchmarks.machine import Figures, Targets, describe_machine, met, write_result
from benchmarks.speed import command

_MEASURES: dict[str, tuple[Callable[[argparse.Namespace], Figures], Targets]] = {
    "recall": (lambda _options: recall.measure(), recall.TARGETS),
    "index": (lambda options: index.run(options.references), index.TARGETS),
    "clean": (
        lambda options: clean.measure(options.references, options.uploads, options.pictures),
        clean.TARGETS,
    ),
    "engine": (lambda options: engine.measure(options.pictures), engine.TARGETS),
    "cases": (lambda options: cases.measure(options.cases), cases.TARGETS),
    "replay": (lambda options: replay.measure(options.results), replay.TARGETS),
    "saving": (lambda _options: saving.measure(), saving.TARGETS),
    "webhooks": (lambda _options: webhooks.measure(), webhooks.TARGETS),
    "promotion": (
        lambda options: promotion.measure(min(options.uploads, 60), options.candidate, options.gate),
        promotion.TARGETS,
    ),
}


def main() -> int:
    """Run what was asked for; 0 when every target was met."""
    if sys.argv[1:2] == ["speed"]:
        return command.main(sys.argv[2:])
    if sys.argv[1:2] == ["size"]:
        return size.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*_MEASURES, []], help="what to measure (default: all)")
    parser.add_argument("--references", type=int, default=100_000, help="references in the index")
    parser.add_argument("--cases", type=int, default=10_000, help="open cases")
    parser.add_argument("--uploads", type=int, default=100, help="references uploaded before the listings")
    parser.add_argument("--pictures", type=int, default=200, help="pictures of clean listings checked on one core")
    parser.add_argument("--results", type=int, default=100_000, help="stored results a policy is tried on")
    parser.add_argument("--candidate", help="a model to promote instead of the shipped one with turned vectors")
    parser.add_argument("--gate", type=Path, help="the report of the gate that it passed")
    options = parser.parse_args()
    console = Console()
    console.print(" · ".join(f"{name} {value}" for name, value in describe_machine().items()), highlight=False)
    good = True
    for name in options.names or list(_MEASURES):
        measure, targets = _MEASURES[name]
        figures = measure(options)
        path = write_result(name, figures, targets)
        console.print(_table(name, figures, targets))
        console.print(f"written to {_shown(path)}", highlight=False)
        good = good and all(met(figures, targets).values())
    return 0 if good else 1


def _table(name: str, figures: Figures, targets: Targets) -> Table:
    table = Table(title=name, title_justify="left")
    for column in ("figure", "measured", "target", ""):
        table.add_column(column)
    held = met(figures, targets)
    for key, value in figures.items():
        sign, limit = targets.get(key, ("", ""))
        mark = {True: "met", False: "MISSED", None: ""}[held.get(key)]
        table.add_row(key, f"{value:.3f}" if isinstance(value, float) else str(value), f"{sign} {limit}".strip(), mark)
    return table


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    raise SystemExit(main())
