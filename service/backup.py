"""A whole service in one file: every row as of one moment and every picture they name, and back again.

The file is a tar: `tables/<name>.jsonl`, `pictures/<sha256>`, and last `manifest.json` with the size and SHA-256 of
each. Indexes are derived and left out; a restored service rebuilds them when it first opens. A service may run while
it is backed up. Nothing here is trusted on the way back: names, sizes and digests are checked before a row is written.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from indexes.blobs import BlobStore
from indexes.changes import CATALOGUE
from indexes.database import Database
from indexes.errors import BlobMissing
from service.errors import ServiceError
from service.migrations import rows

FORMAT: Final = 1
_NAMED_BY: Final = {
    "catalog_references": ("sha256",),
    "listing_images": ("sha256",),
    "brand_rights": ("document_sha256",),
    "negatives": ("sha256",),
    "case_pictures": ("sha256",),
    "proofs": ("stored_sha256", "preview_sha256"),
}
"""Columns that name files in the store, by table."""
_MEMBER: Final = re.compile(r"tables/[a-z_]+\.jsonl|pictures/[0-9a-f]{64}|manifest\.json")
_PIECE: Final = 1 << 20

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is (None: unknown)."""


class BackupFailed(ServiceError):
    """The file cannot be written, or is not a whole backup that fits here."""

    slug, title = "backup", "Backup or restore failed"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `files` is member name → [size, SHA-256]; `missing` are pictures the store did not have."""

    format: int
    revision: str
    made_at: str
    tables: dict[str, int]
    pictures: int
    missing: list[str]
    files: dict[str, list[Any]]


def write_backup(database: Database, blobs: BlobStore, target: Path, progress: Progress) -> Manifest:
    """Write a backup to `target`, which appears only when it is whole and on disk."""
    if target.exists():
        raise BackupFailed(f"{target} exists; name a file that does not.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                manifest = _fill(archive, database, blobs, target.parent, progress)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise BackupFailed(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def restore_backup(source: Path, database: Database, blobs: BlobStore, progress: Progress) -> Manifest:
    """Put a backup into an unused database and store; everything is verified before the first row is written."""
    if not rows.is_unused(database):
        raise BackupFailed("This service has data already; restore into an empty data directory and database.")
    try:
        with tarfile.open(source, "r:") as archive:
            members = _members(archive)
            manifest = _read_manifest(archive, members)
            if manifest.revision != (here := rows.revision(database)):
                raise BackupFailed(
                    f"The backup has schema {manifest.revision}, this release {here}; "
                    "restore with the release that made it, then upgrade."
                )
            _verify(archive, members, manifest, progress)
            _restore_pictures(archive, members, blobs, progress)
            progress("rows", 0, None)
            rows.load(database, ((name, _read_rows(archive, members, name)) for name in rows.table_names()))
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{source} cannot be read as a backup: {error}.") from error
    return manifest


def _fill(
    archive: tarfile.TarFile, database: Database, blobs: BlobStore, scratch: Path, progress: Progress
) -> Manifest:
    files: dict[str, list[Any]] = {}
    tables: dict[str, int] = {}
    pictures: dict[str, None] = {}
    with rows.snapshot(database) as read:
        for done, name in enumerate(rows.table_names()):
            progress("tables", done, len(rows.table_names()))
            with tempfile.TemporaryFile(dir=scratch) as file:
                tables[name] = _write_rows(file, read(name), pictures, name)
                _add(archive, files, f"tables/{name}.jsonl", file)
    missing = []
    for done, sha256 in enumerate(pictures):
        progress("pictures", done, len(pictures))
        try:
            _add_bytes(archive, files, f"pictures/{sha256}", blobs.get(sha256))
        except BlobMissing:
            missing.append(sha256)
    progress("pictures", len(pictures), len(pictures))
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    stored = len(pictures) - len(missing)
    manifest = Manifest(FORMAT, rows.revision(database), made_at, tables, stored, missing, files)
    _add_bytes(archive, {}, "manifest.json", json.dumps(asdict(manifest), indent=1).encode())
    return manifest


def _write_rows(file: IO[bytes], table: Iterator[rows.Row], pictures: dict[str, None], name: str) -> int:
    count = 0
    for row in table:
        count += 1
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        pictures.update(dict.fromkeys(_pictures_of(name, row)))
    file.seek(0)
    return count


def _pictures_of(table: str, row: Mapping[str, Any]) -> list[str]:
    """The files in the store that a row names; of listings only the pictures that were kept."""
    if table == "listing_images" and not row["kept"]:
        return []
    return [row[column] for column in _NAMED_BY.get(table, ()) if row[column] is not None]


def _add(archive: tarfile.TarFile, files: dict[str, list[Any]], name: str, file: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = file.seek(0, os.SEEK_END)
    file.seek(0)
    files[name] = [info.size, hashlib.file_digest(file, "sha256").hexdigest()]  # type: ignore[arg-type]  # a real file
    file.seek(0)
    archive.addfile(info, file)


def _add_bytes(archive: tarfile.TarFile, files: dict[str, list[Any]], name: str, data: bytes) -> None:
    _add(archive, files, name, io.BytesIO(data))


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    found = {}
    for member in archive:
        if not member.isreg() or not _MEMBER.fullmatch(member.name) or member.name in found:
            raise BackupFailed(f"The file is not a backup: it has a member {member.name!r}.")
        found[member.name] = member
    return found


def _read_manifest(archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> Manifest:
    if "manifest.json" not in members:
        raise BackupFailed("The backup is cut off or was never finished: it has no manifest.")
    try:
        manifest = Manifest(**json.loads(_stream(archive, members["manifest.json"]).read()))
    except (ValueError, TypeError) as error:
        raise BackupFailed(f"The backup's manifest cannot be read: {error}.") from error
    if manifest.format != FORMAT:
        raise BackupFailed(f"The backup has format {manifest.format}, this release reads {FORMAT}.")
    if set(manifest.files) != set(members) - {"manifest.json"}:
        raise BackupFailed("The backup does not hold the files its manifest names.")
    needed = {f"tables/{name}.jsonl" for name in rows.table_names()}
    if not needed <= set(manifest.files):
        raise BackupFailed("The backup lacks tables of this release.")
    return manifest


def _verify(
    archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], manifest: Manifest, progress: Progress
) -> None:
    for done, (name, (size, sha256)) in enumerate(manifest.files.items()):
        progress("checking", done, len(manifest.files))
        digest = hashlib.sha256()
        with contextlib.closing(_stream(archive, members[name])) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        if members[name].size != size or digest.hexdigest() != sha256:
            raise BackupFailed(f"The backup is damaged: {name} is not what its manifest says. Use another backup.")
    progress("checking", len(manifest.files), len(manifest.files))


def _restore_pictures(
    archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], blobs: BlobStore, progress: Progress
) -> None:
    names = [name for name in members if name.startswith("pictures/")]
    for done, name in enumerate(names):
        progress("pictures", done, len(names))
        if f"pictures/{blobs.put(_stream(archive, members[name]).read())}" != name:
            raise BackupFailed(f"The backup is damaged: {name} holds another picture.")
    progress("pictures", len(names), len(names))


def _read_rows(archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> Iterator[rows.Row]:
    """The rows of one table. The catalogue's own number stays behind: from here on the two go separate ways, and a
    snapshot of the one must not pass for the other's."""
    for line in _stream(archive, members[f"tables/{name}.jsonl"]):
        row = json.loads(line)
        if (name, row.get("name")) != ("counters", CATALOGUE):
            yield row


def _stream(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    if file is None:
        raise BackupFailed(f"The file is not a backup: {member.name!r} is not a file.")
    return file
