"""`brandwarden keys`: make, list and revoke API keys, straight on the database."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from indexes.brands import Brands
from indexes.paging import MAX_LIMIT
from service.commands.storage import find_brand, open_database
from service.commands.terminal import EXIT_CODES, EXIT_USAGE, AsJson, CommandFailed, DataDir, print_json
from service.errors import Invalid
from service.keys import ROLES, Key, KeyRole, Keys

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command("create", epilog=EXIT_CODES)
def create_key(
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")],
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "made at the command line",
    brand: Annotated[str | None, typer.Option(help="Brand (id or name) of a brand key.")] = None,
    marketplace: Annotated[str | None, typer.Option(help="Marketplace of an ingest key.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its secret, which is shown this once."""
    with open_database(data_dir) as database:
        brand_id = None if brand is None else find_brand(Brands(database), brand).id
        if role == "ingest" and marketplace is None:
            marketplace = "default"
        key, secret = _create(Keys(database), role, name, brand_id, marketplace)
    if as_json:
        print_json({**describe_key(key), "key": secret})
    else:
        Console(stderr=True).print(f"{key.id}, {key.role}. The secret is shown this once:")
        typer.echo(secret)


@app.command("list", epilog=EXIT_CODES)
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List every key, newest first, without secrets."""
    with open_database(data_dir) as database:
        keys = _all_keys(Keys(database))
    if as_json:
        print_json([describe_key(key) for key in keys])
        return
    table = Table("id", "role", "name", "brand", "marketplace", "made")
    for key in keys:
        made = key.created_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(key.id, key.role, key.name, key.brand_id or "", key.marketplace or "", made)
    Console().print(table)


@app.command("delete", epilog=EXIT_CODES)
def delete_key(key_id: Annotated[str, typer.Argument(help="`key_…`")], data_dir: DataDir = None) -> None:
    """Revoke a key; running services refuse it from their next request on."""
    with open_database(data_dir) as database:
        Keys(database).delete(key_id)
    typer.echo(f"{key_id} is revoked.")


def describe_key(key: Key) -> dict[str, Any]:
    """A key as JSON, in the fields of the HTTP interface."""
    return {
        "id": key.id,
        "role": key.role,
        "name": key.name,
        "brand_id": key.brand_id,
        "marketplace": key.marketplace,
        "created_at": key.created_at.isoformat(),
    }


def _create(keys: Keys, role: str, name: str, brand_id: str | None, marketplace: str | None) -> tuple[Key, str]:
    known: dict[str, KeyRole] = {value: value for value in ROLES}
    if role not in known:
        raise CommandFailed(f"A key's role is one of {', '.join(ROLES)}, not {role!r}.", EXIT_USAGE)
    try:
        return keys.create(known[role], name, brand_id=brand_id, marketplace=marketplace)
    except Invalid as error:
        raise CommandFailed(error.detail, EXIT_USAGE) from error


def _all_keys(keys: Keys) -> list[Key]:
    found, cursor = [], None
    while True:
        page = keys.list(limit=MAX_LIMIT, cursor=cursor)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found
