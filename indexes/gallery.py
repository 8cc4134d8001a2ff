"""The gallery: one space's indexes, opened from the newest good snapshot and kept in step with SQL.

Place in the flow: enrolment commits to `indexes.catalog` and calls `catch_up`; `indexes.search` asks `candidates`.
Opening tries snapshots newest first (verify, load, replay the changes after it) and rebuilds from SQL when none is
good, so an empty index is never served while SQL has rows. Does not look at pixels and starts no thread: the service
polls `catch_up` (another process may have written) and now and then calls `maintain`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from indexes.changes import Changes
from indexes.database import Database
from indexes.embeddings import SLOTS, Embeddings
from indexes.errors import SnapshotDamaged, SpaceMismatch, StorageFailed
from indexes.pair import Candidate, IndexPair, Progress
from indexes.planner import Allowance
from indexes.snapshots import Snapshot, Snapshots
from vision.embedding import KINDS, Kind, Space, Vectors

__all__ = ["Candidate", "Gallery", "Progress"]

_LOG = logging.getLogger("brandwarden.gallery")
_STEP = 1_000  # changes applied at a time, so that searches get their turn in between


class Gallery:
    """Searchable vectors of one space. Every method may be called from any thread."""

    def __init__(self, database: Database, space: Space, directory: Path, allowance: Allowance | None = None) -> None:
        self.space = space
        self._allowance = allowance or Allowance()
        self._changes = Changes(database)
        self._embeddings = Embeddings(database, space)
        self._snapshots = Snapshots(directory, space, self._changes.catalogue(), self._allowance)
        self._following = threading.Lock()  # one catch-up at a time, in order
        self._building = threading.Lock()  # one rebuild or snapshot at a time
        self._pair = IndexPair.empty(space, 0, self._allowance)
        self._snapshot_generation = 0
        self._quarantined: list[str] = []
        self._opened: dict[str, Any] = {"from": "nothing", "seconds": 0.0}
        self._built: tuple[int, int] | None = None  # vectors done and in all, while a new pair is being built

    @classmethod
    def open(
        cls,
        database: Database,
        space: Space,
        directory: Path,
        *,
        allowance: Allowance | None = None,
        progress: Progress | None = None,
    ) -> Gallery:
        """Open the gallery of `space`, snapshots below `directory`; in step with SQL when it returns.

        `allowance` bounds each of its indexes.
        """
        gallery = cls(database, space, directory, allowance)
        with gallery._building:
            gallery._open(progress)
        return gallery

    @property
    def generation(self) -> int:
        """Generation of the last change the indexes contain."""
        return self._pair.generation

    @property
    def vectors(self) -> dict[Kind, int]:
        """How many vectors the indexes hold, by kind; asks no database."""
        return self._pair.totals()

    def catch_up(self) -> int:
        """Apply what was committed since, by whichever process; returns the generation reached.

        One short query when there is nothing new.
        """
        with self._following:
            if self._follow(self._pair):
                return self._pair.generation
        _LOG.warning("the log of changes no longer reaches back to generation %d; opening anew", self.generation)
        with self._building:
            self._open(None)
        return self.generation

    def candidates(
        self, kind: Kind, vectors: Vectors, k: int, brand_pks: frozenset[int] | None = None
    ) -> tuple[int, list[Candidate]]:
        """The generation searched and, best first, the `k` best vectors of each row of `vectors` `[q, d]`.

        One candidate per reference and query vector. With `brand_pks` the search is exact among these brands.
        Candidates are unverified and not yet joined to SQL.
        """
        return self._pair.candidates(kind, vectors, k, brand_pks)

    def similar(self, kind: Kind, reference_pk: int, k: int) -> list[Candidate]:
        """The `k` vectors nearest to the first one of a reference, its own among them, best first."""
        rows = self._embeddings.of(kind, [reference_pk])
        return self.candidates(kind, rows.vectors[:1], k)[1] if len(rows) else []

    def vectors_of(self, kind: Kind, reference_pks: Collection[int]) -> dict[int, Vectors]:
        """The vectors `[n, d]` of each of these references, those that have any, from SQL."""
        rows = self._embeddings.of(kind, reference_pks)
        owners = rows.ids // SLOTS
        return {int(pk): rows.vectors[owners == pk] for pk in np.unique(owners)}

    def snapshot(self) -> Path:
        """Write a snapshot now and trim the log behind the older one kept; `StorageFailed` keeps what was there."""
        with self._building:
            return self._write_snapshot().path

    def rebuild(self, progress: Progress | None = None) -> None:
        """Build the indexes anew from SQL beside the ones in use, swap, and write a snapshot."""
        with self._building:
            self._rebuild(progress)
            self._write_snapshot()

    def maintain(self, every: int) -> bool:
        """Rebuild when the indexes have outgrown their shape, snapshot after `every` changes; whether it did either."""
        with self._building:
            overdue = self._pair.overdue
            if overdue:
                self._rebuild(None)
            if overdue or self.generation - self._snapshot_generation >= every:
                self._write_snapshot()
                return True
        return False

    def status(self) -> dict[str, Any]:
        """What the indexes hold and how they came about, for people and for readiness."""
        newest, built = self._changes.generation(), self._built  # the thread that builds takes it away
        return {
            "space": self.space.id,
            "model": self.space.model,
            "generation": self.generation,
            "newest_generation": newest,
            "stale": self.generation < newest,
            "vectors": self.vectors,
            "shapes": self._pair.shapes(),
            "building": None if built is None else list(built),
            "without_vectors": self._embeddings.missing(),
            "opened": dict(self._opened),
            "snapshot_generation": self._snapshot_generation,
            "quarantined": list(self._quarantined),
        }

    def close(self) -> None:
        """Write a snapshot if anything changed since the last one; the disk's refusal is only logged."""
        with self._building:
            if self.generation > self._snapshot_generation:
                self._try_write_snapshot()

    def _open(self, progress: Progress | None) -> None:
        started = time.monotonic()
        for snapshot in self._snapshots.newest_first():
            pair = self._try(snapshot)
            if pair is not None:
                self._snapshot_generation = snapshot.generation
                self._swap(pair)
                self._opened = {"from": "snapshot", "seconds": time.monotonic() - started}
                return
        self._rebuild(progress)
        self._opened["seconds"] = time.monotonic() - started
        if sum(self._pair.totals().values()):
            self._try_write_snapshot()

    def _try(self, snapshot: Snapshot) -> IndexPair | None:
        """The snapshot's indexes, brought up to date; None when it is damaged or too old to be."""
        try:
            if snapshot.generation > self._changes.generation():
                raise SnapshotDamaged("It is newer than the database, which must have been restored from a backup.")
            pair = self._snapshots.load(snapshot)
            if self._follow(pair):
                self._check(pair)
                return pair
            _LOG.info("snapshot %s is older than the log of changes", snapshot.path.name)
        except (SnapshotDamaged, SpaceMismatch) as error:
            self._quarantined.append(self._snapshots.quarantine(snapshot, str(error)))
        return None

    def _check(self, pair: IndexPair) -> None:
        """Compare the numbers of vectors with SQL's, unless other writers leave no moment to do it."""
        for _ in range(5):
            self._follow(pair)
            wanted = {kind: self._embeddings.count(kind) for kind in KINDS}
            if self._changes.generation() == pair.generation:
                if wanted != pair.totals():
                    raise SnapshotDamaged(f"With the changes after it there are {pair.totals()} vectors, not {wanted}.")
                return

    def _follow(self, pair: IndexPair) -> bool:
        """Apply every committed change to `pair`; false when the log does not reach back to it."""
        while True:
            found = self._changes.since(pair.generation, _STEP, space=self.space.id)
            if found is None:
                return False
            last, changed = found
            if last == pair.generation:
                return True
            pair.apply(changed, last, self._embeddings)

    def _rebuild(self, progress: Progress | None) -> None:
        """Build beside what serves, replay what came meanwhile, exchange; `StorageFailed` for a full disk."""

        def told(done: int, total: int) -> None:
            self._built = done, total
            if progress is not None:
                progress(done, total)

        try:
            self._swap(self._built_pair(told))
        except OSError as error:
            raise StorageFailed(f"The index could not be built in {self._snapshots.directory} ({error}).") from error
        finally:
            self._built = None
        self._opened = {"from": "rebuild", "seconds": 0.0}
        _LOG.info("the indexes were built anew: %s vectors, %s", self._pair.totals(), self._pair.shapes())

    def _built_pair(self, progress: Progress) -> IndexPair:
        scratch, allowance = self._snapshots.directory, self._allowance
        while True:
            generation = self._changes.generation()
            pair = IndexPair.build(
                self.space, self._embeddings, generation, scratch=scratch, allowance=allowance, progress=progress
            )
            if self._follow(pair):
                return pair

    def _swap(self, pair: IndexPair) -> None:
        """Put `pair` in place, no older than what it replaces."""
        with self._following:
            self._follow(pair)
            self._pair = pair

    def _write_snapshot(self) -> Snapshot:
        snapshot = self._snapshots.write(self._pair)
        self._snapshot_generation = snapshot.generation
        oldest = self._snapshots.newest_first()[-1].generation
        if oldest > self._changes.floor():
            self._changes.trim(oldest)
        return snapshot

    def _try_write_snapshot(self) -> None:
        """A snapshot only saves time at the next start: a disk that refuses it stops nobody."""
        try:
            self._write_snapshot()
        except StorageFailed as error:
            _LOG.error("%s", error)
