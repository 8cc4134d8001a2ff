"""`brandwarden serve`: the pages and the HTTP interface, until a signal says stop."""

from __future__ import annotations

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
    from service.serve import serve  # noqa: PLC0415  # the web framework is loaded only to serve

    settings = Settings.from_env(host=host, port=port, data_dir=data_dir, model=model, device=device)
    if serve(settings):
        raise typer.Exit(EXIT_FAILED)
