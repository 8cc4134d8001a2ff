"""`brandwarden-train`: train, judge and ship models. Each subcommand calls one module of this package.

What a person can mend (a folder, a model, a file) is one line and an exit status of 2; any other error keeps its
traceback, for it is ours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import typer

from indexes.errors import CalibrationError
from training.background import background
from training.calibrate import calibrate, floors
from training.datasets import DataMissing
from training.evaluate import evaluate, report
from training.export import export
from training.fit.command import fit, judge, words
from training.fit.config import ConfigError
from training.gate import NotComparable, gate
from training.glances import glances
from training.inspection import inspect
from training.promotion import promote, rollback
from training.readers import SourceError
from training.readers.pairs import PairsError
from training.readers.tables import TableError
from vision.errors import ModelError

MENDABLE: Final = (
    DataMissing, ModelError, CalibrationError, ConfigError, SourceError, TableError, PairsError,
    NotComparable, FileNotFoundError,
)  # fmt: skip
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train, judge and ship Brandwarden models.",
    pretty_exceptions_enable=False,
)

app.command("fit")(fit)
app.command("words")(words)
app.command("judge")(judge)
app.command("background")(background)
app.command("calibrate")(calibrate)
app.command("floors")(floors)
app.command("glances")(glances)
app.command("evaluate")(evaluate)
app.command("inspect")(inspect)
app.command("gate")(gate)
app.command("export")(export)
app.command("promote")(promote)
app.command("rollback")(rollback)
app.command("report")(report)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    try:
        app(args=list(arguments), prog_name="brandwarden-train")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except MENDABLE as error:
        typer.echo(f"brandwarden-train: {error}", err=True)
        return 2
    return 0


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
