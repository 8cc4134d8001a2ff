"""`brandwarden demo`: the whole way on real photographs, with expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service.commands.terminal import EXIT_FINDINGS, AsJson, messages, print_json


def demo_command(
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("demo/report.html"),
    as_json: AsJson = False,
) -> None:
    """Start a service, give it two brands and a catalogue, send it listings, hold the answers to what must come.

    It listens on a free loopback port, keeps its data in a temporary directory and removes both when it ends.
    """
    from service.demo.run import print_table, run_demo  # noqa: PLC0415  # its pictures come from optional packages

    notes = messages(as_json)
    result = run_demo(notes, report)
    if as_json:
        print_json(result.as_json())
    else:
        terminal = Console()
        # Without a terminal, as in a log of CI, rich would fold the table to 80 columns.
        print_table(terminal if terminal.is_terminal else Console(width=130), result.outcomes)
    held = sum(outcome.held for outcome in result.outcomes)
    notes.print(f"{held} of {len(result.outcomes)} expectations held in {result.seconds:.0f} s. Report: {report}")
    if not result.held:
        raise typer.Exit(EXIT_FINDINGS)
