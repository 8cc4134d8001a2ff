"""`brandwarden-train`: build and measure models. Each subcommand calls one module of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Build the default model from public weights."""
    from training.build import build_model  # noqa: PLC0415 - torch loads for the command, not for --help

    build_model(out, seed=seed)
    typer.echo(f"wrote {out}")


def main() -> None:
    """Run the command line."""
    app()
