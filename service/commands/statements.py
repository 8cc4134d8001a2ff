"""`brandwarden statements`: records for the EU transparency database, one JSON document a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from service.commands.storage import open_database
from service.commands.terminal import DataDir
from service.rights import Rights
from service.statements import Statements
from service.statements.gathering import Gathering


def statements_command(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(help="Made at this time or later, in UTC.", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print every record since a moment, in the order they were made; they hold no personal data."""
    with open_database(data_dir) as database:
        statements = Statements(database, Gathering(Rights(database)))
        for statement in statements.export(since.replace(tzinfo=UTC) if since is not None else None):
            typer.echo(json.dumps(statement.record, ensure_ascii=False))
