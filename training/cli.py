"""`brandwarden-train`: build and measure models. Each subcommand calls one module of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.calibrate import calibrate
from vision.embedders import DEFAULT_MODEL

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Build and measure Brandwarden models.")

MODEL_DIRECTORY = Path("vision/models") / DEFAULT_MODEL


@app.callback()
def _root() -> None:
    """Keep `build` a subcommand while it is the only one."""


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Directory to write the model to.")] = MODEL_DIRECTORY,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    photos: Annotated[int, typer.Option(help="Photographs to learn from, at most.")] = 1400,
    marks: Annotated[int, typer.Option(help="Brand marks to learn from, at most.")] = 1300,
    scenes: Annotated[int, typer.Option(help="Photographs with pasted marks to make.")] = 2000,
) -> None:
    """Build the default model: public weights, heads learned on the development data (BRANDWARDEN_DATA)."""
    from training.build import build_model  # noqa: PLC0415 - torch loads for the command, not for --help
    from training.heads import Effort  # noqa: PLC0415 - the same

    build_model(out, seed=seed, effort=Effort(photos=photos, marks=marks, scenes=scenes), say=typer.echo)
    typer.echo(f"wrote {out}")


app.command("calibrate")(calibrate)


def main() -> None:
    """Run the command line."""
    app()
