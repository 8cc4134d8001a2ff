"""Backup and restore: every row and picture comes back, on either database, and a damaged file changes nothing."""

import json
import shutil
import tarfile

import numpy as np
import pytest

from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog, NewReference
from indexes.changes import Changes
from indexes.database import Database
from service.backup import BackupFailed, restore_backup, write_backup
from service.cli import run
from service.keys import Keys
from service.migrations import rows, upgrade
from vision.boxes import WHOLE
from vision.embedding import Regions, Space

SPACE = Space("space-1", "tests", 4, 4)


def quiet(_what, _done, _total):
    pass


@pytest.fixture
def migrated(database_url):
    database = Database(database_url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def blobs(tmp_path):
    return BlobStore((tmp_path / "blobs").as_uri())


@pytest.fixture
def filled(migrated, blobs):
    """A brand with two references and a key."""
    brand = Brands(migrated).create("Acme", contact_email="ip@acme.example")
    vectors = np.eye(4, dtype=np.float32)[:1]
    for name in ("one", "two"):
        data = name.encode() * 100
        new = NewReference(brand.id, "photo", name, "Ünïcode", None, None, blobs.put(data), 80, 60, "image/png")
        Catalog(migrated).add(new, SPACE, Regions((WHOLE,), vectors, np.ones(1, np.float32)))
    Keys(migrated).create("operator", "all")
    return migrated


@pytest.fixture
def backup(filled, blobs, tmp_path):
    write_backup(filled, blobs, tmp_path / "backup.tar", quiet)
    return tmp_path / "backup.tar"


@pytest.fixture
def empty(tmp_path):
    """Another service's empty database and store."""
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(database)
    yield database, BlobStore((tmp_path / "other-blobs").as_uri())
    database.close()


def everything(database):
    with rows.snapshot(database) as read:
        return {name: list(read(name)) for name in rows.table_names()}


def test_a_restored_service_takes_no_snapshot_of_the_old_one_for_its_own(filled, backup, tmp_path):
    """From the backup on the two go separate ways, at the same generations."""
    target = Database(f"sqlite:///{tmp_path / 'new.db'}")
    upgrade(target)
    before = Changes(filled).catalogue()
    restore_backup(backup, target, BlobStore((tmp_path / "new-blobs").as_uri()), quiet)
    assert Changes(target).generation() == Changes(filled).generation()
    assert Changes(target).catalogue() != before
    target.close()


def test_every_row_and_picture_comes_back(filled, blobs, backup, empty):
    database, store = empty
    manifest = restore_backup(backup, database, store, quiet)
    assert manifest.tables["catalog_references"] == 2
    assert everything(database) == everything(filled)
    for reference in Catalog(database).list().items:
        assert store.get(reference.sha256) == blobs.get(reference.sha256)


def test_new_rows_are_numbered_after_the_restored_ones(backup, migrated, blobs, tmp_path):
    rows.load(migrated, ())  # forget everything
    restore_backup(backup, migrated, blobs, quiet)
    first = Brands(migrated).list().items[0]
    assert Brands(migrated).create("Second").pk > first.pk


def test_progress_goes_to_the_end(filled, blobs, tmp_path):
    seen = []
    write_backup(filled, blobs, tmp_path / "b.tar", lambda *step: seen.append(step))
    assert seen[-1] == ("pictures", 2, 2)


def test_a_picture_the_store_lost_is_named(filled, blobs, tmp_path, empty):
    lost = Catalog(filled).list().items[0].sha256
    blobs.delete(lost)
    manifest = write_backup(filled, blobs, tmp_path / "b.tar", quiet)
    assert manifest.missing == [lost]
    assert manifest.pictures == 1
    restore_backup(tmp_path / "b.tar", *empty, quiet)


def test_a_backup_never_overwrites(filled, blobs, tmp_path):
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(BackupFailed, match="exists"):
        write_backup(filled, blobs, tmp_path / "b.tar", quiet)
    assert (tmp_path / "b.tar").read_text() == "mine"


def test_a_used_database_is_not_restored_into(filled, blobs, backup):
    with pytest.raises(BackupFailed, match="has data"):
        restore_backup(backup, filled, blobs, quiet)


def rewritten(source, target, change):
    """A copy of the archive whose members passed through `change(name, data) -> data or None`."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            data = change(member.name, old.extractfile(member).read())
            if data is not None:
                member.size = len(data)
                with (target.parent / "piece").open("w+b") as piece:
                    piece.write(data)
                    piece.seek(0)
                    new.addfile(member, piece)
    return target


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda name, data: data[:-1] + b"?" if name.startswith("pictures/") else data, "damaged"),
        (lambda name, data: data + b"{}\n" if name == "tables/brands.jsonl" else data, "damaged"),
        (lambda name, data: None if name == "tables/api_keys.jsonl" else data, "manifest names"),
        (lambda name, data: None if name == "manifest.json" else data, "cut off"),
        (
            lambda name, data: data.replace(b'"format": 1', b'"format": 9') if name == "manifest.json" else data,
            "format",
        ),
        (
            lambda name, data: (
                json.dumps({**json.loads(data), "revision": "x"}).encode() if name == "manifest.json" else data
            ),
            "schema x",
        ),
    ],
)
def test_a_damaged_backup_changes_nothing(backup, empty, tmp_path, change, word):
    damaged = rewritten(backup, tmp_path / "damaged.tar", change)
    with pytest.raises(BackupFailed, match=word):
        restore_backup(damaged, *empty, quiet)
    assert rows.is_unused(empty[0])


def test_a_file_that_is_cut_off_or_foreign_is_refused(backup, empty, tmp_path):
    (tmp_path / "short.tar").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    (tmp_path / "text.tar").write_text("no archive")
    for name in ("short.tar", "text.tar", "absent.tar"):
        with pytest.raises(BackupFailed):
            restore_backup(tmp_path / name, *empty, quiet)


def test_a_member_outside_the_plan_is_refused(backup, empty, tmp_path):
    evil = tmp_path / "evil.tar"
    shutil.copy(backup, evil)
    with tarfile.open(evil, "a") as archive:
        archive.addfile(tarfile.TarInfo("../evil"))
    with pytest.raises(BackupFailed, match="evil"):
        restore_backup(evil, *empty, quiet)


def test_the_commands_carry_a_service_to_another_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("BRANDWARDEN_DATABASE_URL", raising=False)
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "service.tar"
    assert run(["brands", "create", "Acme", "--data-dir", str(old)]) == 0
    assert run(["backup", str(file), "--data-dir", str(old)]) == 0
    assert run(["restore", str(file), "--data-dir", str(new), "--json"]) == 0
    assert run(["restore", str(file), "--data-dir", str(new)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(["brands", "list", "--data-dir", str(new), "--json"]) == 0
    assert [brand["name"] for brand in json.loads(capsys.readouterr().out)] == ["Acme"]
