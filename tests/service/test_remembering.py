"""The same picture again: what is spared, and that nothing is told which does not hold any more."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from indexes.changes import Version
from indexes.search import SearchResult
from service.pipeline.remembering import Memory, Remembered
from service.pipeline.work import Question
from service.runtime import Runtime
from tests.callers import as_role
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg
from vision.boxes import WHOLE
from vision.embedding import KINDS, QueryEmbedding, Regions


class CountingEmbedder(ThumbnailEmbedder):
    """Counts the pictures it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = 0

    def embed_queries(self, batch):
        self.embedded += len(batch)
        return super().embed_queries(batch)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def runtime(settings, embedder, database_url) -> Iterator[Runtime]:
    opened = Runtime.open(replace(settings, database_url=database_url), embedder=embedder)
    embedder.embedded = 0  # a model is tried before it serves
    yield opened
    opened.close()


def send(client, name: str, listing_id: str = "A", headers=None, quality: int = 90) -> dict:
    data = base64.b64encode(jpeg(name, quality)).decode()
    body = {"listing_id": listing_id, "images": [{"data": data}]}
    answer = client.post("/v1/listings", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def add(client, brand: str, name: str) -> dict:
    path = f"/v1/brands/{brand}/references"
    answer = client.post(path, data={"kind": "photo"}, files={"image": jpeg(name)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def counts(client) -> dict[str, float]:
    page = client.get("/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("brandwarden_remembered_pictures_total{")]
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_a_clean_picture_again_costs_no_pass(client, brand, embedder):
    add(client, brand, "rocket")
    first, again = send(client, "coffee"), send(client, "coffee", "B")
    assert embedder.embedded == 1
    assert counts(client) == {"new": 1, "result": 1}
    told = ("decision", "matches", "space", "index_generation", "calibration")
    assert [again[name] for name in told] == [first[name] for name in told]
    assert again["images"] == first["images"]


def test_a_match_again_has_its_proof(client, brand, embedder):
    reference = add(client, brand, "coffee")
    first, again = send(client, "coffee", quality=70), send(client, "coffee", "B", quality=70)
    assert embedder.embedded == 1
    assert counts(client) == {"new": 1, "result": 1}
    ((one,), (other,)) = first["matches"], again["matches"]
    assert one["reference_id"] == other["reference_id"] == reference["id"]
    assert [one[name] for name in ("confidence", "box", "reasons")] == [
        other[name] for name in ("confidence", "box", "reasons")
    ]


def test_a_new_reference_is_found_in_a_picture_that_was_clean(client, brand, embedder):
    assert send(client, "coffee", quality=70)["matches"] == []
    reference = add(client, brand, "coffee")
    assert [match["reference_id"] for match in send(client, "coffee", quality=70)["matches"]] == [reference["id"]]
    assert embedder.embedded == 1
    assert counts(client) == {"new": 1, "vectors": 1}


def test_what_could_not_be_looked_at_is_looked_at_the_next_time(client, brand, runtime):
    reference = add(client, brand, "coffee")
    kept = jpeg("coffee")
    runtime.blobs.delete(runtime.catalog.get(reference["id"]).sha256)
    assert send(client, "coffee", quality=70)["matches"] == []
    runtime.blobs.put(kept)
    assert [match["reference_id"] for match in send(client, "coffee", quality=70)["matches"]] == [reference["id"]]


@pytest.mark.parametrize("change", ["delete", "disable", "suspend", "erase the brand"])
def test_a_match_that_is_over_is_not_told_again(client, brand, change):
    reference = add(client, brand, "coffee")
    assert send(client, "coffee", quality=70)["matches"]
    path = f"/v1/brands/{brand}/references/{reference['id']}"
    match change:
        case "delete":
            answer = client.delete(path)
        case "disable":
            answer = client.patch(path, json={"status": "disabled"})
        case "suspend":
            answer = client.patch(f"/v1/brands/{brand}", json={"status": "suspended"})
        case _:
            answer = client.delete(f"/v1/brands/{brand}")
    assert answer.status_code < 300, answer.text
    assert send(client, "coffee", "B", quality=70)["matches"] == []


def test_a_brand_that_comes_back_is_found_again(client, brand):
    add(client, brand, "coffee")
    client.patch(f"/v1/brands/{brand}", json={"status": "suspended"}).raise_for_status()
    assert send(client, "coffee", quality=70)["matches"] == []
    client.patch(f"/v1/brands/{brand}", json={"status": "verified"}).raise_for_status()
    assert len(send(client, "coffee", quality=70)["matches"]) == 1


def test_a_name_that_changed_is_told(client, brand):
    add(client, brand, "coffee")
    send(client, "coffee", quality=70)
    client.patch(f"/v1/brands/{brand}", json={"name": "Other"}).raise_for_status()
    assert send(client, "coffee", quality=70)["matches"][0]["brand"] == "Other"


def test_marketplaces_share_nothing(client, embedder):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"}).raise_for_status()
    send(client, "coffee")
    send(client, "coffee", headers=as_role(client, "ingest", marketplace="shop"))
    assert embedder.embedded == 2
    assert counts(client) == {"new": 2}


def test_a_search_remembers_nothing(client, embedder):
    for _ in range(2):
        client.post("/v1/search", files={"image": jpeg("coffee")}).raise_for_status()
    assert embedder.embedded == 2
    assert counts(client) == {}


def test_without_memory_every_picture_is_new(settings, embedder):
    runtime = Runtime.open(replace(settings, result_cache_bytes=0), embedder=embedder)
    embedder.embedded = 0
    for _ in range(2):
        runtime.pipeline.query_many([jpeg("coffee")], owner="default")[0].result(30)
    runtime.close()
    assert embedder.embedded == 2


def entry(seed: int = 0, version: int = 1) -> Remembered:
    vectors = np.random.default_rng(seed).normal(size=(40, 100)).astype(np.float32)
    regions = Regions((WHOLE,) * 6, vectors[:6], np.ones(6, np.float32))
    return Remembered(10, 20, "PNG", QueryEmbedding(regions, regions), SearchResult((), 1, {}), Version(version, 0))


def key(name: str):
    return name, "spc_1", "cal_1", Question(KINDS, None, None, "default")


def test_memory_is_bounded_and_lets_go_of_what_was_not_asked_for():
    memory = Memory(3 * entry().size)
    for name in "abc":
        memory.put(key(name), entry())
    assert memory.get(key("a")) is not None
    memory.put(key("d"), entry())
    assert [name for name in "abcd" if memory.get(key(name))] == ["a", "c", "d"]
    assert memory.bytes == 3 * entry().size


def test_what_is_put_again_takes_the_place_of_what_was_there():
    memory = Memory(10 * entry().size)
    for version in (1, 2):
        memory.put(key("a"), entry(version=version))
    assert memory.get(key("a")).version == Version(2, 0)
    assert memory.bytes == entry().size


def test_something_larger_than_the_memory_is_not_kept():
    memory = Memory(100)
    memory.put(key("a"), entry())
    assert memory.get(key("a")) is None
    assert memory.bytes == 0


def test_vectors_do_not_hold_on_to_those_of_their_batch():
    memory = Memory(1 << 20)
    memory.put(key("a"), entry())
    kept = memory.get(key("a")).embedding.photo.vectors
    assert kept.base is None
    assert np.array_equal(kept, entry().embedding.photo.vectors)
