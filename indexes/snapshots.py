"""Snapshots: an index pair on disk with a manifest that is checked before any of its files is read.

A snapshot is a directory of files and `manifest.json`, built aside, synced and renamed into place; two are kept.
A file format of an index library loads damaged files without a word, so sizes and SHA-256 of every file, the space,
the catalogue's number, the generation, dimension, metric and number of vectors are compared first. What does not
agree is moved to `quarantine/` and named in the log. A snapshot is only ever one this service made on this disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.errors import SnapshotDamaged, StorageFailed
from indexes.pair import IndexPair
from indexes.planner import Allowance
from indexes.vectors import VectorIndex
from vision.embedding import KINDS, Kind, Space

_LOG = logging.getLogger("brandwarden.snapshots")
_FORMAT = 1
_MANIFEST = "manifest.json"
_KEPT = 2
_ABANDONED = 3600.0  # seconds after which a directory that was being built belongs to a process that died


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A directory that claims to be a snapshot of `generation`."""

    path: Path
    generation: int


class Snapshots:
    """The snapshots of one space and one catalogue below `directory`."""

    def __init__(self, directory: Path, space: Space, catalogue: int, allowance: Allowance | None = None) -> None:
        self._root = directory
        self._allowance = allowance
        self._digests: dict[tuple[int, ...], str] = {}  # of files that the next snapshot may link again
        self._directory = directory / hashlib.sha256(space.id.encode()).hexdigest()[:16]
        self._space = space
        self._catalogue = catalogue

    @property
    def directory(self) -> Path:
        """Where the snapshots of this space lie; it may not be there yet."""
        return self._directory

    def newest_first(self) -> list[Snapshot]:
        """What is there, unverified, the highest generation first."""
        found = []
        for path in self._directory.glob("[0-9]*-*") if self._directory.is_dir() else ():
            number = path.name.split("-")[0]
            if number.isdecimal():
                found.append(Snapshot(path, int(number)))
        return sorted(found, key=lambda snapshot: (snapshot.generation, snapshot.path.name), reverse=True)

    def load(self, snapshot: Snapshot) -> IndexPair:
        """Verify everything the manifest says, then read; `SnapshotDamaged` when something does not agree."""
        try:
            manifest = self._verified(snapshot)
            indexes: dict[Kind, VectorIndex] = {
                kind: VectorIndex.load(
                    snapshot.path, kind, manifest["indexes"][kind], self._space.dim(kind), self._allowance
                )
                for kind in KINDS
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SnapshotDamaged(f"The snapshot cannot be read: {error!r}.") from error
        return IndexPair(indexes, snapshot.generation)

    def write(self, pair: IndexPair) -> Snapshot:
        """Write `pair` durably and drop all but the newest two. Changes wait while its files are written.

        `StorageFailed` when the disk refuses; then the snapshots that were there are untouched.
        """
        building = self._directory / f".building-{secrets.token_hex(6)}"
        try:
            building.mkdir(parents=True)
            snapshot = self._fill(pair, building)
        except (OSError, RuntimeError) as error:  # the index library reports a failed write as a RuntimeError
            shutil.rmtree(building, ignore_errors=True)
            raise StorageFailed(f"The snapshot could not be written to {self._directory} ({error}).") from error
        self._drop_old()
        return snapshot

    def quarantine(self, snapshot: Snapshot, reason: str) -> str:
        """Move a snapshot out of the way, for someone to look at; returns where it went."""
        target = self._root / "quarantine" / f"{snapshot.path.name}-{secrets.token_hex(3)}"
        _LOG.error("snapshot %s is set aside as %s: %s", snapshot.path.name, target, reason)
        try:
            target.parent.mkdir(exist_ok=True)
            for older in sorted(target.parent.iterdir(), key=lambda path: path.stat().st_mtime)[: 1 - _KEPT]:
                shutil.rmtree(older)
            snapshot.path.rename(target)
            os.utime(target)
        except OSError as error:  # a disk that cannot rename must not keep the service from starting
            _LOG.warning("snapshot %s could not be moved: %s", snapshot.path.name, error)
        return target.name

    def _fill(self, pair: IndexPair, building: Path) -> Snapshot:
        with pair.lock.reading():
            generation = pair.generation
            indexes = {kind: index.save(building, kind) for kind, index in pair.indexes.items()}
        files = sorted(path for path in building.iterdir() if path.is_file())
        digests = {path: self._digests.get(_identity(path)) or _sha256(path) for path in files}
        self._digests = {_identity(path): digest for path, digest in digests.items()}
        manifest = {
            "format": _FORMAT,
            "space": self._space.id,
            "catalogue": self._catalogue,
            "generation": generation,
            "indexes": indexes,
            "files": {path.name: {"size": path.stat().st_size, "sha256": digests[path]} for path in files},
        }
        (building / _MANIFEST).write_text(json.dumps(manifest | {"checksum": _checksum(manifest)}, indent=1))
        for path in (*files, building / _MANIFEST, building):
            _sync(path)
        final = self._directory / f"{generation:015d}-{building.name.rsplit('-', 1)[-1]}"
        building.rename(final)
        _sync(self._directory)
        return Snapshot(final, generation)

    def _verified(self, snapshot: Snapshot) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((snapshot.path / _MANIFEST).read_text())
        checksum = manifest.pop("checksum")
        expected = {
            "checksum": (checksum, _checksum(manifest)),
            "format": (manifest["format"], _FORMAT),
            "space": (manifest["space"], self._space.id),
            "catalogue": (manifest["catalogue"], self._catalogue),
            "generation": (manifest["generation"], snapshot.generation),
        }
        for kind in KINDS:
            expected[f"{kind} dimension"] = (manifest["indexes"][kind]["dim"], self._space.dim(kind))
        for what, (is_there, wanted) in expected.items():
            if is_there != wanted:
                raise SnapshotDamaged(f"Its {what} is {is_there!r}, not {wanted!r}.")
        named = [name for kind in KINDS for name in manifest["indexes"][kind]["files"]]
        if sorted(named) != sorted(manifest["files"]):
            raise SnapshotDamaged("Its list of files does not agree with its indexes.")
        for name in named:
            _verify(snapshot.path / name, manifest["files"][name])
            self._digests[_identity(snapshot.path / name)] = manifest["files"][name]["sha256"]
        return manifest

    def _drop_old(self) -> None:
        gone = [snapshot.path for snapshot in self.newest_first()[_KEPT:]]
        gone += [
            path for path in self._directory.glob(".building-*") if path.stat().st_mtime < time.time() - _ABANDONED
        ]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)


def _verify(path: Path, stated: dict[str, Any]) -> None:
    size = path.stat().st_size
    if size != stated["size"]:
        raise SnapshotDamaged(f"{path.name} has {size} bytes, not {stated['size']}.")
    if _sha256(path) != stated["sha256"]:
        raise SnapshotDamaged(f"{path.name} has another SHA-256 than its manifest says.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is written, and does not when it gets another name."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _checksum(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
