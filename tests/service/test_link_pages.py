"""Signing in by link, as a browser does it: buttons, cookies, and links that are forged, replayed or over."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from service.cases import Acting
from service.listings import ImageSource, ListingInput
from tests.conftest import OPERATOR_KEY
from tests.photographs import jpeg


@pytest.fixture
def visitor(app):
    """A browser: it has no key, follows no redirect by itself and keeps cookies."""
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def reviewer(client) -> str:
    """The id of a reviewer's key."""
    return client.post("/v1/keys", json={"role": "reviewer", "name": "R"}).json()["id"]


@pytest.fixture
def case(runtime, brand):
    runtime.enrolment.add(brand, "photo", jpeg("coffee"))
    result = runtime.listings.judge(ListingInput("A-1", (ImageSource(data=jpeg("coffee", 70)),), seller_id="s-9"))
    return runtime.cases.get(result.matches[0].case_id)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def link_of(client, key_id) -> str:
    made = client.post(f"/v1/keys/{key_id}/sign-in-link")
    assert made.status_code == 201, made.text
    return path_of(made.json()["url"])


def press(visitor, page):
    """Press the button of the page."""
    (action,) = re.findall(r'action="([^"]+)"', page.text)
    fields = dict(re.findall(r'name="(token|csrf)" value="([^"]*)"', page.text))
    return visitor.post(action, data=fields)


def who(visitor, runtime):
    token = visitor.cookies.get("bw_session")
    session = runtime.sessions.find(token) if token else None
    return None if session is None else session.principal


def test_a_link_is_used_by_pressing_and_not_by_looking(client, visitor, runtime, reviewer):
    link = link_of(client, reviewer)
    for _ in range(3):
        page = visitor.get(link)
        assert page.status_code == 200
        assert "bw_session" not in visitor.cookies
    entered = press(visitor, page)
    assert entered.status_code == 303
    assert who(visitor, runtime).key_id == reviewer
    assert visitor.get(link).status_code == 410
    assert press(visitor, page).status_code in (403, 410)


def test_the_button_of_a_foreign_page_signs_nobody_in(client, visitor, runtime, reviewer):
    token = link_of(client, reviewer).partition("token=")[2]
    assert visitor.post("/login/link", data={"token": token, "csrf": "guess"}).status_code == 403
    assert who(visitor, runtime) is None
    assert runtime.sign_in_links.is_open(token)


@pytest.mark.parametrize("token", ["", "bw_link_" + "x" * 43, "<script>alert(1)</script>", "é" * 60])
def test_made_up_links_answer_one_plain_page(visitor, token):
    answer = visitor.get("/login/link", params={"token": token})
    assert answer.status_code == 410
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_whoever_tries_many_is_slowed_down_and_good_links_still_work(client, visitor, runtime, reviewer):
    for _ in range(10):
        assert visitor.get("/login/link", params={"token": "bw_link_" + "x" * 43}).status_code == 410
    slowed = visitor.get("/login/link", params={"token": "bw_link_" + "x" * 43})
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    assert press(visitor, visitor.get(link_of(client, reviewer))).status_code == 303


def test_a_session_of_a_link_ends_with_its_key(client, visitor, runtime, reviewer):
    press(visitor, visitor.get(link_of(client, reviewer)))
    assert who(visitor, runtime) is not None
    client.delete(f"/v1/keys/{reviewer}")
    assert who(visitor, runtime) is None
    assert client.post(f"/v1/keys/{reviewer}/sign-in-link").status_code == 404


def test_a_sellers_link_becomes_a_session_for_that_case_alone(client, visitor, runtime, case):
    link = client.post(f"/v1/cases/{case.id}/seller-link").json()
    opened = visitor.get(path_of(link["url"]))
    assert opened.status_code == 303
    assert link["token"] not in opened.headers["location"]
    principal = who(visitor, runtime)
    assert (principal.role, principal.case_id) == ("seller", case.id)
    assert visitor.get(f"/v1/cases/{case.id}").status_code == 200
    assert visitor.get("/v1/cases/case_other").status_code == 404
    assert visitor.get("/v1/keys").status_code == 403
    assert visitor.post(f"/v1/cases/{case.id}/messages", json={"text": "Mine."}).status_code == 403
    csrf = {"X-CSRF-Token": runtime.sessions.find(visitor.cookies["bw_session"]).csrf}
    assert visitor.post(f"/v1/cases/{case.id}/messages", json={"text": "Mine."}, headers=csrf).status_code == 201


def test_somebody_signed_in_with_a_key_is_asked_before_a_sellers_link_replaces_that(client, visitor, runtime, case):
    form = visitor.get("/login")
    csrf = re.search(r'name="csrf" value="([^"]*)"', form.text)[1]
    visitor.post("/login", data={"key": OPERATOR_KEY, "csrf": csrf})
    link = path_of(client.post(f"/v1/cases/{case.id}/seller-link").json()["url"])
    asked = visitor.get(link)
    assert asked.status_code == 200
    assert who(visitor, runtime).role == "operator"
    before = visitor.cookies["bw_session"]
    assert press(visitor, asked).status_code == 303
    assert who(visitor, runtime).role == "seller"
    assert runtime.sessions.find(before) is None


def test_made_up_sellers_links_answer_one_plain_page(visitor, case):
    for token in ("bw_case_" + "x" * 43, "bw_case_", "bw_case_<b>"):
        answer = visitor.get(f"/seller/{token}")
        assert answer.status_code in (404, 410)
        assert "<b>" not in answer.text


def test_a_sellers_session_ends_with_the_link(runtime, case):
    token, _expires_at = runtime.cases.tokens.make(case.id, Acting("reviewer", "key_r"))
    cookie, session = runtime.sessions.begin(runtime.cases.tokens.find(token))
    assert runtime.sessions.find(cookie) == session
    runtime.brands.delete(case.brand_id)
    assert runtime.sessions.find(cookie) is None


@pytest.mark.parametrize("role", ["operator", "reviewer", "ingest"])
def test_people_land_on_the_page_of_their_role(client, visitor, role):
    home = {"operator": "/operator", "reviewer": "/desk", "ingest": "/"}[role]
    key = client.post("/v1/keys", json={"role": role, "name": "N"}).json()["id"]
    entered = press(visitor, visitor.get(link_of(client, key)))
    assert entered.headers["location"] == home
    assert visitor.get("/login").headers["location"] == entered.headers["location"]
    assert visitor.get("/login", params={"next": "/catalog"}).headers["location"] == "/catalog"
