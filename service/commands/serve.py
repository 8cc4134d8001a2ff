"""`brandwarden serve`: the pages and the HTTP interface, until a signal says stop."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from service.commands.terminal import EXIT_FAILED, DataDir
from service.settings import Settings


def serve_command(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on (else 127.0.0.1).", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port (else 8000).", show_default=False)] = None,
    data_dir: DataDir = None,
    model: Annotated[
        str | None, typer.Option(help="Shipped model, `name/pretrained`, `hf-hub:…`, `local-dir:…`.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="`auto`, `cpu`, `cuda`, `cuda:1`.")] = None,
) -> None:
    """Serve the pages and the API until a signal says stop.

    Every option is also a BRANDWARDEN_… variable; docs/operations.md lists those and the others.
    """
    settings = Settings.from_env(host=host, port=port, data_dir=data_dir, model=model, device=device)
    # OpenMP reads this once, when the first engine loads; what a thread sets later does not reach the other threads
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.embed_threads))
    from service.serve import serve  # noqa: PLC0415  # the web framework and the engines are loaded only to serve

    if serve(settings):
        raise typer.Exit(EXIT_FAILED)
