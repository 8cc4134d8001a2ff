"""The seller's page in a browser: by a signed link, a proof and a counter-notice, and nothing of anybody else."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import CAT, COFFEE, encoded, jpeg
from tests.e2e.test_desk import send


@pytest.fixture
def case(tenant):
    """A case that is held."""
    tenant.add(jpeg(COFFEE), title="Espresso")
    send(tenant, f"{tenant.id}-seller")
    [found] = tenant.client.get("/v1/cases", params={"brand_id": tenant.id}).json()["items"]
    said = {"action": "hold", "reason": "Show where it comes from", "evidence_version": found["evidence_version"]}
    assert tenant.client.post(f"/v1/cases/{found['id']}/actions", json=said).status_code == 200
    return found


@pytest.fixture
def seller(page, tenant, case):
    """The page behind the seller's link."""
    made = tenant.client.post(f"/v1/cases/{case['id']}/seller-link").json()
    page.goto(made["url"])
    page.wait_for_url(lambda url: url.endswith("/seller"))
    return page


def test_the_link_shows_what_was_found_and_whose_turn_it_is(seller):
    expect(seller.get_by_text("Your listing is held")).to_be_visible()
    expect(seller.get_by_text("You have until")).to_be_visible()
    expect(seller.locator(".boxed img")).to_have_count(2)
    expect(seller.get_by_role("link", name="Desk")).to_have_count(0)


def test_a_proof_is_sent_and_gives_the_brand_the_turn(seller, tenant, case):
    seller.get_by_label("Number", exact=True).fill("R-2024-118")
    invoice = {"name": "invoice.png", "mimeType": "image/png", "buffer": encoded(CAT, "PNG")}
    seller.get_by_label("Document").set_input_files(invoice)
    seller.get_by_role("button", name="Send the proof").click()
    expect(seller.get_by_text("The brand has until")).to_be_visible()
    expect(seller.get_by_text("R-2024-118")).to_be_visible()
    assert len(tenant.client.get(f"/v1/cases/{case['id']}").json()["proofs"]) == 1


def test_a_counter_notice_is_sent(seller, tenant, case):
    seller.get_by_text("Dispute it: counter-notice").click()
    seller.get_by_label("Why the listing does not infringe").fill("I took this photograph")
    seller.get_by_label("Your name").fill("Mara Lind")
    seller.get_by_label("Your address").fill("Harbour 3, Turku")
    seller.get_by_label("I consent to the jurisdiction").fill("Turku, Finland")
    seller.get_by_label("I declare under penalty").check()
    seller.get_by_label("Signature").fill("Mara Lind")
    seller.get_by_role("button", name="Send the counter-notice").click()
    expect(seller.get_by_text("You disputed this")).to_be_visible()
    assert tenant.client.get(f"/v1/cases/{case['id']}").json()["state"] == "counter_noticed"


def test_a_forged_link_opens_nothing(page, tenant, case, watch):
    watch.expect(410)
    made = tenant.client.post(f"/v1/cases/{case['id']}/seller-link").json()
    page.goto(made["url"][:-4] + "aaaa")
    expect(page.get_by_text("This link was used already, is over")).to_be_visible()
