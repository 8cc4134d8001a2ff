"""Real processes: several on one database, one killed amid an import, and disks that refuse."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.commands.terminal import EXIT_FAILED
from tests.photographs import NAMES, jpeg, pixels
from tests.service.processes import Process, wait_until_ready
from vision.images import encode_jpeg

KEY = "bw_operator_of_the_process_tests"
ROWS = 24


@contextlib.contextmanager
def running(
    folder: Path, *, run_by: tuple[str, ...] = (), **environment: str
) -> Iterator[tuple[Process, httpx.Client]]:
    """A process that is ready, and an operator's client of it; gone when the block ends."""
    folder.mkdir(exist_ok=True)
    process = Process(folder, run_by=run_by, BRANDWARDEN_OPERATOR_KEY=KEY, **environment)
    try:
        with process.client() as client:
            client.headers["Authorization"] = f"Bearer {KEY}"
            wait_until_ready(client)
            yield process, client
    finally:
        process.kill()


def make_brand(client: httpx.Client) -> str:
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]


def upload(client: httpx.Client, brand: str, data: bytes) -> httpx.Response:
    return client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": ("a.jpg", data)})


def found(client: httpx.Client, data: bytes) -> list[str]:
    answer = client.post("/v1/search", data={"kind": "photo"}, files={"image": data})
    return [match["reference_id"] for match in answer.json()["matches"]]


def wait_until(condition) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def catalogue() -> bytes:
    """Parts of real photographs, no two the same, as a zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(ROWS):
            whole = pixels(NAMES[number % len(NAMES)])
            part = np.ascontiguousarray(whole[number * 3 :, number * 2 :])
            packed.writestr(f"{number:02}.jpg", encode_jpeg(part, 90))
    return archive.getvalue()


def test_two_processes_serve_one_catalogue(tmp_path, postgresql_url):
    shared = {
        "BRANDWARDEN_DATABASE_URL": postgresql_url,
        "BRANDWARDEN_BLOB_URL": (tmp_path / "pictures").as_uri(),
    }
    with running(tmp_path / "one", **shared) as (_, one), running(tmp_path / "two", **shared) as (_, two):
        brand = make_brand(one)
        made = upload(one, brand, jpeg("coffee")).json()["id"]
        assert made in found(one, jpeg("coffee", 70)), "at once where it was made"
        wait_until(lambda: made in found(two, jpeg("coffee", 70)))
        assert two.get(f"/v1/brands/{brand}/references/{made}/image").content == jpeg("coffee")
        assert two.patch(f"/v1/brands/{brand}/references/{made}", json={"status": "disabled"}).status_code == 200
        assert found(one, jpeg("coffee", 70)) == [], "disabled is asked of the database, not of the index"
        key = one.post("/v1/keys", json={"role": "brand", "name": "a", "brand_id": brand}).json()
        headers = {"Authorization": f"Bearer {key['key']}"}
        assert two.get(f"/v1/brands/{brand}", headers=headers).status_code == 200
        assert two.delete(f"/v1/keys/{key['id']}").status_code == 204
        assert one.get(f"/v1/brands/{brand}", headers=headers).status_code == 401


def test_an_import_outlives_its_process(tmp_path):
    """Killed amid it and started again: the job ends, and no row is lost or there twice."""
    lease = {"BRANDWARDEN_JOB_LEASE": "0.5"}
    with running(tmp_path, **lease) as (process, client):
        brand = make_brand(client)
        started = client.post(f"/v1/brands/{brand}/catalogs", files={"archive": ("a.zip", catalogue())})
        job = f"/v1/jobs/{started.json()['job_id']}"
        references = f"/v1/brands/{brand}/references?limit=200"
        wait_until(lambda: len(client.get(references).json()["items"]) >= 3)
        process.popen.kill()
        process.popen.wait()
    with running(tmp_path, **lease) as (_, client):
        wait_until(lambda: client.get(job).json()["state"] not in ("queued", "running"))
        ended, items = client.get(job).json(), client.get(references).json()["items"]
        assert (ended["state"], ended["done"], ended["total"], ended["errors"]) == ("succeeded", ROWS, ROWS, [])
        assert sorted(item["external_id"] for item in items) == [f"{number:02}.jpg" for number in range(ROWS)]
        assert list((tmp_path / "data" / "imports").iterdir()) == []


@pytest.fixture
def obeys_permissions() -> tuple[str, ...]:
    """What to run a process by so that permissions hold for it, even where the tests run as root."""
    if os.geteuid() != 0:
        return ()
    without = "-dac_override,-dac_read_search,-fowner"
    return (shutil.which("setpriv") or pytest.fail("setpriv of util-linux is missing"), f"--bounding-set={without}")


def test_disks_that_refuse_are_told_and_outlived(tmp_path, obeys_permissions):
    with running(tmp_path, run_by=obeys_permissions) as (process, client):
        brand = make_brand(client)
        kept = upload(client, brand, jpeg("coffee")).json()["id"]

        def refused(answer: httpx.Response) -> bool:
            told = answer.headers.get("retry-after", "").isdigit()
            return (answer.status_code, answer.json()["type"]) == (503, "/problems/storage-failed") and told

        def serves_what_it_has() -> bool:
            return (
                client.get("/healthz").status_code == 200
                and client.get(f"/v1/brands/{brand}/references/{kept}/image").content == jpeg("coffee")
                and kept in found(client, jpeg("coffee", 70))
            )

        resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        assert refused(upload(client, brand, jpeg("rocket")))
        assert refused(client.post("/v1/brands", json={"name": "Other"}))
        assert refused(
            client.post("/v1/listings", data={"listing": '{"listing_id": "A"}'}, files={"images": jpeg("coffee")})
        )
        large = io.BytesIO(b"\xff\xd8" + bytes(3 << 20))
        assert refused(client.post("/v1/search", files={"image": large}))
        assert serves_what_it_has()
        resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert upload(client, brand, jpeg("rocket")).status_code == 201

        folders = [path for path in (tmp_path / "data").rglob("*") if path.is_dir()]
        for folder in (tmp_path / "data", *folders):
            folder.chmod(0o555)
        assert refused(upload(client, brand, jpeg("chelsea")))
        assert serves_what_it_has()
        for folder in (tmp_path / "data", *folders):
            folder.chmod(0o755)
        assert upload(client, brand, jpeg("chelsea")).status_code == 201
        assert len(client.get(f"/v1/brands/{brand}/references").json()["items"]) == 3


def test_a_read_only_data_directory_is_told_at_the_start(tmp_path, obeys_permissions):
    (tmp_path / "data").mkdir(mode=0o555)
    process = Process(tmp_path, run_by=obeys_permissions, BRANDWARDEN_OPERATOR_KEY=KEY)
    try:
        assert process.popen.wait(120) == EXIT_FAILED
    finally:
        process.kill()
    told = process.output.read_text().splitlines()
    assert told[-1].startswith("Brandwarden could not start: The data directory could not be written")
