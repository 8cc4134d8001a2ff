"""References are described ahead, found by searches, and forgotten with their brand."""

from __future__ import annotations

import dataclasses
import fcntl
import time

import pytest
from skimage import data

from indexes.errors import StorageFailed
from indexes.shelves import Shelves
from service.backup import write_backup
from service.describing import Describing
from service.erasure import erase_brand
from service.retention import pictures_in_use
from service.runtime import Runtime
from tests.fakes import ThumbnailEmbedder
from vision.images import encode_jpeg

CAT, CUP, ROCKET = encode_jpeg(data.chelsea()), encode_jpeg(data.coffee()), encode_jpeg(data.rocket())


def described(runtime):
    return sorted(path.name for path in runtime.settings.descriptions_dir.rglob("*") if len(path.name) == 64)


def wait_for(runtime, names):
    """Upkeep describes within seconds."""
    until = time.monotonic() + 30
    while described(runtime) != sorted(names):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_references_are_described_before_anybody_asks_and_go_with_their_brand(runtime, tmp_path):
    brand = runtime.brands.create("Acme").id
    photo = runtime.enrolment.add(brand, "photo", CAT)
    mark = runtime.enrolment.add(brand, "logo", CUP)
    wait_for(runtime, [photo.sha256, mark.sha256])
    manifest = write_backup(runtime.database, runtime.blobs, tmp_path / "backup.tar", lambda *_: None)
    assert not [name for name in manifest.files if "description" in name]  # derived: made again after a restore
    runtime.enrolment.delete(photo.id)
    assert described(runtime) == [mark.sha256]
    erase_brand(runtime, brand)
    assert described(runtime) == []


class Ahead:
    """Describes the catalogue of a service that itself keeps no descriptions."""

    def __init__(self, runtime, folder):
        self.folder, self.waiting = folder, False
        self.shelves = Shelves(folder, max_bytes=1 << 20)
        in_use = pictures_in_use(runtime.database)
        parts = (folder, self.shelves, runtime.catalog, runtime.blobs)
        self.describing = Describing(*parts, busy=lambda: self.waiting, in_use=in_use)

    def names(self):
        return sorted(path.name for path in self.folder.rglob("*") if len(path.name) == 64)


@pytest.fixture
def quiet(settings):
    opened = Runtime.open(dataclasses.replace(settings, descriptions_max_bytes=0), embedder=ThumbnailEmbedder())
    yield opened
    opened.close()


@pytest.fixture
def ahead(quiet, tmp_path, monkeypatch):
    monkeypatch.setattr("service.describing._STRETCH", 60.0)  # two seconds are too few for a busy machine
    brand = quiet.brands.create("Acme").id
    for kind, picture in (("photo", CAT), ("photo", CUP), ("logo", CUP)):
        quiet.enrolment.add(brand, kind, picture)
    return Ahead(quiet, tmp_path / "ahead")


def test_every_active_reference_is_described_once(quiet, ahead, tmp_path):
    assert described(quiet) == []  # where nothing may be kept
    assert ahead.describing.go_on() == 3
    assert ahead.describing.go_on() == 0
    assert Ahead(quiet, ahead.folder).describing.go_on() == 0
    later = quiet.enrolment.add(quiet.brands.create("Bolt").id, "photo", ROCKET)
    assert ahead.describing.go_on() == 1
    assert later.sha256 in ahead.names()


def test_a_listing_goes_first(ahead):
    ahead.waiting = True
    assert ahead.describing.go_on() == 0
    assert ahead.names() == []
    ahead.waiting = False
    assert ahead.describing.go_on() == 3


def test_one_process_of_a_folder_describes_ahead(ahead):
    ahead.folder.mkdir()
    with (ahead.folder / "describing.lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert ahead.describing.go_on() == 0
    assert ahead.describing.go_on() == 3


def test_a_lost_picture_keeps_none_of_the_others_from_being_described(quiet, ahead):
    first = quiet.catalog.pictures(0, 1)[0][2]
    quiet.blobs.delete(first)
    assert ahead.describing.go_on() == 2
    assert first not in ahead.names()


def test_a_picture_out_of_the_stores_reach_holds_up_none_of_the_others(quiet, ahead, monkeypatch):
    """A bucket may refuse one object for good; nobody is told so once a second."""
    monkeypatch.setattr("service.describing._PAUSE", 0.0)
    first, get = quiet.catalog.pictures(0, 1)[0][2], quiet.blobs.get

    def refuse(sha256):
        if sha256 == first:
            raise StorageFailed("the store has archived it")
        return get(sha256)

    monkeypatch.setattr(quiet.blobs, "get", refuse)
    assert ahead.describing.go_on() == 2
    assert first not in ahead.names()


def test_a_store_that_is_away_is_left_alone_for_a_while(quiet, ahead, monkeypatch):
    asked = []

    def refuse(sha256):
        asked.append(sha256)
        raise StorageFailed("the store is away")

    monkeypatch.setattr(quiet.blobs, "get", refuse)
    assert [ahead.describing.go_on() for _ in range(3)] == [0, 0, 0]
    assert len(asked) == 1


def test_a_folder_that_cannot_be_written_is_left_alone(quiet, ahead):
    ahead.folder.write_bytes(b"a file where the folder should be")
    assert ahead.describing.go_on() == 0


def test_descriptions_are_counted_by_where_they_were(client, brand):
    """A listing that copies a reference finds its description, and says so."""
    data = {"kind": "photo"}
    files = {"image": ("cat.jpg", CAT, "image/jpeg")}
    assert client.post(f"/v1/brands/{brand}/references", data=data, files=files).status_code == 201
    files = {"image": ("cat.jpg", encode_jpeg(data_pixels()), "image/jpeg")}
    assert client.post("/v1/search", files=files).status_code == 200
    told = client.get("/metrics").text
    assert 'brandwarden_descriptions_total{kind="photo",source=' in told
    assert "brandwarden_descriptions_bytes " in told


def data_pixels():
    return data.chelsea()[4:, 4:].copy()
