"""Catalogue imports end to end: uploads over HTTP, the job, and what is in the catalogue afterwards."""

from __future__ import annotations

import io
import stat
import threading
import time
import zipfile
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from fastapi.testclient import TestClient
from skimage import data

from indexes.errors import StorageFailed
from service.app import create_app
from service.errors import Overloaded
from service.runtime import Runtime
from service.settings import MIB, Settings
from tests.callers import as_role
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from vision.images import encode_jpeg

OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}


@cache
def photo(number: int) -> bytes:
    """One of many different crops of real photographs, as JPEG."""
    source = (data.astronaut, data.coffee, data.chelsea, data.rocket)[number % 4]()
    step = number // 4
    return encode_jpeg(np.ascontiguousarray(source[step * 8 : step * 8 + 180, step * 12 : step * 12 + 200]))


def packed(files: dict[str, bytes | str], *links: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name in links:
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


@pytest.fixture
def brand(client) -> str:
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]


def send(client, brand, *, archive=None, feed=None, name="feed.csv", headers=None, **fields):
    file = {"archive": ("c.zip", archive)} if archive is not None else {"feed": (name, feed)}
    return client.post(f"/v1/brands/{brand}/catalogs", files=file, data=fields, headers=headers)


def finish(client, answer):
    """The job of `answer` once it has ended."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
    for _ in range(3000):
        job = client.get(answer.headers["location"]).json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.01)
    raise AssertionError(f"the job did not end: {job}")


def references(client, brand, **query):
    found = client.get(f"/v1/brands/{brand}/references", params={"limit": 200, **query}).json()["items"]
    return {(item["kind"], item["external_id"]): item for item in found}


def test_an_archive_with_a_manifest_is_enrolled_and_found(client, brand):
    manifest = """file,kind,external_id,title,gtin
a.jpg,photo,S-1,=cmd|' /C calc'!A0,4006381333931
logos/x.jpg,logo,L-1,Mark,"""
    archive = packed({"manifest.csv": manifest, "a.jpg": photo(0), "logos/x.jpg": photo(1)})
    job = finish(client, send(client, brand, archive=archive))
    assert (job["state"], job["done"], job["total"], job["errors"]) == ("succeeded", 2, 2, [])
    found = references(client, brand)
    assert found["photo", "S-1"]["title"] == "=cmd|' /C calc'!A0"
    assert found["photo", "S-1"]["gtin"] == "4006381333931"
    assert found["logo", "L-1"]["status"] == "active"
    answer = client.post("/v1/search", files={"image": photo(0)}, data={"kind": "photo"}).json()
    assert answer["matches"][0]["reference_id"] == found["photo", "S-1"]["id"]


def test_many_pictures_named_by_their_paths(client, brand):
    files = {f"shoes/{number}.jpg": photo(number) for number in range(30)} | {"logos/mark.jpg": photo(31)}
    job = finish(client, send(client, brand, archive=packed(files)))
    assert (job["state"], job["done"], job["errors"]) == ("succeeded", 31, [])
    found = references(client, brand)
    assert ("logo", "logos/mark.jpg") in found
    assert len(found) == 31


def test_what_is_too_generic_is_a_row_error_that_says_so(client, brand):
    flat, wide = np.full((200, 200, 3), 120, np.uint8), np.full((120, 8, 3), 120, np.uint8)
    stripes = np.where(np.arange(200)[:, None, None] // 10 % 2 == 0, 20, 230) * np.ones((200, 200, 3))
    files = {
        "flat.jpg": encode_jpeg(flat),
        "good.jpg": photo(0),
        "logos/stripes.jpg": encode_jpeg(stripes.astype(np.uint8)),
        "thin.jpg": encode_jpeg(wide),
    }
    job = finish(client, send(client, brand, archive=packed(files)))
    said = {error["file"]: error["problem"] for error in job["errors"]}
    assert {name: problem["type"] for name, problem in said.items()} == {
        "flat.jpg": "/problems/too-generic",
        "logos/stripes.jpg": "/problems/too-generic",
        "thin.jpg": "/problems/image-too-small",
    }
    assert said["flat.jpg"]["reason"] == "too_generic"
    assert "one direction" in said["logos/stripes.jpg"]["detail"]
    assert set(references(client, brand)) == {("photo", "good.jpg")}


def test_a_picture_the_brand_has_already_is_kept_with_a_warning_that_names_it(client, brand):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    finish(client, send(client, other, archive=packed({"theirs.jpg": photo(0)})))
    finish(client, send(client, brand, archive=packed({"first.jpg": photo(0), "logos/first.jpg": photo(0)})))
    source = np.ascontiguousarray(data.astronaut()[:180, :200])
    again = {"first.jpg": photo(0), "second.jpg": photo(0), "saved.jpg": encode_jpeg(source, 60), "new.jpg": photo(2)}
    job = finish(client, send(client, brand, archive=packed(again)))
    assert (job["state"], job["errors"], job["error_count"]) == ("succeeded", [], 0)
    first = references(client, brand)["photo", "first.jpg"]["id"]
    warned = {warning["file"]: warning["problem"] for warning in job["warnings"]}
    assert {name: problem["existing_id"] for name, problem in warned.items()} == {
        "second.jpg": first,
        "saved.jpg": first,
    }
    assert "first.jpg" in warned["second.jpg"]["detail"]
    assert len(references(client, brand)) == 5


def test_bad_files_are_row_errors_and_the_rest_is_enrolled(client, brand):
    good = {f"{number}.jpg": photo(number) for number in range(3)}
    bad = {
        "../up.jpg": photo(5),
        "text.jpg": b"not a picture",
        "empty.jpg": b"",
        "cut.jpg": photo(6)[:500],
        "in.zip": packed(good),
    }
    job = finish(client, send(client, brand, archive=packed(good | bad, "link.jpg")))
    assert (job["state"], job["done"], job["total"]) == ("succeeded", 9, 9)
    assert sorted(error["file"] for error in job["errors"]) == sorted([*bad, "link.jpg"])
    assert all(error["problem"]["detail"] and error["row"] for error in job["errors"])
    assert len(references(client, brand)) == 3


def test_add_updates_known_ids_and_replace_disables_what_is_missing(client, brand):
    finish(client, send(client, brand, archive=packed({"a.jpg": photo(0), "b.jpg": photo(1), "logos/c.jpg": photo(2)})))
    finish(client, send(client, brand, archive=packed({"a.jpg": photo(3)}), mode="add"))
    before = references(client, brand)
    assert {item["status"] for item in before.values()} == {"active"}
    assert len(before) == 3
    finish(
        client,
        send(client, brand, archive=packed({"b.jpg": photo(1), "d.jpg": b"broken", "e.jpg": photo(4)}), mode="replace"),
    )
    after = {name: item["status"] for (_, name), item in references(client, brand).items()}
    assert after == {"a.jpg": "disabled", "b.jpg": "active", "logos/c.jpg": "disabled", "e.jpg": "active"}
    answer = client.post("/v1/search", files={"image": photo(3)}, data={"kind": "photo"}).json()
    assert before["photo", "a.jpg"]["id"] not in [match["reference_id"] for match in answer["matches"]]


def test_a_replace_in_which_everything_fails_disables_nothing(client, brand):
    finish(client, send(client, brand, archive=packed({"a.jpg": photo(0)})))
    job = finish(client, send(client, brand, archive=packed({"b.jpg": b"broken"}), mode="replace"))
    assert "nothing was disabled" in job["errors"][-1]["problem"]["detail"]
    assert references(client, brand)["photo", "a.jpg"]["status"] == "active"


def bomb() -> bytes:
    return packed({f"{number}.jpg": b"\x00" * (4 * MIB) for number in range(5)})


@pytest.mark.parametrize(
    ("upload", "status", "slug"),
    [
        ({"archive": b"no zip"}, 422, "archive-refused"),
        ({"archive": bomb()}, 422, "archive-refused"),
        ({"archive": packed({f"{number}": b"" for number in range(50)})}, 413, "too-large"),
        ({"archive": packed({"folder/": b""})}, 422, "invalid"),
        ({"archive": packed({"manifest.csv": "picture\na.jpg\n", "a.jpg": photo(0)})}, 422, "invalid"),
        ({"feed": b"name,price\nOne,1\n"}, 422, "invalid"),
        ({"feed": b"image_link\n" + b"https://a/1.jpg\n" * 60}, 413, "too-large"),
        ({"feed": b""}, 422, "invalid"),
        ({"feed": b"image_link\nhttps://a/1.jpg\n", "mode": "merge"}, 422, "invalid"),
    ],
)
def test_uploads_that_cannot_be_worked_on_are_refused_at_once(tmp_path, upload, status, slug):
    settings = Settings(data_dir=tmp_path / "data", operator_key=OPERATOR_KEY, catalog_max_rows=50, compare_seconds=0)
    runtime = Runtime.open(settings, embedder=ThumbnailEmbedder())
    with TestClient(create_app(settings, runtime=runtime), headers=OPERATOR) as client:
        brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
        answer = send(client, brand, **upload)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
        assert client.get("/v1/jobs").json()["items"] == []
    runtime.close()
    assert list((tmp_path / "data").glob("imports/*")) == []


def test_what_is_missing_or_not_theirs(client, brand):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    mine, theirs = as_role(client, "brand", brand_id=brand), as_role(client, "brand", brand_id=other)
    ingest = as_role(client, "ingest", marketplace="default")
    archive = packed({"a.jpg": photo(0)})
    assert client.post(f"/v1/brands/{brand}/catalogs", files={"other": b"x"}).status_code == 422
    assert client.post(f"/v1/brands/{brand}/catalogs", json={}).status_code == 415
    assert send(client, "brd_nope", archive=archive).status_code == 404
    assert send(client, brand, archive=archive, headers=theirs).status_code == 404
    assert send(client, brand, archive=archive, headers=ingest).status_code == 403
    answer = send(client, brand, archive=archive, headers=mine)
    job = answer.headers["location"]
    assert client.get(job, headers=mine).status_code == 200
    assert client.get(job, headers=theirs).status_code == 404
    finish(client, answer)


def test_the_same_idempotency_key_starts_one_job(client, brand):
    key = {"Idempotency-Key": "import-1"}
    first = send(client, brand, archive=packed({"a.jpg": photo(0)}), headers=key)
    again = send(client, brand, archive=packed({"a.jpg": photo(0)}), headers=key)
    other = send(client, brand, archive=packed({"a.jpg": photo(1)}), headers=key)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert other.status_code == 422
    assert len(client.get("/v1/jobs").json()["items"]) == 1
    finish(client, first)


class Pictures(BaseHTTPRequestHandler):
    """`/N.jpg` is picture N; `/inside` redirects to a place that is not allowed."""

    def do_GET(self):
        if self.path == "/inside":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        body = photo(int(self.path.strip("/").removesuffix(".jpg")))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def pictures():
    """A picture server on `127.0.0.1`; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path, pictures) -> Settings:
    """The picture server is the one private place that may be fetched from."""
    allow = (f"127.0.0.1:{pictures}",)
    return Settings(data_dir=tmp_path / "data", operator_key=OPERATOR_KEY, fetch_allow=allow, compare_seconds=0)


def test_a_feed_is_fetched_and_bad_urls_are_row_errors(client, brand, pictures):
    urls = [
        f"http://127.0.0.1:{pictures}/1.jpg",
        f"http://127.0.0.1:{pictures}/inside",
        f"http://localhost:{pictures}/2.jpg",
        "http://10.0.0.1/3.jpg",
        "http://[::1]/4.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "",
        f"http://127.0.0.1:{pictures}/5.jpg",
    ]
    lines = ["id,title,image_link", *(f"S-{number},Title {number},{url}" for number, url in enumerate(urls, 1))]
    job = finish(client, send(client, brand, feed="\r\n".join(lines).encode()))
    assert (job["state"], job["done"], job["total"], job["error_count"]) == ("succeeded", 9, 9, 7)
    assert [error["row"] for error in job["errors"]] == [2, 3, 4, 5, 6, 7, 8]
    assert {error["problem"]["type"] for error in job["errors"][:6]} == {"/problems/fetch-failed"}
    assert set(references(client, brand)) == {("photo", "S-1"), ("photo", "S-9")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.tsv", "id\ttitle\timage link\nS-1\tOne\t{url}\n"),
        ("f.jsonl", '{{"id": "S-1", "title": "One", "image_url": "{url}"}}\n'),
        (
            "f.xml",
            """<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>S-1</g:id><g:title>One</g:title>
            <g:image_link>{url}</g:image_link></item></channel></rss>""",
        ),
    ],
)
def test_every_kind_of_feed(client, brand, pictures, name, text):
    feed = text.format(url=f"http://127.0.0.1:{pictures}/1.jpg").encode()
    job = finish(client, send(client, brand, feed=feed, name=name))
    assert (job["state"], job["errors"]) == ("succeeded", [])
    assert references(client, brand)["photo", "S-1"]["title"] == "One"


def test_an_import_goes_on_after_a_restart(settings):
    """The first process stops in the middle; the second finishes, and no row is lost or reported twice."""
    files = {f"{number:02}.jpg": b"broken" if number % 5 == 0 else photo(number) for number in range(30)}
    runtime = Runtime.open(settings, embedder=ThumbnailEmbedder())
    slow, add = threading.Event(), runtime.enrolment.add

    def add_slowly(*arguments, **fields):
        if fields["external_id"] > "20":
            slow.set()
            time.sleep(0.05)
        return add(*arguments, **fields)

    runtime.enrolment.add = add_slowly
    with TestClient(create_app(settings, runtime=runtime), headers=OPERATOR) as client:
        brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
        answer = send(client, brand, archive=packed(files))
        slow.wait()
    runtime.close()
    again = Runtime.open(settings, embedder=ThumbnailEmbedder())
    with TestClient(create_app(settings, runtime=again), headers=OPERATOR) as client:
        job = finish(client, answer)
        assert (job["state"], job["done"], job["error_count"]) == ("succeeded", 30, 6)
        assert [error["file"] for error in job["errors"]] == [f"{number:02}.jpg" for number in range(0, 30, 5)]
        assert len(references(client, brand)) == 24
    again.close()
    assert list((settings.data_dir / "imports").iterdir()) == []


def test_an_import_waits_its_turn_when_the_pipeline_is_full(client, runtime, brand):
    add, refusals = runtime.enrolment.add, iter(range(5))

    def add_when_there_is_room(*arguments, **fields):
        if next(refusals, None) is not None:
            raise Overloaded("full")
        return add(*arguments, **fields)

    runtime.enrolment.add = add_when_there_is_room
    job = finish(client, send(client, brand, archive=packed({f"{number}.jpg": photo(number) for number in range(4)})))
    assert (job["state"], job["error_count"]) == ("succeeded", 0)


def test_a_full_disk_fails_the_job_and_says_so(client, runtime, brand):
    def refuse(*arguments, **fields):
        raise StorageFailed("The disk is full; free it, then send again.")

    runtime.enrolment.add = refuse
    job = finish(client, send(client, brand, archive=packed({"a.jpg": photo(0), "b.jpg": photo(1)})))
    assert job["state"] == "failed"
    assert "disk is full" in job["problem"]["detail"]
    assert list(runtime.catalog_imports.folder.iterdir()) == []


def test_a_cancelled_import_keeps_what_it_did(client, runtime, brand):
    add, begun = runtime.enrolment.add, threading.Event()

    def add_slowly(*arguments, **fields):
        begun.set()
        time.sleep(0.02)
        return add(*arguments, **fields)

    runtime.enrolment.add = add_slowly
    files = {f"{number:03}.jpg": photo(number % 40) for number in range(300)}
    answer = send(client, brand, archive=packed(files), mode="replace")
    begun.wait()
    client.post(f"{answer.headers['location']}/cancel")
    job = finish(client, answer)
    assert job["state"] == "cancelled"
    assert job["done"] < 300
    assert all(item["status"] == "active" for item in references(client, brand).values())
