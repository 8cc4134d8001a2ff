"""`brandwarden backup` and `restore`: the whole service in one file, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from indexes.blobs import BlobStore
from service.backup import Manifest, Progress, restore_backup, write_backup
from service.commands.storage import open_database
from service.commands.terminal import EXIT_USAGE, AsJson, CommandFailed, DataDir, messages, print_json, progress_bar
from service.settings import Settings


def backup_command(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write every row and every picture to one file, as of one moment. The service may run meanwhile."""
    notes, blobs = messages(as_json), _blobs(data_dir)
    with open_database(data_dir) as database, _bars(notes) as progress:
        manifest = write_backup(database, blobs, file, progress)
    if manifest.missing:
        notes.print(f"[yellow]{len(manifest.missing)} pictures are not in the store and not in the backup.")
    _tell(manifest, f"Backed up to {file}", as_json, notes)


def restore_command(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty data directory (and database), after checking all of it.

    The indexes are built anew when the service first starts.
    """
    folder = Settings.from_env(data_dir=data_dir).data_dir
    if folder.is_dir() and any(folder.iterdir()):
        raise CommandFailed(f"{folder} is not empty; restore into a data directory that is.", EXIT_USAGE)
    notes, blobs = messages(as_json), _blobs(data_dir)
    with open_database(data_dir) as database, _bars(notes) as progress:
        manifest = restore_backup(file, database, blobs, progress)
    _tell(manifest, f"Restored from {file}", as_json, notes)


def _blobs(data_dir: Path | None) -> BlobStore:
    return BlobStore(Settings.from_env(data_dir=data_dir).pictures_url)


@contextlib.contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    """One bar for each thing that is being done."""
    with progress_bar(console) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what.capitalize(), total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield progress


def _tell(manifest: Manifest, message: str, as_json: bool, notes: Console) -> None:
    if as_json:
        summary = asdict(manifest)
        del summary["files"]
        print_json(summary)
        return
    references = manifest.tables.get("catalog_references", 0)
    notes.print(f"{message}: {references} references, {manifest.pictures} pictures.")
