"""`brandwarden export-verdicts`: what people said of matches, with the pictures, as labelled pairs for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexes.blobs import BlobStore
from service.commands.storage import open_database
from service.commands.terminal import AsJson, DataDir, print_json
from service.settings import Settings
from service.verdicts import export_verdicts
from service.verdicts.splitting import Shares


def export_command(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; it must not exist.")],
    *,
    val: Annotated[float, typer.Option(help="Share of the components that go into `val`.", min=0, max=0.5)] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the components that go into `test`.", min=0, max=0.5)] = 0.1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write every verdict whose pictures are still held, split so that no brand, seller or picture is in two splits.

    The folder holds pictures of sellers and brands: it is no longer reached by an erasure, so delete it in time.
    """
    settings = Settings.from_env(data_dir=data_dir)
    with open_database(data_dir) as database:
        done = export_verdicts(database, BlobStore(settings.pictures_url), folder, Shares(val, test))
    if as_json:
        print_json(done.as_json())
        return
    console = Console()
    console.print(f"{done.pairs} verdicts, {done.pictures} pictures and {done.components} components in {folder}.")
    for name, counts in (("splits", done.splits), ("verdicts", done.verdicts), ("left out", done.left_out)):
        console.print(f"{name}: " + (", ".join(f"{count} {word}" for word, count in counts.items()) or "none"))
