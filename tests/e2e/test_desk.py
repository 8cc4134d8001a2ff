"""The review desk in a browser: the queue, both pictures laid over each other, decisions by keyboard and taken back."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import COFFEE, cropped, jpeg


def send(tenant, listing_id: str, *, quality: int = 80, seller: str = "s-1", price: str = "120.00") -> dict:
    listing = {"listing_id": listing_id, "seller_id": seller, "title": "<b>Cup</b>", "url": "https://shop.example/cup"}
    listing |= {"price": {"amount": price, "currency": "EUR"}}
    files = {"listing": (None, json.dumps(listing)), "images": ("a.jpg", jpeg(cropped(COFFEE), quality))}
    answer = tenant.client.post("/v1/listings", files=files)
    assert answer.status_code == 200, answer.text
    return answer.json()


def states(tenant) -> list[str]:
    found = tenant.client.get("/v1/cases", params={"brand_id": tenant.id, "limit": 200}).json()["items"]
    return [case["state"] for case in found]


def wait_for(condition, seconds: float = 45.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


@pytest.fixture
def reviewer(service) -> str:
    """The key of a reviewer."""
    return service.keys.create("reviewer", "desk")[1]


@pytest.fixture
def found(tenant):
    """Three listings with the same copied photograph: three cases, one task."""
    tenant.add(jpeg(COFFEE), title="Espresso")
    matches = [send(tenant, f"{tenant.id}-{index}", quality=80 - 5 * index) for index in range(3)]
    assert all(match["decision"] == "review" for match in matches)
    return matches


def open_desk(sign_in, reviewer: str, tenant):
    return sign_in(reviewer, f"/desk?brand={tenant.id}")


def test_listings_with_one_picture_are_one_task_removed_by_two_keys(sign_in, reviewer, tenant, found):
    desk = open_desk(sign_in, reviewer, tenant)
    expect(desk.locator(".tasks li")).to_have_count(1)
    expect(desk.locator(".tasks li")).to_contain_text("3 listings")
    desk.keyboard.press("j")
    desk.keyboard.press("Enter")
    expect(desk.locator(".compare.ready")).to_be_visible()
    expect(desk.locator(".boxed img")).to_have_count(2)
    expect(desk.get_by_text("<b>Cup</b>").first).to_be_visible()
    desk.keyboard.press("r")
    expect(desk.get_by_role("dialog")).to_contain_text("3 listings")
    desk.keyboard.press("1")
    expect(desk.locator(".toast")).to_contain_text("Undo")
    wait_for(lambda: states(tenant) == ["taken_down"] * 3)


def test_a_decision_is_taken_back_before_it_is_sent(sign_in, reviewer, tenant, found):
    desk = open_desk(sign_in, reviewer, tenant)
    desk.locator(".tasks a").first.click()
    expect(desk.locator(".compare.ready")).to_be_visible()
    desk.keyboard.press("d")
    desk.keyboard.press("1")
    expect(desk.locator(".toast")).to_be_visible()
    desk.keyboard.press("u")
    expect(desk.locator(".toast")).to_have_count(0)
    expect(desk.locator("[data-task]")).to_be_visible()
    assert states(tenant) == ["open"] * 3


def test_leaving_the_page_sends_what_was_decided(sign_in, reviewer, tenant, found):
    desk = open_desk(sign_in, reviewer, tenant)
    desk.locator(".tasks a").first.click()
    expect(desk.locator(".compare.ready")).to_be_visible()
    desk.get_by_label("All of them").uncheck()
    desk.locator('input[name="case"]').first.check()
    desk.keyboard.press("d")
    desk.get_by_label("Or in your words").fill("=HYPERLINK(0) another cup")
    desk.get_by_role("button", name="Go on").click()
    expect(desk.locator(".toast")).to_be_visible()
    desk.goto("/")
    wait_for(lambda: sorted(states(tenant)) == ["dismissed", "open", "open"])


def test_blinking_and_mirroring_leave_the_comparison_in_place(sign_in, reviewer, tenant, found):
    desk = open_desk(sign_in, reviewer, tenant)
    desk.locator(".tasks a").first.click()
    expect(desk.locator(".compare.ready")).to_be_visible()
    desk.keyboard.press("b")
    expect(desk.locator(".compare.blinking")).to_be_visible()
    desk.keyboard.press("b")
    expect(desk.locator(".compare.blinking")).to_have_count(0)
    desk.keyboard.press("m")
    desk.keyboard.press("ArrowRight")
    expect(desk.get_by_label("How much of the listing covers the reference")).to_have_value("55")


def test_what_another_reviewer_decided_meanwhile_is_said(sign_in, reviewer, tenant, found):
    desk = open_desk(sign_in, reviewer, tenant)
    desk.locator(".tasks a").first.click()
    expect(desk.locator(".compare.ready")).to_be_visible()
    for case in tenant.client.get("/v1/cases", params={"brand_id": tenant.id}).json()["items"]:
        said = {"action": "dismiss", "reason": "Another cup", "evidence_version": case["evidence_version"]}
        assert tenant.client.post(f"/v1/cases/{case['id']}/actions", json=said).status_code == 200
    desk.keyboard.press("r")
    desk.keyboard.press("1")
    expect(desk.locator(".toast.bad")).to_contain_text("3 listings not changed")
    assert states(tenant) == ["dismissed"] * 3


def test_a_brand_has_no_desk(sign_in, tenant, watch):
    watch.expect(403)
    page = sign_in(tenant.key, "/desk")
    expect(page.get_by_text("The desk is for reviewers")).to_be_visible()
