"""Descriptions on the disk: made once for every process, made again when damaged, gone with their picture."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from indexes.blobs import BlobStore
from indexes.descriptions import Descriptions, Kept
from indexes.errors import BlobMissing
from indexes.shelves import Shelves
from vision.images import DecodeLimits, encode_jpeg
from vision.verification import PhotoVerifier
from vision.verification.packing import PhotoPacking

VERIFIER = PhotoVerifier()
CAT = encode_jpeg(data.chelsea())
QUERY = VERIFIER.describe(np.ascontiguousarray(data.chelsea()[20:280, 30:430]))


class Service:
    """One process: its memory, and the shelves it shares with the others."""

    def __init__(self, folder, blobs, max_bytes=1 << 20):
        self.shelves = Shelves(folder / "descriptions", max_bytes=1 << 30)
        self.found, self.skipped = [], []
        self.descriptions = Descriptions(
            blobs,
            VERIFIER.enrol,
            max_bytes=max_bytes,
            limits=DecodeLimits(),
            kept=Kept(self.shelves, "photo", PhotoPacking(), self.found.append),
            on_skipped=self.skipped.append,
        )

    def compare(self, sha256):
        return self.descriptions.compared_picture(sha256, "cat", lambda cat: VERIFIER.verify(QUERY, cat))


@pytest.fixture
def blobs(tmp_path):
    return BlobStore((tmp_path / "blobs").as_uri())


@pytest.fixture
def cat(blobs):
    return blobs.put(CAT)


def files(folder):
    return [path for path in (folder / "descriptions").rglob("*") if path.is_file()]


def test_a_reference_is_described_once_for_every_process_and_answers_the_same(tmp_path, blobs, cat):
    fresh = Descriptions(blobs, VERIFIER.enrol, max_bytes=1 << 20, limits=DecodeLimits())
    expected = fresh.compared_picture(cat, "cat", lambda known: VERIFIER.verify(QUERY, known))
    first, second = Service(tmp_path, blobs), Service(tmp_path, blobs)
    answers = [service.compare(cat) for service in (first, first, second, second)]
    assert expected is not None
    assert answers == [expected] * 4
    assert (first.found, second.found) == (["made", "memory"], ["disk", "memory"])


def test_what_leaves_memory_is_still_on_the_disk(tmp_path, blobs, cat):
    service = Service(tmp_path, blobs, max_bytes=0)
    for _ in range(3):
        service.compare(cat)
    assert service.found == ["made", "disk", "disk"]
    assert service.descriptions.nbytes == 0


def test_memory_counts_the_pixels_that_a_comparison_read(tmp_path, blobs, cat):
    service = Service(tmp_path, blobs)
    light = service.descriptions.of_picture(cat, "cat").nbytes
    assert service.descriptions.nbytes == light
    service.compare(cat)
    assert service.descriptions.nbytes > light


def test_a_damaged_description_is_made_again(tmp_path, blobs, cat):
    Service(tmp_path, blobs).compare(cat)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    service = Service(tmp_path, blobs)
    assert service.compare(cat) is not None
    assert Service(tmp_path, blobs).compare(cat) is not None
    assert service.found == ["made"]


def test_a_whole_file_that_is_no_description_is_made_again(tmp_path, blobs, cat):
    service = Service(tmp_path, blobs)
    Kept(service.shelves, "photo", PhotoPacking()).shelf.write(cat, b"whole, and of no use")
    assert service.compare(cat) is not None
    assert service.found == ["made"]
    after = Service(tmp_path, blobs)
    after.compare(cat)
    assert after.found == ["disk"]


def test_a_picture_that_is_gone_is_passed_over_though_its_description_is_there(tmp_path, blobs, cat):
    Service(tmp_path, blobs).compare(cat)
    blobs.delete(cat)
    service = Service(tmp_path, blobs)
    assert service.compare(cat) is None
    assert service.skipped == ["BlobMissing"]


def test_a_picture_that_is_erased_while_it_is_described_leaves_nothing(tmp_path, blobs, cat):
    service = Service(tmp_path, blobs)

    def erased_meanwhile(pixels):
        blobs.delete(cat)
        service.shelves.drop(cat)
        return VERIFIER.enrol(pixels)

    late = Descriptions(
        blobs,
        erased_meanwhile,
        max_bytes=0,
        limits=DecodeLimits(),
        kept=Kept(service.shelves, "photo", PhotoPacking()),
    )
    assert late.of_picture(cat, "cat") is not None
    assert files(tmp_path) == []


def test_keeping_ahead_fills_the_disk_and_no_memory(tmp_path, blobs, cat):
    service = Service(tmp_path, blobs)
    assert service.descriptions.keep(cat)
    assert not service.descriptions.keep(cat)
    assert service.descriptions.nbytes == 0
    service.compare(cat)
    assert service.found == ["disk"]
    with pytest.raises(BlobMissing):
        service.descriptions.keep("0" * 64)
