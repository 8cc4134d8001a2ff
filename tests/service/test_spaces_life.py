"""What a space outlives: a flip under load, a restart in every state, a killed job, another process."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from indexes.errors import SpaceMismatch
from service.errors import ServiceError
from service.runtime import Runtime
from service.spaces import ModelRefused
from tests.fakes import ThumbnailEmbedder
from tests.photographs import NAMES, jpeg
from tests.service.spaces import PATIENCE, WHY, active, add, found, judge, load, prepare, runtime_of, serving, step
from vision.errors import ModelError


def make_brand(client) -> str:
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]


def test_no_request_fails_while_models_are_exchanged(settings, database_url):
    """Listings, searches and uploads all along; everything uploaded is found by whichever space serves."""
    with serving(replace(settings, database_url=database_url, queue_size=64)) as client:
        brand = make_brand(client)
        kept = add(client, brand, jpeg("coffee"))
        prepare(client, "other")
        over = threading.Event()

        def work(number: int) -> set[str]:
            seen, count = set(), 0
            while not over.is_set():
                count += 1
                seen.add(judge(client, f"{number}-{count}", jpeg("coffee", 70))["space"])
                made = add(client, brand, jpeg(NAMES[2 + number], 40 + count % 50))
                space, matches = found(client, jpeg(NAMES[2 + number], 40 + count % 50))
                assert matches
                seen.add(space)
                assert client.delete(f"/v1/brands/{brand}/references/{made}").status_code == 204
            return seen

        with ThreadPoolExecutor(2) as threads:
            busy = [threads.submit(work, number) for number in range(2)]
            for space, name in (("spc_other", "promote"), ("spc_other", "rollback")):
                time.sleep(0.3)
                step(client, space, name, **WHY)
            assert kept in found(client, jpeg("coffee", 70))[1]
            time.sleep(0.3)
            over.set()
            seen = set().union(*(future.result(PATIENCE) for future in busy))
        assert seen <= {"spc_thumbnail", "spc_other"}
        assert "spc_thumbnail" in seen


def test_a_restart_keeps_every_state(settings):
    """Which space serves is in SQL: the setting that named the first one has not changed, so it does not count."""
    with serving(settings) as client:
        brand = make_brand(client)
        add(client, brand, jpeg("coffee"))
        prepare(client, "other")
    for status in ("ready", "shadow"):
        with serving(settings) as client:
            assert active(client) == "spc_thumbnail"
            assert client.get("/v1/spaces/spc_other").json()["status"] == status
            assert step(client, "spc_other", "shadow")["shadow"] is None
    with serving(settings) as client:
        step(client, "spc_other", "promote", **WHY)
    with serving(settings) as client:
        assert found(client, jpeg("coffee"))[0] == "spc_other"
        late = add(client, brand, jpeg("rocket"))
        step(client, "spc_other", "rollback")
        assert found(client, jpeg("rocket"))[1][0] == late
    with serving(settings) as client:
        assert (active(client), found(client, jpeg("rocket"))[0]) == ("spc_thumbnail", "spc_thumbnail")
        assert client.get("/v1/spaces/spc_other").json()["status"] == "retired"


class Slow(ThumbnailEmbedder):
    """Embeds references only while it may."""

    may_go = threading.Semaphore(0)

    def embed_photos(self, batch):
        if len(batch) > 1 or batch[0].pixels.std() > 0:
            Slow.may_go.acquire(timeout=PATIENCE)
        return super().embed_photos(batch)


def test_a_job_goes_on_where_its_process_stopped(settings, monkeypatch):
    monkeypatch.setattr("service.reembedding._BATCH", 1)
    asked = []

    def slowly(name):
        return Slow(name=name) if name == "slow" else load(name)

    class Counting(ThumbnailEmbedder):
        def embed_photos(self, batch):
            asked.append(len(batch))
            return super().embed_photos(batch)

    def counting(name):
        return Counting(name=name) if name == "slow" else load(name)

    opened = Runtime.open(settings, embedder=ThumbnailEmbedder(), loads=slowly)
    brand = opened.brands.create("Acme")
    for name in NAMES:
        opened.enrolment.add(brand.id, "photo", jpeg(name))
    Slow.may_go = threading.Semaphore(4)  # one to try it in the call, one in the job, and two references
    owner = opened.keys.create("operator", "an operator")[0]
    space, job = opened.life.start("slow", type("Owner", (), {"key_id": owner.id, "brand_id": None})())
    while opened.catalog.lacking(ThumbnailEmbedder(name="slow").space) > len(NAMES) - 2:
        time.sleep(0.01)
    Slow.may_go.release()
    opened.close()
    with contextlib.closing(Runtime.open(settings, embedder=ThumbnailEmbedder(), loads=counting)) as again:
        until = time.monotonic() + PATIENCE
        while (ended := again.jobs.get(job.id)).state != "succeeded":
            assert time.monotonic() < until
            time.sleep(0.02)
        assert (ended.done, ended.total) == (len(NAMES), len(NAMES))
        assert again.spaces.records.get(space.id).status == "ready"
        assert sum(asked) <= len(NAMES) - 2 + 1, "what was done is not done again"


def test_a_cancelled_job_leaves_a_space_that_failed_and_can_be_tried_again(settings):
    with serving(settings) as client:
        for name in NAMES:
            add(client, make_brand(client), jpeg(name))
        runtime = runtime_of(client)
        runtime._give_way = lambda: None
        started = client.post("/v1/spaces", json={"model": "other"}).json()
        client.post(f"/v1/jobs/{started['job_id']}/cancel")
        until = time.monotonic() + PATIENCE
        while (shown := client.get("/v1/spaces/spc_other").json())["status"] == "preparing":
            assert time.monotonic() < until
            time.sleep(0.02)
        assert shown["status"] in ("failed", "ready")
        if shown["status"] == "failed":
            assert shown["problem"] is not None
            assert prepare(client, "other")["status"] == "ready"


def test_another_process_follows(settings, database_url):
    """Promoted here, judged there within seconds; what is uploaded there meanwhile is found here."""
    settings = replace(settings, database_url=database_url)
    with serving(settings) as here, serving(replace(settings, data_dir=settings.data_dir / "two")) as there:
        runtime_of(there).pictures, runtime_of(there).blobs
        brand = make_brand(here)
        kept = add(here, brand, jpeg("coffee"))
        prepare(here, "other")
        step(here, "spc_other", "promote", **WHY)

        def follows(space):
            until = time.monotonic() + PATIENCE
            while runtime_of(there).embedder.space.id != space:
                assert time.monotonic() < until
                time.sleep(0.05)

        follows("spc_other")
        assert runtime_of(there).gallery.status()["vectors"]["photo"] == 6
        assert there.get("/readyz").status_code == 200
        step(there, "spc_other", "rollback")
        assert active(here) == "spc_thumbnail"
        follows("spc_thumbnail")
        assert kept


def test_a_process_that_cannot_follow_says_so_and_takes_no_traffic(settings):
    """It goes on with what it has, unready, until SQL names a space that it can load."""
    shared = replace(settings, blob_url=(settings.data_dir / "blobs").as_uri(), database_url=settings.sql_url)

    def without_other(name):
        if name == "other":
            raise ModelError("the file is not on this machine")
        return load(name)

    def readiness(client, status):
        until = time.monotonic() + PATIENCE
        while (answer := client.get("/readyz")).status_code != status:
            assert time.monotonic() < until, answer.text
            time.sleep(0.1)
        return answer.json()

    with serving(shared) as here:
        prepare(here, "other")  # before the other process is there: whoever is free takes the job
        with serving(replace(shared, data_dir=settings.data_dir / "two"), loads=without_other) as there:
            step(here, "spc_other", "promote", **WHY)
            told = readiness(there, 503)
            assert (told["reason"], "not on this machine" in told["detail"]) == ("space", True)
            assert found(there, jpeg("coffee"))[0] == "spc_thumbnail"
            step(here, "spc_other", "rollback")
            readiness(there, 200)


def test_the_index_is_opened_while_its_model_loads(settings):
    with serving(settings) as client:
        kept = add(client, make_brand(client), jpeg("coffee"))
        prepare(client, "other")
        step(client, "spc_other", "promote", **WHY)
    for file in settings.snapshots_dir.rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")

    def load_late(name):
        """The model does not come before the snapshots were looked at."""
        until = time.monotonic() + PATIENCE
        while name == "other" and not any(settings.snapshots_dir.rglob("quarantine")):
            assert time.monotonic() < until, "the index waited for its model"
            time.sleep(0.01)
        return load(name)

    with serving(settings, loads=load_late) as client:
        space, matches = found(client, jpeg("coffee"))
        assert (space, kept in matches) == ("spc_other", True)


def test_a_setting_changed_by_hand_counts_and_is_remembered(settings):
    with serving(settings) as client:
        add(client, make_brand(client), jpeg("coffee"))
        prepare(client, "other")
        step(client, "spc_other", "promote", **WHY)
    with pytest.raises(SpaceMismatch, match="brandwarden rebuild"):
        Runtime.open(settings, embedder=load("third"), loads=load)
    with serving(settings) as client:
        assert active(client) == "spc_other", "a start that was refused changes nothing"
    with serving(settings, "other") as client:
        shown = client.get("/v1/spaces/spc_other").json()
        assert (shown["status"], shown["previous"]) == ("active", "spc_thumbnail")
    with serving(settings, "thumbnail") as client:
        assert active(client) == "spc_thumbnail"
        assert client.post("/v1/spaces/spc_thumbnail/rollback").status_code == 409


def test_an_active_model_that_is_gone_or_changed_stops_the_start_and_says_why(settings):
    with serving(settings) as client:
        add(client, make_brand(client), jpeg("coffee"))
        prepare(client, "other")
        step(client, "spc_other", "promote", **WHY)

    def changed(name):
        return ThumbnailEmbedder(name="changed") if name == "other" else load(name)

    def gone(name):
        if name == "other":
            raise ServiceError("gone")
        return load(name)

    for loads in (changed, gone):
        with pytest.raises(SpaceMismatch, match="cannot serve"):
            Runtime.open(settings, embedder=ThumbnailEmbedder(), loads=loads)
    with contextlib.closing(
        Runtime.open(settings, embedder=ThumbnailEmbedder(), loads=gone, require_vectors=False)
    ) as repairing:
        repairing.confirm_space()
        with pytest.raises(ModelRefused, match="gone"):
            repairing.spaces.ensure(repairing.spaces.records.get("spc_other"))
    with serving(settings) as client:
        assert active(client) == "spc_thumbnail"
