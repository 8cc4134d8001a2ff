"""The pages over HTTP: who sees which, what every answer carries, and what a foreign form or link can do."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from skimage import data as photographs

from indexes.catalog import NewReference
from tests.callers import as_role
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder

PAGES = ("/", "/catalog")


@pytest.fixture
def visitor(app):
    """A browser: it has no key, follows no redirect by itself and keeps cookies."""
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def brand(runtime):
    return runtime.brands.create("Northfield")


def field(page, name):
    return re.search(rf'name="{name}" (?:value|content)="([^"]*)"', page.text)[1]


def sign_in(visitor, key=OPERATOR_KEY, wanted="/"):
    form = visitor.get("/login", params={"next": wanted})
    return visitor.post("/login", data={"key": key, "csrf": field(form, "csrf"), "next": field(form, "next")})


def key_of(client, role, **tenant):
    return as_role(client, role, **tenant)["Authorization"].removeprefix("Bearer ")


def jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def add_photo(runtime, brand, title="A cup", status="active"):
    """A reference in the catalogue and its picture in the store, without the pipeline."""
    embedder, pixels = ThumbnailEmbedder(), photographs.coffee()
    sha256 = runtime.blobs.put(jpeg(pixels))
    height, width = pixels.shape[:2]
    new = NewReference(brand.id, "photo", None, title, None, None, sha256, width, height, "image/jpeg")
    added = runtime.catalog.add(new, embedder.space, embedder.embed_photos([embedder.prepare(pixels)])[0])
    return added if status == "active" else runtime.catalog.update(added.id, status=status)


# Signing in and out


def test_every_page_leads_to_sign_in_and_back(visitor):
    for path in (*PAGES, "/catalog?kind=logo&status=active"):
        answer = visitor.get(path)
        assert answer.status_code == 303
        location = urlsplit(answer.headers["location"])
        assert location.path == "/login"
        assert parse_qs(location.query).get("next", ["/"]) == [path]


def test_a_key_signs_in_and_goes_where_the_visitor_was_headed(visitor):
    answer = sign_in(visitor, wanted="/catalog?kind=logo")
    assert (answer.status_code, answer.headers["location"]) == (303, "/catalog?kind=logo")
    assert visitor.get("/catalog").status_code == 200
    assert visitor.get("/login").headers["location"] == "/operator"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor, app):
    cookies = sign_in(visitor).headers.get_list("set-cookie")
    (session,) = [
        cookie.lower() for cookie in cookies if cookie.startswith("bw_session=") and OPERATOR_KEY not in cookie
    ]
    assert "httponly" in session
    assert "samesite=lax" in session
    assert "path=/" in session
    assert "secure" not in session
    visitor.cookies.clear()
    form = visitor.get("/login", headers={"X-Forwarded-Proto": "https"})
    assert "secure" in form.headers["set-cookie"].lower()
    with TestClient(app, base_url="https://pages.example", follow_redirects=False) as secure:
        cookies = [cookie.lower() for cookie in sign_in(secure).headers.get_list("set-cookie")]
    assert any(cookie.startswith("bw_session=") and "secure" in cookie for cookie in cookies)


def test_a_wrong_key_stays_on_the_form_and_is_not_shown_again(visitor):
    answer = sign_in(visitor, key="bw_operator_guess")
    assert answer.status_code == 401
    assert "not known" in answer.text
    assert "bw_operator_guess" not in answer.text
    assert visitor.get("/").status_code == 303


def test_guessing_is_braked_even_for_the_right_key_but_locks_nobody_out(visitor, client):
    reviewer = key_of(client, "reviewer")
    for _ in range(10):
        assert sign_in(visitor, key="guess").status_code == 401
    answer = sign_in(visitor)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert sign_in(visitor, key=reviewer[:-1] + "~").status_code == 429
    assert visitor.get("/").status_code == 303
    assert sign_in(visitor, key=reviewer).status_code == 303, "a key that nobody can guess still signs in"
    assert visitor.get("/").status_code == 200


def test_a_sign_in_form_from_elsewhere_is_refused(visitor):
    form = visitor.get("/login")
    for csrf in ("", "another", field(form, "csrf") + "x", "é"):
        assert visitor.post("/login", data={"key": OPERATOR_KEY, "csrf": csrf}).status_code == 403
    visitor.cookies.clear()
    assert visitor.post("/login", data={"key": OPERATOR_KEY, "csrf": field(form, "csrf")}).status_code == 403
    assert visitor.get("/").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/logout",
        "",
    ],
)
def test_sign_in_leads_to_no_other_site(visitor, wanted):
    assert sign_in(visitor, wanted=wanted).headers["location"] == "/operator"
    form = visitor.get("/login", params={"next": wanted})
    assert form.headers["location"] == "/operator"


def test_signing_out_ends_the_session_and_takes_a_csrf_token(visitor):
    sign_in(visitor)
    page = visitor.get("/")
    token = visitor.cookies["bw_session"]
    assert visitor.post("/logout", data={"csrf": "wrong"}).status_code == 403
    assert visitor.get("/").status_code == 200
    assert visitor.post("/logout", data={"csrf": field(page, "csrf")}).headers["location"] == "/login"
    visitor.cookies.set("bw_session", token, domain="127.0.0.1")
    assert visitor.get("/").status_code == 303


def test_a_session_ends_with_its_key(visitor, client):
    made = client.post("/v1/keys", json={"role": "reviewer", "name": "R"}).json()
    sign_in(visitor, key=made["key"])
    assert visitor.get("/").status_code == 200
    client.delete(f"/v1/keys/{made['id']}")
    assert visitor.get("/").status_code == 303


# What every answer carries


def test_pages_forbid_everything_but_their_own_files(visitor, runtime, brand):
    add_photo(runtime, brand)
    pages = [visitor.get("/login"), visitor.get("/")]
    sign_in(visitor)
    pages += [visitor.get(path) for path in (*PAGES, f"/catalog?brand={brand.id}", "/catalog?brand=brd_none")]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"


def test_pages_hold_no_inline_script_or_style_and_name_no_outside_resource(visitor, runtime, brand):
    add_photo(runtime, brand)
    sign_in(visitor)
    for path in ("/", "/catalog", f"/catalog?brand={brand.id}"):
        text = visitor.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", text)
        assert all(
            link.startswith("/") for link in re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', text)
        )


def test_static_files_are_ours_alone_and_are_not_sent_twice(visitor):
    for name, media_type in (("style.css", "text/css"), ("check.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        answer = visitor.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(media_type)
        again = visitor.get(f"/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for name in ("missing.js", "..%2Fassets.py", "%2e%2e/assets.py", "assets.py"):
        assert visitor.get(f"/static/{name}").status_code == 404


def test_scripts_and_styles_name_nothing_outside(visitor):
    page = visitor.get("/static/style.css").text
    for name in ("api.js", "boxed.js", "catalog.js", "check.js", "drop.js", "transfers.js", "uploads.js"):
        page += visitor.get(f"/static/{name}").text
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in page


# Who sees what


def test_navigation_and_catalogue_follow_the_role(visitor, client, brand):
    keys = {
        "operator": OPERATOR_KEY,
        "brand": key_of(client, "brand", brand_id=brand.id),
        "ingest": key_of(client, "ingest", marketplace="default"),
        "reviewer": key_of(client, "reviewer"),
    }
    for role, key in keys.items():
        visitor.cookies.clear()
        sign_in(visitor, key=key)
        allowed = role in ("operator", "brand")
        assert ('href="/catalog"' in visitor.get("/").text) == allowed
        assert visitor.get("/catalog").status_code == (200 if allowed else 403)


def test_only_those_who_may_see_references_are_told_to_load_them(visitor, client, brand):
    told = {}
    for role, tenant in (("ingest", {"marketplace": "default"}), ("reviewer", {}), ("brand", {"brand_id": brand.id})):
        visitor.cookies.clear()
        sign_in(visitor, key=key_of(client, role, **tenant))
        told[role] = re.search(r'data-sees-references="(\w+)"', visitor.get("/").text)[1]
    assert told == {"ingest": "no", "reviewer": "yes", "brand": "yes"}


def test_a_brand_sees_its_own_catalogue_and_no_other(visitor, client, runtime, brand):
    other = runtime.brands.create("Other")
    mine, theirs = add_photo(runtime, brand, "My cup"), add_photo(runtime, other, "Their cup")
    sign_in(visitor, key=key_of(client, "brand", brand_id=brand.id))
    page = visitor.get("/catalog").text
    assert "My cup" in page
    assert "Their cup" not in page
    assert visitor.get(f"/catalog?brand={other.id}").status_code == 404
    assert visitor.get(f"/catalog?brand={other.id}").text == visitor.get("/catalog?brand=brd_none").text
    assert visitor.get(f"/catalog/thumbnails/{brand.id}/{mine.id}").status_code == 200
    for path in (f"{other.id}/{theirs.id}", f"{brand.id}/{theirs.id}", f"{brand.id}/ref_none"):
        assert visitor.get(f"/catalog/thumbnails/{path}").status_code == 404


def test_thumbnails_are_small_pictures(visitor, runtime, brand):
    reference = add_photo(runtime, brand)
    sign_in(visitor)
    answer = visitor.get(f"/catalog/thumbnails/{brand.id}/{reference.id}")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) <= 480
    visitor.cookies.clear()
    assert visitor.get(f"/catalog/thumbnails/{brand.id}/{reference.id}").status_code == 401


def test_the_grid_pages_and_filters(visitor, runtime, brand):
    for number in range(26):
        add_photo(runtime, brand, f"Cup {number:02}", "disabled" if number == 3 else "active")
    sign_in(visitor)
    first = visitor.get(f"/catalog?brand={brand.id}")
    assert first.text.count('class="card ') == 24
    assert "Cup 25" in first.text, "the newest come first"
    following = re.search(r'href="([^"]+cursor=[^"]+)"', first.text)[1].replace("&amp;", "&")
    second = visitor.get(following)
    assert second.text.count('class="card ') == 2
    assert "Next page" not in second.text
    disabled = visitor.get(f"/catalog?brand={brand.id}&status=disabled")
    assert re.findall(r"<h3>(.+?)</h3>", disabled.text) == ["Cup 03"]
    assert "No reference matches" in visitor.get(f"/catalog?brand={brand.id}&kind=logo").text
    assert visitor.get(f"/catalog?brand={brand.id}&kind=video").status_code == 422


def test_what_a_brand_wrote_is_text_on_the_page(visitor, runtime):
    brand = runtime.brands.create('<script>alert("brand")</script>')
    add_photo(runtime, brand, '"><img src=x onerror=alert(1)>')
    sign_in(visitor)
    for path in ("/catalog", f"/catalog?brand={brand.id}"):
        text = visitor.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_an_operator_makes_a_brand_and_only_with_the_token_of_the_page(visitor, client, runtime, brand):
    sign_in(visitor)
    csrf = field(visitor.get("/catalog"), "csrf")
    assert visitor.post("/catalog/brands", data={"name": "Forged", "csrf": "x"}).status_code == 403
    assert "Give a name" in visitor.post("/catalog/brands", data={"name": "  ", "csrf": csrf}).text
    made = visitor.post("/catalog/brands", data={"name": "Acme", "csrf": csrf})
    assert made.status_code == 303
    assert "The catalogue is empty" in visitor.get(made.headers["location"]).text
    visitor.cookies.clear()
    sign_in(visitor, key=key_of(client, "brand", brand_id=brand.id))
    csrf = field(visitor.get("/catalog"), "csrf")
    assert visitor.post("/catalog/brands", data={"name": "Mine", "csrf": csrf}).status_code == 403
    assert {each.name for each in runtime.brands.list().items} == {"Northfield", "Acme"}


# Sessions at the interface


def test_a_session_reads_the_interface_and_writes_only_with_its_token(visitor):
    sign_in(visitor)
    csrf = field(visitor.get("/"), "csrf")
    assert visitor.get("/v1/brands").status_code == 200
    for headers in ({}, {"X-CSRF-Token": "wrong"}):
        assert visitor.post("/v1/brands", json={"name": "Forged"}, headers=headers).status_code == 403
    assert visitor.post("/v1/brands", json={"name": "Acme"}, headers={"X-CSRF-Token": csrf}).status_code == 201
    visitor.cookies.set("bw_session", "made up", domain="127.0.0.1")
    assert visitor.get("/v1/brands").status_code == 401


# Pictures behind an address


class Gallery(BaseHTTPRequestHandler):
    """A shop's picture host."""

    def do_GET(self):
        data = jpeg(photographs.coffee()) if self.path == "/cup.jpg" else b"<p>no picture</p>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args):
        pass


@pytest.fixture
def shop():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gallery)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(visitor):
    """Ask for the picture behind an address as somebody who is signed in."""
    sign_in(visitor)
    headers = {"X-CSRF-Token": field(visitor.get("/"), "csrf")}
    return lambda url: visitor.post("/check/picture", json={"url": url}, headers=headers)


class TestFetching:
    @pytest.fixture
    def settings(self, settings):
        return replace(settings, fetch_allow=("127.0.0.1",))

    def test_the_picture_comes_as_a_jpeg_of_the_same_content(self, fetch, shop):
        answer = fetch(f"{shop}/cup.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as picture:
            shown = np.asarray(picture).astype(int)
        assert np.abs(shown - photographs.coffee()).mean() < 5

    def test_what_is_no_picture_never_reaches_the_browser(self, fetch, shop):
        answer = fetch(f"{shop}/page.html")
        assert answer.status_code == 415
        assert "no picture" not in answer.text

    def test_it_takes_a_session_and_its_token(self, visitor, shop):
        body = {"url": f"{shop}/cup.jpg"}
        assert visitor.post("/check/picture", json=body).status_code == 401
        sign_in(visitor)
        assert visitor.post("/check/picture", json=body).status_code == 403


def test_the_address_guard_holds_for_the_page_too(fetch, shop):
    answer = fetch(f"{shop}/cup.jpg")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/fetch-failed"
