"""Opening what a command needs: the settings, the database alone, or a whole runtime.

Place in the flow: under the commands. Several processes may work on one data directory: SQL orders their writes and
every process follows the others' index changes. What only tables are needed for loads no model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.brands import Brand, Brands
from indexes.database import Database
from indexes.errors import NotFound
from indexes.paging import MAX_LIMIT
from service.commands.terminal import EXIT_USAGE, CommandFailed
from service.logs import set_up_logs
from service.migrations import upgrade
from service.settings import Settings

if TYPE_CHECKING:
    from service.runtime import Runtime


@contextlib.contextmanager
def open_database(data_dir: Path | None) -> Iterator[Database]:
    """The migrated database of the settings in force, with `data_dir` instead of theirs where it is given."""
    settings = Settings.from_env(data_dir=data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Database(settings.sql_url)) as database:
        upgrade(database)
        yield database


@contextlib.contextmanager
def open_runtime(data_dir: Path | None, *, require_vectors: bool = True) -> Iterator[Runtime]:
    """The whole service in this process, without its HTTP side; logs from warnings up go to standard error.

    `require_vectors` is `Runtime.open`'s.
    """
    from service.runtime import Runtime  # noqa: PLC0415  # its engines are loaded only where they are used

    settings = Settings.from_env(data_dir=data_dir)
    set_up_logs("text", level=30)
    with contextlib.closing(Runtime.open(settings, require_vectors=require_vectors)) as runtime:
        yield runtime


def find_brand(brands: Brands, name_or_id: str) -> Brand:
    """The brand with that id, or the only one with that name; `CommandFailed` when there is none or several."""
    with contextlib.suppress(NotFound):
        return brands.get(name_or_id)
    named = [brand for brand in all_brands(brands) if brand.name.casefold() == name_or_id.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(brand.id for brand in named)
        raise CommandFailed(f"{len(named)} brands are named {name_or_id!r}; name one by its id: {ids}", EXIT_USAGE)
    raise CommandFailed(f"There is no brand {name_or_id!r}; `brandwarden brands list` shows them all.", EXIT_USAGE)


def all_brands(brands: Brands) -> Iterator[Brand]:
    """Every brand, page by page."""
    cursor = None
    while True:
        page = brands.list(limit=MAX_LIMIT, cursor=cursor)
        yield from page.items
        if (cursor := page.next_cursor) is None:
            return
