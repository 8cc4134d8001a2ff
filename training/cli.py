"""`brandwarden-train`: train, judge and ship models. Each subcommand calls one module of this package."""

from __future__ import annotations

import typer

from training.background import background
from training.calibrate import calibrate, floors
from training.evaluate import evaluate, report
from training.export import export
from training.fit.command import fit, judge, words
from training.gate import gate
from training.inspection import inspect
from training.promotion import promote, rollback

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train, judge and ship Brandwarden models.")

app.command("fit")(fit)
app.command("words")(words)
app.command("judge")(judge)
app.command("background")(background)
app.command("calibrate")(calibrate)
app.command("floors")(floors)
app.command("evaluate")(evaluate)
app.command("inspect")(inspect)
app.command("gate")(gate)
app.command("export")(export)
app.command("promote")(promote)
app.command("rollback")(rollback)
app.command("report")(report)


def main() -> None:
    """Run the command line."""
    app()
