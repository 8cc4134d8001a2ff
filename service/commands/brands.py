"""`brandwarden brands`: make and list brands, straight on the database."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table

from indexes.brands import Brand, Brands, BrandStatus
from indexes.catalog import Catalog
from service.commands.storage import all_brands, open_database
from service.commands.terminal import EXIT_CODES, EXIT_USAGE, AsJson, CommandFailed, DataDir, print_json

app = typer.Typer(help="Make and list brands.", no_args_is_help=True)
_STATUSES: dict[str, BrandStatus] = {status: status for status in get_args(BrandStatus)}


@app.command("create", epilog=EXIT_CODES)
def create_brand(
    name: Annotated[str, typer.Argument(help="Name of the brand.")],
    *,
    status: Annotated[str, typer.Option(help=f"One of {', '.join(_STATUSES)}.")] = "verified",
    email: Annotated[str | None, typer.Option(help="Contact address.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a brand and print its id."""
    if status not in _STATUSES:
        raise CommandFailed(f"A brand is one of {', '.join(_STATUSES)}, not {status!r}.", EXIT_USAGE)
    with open_database(data_dir) as database:
        brand = Brands(database).create(name, _STATUSES[status], email)
    if as_json:
        print_json(describe_brand(brand))
    else:
        typer.echo(brand.id)


@app.command("list", epilog=EXIT_CODES)
def list_brands(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List every brand with its number of references."""
    with open_database(data_dir) as database:
        catalog = Catalog(database)
        rows = [
            describe_brand(brand)
            | {"photos": catalog.count(brand.id, "photo"), "logos": catalog.count(brand.id, "logo")}
            for brand in all_brands(Brands(database))
        ]
    if as_json:
        print_json(rows)
        return
    table = Table("id", "name", "status", "photos", "logos")
    for row in rows:
        table.add_row(row["id"], row["name"], row["status"], str(row["photos"]), str(row["logos"]))
    Console().print(table)


def describe_brand(brand: Brand) -> dict[str, Any]:
    """A brand as JSON, in the fields of the HTTP interface."""
    return {
        "id": brand.id,
        "name": brand.name,
        "status": brand.status,
        "contact_email": brand.contact_email,
        "created_at": brand.created_at.isoformat(),
    }
