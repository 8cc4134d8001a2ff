"""Pictures that several rows share: kept while one names them, gone with the last."""

from __future__ import annotations

import hashlib

import pytest

from indexes.blobs import BlobStore
from indexes.errors import StorageFailed
from service.pictures import PictureKeeper
from service.retention import pictures_in_use

DATA = b"the bytes of a picture"
SHA = hashlib.sha256(DATA).hexdigest()


class Rows:
    """The rows that name pictures."""

    def __init__(self) -> None:
        self.named: set[str] = set()

    def in_use(self, sha256s) -> frozenset[str]:
        return frozenset(self.named & set(sha256s))


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def blobs(tmp_path) -> BlobStore:
    return BlobStore(tmp_path.as_uri())


@pytest.fixture
def keeper(blobs, rows) -> PictureKeeper:
    return PictureKeeper(blobs, rows.in_use)


def test_a_picture_is_on_disk_before_its_row_is_written(keeper, blobs):
    with keeper.keep({SHA: DATA}):
        assert blobs.get(SHA) == DATA


def test_an_erasure_meanwhile_leaves_what_is_about_to_be_named(keeper, blobs, rows):
    with keeper.keep({SHA: DATA}):
        assert keeper.release([SHA]) == 0
        rows.named.add(SHA)
    assert blobs.exists(SHA)
    assert keeper.release([SHA]) == 0
    rows.named.clear()
    assert keeper.release([SHA]) == 1
    assert not blobs.exists(SHA)


def test_two_writers_of_one_picture_hold_it_until_both_are_done(keeper, blobs):
    with keeper.keep({SHA: DATA}):
        with keeper.keep({SHA: DATA}):
            pass
        assert keeper.release([SHA]) == 0
    assert keeper.release([SHA]) == 1


def test_a_write_that_fails_leaves_no_picture_behind(keeper, blobs):
    def refused() -> None:
        with keeper.keep({SHA: DATA}):
            raise ValueError("the row was refused")

    with pytest.raises(ValueError, match="refused"):
        refused()
    assert not blobs.exists(SHA)


def test_an_erasure_by_another_process_takes_nothing_that_is_being_named(keeper, blobs, rows):
    other = PictureKeeper(blobs, rows.in_use)
    with keeper.keep({SHA: DATA}):
        assert other.release([SHA]) == 1
        rows.named.add(SHA)
    assert blobs.get(SHA) == DATA


def test_what_was_named_while_it_was_removed_is_put_back(blobs, rows):
    class NamedJustNow(Rows):
        def in_use(self, sha256s):
            found = super().in_use(sha256s)
            self.named.add(SHA)
            return found

    blobs.put(DATA)
    assert PictureKeeper(blobs, NamedJustNow().in_use).release([SHA]) == 0
    assert blobs.get(SHA) == DATA


def test_what_the_store_refused_to_remove_is_removed_later(rows, tmp_path):
    class Refusing(BlobStore):
        refuses = True

        def delete(self, sha256):
            if self.refuses:
                raise StorageFailed("the store is away for a moment")
            super().delete(sha256)

    store = Refusing(tmp_path.as_uri())
    keeper = PictureKeeper(store, rows.in_use)
    names = [store.put(b"%d" % number) for number in range(20)]
    with pytest.raises(StorageFailed):
        keeper.release(names)
    with pytest.raises(StorageFailed):
        keeper.settle()
    store.refuses = False
    rows.named.add(names[3])  # somebody sent it again meanwhile
    assert keeper.settle() == 19
    assert [name for name in names if store.exists(name)] == [names[3]]
    assert keeper.settle() == 0


def test_a_picture_that_is_damaged_in_the_store_goes_as_well(keeper, blobs, tmp_path):
    blobs.put(DATA)
    (tmp_path / SHA[:2] / SHA).write_bytes(b"something else")
    keeper.release([SHA])
    assert not blobs.exists(SHA)


def test_a_whole_catalogue_of_pictures_goes_at_once(blobs, database):
    """More names than a statement takes parameters."""
    names = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(40_000)]
    blobs.put(DATA)
    assert PictureKeeper(blobs, pictures_in_use(database)).release([*names, SHA]) == 1
    assert not blobs.exists(SHA)
