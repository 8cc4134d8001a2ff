"""`brandwarden-train fit`, `words` and `judge`: the options of a fit, of its words alone, and of a judgement.

Place in the flow: the command line's way into `running` and `judging`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.fit.config import LITE, Config, ConfigError, read_config
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
        figures |= run.finish(out)
    except (ConfigError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    show(figures)
    typer.echo(f"wrote {out}; next: brandwarden-train background --model local-dir:{out}, then calibrate")


def words(
    model: Annotated[Path, typer.Argument(help="Directory of the model; its text tower is replaced.")],
    *,
    config: Annotated[Path, typer.Option(help="TOML file of the fit; `seed`, `data` and `words` count.")] = LITE,
    cache: Annotated[Path, typer.Option(help="Vectors and drawn marks.")] = Path("build/cache"),
) -> None:
    """Teach the text tower of a model again. Vectors of pictures and the space stay: nothing is embedded anew."""
    from training.fit.running import Place, teach  # noqa: PLC0415 - torch loads for the command only
    from training.photos import data_directory  # noqa: PLC0415 - the same

    try:
        figures = teach(model, read_config(config), Place(data_directory(), model, cache, model))
    except (ConfigError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    show(figures)
    typer.echo(f"wrote the text tower of {model}")


def judge(
    model: Annotated[str, typer.Argument(help="Name or directory of the model.")] = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Of what is drawn: compare models under one seed.")] = 7,
    photos: Annotated[int, typer.Option(help="Held-out photographs, at most.")] = 160,
    marks: Annotated[int, typer.Option(help="Held-out marks, at most 300.")] = 120,
    cache: Annotated[Path, typer.Option(help="Vectors and drawn marks.")] = Path("build/cache"),
) -> None:
    """Retrieval on held-out real photographs: copies to originals, printed marks and real logos to references, and
    words to what they name."""
    from training.fit import judging  # noqa: PLC0415 - torch loads for the command, not for --help
    from training.fit.naming import ask_words  # noqa: PLC0415 - the same
    from training.fit.vocabulary import read_kept_back  # noqa: PLC0415 - the same
    from training.marks import read_marks  # noqa: PLC0415 - the same
    from training.photos import data_directory, read_photos, split_photos  # noqa: PLC0415 - the same
    from vision.embedders import load_embedder  # noqa: PLC0415 - the same

    root = data_directory()
    held = read_photos(split_photos(root).hold_out[:photos])
    examined = judging.examine(held, read_marks(min(marks, 300), seed=seed), seed=seed, root=root)
    embedder = load_embedder(model)
    show(judging.judge(embedder, examined))
    if embedder.embed_texts(()) is not None:
        show(ask_words(embedder, read_kept_back(embedder, Config(seed=seed), root, cache), seed=seed))


def show(figures: dict[str, float]) -> None:
    """One figure a line."""
    for name, value in figures.items():
        typer.echo(f"{name:28} {value:.3f}")
