"""What happens between requests: another process's writes are found, snapshots are written, errors are survived."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from indexes.catalog import Catalog, NewReference
from indexes.database import Database
from service.upkeep import Upkeep
from vision.boxes import WHOLE
from vision.embedding import Regions

PATIENCE = 30.0


class Index:
    """Counts what it is asked; fails the first time."""

    def __init__(self) -> None:
        self.followed, self.maintained = threading.Semaphore(0), threading.Semaphore(0)
        self.failures = 1

    def catch_up(self) -> int:
        if self.failures:
            self.failures -= 1
            raise OSError("the database is gone for a moment")
        self.followed.release()
        return 1

    def maintain(self, every: int) -> bool:
        self.maintained.release()
        return every > 0


@pytest.fixture
def upkeep(monkeypatch):
    monkeypatch.setattr("service.upkeep.FOLLOW_SECONDS", 0.01)
    monkeypatch.setattr("service.upkeep.MAINTAIN_SECONDS", 0.01)
    forgot = threading.Semaphore(0)
    index = Index()
    running = Upkeep(index, snapshot_every=5, forget=forgot.release)
    running.start()
    yield index, forgot
    running.close()


def test_every_duty_is_done_again_and_survives_a_failure(upkeep):
    index, forgot = upkeep
    for duty in (index.followed, index.followed, index.maintained, index.maintained, forgot):
        assert duty.acquire(timeout=PATIENCE)


def test_what_another_process_adds_is_searched_without_being_told(runtime):
    brand = runtime.brands.create("Acme")
    other = Database(runtime.settings.sql_url)
    new = NewReference(brand.id, "photo", None, None, None, None, "0" * 64, 10, 10, "image/png")
    dim = runtime.embedder.space.photo_dim
    vectors = np.eye(1, dim, dtype=np.float32)
    added = Catalog(other).add(new, runtime.embedder.space, Regions((WHOLE,), vectors, np.ones(1, np.float32)))
    other.close()
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        generation, found = runtime.gallery.candidates("photo", vectors, 1)
        if found:
            break
        waiting.wait(0.05)
    assert found[0].reference_pk == added.pk
    assert generation == runtime.gallery.generation


def test_closing_leaves_a_snapshot(runtime):
    test_what_another_process_adds_is_searched_without_being_told(runtime)
    runtime.close()
    assert list(runtime.settings.snapshots_dir.rglob("manifest.json"))
