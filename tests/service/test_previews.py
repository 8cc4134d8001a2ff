"""Pictures for people: small or plain, and never more than two in the making."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from indexes.blobs import BlobStore
from indexes.errors import BlobMissing
from service.errors import Overloaded
from service.previews import Previews
from tests.photographs import jpeg
from vision.errors import ImageTooLarge, UnsupportedImage
from vision.images import DecodeLimits, decode


@pytest.fixture
def blobs(tmp_path) -> BlobStore:
    return BlobStore((tmp_path / "blobs").as_uri())


@pytest.fixture
def previews(blobs) -> Iterator[Previews]:
    opened = Previews(blobs, limits=DecodeLimits(max_pixels=100_000))
    yield opened
    opened.close()


def test_thumbnails_are_small_and_made_of_what_was_stored_under_any_limits(previews, blobs):
    sha256 = blobs.put(jpeg("coffee"))
    made = [previews.thumbnail(sha256) for _ in range(40)]
    assert {max(decode(future.result(60)).pixels.shape) for future in made} == {480}


def test_a_strangers_picture_is_held_to_the_limits(previews):
    with pytest.raises(ImageTooLarge):
        previews.plain(jpeg("coffee")).result(60)
    with pytest.raises(UnsupportedImage):
        previews.plain(b"no picture").result(60)


def test_a_picture_that_is_gone_is_told(previews):
    with pytest.raises(BlobMissing):
        previews.thumbnail("0" * 64).result(60)


def test_a_closed_one_refuses_with_a_time(previews):
    previews.close()
    with pytest.raises(Overloaded) as refused:
        previews.thumbnail("0" * 64)
    assert refused.value.retry_after >= 1
