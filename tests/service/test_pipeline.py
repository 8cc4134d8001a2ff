"""The pipeline with real threads and decoding, a small embedder, and a search stage that can be held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from indexes.search import SearchResult
from service.errors import Overloaded
from service.metrics import Metrics
from service.pipeline import Engine, Pipeline
from service.settings import Settings
from tests.fakes import ThumbnailEmbedder
from vision.embedding import MAX_REFERENCE_VECTORS
from vision.errors import CorruptImage, EmptyImage, UnsupportedImage
from vision.images import encode_jpeg, encode_png


def picture(seed: int = 0) -> bytes:
    return encode_png(np.random.default_rng(seed).integers(0, 255, (40, 48, 3), dtype=np.uint8))


class Search:
    """Finds nothing, and can be made to wait until it may."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.may_go.set()
        self.asked = 0

    def search(self, pixels, embedding, *, kinds, brand_ids, per_kind) -> SearchResult:
        self.asked += 1
        assert self.may_go.wait(30)
        return SearchResult(
            matches=(), generation=7, seconds={"search": 0.001, "words": 0.0, "photos": 0.002, "score": 0.001}
        )


class CountingEmbedder(ThumbnailEmbedder):
    """Remembers the size of each batch, can be held, and refuses batches that hold a black picture."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.entered = threading.Event()

    def embed_queries(self, batch):
        self.batches.append(len(batch))
        self.entered.set()
        assert self.may_go.wait(30)
        if any(item.pixels.max() == 0 for item in batch):
            raise RuntimeError("the engine does not like black")
        return super().embed_queries(batch)


@pytest.fixture
def search() -> Search:
    return Search()


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def pipeline(settings: Settings, embedder, search, metrics) -> Iterator[Pipeline]:
    opened = Pipeline(
        replace(settings, queue_size=8, batch_size=4, batch_wait=0.2), Engine(embedder, search, "cal_1"), metrics
    )
    yield opened
    search.may_go.set()
    embedder.may_go.set()
    opened.close(10)


def test_a_picture_comes_back_with_its_size_and_what_was_found(pipeline):
    checked = pipeline.query(picture()).result(30)
    assert (checked.picture.width, checked.picture.height) == (48, 40)
    assert checked.result.generation == 7
    assert checked.space.id == "spc_thumbnail"
    assert len(checked.embedding.photo) == 6


def test_reference_photos_and_logos_are_embedded(pipeline):
    photo = pipeline.reference(picture(), "photo").result(30)
    logo = pipeline.reference(picture(), "logo").result(30)
    assert 1 <= len(photo.regions) <= MAX_REFERENCE_VECTORS
    assert len(logo.regions) == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyImage),
        (b"no picture", UnsupportedImage),
        (encode_jpeg(np.zeros((64, 64, 3), np.uint8))[:200], CorruptImage),
    ],
)
def test_a_bad_picture_fails_only_its_own_future(pipeline, data, error):
    good, bad, also_good = pipeline.query_many([picture(1), data, picture(2)])
    with pytest.raises(error):
        bad.result(30)
    assert good.result(30).result.generation == also_good.result(30).result.generation == 7


def test_a_batch_that_fails_is_run_again_picture_by_picture(pipeline):
    black = encode_png(np.zeros((32, 32, 3), np.uint8))
    futures = pipeline.query_many([picture(1), black, picture(2)])
    assert isinstance(futures[1].exception(30), RuntimeError)
    assert futures[0].exception(30) is None
    assert futures[2].exception(30) is None


def test_pictures_of_several_requests_share_a_batch(pipeline, embedder):
    embedder.may_go.clear()
    first = pipeline.query(picture(0))
    assert embedder.entered.wait(30)
    with ThreadPoolExecutor(4) as clients:
        others = list(clients.map(lambda seed: pipeline.query(picture(seed)), range(1, 5)))
    decoded_all(pipeline)
    embedder.may_go.set()
    for future in (first, *others):
        future.result(30)
    assert embedder.batches == [1, 4]


def decoded_all(pipeline: Pipeline) -> None:
    while pipeline.decoding:
        threading.Event().wait(0.005)


def test_more_than_the_queue_holds_is_refused_with_a_time_and_then_there_is_room_again(pipeline, search):
    search.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(8)])
    with pytest.raises(Overloaded) as refused:
        pipeline.query(picture(9))
    assert refused.value.retry_after >= 1
    with pytest.raises(Overloaded):
        pipeline.check_room(1)
    search.may_go.set()
    for future in waiting:
        future.result(30)
    assert pipeline.query(picture(9)).result(30)


def test_pictures_of_one_listing_come_in_together_or_not_at_all(pipeline, search):
    search.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(6)])
    with pytest.raises(Overloaded):
        pipeline.query_many([picture(seed) for seed in range(3)])
    assert pipeline.inside == 6
    more = pipeline.query_many([picture(seed) for seed in range(2)])
    search.may_go.set()
    assert all(future.result(30) for future in (*waiting, *more))


def test_a_listing_larger_than_the_queue_is_taken_when_nothing_else_waits(pipeline):
    assert all(future.result(30) for future in pipeline.query_many([picture(seed) for seed in range(12)]))


def test_patience_waits_for_room(pipeline, search):
    search.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(8)])
    with ThreadPoolExecutor(1) as client:
        patient = client.submit(pipeline.query, picture(9), patience=30)
        search.may_go.set()
        assert patient.result(30).result(30)
    assert all(future.done() for future in waiting)


def test_a_client_that_left_costs_no_search(pipeline, embedder, search):
    embedder.may_go.clear()
    running = pipeline.query(picture(0))
    assert embedder.entered.wait(30)
    left = pipeline.query(picture(1))
    assert left.cancel()
    embedder.may_go.set()
    running.result(30)
    assert pipeline.query(picture(2)).result(30)
    assert search.asked == 2
    assert pipeline.inside == 0


def test_closing_finishes_what_was_let_in_and_refuses_what_comes(pipeline, search):
    search.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(5)])
    closing = threading.Thread(target=pipeline.close, args=(30,))
    closing.start()
    while not pipeline.draining:
        threading.Event().wait(0.005)
    with pytest.raises(Overloaded):
        pipeline.query(picture())
    search.may_go.set()
    closing.join(30)
    assert all(future.result(0) for future in waiting)


def test_what_is_not_done_when_the_time_is_over_is_refused_aloud(pipeline, embedder):
    embedder.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(5)])
    closing = threading.Thread(target=pipeline.close, args=(0.05,))
    closing.start()
    for future in waiting:
        assert isinstance(future.exception(30), Overloaded)
    embedder.may_go.set()
    closing.join(30)
    assert not closing.is_alive()


def test_each_tier_is_measured(pipeline, metrics):
    pipeline.query(picture()).result(30)
    page = metrics.render().decode()
    for tier in ("decode", "embed", "search", "photos", "score"):
        assert f'brandwarden_tier_pictures_total{{tier="{tier}"}} 1.0' in page
    assert 'brandwarden_tier_pictures_total{tier="words"}' not in page
    assert "brandwarden_pictures_total 1.0" in page


def test_the_canary_goes_the_whole_way_even_when_the_queue_is_full(pipeline, search):
    assert pipeline.canary(30) > 0
    assert search.asked == 1
    search.may_go.clear()
    waiting = pipeline.query_many([picture(seed) for seed in range(8)])
    with pytest.raises(Overloaded, match="canary"):
        pipeline.canary(0.05)
    search.may_go.set()
    assert all(future.result(30) for future in waiting)
    assert pipeline.canary(30) > 0


def test_a_draining_pipeline_has_no_canary(pipeline):
    pipeline.close(0)
    with pytest.raises(Overloaded):
        pipeline.canary(1)
