"""The gallery follows SQL live, survives damaged snapshots, and never serves empty while SQL has rows."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import logging
import shutil
import sqlite3
import threading

import numpy as np
import pytest

from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.changes import Changes
from indexes.database import Database
from indexes.errors import StorageFailed
from indexes.gallery import Gallery
from tests.indexes.catalogue import SPACE, new_reference, random_regions
from vision.embedding import Space


class Shop:
    """A catalogue of two brands and the gallery's directory; `found` asks who owns a vector."""

    def __init__(self, database, directory):
        self.database = database
        self.directory = directory
        self.catalog = Catalog(database)
        self.brand = Brands(database).create("Acme")
        self.other = Brands(database).create("Other")
        self.rng = np.random.default_rng(3)

    def open(self, **options):
        return Gallery.open(self.database, SPACE, self.directory, **options)

    def add(self, kind="photo", brand=None, count=2):
        given = random_regions(self.rng, kind, count)
        return self.catalog.add(new_reference((brand or self.brand).id, kind), SPACE, given), given.vectors

    def snapshots(self):
        return sorted(self.directory.glob("*/[0-9]*-*"))

    def newest(self):
        return self.snapshots()[-1]


def found(gallery, vectors, kind="photo", brands=None):
    """The references of the best candidate of each vector, where it is nearly the same vector."""
    _, candidates = gallery.candidates(kind, np.asarray(vectors), 3, brands)
    return {candidate.reference_pk for candidate in candidates if candidate.similarity > 0.99}


@pytest.fixture
def shop(database, tmp_path):
    return Shop(database, tmp_path / "snapshots")


def test_what_is_committed_is_found_after_catching_up(shop):
    gallery = shop.open()
    photo, vectors = shop.add()
    logo, marks = shop.add("logo", count=6)
    assert found(gallery, vectors) == set()
    assert gallery.catch_up() == 2 == gallery.generation
    assert found(gallery, vectors) == {photo.pk}
    assert found(gallery, marks, "logo") == {logo.pk}
    assert gallery.catch_up() == 2


def test_another_process_sees_it_too(shop):
    mine, theirs = shop.open(), shop.open()
    photo, vectors = shop.add()
    mine.catch_up()
    theirs.catch_up()
    assert found(theirs, vectors) == {photo.pk}


def test_disabled_replaced_and_deleted_references_are_not_found(shop):
    gallery = shop.open()
    (off, off_vectors), (changed, old_vectors), (gone, gone_vectors) = (shop.add() for _ in range(3))
    gallery.catch_up()
    shop.catalog.update(off.id, status="disabled")
    new_vectors = random_regions(shop.rng)
    shop.catalog.replace_image(
        changed.id, sha256="0" * 64, width=1, height=1, media_type="image/png", space=SPACE, regions=new_vectors
    )
    shop.catalog.delete(gone.id)
    gallery.catch_up()
    assert found(gallery, np.concatenate([off_vectors, old_vectors, gone_vectors])) == set()
    assert found(gallery, new_vectors.vectors) == {changed.pk}
    shop.catalog.update(off.id, status="active")
    gallery.catch_up()
    assert found(gallery, off_vectors) == {off.pk}


def test_a_removed_brand_takes_its_vectors_along(shop):
    gallery = shop.open()
    mine, vectors = shop.add()
    _, foreign = shop.add(brand=shop.other)
    gallery.catch_up()
    Brands(shop.database).delete(shop.other.id)
    gallery.catch_up()
    assert found(gallery, np.concatenate([vectors, foreign])) == {mine.pk}
    assert gallery.status()["vectors"] == {"photo": 2, "logo": 0}


def test_candidates_of_chosen_brands_are_only_theirs(shop):
    gallery = shop.open()
    same = random_regions(shop.rng)
    mine = shop.catalog.add(new_reference(shop.brand.id), SPACE, same)
    theirs = shop.catalog.add(new_reference(shop.other.id), SPACE, same)
    gallery.catch_up()
    assert found(gallery, same.vectors) == {mine.pk, theirs.pk}
    assert found(gallery, same.vectors, brands=frozenset({shop.other.pk})) == {theirs.pk}


def test_a_candidate_names_its_vectors_and_similarity(shop):
    gallery = shop.open()
    reference, vectors = shop.add(count=6)
    gallery.catch_up()
    generation, candidates = gallery.candidates("photo", vectors[[4, 2]], 1)
    assert generation == 1
    assert {(found.reference_pk, found.ordinal, found.query) for found in candidates} == {
        (reference.pk, 4, 0),
        (reference.pk, 2, 1),
    }
    assert [candidate.similarity for candidate in candidates] == pytest.approx([1.0, 1.0], abs=1e-5)


def test_opening_loads_the_snapshot_and_replays_what_came_after(shop):
    gallery = shop.open()
    (first, first_vectors), (gone, gone_vectors) = shop.add(), shop.add()
    gallery.catch_up()
    gallery.snapshot()
    second, second_vectors = shop.add()
    shop.catalog.delete(gone.id)
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "snapshot"
    assert (opened.generation, opened.status()["snapshot_generation"]) == (4, 2)
    assert found(opened, np.concatenate([first_vectors, second_vectors, gone_vectors])) == {first.pk, second.pk}


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def damages():
    """Ways to harm a snapshot, by name."""

    def rewrite(path, **changed):
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps(manifest | changed))

    def cross(path):
        photo, logo = path / "photo.vectors.npy", path / "logo.vectors.npy"
        photo.rename(path / "x")
        logo.rename(photo)
        (path / "x").rename(logo)

    return {
        "a flipped bit in the vectors": lambda path: flip_a_bit(path / "photo.vectors.npy"),
        "a flipped bit in the ids": lambda path: flip_a_bit(path / "logo.ids.npy"),
        "a flipped bit in the owners": lambda path: flip_a_bit(path / "photo.owners.npy"),
        "a truncated file": lambda path: cut_short(path / "photo.vectors.npy"),
        "a missing file": lambda path: (path / "photo.ids.npy").unlink(),
        "crossed files": cross,
        "a truncated manifest": lambda path: cut_short(path / "manifest.json"),
        "a changed manifest": lambda path: rewrite(path, generation=1),
        "no manifest": lambda path: (path / "manifest.json").unlink(),
        "a generation that SQL never reached": lambda path: path.rename(path.with_name("000000000000009-abc")),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_snapshot_is_set_aside_and_the_older_one_used(shop, damage, caplog):
    gallery = shop.open()
    references = [shop.add(kind) for kind in ("photo", "photo", "logo")]
    gallery.catch_up()
    gallery.snapshot()
    references.append(shop.add())
    gallery.catch_up()
    gallery.snapshot()
    damages()[damage](shop.newest())
    with caplog.at_level(logging.ERROR):
        opened = shop.open()
    status = opened.status()
    assert status["opened"]["from"] == "snapshot"
    assert status["snapshot_generation"] == 3
    assert len(status["quarantined"]) == 1
    assert (shop.directory / "quarantine" / status["quarantined"][0]).is_dir()
    assert "set aside" in caplog.text
    for reference, vectors in references:
        assert found(opened, vectors, reference.kind) == {reference.pk}


def test_with_every_snapshot_damaged_it_is_rebuilt_from_sql(shop):
    gallery = shop.open()
    for _ in range(2):
        reference, vectors = shop.add()
        gallery.catch_up()
        gallery.snapshot()
    for path in shop.snapshots():
        flip_a_bit(path / "photo.vectors.npy")
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "rebuild"
    assert len(opened.status()["quarantined"]) == 2
    assert found(opened, vectors) == {reference.pk}
    assert shop.open().status()["opened"]["from"] == "snapshot"


def test_a_snapshot_of_another_space_or_database_is_not_used(shop, tmp_path):
    gallery = shop.open()
    _, vectors = shop.add()
    gallery.catch_up()
    kept = gallery.snapshot()
    other = Space(id="other-space", model="other", photo_dim=16, logo_dim=8)
    elsewhere = Gallery.open(shop.database, other, shop.directory)
    assert elsewhere.status()["opened"]["from"] == "rebuild"
    assert elsewhere.status()["without_vectors"] == 1
    elsewhere.rebuild()
    (theirs,) = (path for path in shop.snapshots() if path.parent != kept.parent)
    shutil.rmtree(kept)
    shutil.copytree(theirs, kept)  # same generation, same dimensions, another model's vectors
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "rebuild"
    assert opened.status()["quarantined"]
    second = Database(f"sqlite:///{tmp_path / 'second.db'}")
    second.create_all()
    Shop(second, shop.directory).add("logo")
    opened = Gallery.open(second, SPACE, shop.directory)
    assert opened.status()["opened"]["from"] == "rebuild"
    assert found(opened, vectors) == set()
    second.close()


def test_after_an_older_database_was_restored_the_snapshot_is_not_trusted(tmp_path):
    database, backup = Database(f"sqlite:///{tmp_path / 'first.db'}"), tmp_path / "backup.db"
    database.create_all()
    shop = Shop(database, tmp_path / "snapshots")
    kept, kept_vectors = shop.add()
    shop.open().close()
    with contextlib.closing(sqlite3.connect(database.url.database)) as connection:
        connection.execute(f"VACUUM INTO '{backup}'")
    gallery = shop.open()
    _, lost_vectors = shop.add()
    gallery.catch_up()
    gallery.snapshot()
    restored = Database(f"sqlite:///{backup}")
    opened = Gallery.open(restored, SPACE, shop.directory)
    assert opened.generation == 1
    assert found(opened, np.concatenate([kept_vectors, lost_vectors])) == {kept.pk}
    restored.close()
    database.close()


def test_two_snapshots_are_kept_and_the_log_is_trimmed_behind_the_older(shop):
    gallery = shop.open()
    for _ in range(4):
        shop.add()
        gallery.catch_up()
        gallery.snapshot()
    assert [int(path.name.split("-")[0]) for path in shop.snapshots()] == [3, 4]
    assert Changes(shop.database).floor() == 3
    assert shop.open().status()["opened"]["from"] == "snapshot"


def test_a_process_left_behind_by_the_trimmed_log_opens_anew(shop):
    slow = shop.open()
    gallery = shop.open()
    for _ in range(4):
        reference, vectors = shop.add()
        gallery.catch_up()
        gallery.snapshot()
    assert slow.catch_up() == 4
    assert found(slow, vectors) == {reference.pk}


def test_maintenance_snapshots_after_enough_changes(shop):
    gallery = shop.open()
    for _ in range(3):
        shop.add()
    gallery.catch_up()
    assert not gallery.maintain(every=4)
    shop.add()
    gallery.catch_up()
    assert gallery.maintain(every=4)
    assert not gallery.maintain(every=4)
    assert len(shop.snapshots()) == 1


def test_an_outgrown_index_is_rebuilt_in_its_new_shape_and_keeps_finding(shop, monkeypatch):
    gallery = shop.open()
    made = [shop.add() for _ in range(60)]
    gallery.catch_up()
    monkeypatch.setattr("indexes.planner.EXACT_LIMIT", 100)
    assert gallery.maintain(every=10_000)
    assert (shop.newest() / "photo.codes.faiss").exists()
    assert not gallery.maintain(every=10_000)
    made.append(shop.add())
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "snapshot"
    for reference, vectors in made[::6]:
        assert found(opened, vectors) == {reference.pk}


def grown(shop, monkeypatch, count=150):
    """A packed gallery and what was added to it."""
    monkeypatch.setattr("indexes.planner.EXACT_LIMIT", 100)
    made = [shop.add() for _ in range(count)]
    gallery = shop.open()
    assert gallery.status()["shapes"] == {"photo": "packed", "logo": "exact"}
    return gallery, made


def test_a_packed_gallery_follows_and_its_snapshots_share_their_large_files(shop, monkeypatch):
    gallery, made = grown(shop, monkeypatch)
    made.append(shop.add())
    gone, gone_vectors = made.pop(3)
    shop.catalog.delete(gone.id)
    gallery.catch_up()
    assert found(gallery, gone_vectors) == set()
    gallery.snapshot()
    first, second = shop.snapshots()
    assert (first / "photo.fine.i2").samefile(second / "photo.fine.i2")
    assert not list(shop.directory.glob("*/.building-*"))
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "snapshot"
    for reference, vectors in made[::15] + made[-1:]:
        assert found(opened, vectors) == {reference.pk}
        assert found(opened, vectors, brands=frozenset({shop.brand.pk})) == {reference.pk}
    assert found(opened, gone_vectors) == set()


@pytest.mark.parametrize("name", ["codes.faiss", "fine.i2", "ids.npy", "alive.npy", "above.faiss", "owners.npy"])
def test_a_damaged_part_of_a_packed_snapshot_is_noticed_and_made_anew(shop, monkeypatch, name):
    _, made = grown(shop, monkeypatch)
    flip_a_bit(shop.newest() / f"photo.{name}")
    opened = shop.open()
    assert opened.status()["opened"]["from"] == "rebuild"
    assert len(opened.status()["quarantined"]) == 1
    assert found(opened, made[7][1]) == {made[7][0].pk}
    assert shop.open().status()["opened"]["from"] == "snapshot"


def test_a_packed_gallery_that_cannot_write_below_its_directory_is_built_elsewhere(shop, monkeypatch):
    shop.directory.parent.mkdir(exist_ok=True)
    shop.directory.write_bytes(b"in the way")
    gallery, made = grown(shop, monkeypatch)
    assert found(gallery, made[5][1]) == {made[5][0].pk}


def test_growing_into_the_next_shape_no_search_fails_or_misses(shop, monkeypatch):
    gallery = shop.open()
    stays = [shop.add() for _ in range(120)]
    gallery.catch_up()
    monkeypatch.setattr("indexes.planner.EXACT_LIMIT", 100)
    stop, building = threading.Event(), threading.Event()

    def search(offset):
        rounds = 0
        while not stop.is_set() or rounds < 20:
            reference, vectors = stays[(7 * rounds + offset) % len(stays)]
            assert found(gallery, vectors) == {reference.pk}
            rounds += 1
        return rounds

    def follow():
        building.wait(10)
        late = [shop.add() for _ in range(10)]
        gone = shop.add()
        gallery.catch_up()
        shop.catalog.delete(gone[0].id)
        gallery.catch_up()
        return late, gone

    def told(_done, _total):
        building.set()
        assert len(gallery.status()["building"]) == 2

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search, offset) for offset in (0, 3)]
        following = pool.submit(follow)
        gallery.rebuild(told)
        late, (_, gone_vectors) = following.result()
        stop.set()
        assert all(future.result() for future in searches)
    gallery.catch_up()
    assert gallery.status()["shapes"]["photo"] == "packed"
    assert gallery.status()["building"] is None
    assert found(gallery, gone_vectors) == set()
    for reference, vectors in late:
        assert found(gallery, vectors) == {reference.pk}


def test_rebuilding_tells_its_progress_and_changes_nothing_found(shop):
    gallery = shop.open()
    reference, vectors = shop.add()
    shop.add("logo", count=4)
    gallery.catch_up()
    steps = []
    gallery.rebuild(lambda done, total: steps.append((done, total)))
    assert steps == [(2, 6), (6, 6)]
    assert found(gallery, vectors) == {reference.pk}


def test_searching_while_adding_and_removing_always_finds_what_stays(shop):
    gallery = shop.open()
    stays = [shop.add() for _ in range(20)]
    gallery.catch_up()
    stop = threading.Event()

    def search():
        rounds = 0
        while not stop.is_set() or rounds == 0:
            reference, vectors = stays[rounds % len(stays)]
            assert found(gallery, vectors) == {reference.pk}
            rounds += 1
        return rounds

    def change(number):
        given = random_regions(np.random.default_rng(100 + number), count=3)
        made = shop.catalog.add(new_reference(shop.brand.id), SPACE, given)
        gallery.catch_up()
        assert found(gallery, given.vectors) == {made.pk}
        shop.catalog.delete(made.id)
        gallery.catch_up()
        assert found(gallery, given.vectors) == set()

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        searches = [pool.submit(search) for _ in range(2)]
        list(pool.map(change, range(25)))
        gallery.snapshot()
        stop.set()
        assert all(future.result() for future in searches)
    assert gallery.status()["vectors"]["photo"] == 40
    assert not gallery.status()["stale"]


def test_a_disk_that_refuses_the_snapshot_stops_nobody(shop, caplog):
    shop.directory.parent.mkdir(exist_ok=True)
    shop.directory.write_bytes(b"in the way")
    reference, vectors = shop.add()
    gallery = shop.open()
    assert found(gallery, vectors) == {reference.pk}
    with pytest.raises(StorageFailed):
        gallery.snapshot()
    gallery.close()
    assert "could not be written" in caplog.text
