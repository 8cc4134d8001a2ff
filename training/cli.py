"""`brandwarden-train`: build and measure models. Each subcommand calls one module of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.background import background
from training.calibrate import calibrate, floors
from training.evaluate import evaluate, report
from training.export import export
from training.gate import gate
from training.inspection import inspect
from training.promotion import promote, rollback
from vision.embedders import DEFAULT_MODEL

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Build and measure Brandwarden models.")

MODEL_DIRECTORY = Path("vision/models") / DEFAULT_MODEL


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Directory to write the model to.")] = MODEL_DIRECTORY,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    photos: Annotated[int, typer.Option(help="Photographs to learn from; 0 leaves the heads random.")] = 600,
    marks: Annotated[int, typer.Option(help="Brand marks to learn from, at most.")] = 800,
    scenes: Annotated[int, typer.Option(help="Photographs with pasted marks to make.")] = 1000,
) -> None:
    """Build the default model: public weights, heads learned on the development data (BRANDWARDEN_DATA)."""
    from training.build import build_model  # noqa: PLC0415 - torch loads for the command, not for --help
    from training.heads import Effort  # noqa: PLC0415 - the same

    build_model(out, seed=seed, effort=Effort(photos=photos, marks=marks, scenes=scenes), say=typer.echo)
    typer.echo(f"wrote {out}")


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="Directory of the model.")] = MODEL_DIRECTORY,
    seed: Annotated[int, typer.Option(help="The seed it was built with: other seeds hold out other marks.")] = 7,
) -> None:
    """Retrieval on held-out photographs: edited copies to their reference, pasted marks to their template."""
    from training.build import measure as measured  # noqa: PLC0415 - torch loads for the command, not for --help

    result = measured(model, seed=seed)
    for name, row in {**result.copies, "logos": result.logos}.items():
        typer.echo(f"{name:12} {row.queries:5} queries   first {row.first:.3f}   first five {row.five:.3f}")
    typer.echo(f"a window on the mark in {result.windows:.3f} of the scenes")


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
