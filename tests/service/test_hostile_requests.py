"""What nobody sends by accident, on both databases: each is refused, and nothing is ever a 500."""

from __future__ import annotations

import base64
import json

import pytest

from tests.photographs import jpeg

PATHS = (
    "/v1/brands/{}",
    "/v1/brands/{}/matches",
    "/v1/brands/{}/references",
    "/v1/jobs/{}",
    "/v1/keys/{}",
    "/v1/marketplaces/{}",
    "/v1/listings/{}/A-1",
    "/v1/listings/default/{}",
)
LISTS = ("brands", "jobs", "keys", "listings", "marketplaces", "verdicts")
ZERO, HALF = "a\x00b", "a\ud800b"


def cursor(inside: bytes) -> str:
    return base64.urlsafe_b64encode(inside).decode().rstrip("=")


def send(client, method: str, path: str, document: object):
    return client.request(method, path, content=json.dumps(document), headers={"Content-Type": "application/json"})


def refused(answer, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    problem = answer.json()
    assert problem["type"].startswith("/problems/")
    if problem["status"] == 422:
        assert problem["errors"]


def test_odd_names_in_paths_are_not_found(either):
    for path in PATHS:
        for odd in ("%00", "a%00b", "%ff", "%ed%a0%80", "..%2f..", "99999999999999999999", "x" * 5000):
            refused(either.get(path.format(odd)), 404, 405)
            refused(either.delete(path.format(odd)), 404, 405)


def test_a_cursor_nobody_gave_out_is_refused(either):
    wrong = (b"p9223372036854775808", b"p" + b"9" * 60, b"p-1", b"p1_0", b"p 1", b"p", b"", b"x1", b"p\xd9\xa1")
    for name in LISTS:
        for made_up in (*map(cursor, wrong), cursor(b"p5") + "==", "é", "p" * 200):
            refused(either.get(f"/v1/{name}", params={"cursor": made_up or "="}), 422)


@pytest.mark.parametrize("limit", ["0", "-1", "201", "9" * 400, "1.5", "NaN", ""])
def test_a_limit_beyond_the_promise_is_refused(client, limit):
    for name in LISTS:
        refused(client.get(f"/v1/{name}", params={"limit": limit}), 422)


def test_a_query_with_a_zero_character_is_refused(either):
    for query in ("listings?marketplace=%00", "verdicts?marketplace=a%00b", "jobs?cursor=%00", "keys?%00=1"):
        refused(either.get(f"/v1/{query}"), 422)


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e300"])
def test_the_ends_of_the_calendar_are_refused(either, when):
    for name in ("listings", "verdicts"):
        refused(either.get(f"/v1/{name}", params={"since": when}), 422)
    picture = {"data": base64.b64encode(jpeg("coffee")).decode()}
    refused(either.post("/v1/listings", json={"listing_id": "A", "images": [picture], "listed_at": when}), 422)


@pytest.mark.parametrize("odd", [ZERO, HALF], ids=["zero", "half"])
def test_text_that_cannot_be_stored_is_refused(either, brand_of_either, odd):
    listing = {"listing_id": "A", "images": [{"url": "http://127.0.0.1/"}]}
    bodies = [
        ("/v1/brands", {"name": odd}),
        ("/v1/brands", {"name": "a", "contact_email": f"{odd}@b"}),
        ("/v1/brands", {"name": "a", odd: 1}),
        ("/v1/marketplaces", {"slug": "m", "name": odd}),
        ("/v1/marketplaces", {"slug": "m", "name": "m", "clocks": {odd: 1}}),
        ("/v1/keys", {"role": "operator", "name": odd}),
        ("/v1/keys", {"role": "brand", "name": "a", "brand_id": odd}),
        ("/v1/keys", {"role": "ingest", "name": "a", "marketplace": odd}),
        ("/v1/spaces", {"model": odd}),
        ("/v1/listings/default/A/verdicts", {"match_id": "mat_1", "verdict": "infringing", "note": odd}),
        *(("/v1/listings", {**listing, name: odd}) for name in ("title", "seller_id", "url", "category", "gtin")),
        ("/v1/listings", {**listing, "listing_id": odd}),
        ("/v1/listings", {**listing, "images": [{"url": odd}]}),
    ]
    for path, document in bodies:
        refused(send(either, "POST", path, document), 422, 400)
    refused(send(either, "PATCH", f"/v1/brands/{brand_of_either}", {"name": odd}), 422)


def test_a_form_field_with_a_zero_character_is_refused(either, brand_of_either):
    for name in ("external_id", "title", "gtin", "right_id"):
        answer = either.post(
            f"/v1/brands/{brand_of_either}/references",
            data={"kind": "photo", name: ZERO},
            files={"image": jpeg("coffee")},
        )
        refused(answer, 400)
    refused(either.post("/v1/search", data={"url": ZERO}), 400)


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b'{"a":' * 100_000, b"null", b"1", b"", b"\xff\xfe", b"NaN", b'{"name":' + b"9" * 10_000 + b"}"],
    ids=["nested lists", "nested objects", "null", "number", "empty", "not UTF-8", "NaN", "long number"],
)
def test_json_built_to_break_a_parser_is_refused(client, body):
    for path in ("/v1/brands", "/v1/listings", "/v1/keys"):
        for extra in ({}, {"Content-Encoding": "gzip"}):
            answer = client.post(path, content=body, headers={"Content-Type": "application/json", **extra})
            refused(answer, 400, 422)


@pytest.mark.parametrize("boundary", ["", '""', "x" * 300, "*", "a b", "\xff"])
def test_a_form_that_is_none_is_refused(client, boundary):
    kind = f"multipart/form-data; boundary={boundary}".encode("latin-1")
    for path in ("/v1/listings", "/v1/search"):
        for body in (b"", b"--x--", b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--x--'):
            refused(client.post(path, content=body, headers={"Content-Type": kind}), 400)


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "javascript:1",
        "//x",
        "http:///",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://[::1/",
        "http://[::1%25lo]/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://0x7f.1/",
        "http://xn--/",
        "http://a..b/",
        "http://" + "a" * 300 + ".test/",
        "http://" + "a." * 200 + "test/",
        "http://127.0.0.1/#" + "x" * 5000,
    ],
)
def test_addresses_that_lead_nowhere_are_told_so(client, url):
    answer = client.post("/v1/search", data={"url": url})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/fetch-failed")


def test_the_metrics_do_not_grow_with_made_up_methods(client):
    for number in range(3):
        assert client.request(f"FOO{number}", "/v1/brands").status_code == 405
    told = client.get("/metrics").text
    assert "FOO" not in told
    assert 'method="other"' in told
