"""A changed model: nothing is served from an index that is empty by mistake, and `rebuild` embeds what is missing."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from indexes.errors import SpaceMismatch, StorageFailed
from service.reembedding import Reembedding, Stretch
from service.runtime import Runtime
from service.settings import Settings
from tests import photographs
from tests.fakes import ThumbnailEmbedder
from vision.embedding import Space


class OtherEmbedder(ThumbnailEmbedder):
    """The same vectors under another identity, as another model would have."""

    @property
    def space(self) -> Space:
        return dataclasses.replace(super().space, id="other-model")


@pytest.fixture
def filled(settings: Settings) -> Settings:
    with contextlib.closing(Runtime.open(settings, embedder=ThumbnailEmbedder())) as runtime:
        brand = runtime.brands.create("Acme")
        for name in ("coffee", "rocket"):
            runtime.enrolment.add(brand.id, "photo", photographs.jpeg(name))
    return settings


def test_another_model_does_not_start_on_a_catalogue_it_has_no_vectors_of(filled: Settings) -> None:
    with pytest.raises(SpaceMismatch, match="brandwarden rebuild"):
        Runtime.open(filled, embedder=OtherEmbedder())


def test_embedding_what_is_missing_makes_it_searchable_and_keeps_the_old_vectors(filled: Settings) -> None:
    with contextlib.closing(Runtime.open(filled, embedder=OtherEmbedder(), require_vectors=False)) as runtime:
        stretches = list(Reembedding(runtime.catalog, runtime.blobs, runtime.embedder).stretches())
        runtime.gallery.catch_up()
        assert stretches == [Stretch(2, ())]
        found = runtime.pipeline.query(photographs.jpeg("rocket")).result(60).result.matches
        assert found[0].confidence > 0.5
    for embedder in (OtherEmbedder(), ThumbnailEmbedder()):
        with contextlib.closing(Runtime.open(filled, embedder=embedder)) as runtime:
            assert runtime.gallery.status()["without_vectors"] == 0


class Picky(OtherEmbedder):
    """Refuses every batch but one with a picture of few bright pixels, such as the rocket in the night."""

    def embed_photos(self, batch):
        if any(one.pixels.mean() > 90 for one in batch):
            raise RuntimeError("too bright for this engine")
        return super().embed_photos(batch)


def test_a_picture_that_the_engine_refuses_fails_alone(filled: Settings) -> None:
    with contextlib.closing(Runtime.open(filled, embedder=OtherEmbedder(), require_vectors=False)) as runtime:
        bright = [photographs.pixels(name).mean() > 90 for name in ("coffee", "rocket")]
        (stretch,) = Reembedding(runtime.catalog, runtime.blobs, Picky()).stretches()
        assert (stretch.tried, len(stretch.failed)) == (2, sum(bright)) == (2, 1)
        assert runtime.catalog.lacking(OtherEmbedder().space) == 1


def test_a_picture_that_is_gone_is_told_and_stops_nothing(filled: Settings) -> None:
    with contextlib.closing(Runtime.open(filled, embedder=OtherEmbedder(), require_vectors=False)) as runtime:
        first, _ = runtime.catalog.list(limit=10).items
        runtime.blobs.delete(first.sha256)
        (stretch,) = Reembedding(runtime.catalog, runtime.blobs, runtime.embedder).stretches()
        assert [reference.id for reference, _ in stretch.failed] == [first.id]
        assert runtime.gallery.status()["without_vectors"] == 1


class Away:
    """A picture store that does not answer."""

    def get(self, sha256: str) -> bytes:
        raise StorageFailed("The bucket is away.")


def test_a_store_that_is_away_fails_no_picture(filled: Settings) -> None:
    with contextlib.closing(Runtime.open(filled, embedder=OtherEmbedder(), require_vectors=False)) as runtime:
        with pytest.raises(StorageFailed):
            list(Reembedding(runtime.catalog, Away(), runtime.embedder).stretches())
        assert len(list(Reembedding(runtime.catalog, runtime.blobs, runtime.embedder).stretches())) == 1
