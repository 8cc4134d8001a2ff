"""Signing in and out in a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.e2e.conftest import OPERATOR_KEY


def test_a_visitor_signs_in_lands_where_they_were_headed_and_signs_out(page):
    page.goto("/catalog")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Key")).to_be_focused()
    page.keyboard.type(OPERATOR_KEY)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/catalog")
    expect(page.get_by_role("heading", name="Catalogues")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_key_says_so_beside_the_field(page, watch):
    watch.expect(401)
    page.goto("/")
    page.get_by_label("Key").fill("bw_brand_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    expect(page.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Key")).to_have_value("")


def test_a_request_without_the_token_changes_nothing(page, sign_in, watch):
    """What a foreign page could make the browser send, were the cookie to go along."""
    watch.expect(403)
    sign_in(OPERATOR_KEY)
    for path, body in (("/v1/brands", '{"name": "Forged"}'), ("/logout", "csrf=forged")):
        script = "([path, body]) => fetch(path, { method: 'POST', body }).then((answer) => answer.status)"
        assert page.evaluate(script, [path, body]) == 403
    page.goto("/catalog")
    expect(page.get_by_role("heading", name="Catalogues")).to_be_visible()
    expect(page.get_by_text("Forged")).to_have_count(0)


def test_a_one_time_link_signs_in_once_when_it_is_pressed(page, service, tenant, watch):
    watch.expect(410)
    reviewer, _ = service.keys.create("reviewer", "Ana")
    link = tenant.client.post(f"/v1/keys/{reviewer.id}/sign-in-link").json()["url"]
    address = urlsplit(link)
    page.goto(f"{address.path}?{address.query}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Review desk")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{address.path}?{address.query}")
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)
    service.keys.delete(reviewer.id)
