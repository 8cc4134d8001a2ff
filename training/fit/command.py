"""`brandwarden-train fit` and `judge`: the options of a fit and of a judgement.

Place in the flow: the command line's way into `running` and `judging`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.fit.config import LITE, ConfigError, read_config
from vision.embedders import DEFAULT_MODEL


def fit(
    out: Annotated[Path, typer.Option(help="Directory to write the model to; an old one is replaced.")],
    *,
    config: Annotated[Path, typer.Option(help="TOML file; docs/retraining.md explains its keys.")] = LITE,
    work: Annotated[Path, typer.Option(help="Checkpoints, rounds and TensorBoard; goes on there.")] = Path("build/fit"),
    cache: Annotated[Path, typer.Option(help="Decoded pictures and drawn marks.")] = Path("build/cache"),
    model: Annotated[Path | None, typer.Option(help="Model directory to begin from, else public weights.")] = None,
    minutes: Annotated[float, typer.Option(help="Stop the steps after so long; 0 takes them all.")] = 0.0,
) -> None:
    """Train the embedder on the development photographs (BRANDWARDEN_DATA) and write a model directory."""
    from training.fit.running import Fit, Place, read_material  # noqa: PLC0415 - torch loads for the command only
    from training.photos import data_directory  # noqa: PLC0415 - the same

    try:
        settings = read_config(config)
        place = Place(data_directory(), work, cache, model)
        run = Fit(settings, place, read_material(settings, place), typer.echo)
        figures = run.run(minutes)
        run.finish(out)
    except (ConfigError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    show(figures)
    typer.echo(f"wrote {out}; measure its floors again: brandwarden-train floors --model {out}")


def judge(
    model: Annotated[str, typer.Argument(help="Name or directory of the model.")] = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Of what is drawn: compare models under one seed.")] = 7,
    photos: Annotated[int, typer.Option(help="Held-out photographs, at most.")] = 160,
    marks: Annotated[int, typer.Option(help="Held-out marks, at most 300.")] = 120,
) -> None:
    """Retrieval on held-out real photographs: copies to originals, printed marks and real logos to references."""
    from training.fit import judging  # noqa: PLC0415 - torch loads for the command, not for --help
    from training.marks import read_marks  # noqa: PLC0415 - the same
    from training.photos import data_directory, read_photos, split_photos  # noqa: PLC0415 - the same
    from vision.embedders import load_embedder  # noqa: PLC0415 - the same

    root = data_directory()
    held = read_photos(split_photos(root).hold_out[:photos])
    examined = judging.examine(held, read_marks(min(marks, 300), seed=seed), seed=seed, root=root)
    show(judging.judge(load_embedder(model), examined))


def show(figures: dict[str, float]) -> None:
    """One figure a line."""
    for name, value in figures.items():
        typer.echo(f"{name:28} {value:.3f}")
