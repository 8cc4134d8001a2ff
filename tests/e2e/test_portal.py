"""The brand portal in a browser: figures, matches, a case with its answer, authorised use, policy, messages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import COFFEE, jpeg
from tests.e2e.test_desk import send, states


@pytest.fixture
def case(tenant):
    """A case about a copied photograph."""
    tenant.add(jpeg(COFFEE), title="Espresso")
    return send(tenant, f"{tenant.id}-portal")


def test_the_brand_sees_its_figures_matches_and_case(sign_in, tenant, case):
    portal = sign_in(tenant.key, "/portal")
    expect(portal.locator(".tiles")).to_contain_text("Matches found1")
    expect(portal.get_by_text("standard lane")).to_be_visible()
    portal.get_by_role("link", name="Matches").click()
    expect(portal.locator(".tasks li")).to_have_count(1)
    portal.locator(".tasks a").click()
    expect(portal.locator(".compare.ready")).to_be_visible()
    expect(portal.locator(".boxed img")).to_have_count(2)


def test_the_brand_confirms_and_writes(sign_in, tenant, case):
    right = {"type": "copyright", "title": "Photographs", "owner": "Northfield Optics", "territories": []}
    assert tenant.client.post(f"/v1/brands/{tenant.id}/rights", json=right).status_code == 201
    portal = sign_in(tenant.key, "/portal/cases")
    portal.locator(".tasks a").click()
    portal.get_by_label("Write to the reviewers").fill("<script>alert(1)</script> please hurry")
    portal.get_by_role("button", name="Send").click()
    expect(portal.locator(".talk")).to_contain_text("<script>alert(1)</script> please hurry")
    portal.get_by_label("Why", exact=True).fill("Our photograph of 2021")
    portal.get_by_role("button", name="Confirm").click()
    expect(portal.locator(".title-row .badge").get_by_text("held")).to_be_visible()
    expect(portal.locator(".title-row").last).to_contain_text(
        re.compile(r"seller has until \d+ \w+ \d{4}, \d\d:\d\d UTC")
    )
    expect(portal.get_by_role("button", name="Withdraw the claim")).to_be_visible()
    expect(portal.get_by_role("button", name="proof")).to_have_count(0)  # none was sent
    assert states(tenant) == ["held"]


def test_what_is_authorised_no_longer_counts(sign_in, tenant, watch):
    watch.expect(422)
    tenant.add(jpeg(COFFEE))
    portal = sign_in(tenant.key, "/portal/authorised")
    portal.get_by_label("Until").fill("2999-12-31")
    portal.get_by_role("button", name="Allow").click()
    expect(portal.get_by_role("alert")).to_be_visible()
    portal.get_by_label("Seller").fill("friend-7")
    portal.get_by_role("button", name="Allow").click()
    expect(portal.locator(".allowed")).to_contain_text("friend-7")
    found = send(tenant, f"{tenant.id}-friend", seller="friend-7")
    assert found["decision"] == "clear"
    assert found["matches"][0]["suppressed_by"].startswith("aut_")
    portal.get_by_role("button", name="Withdraw").click()
    expect(portal.locator(".allowed")).to_have_count(0)


def test_a_picture_is_never_flagged_until_it_is_again(sign_in, tenant, tmp_path, watch):
    watch.expect(409)
    tenant.add(jpeg(COFFEE))
    picture = tmp_path / "advert.jpg"
    picture.write_bytes(jpeg(COFFEE))
    portal = sign_in(tenant.key, "/portal/negatives")
    portal.get_by_label("Picture").set_input_files(picture)
    portal.get_by_label("Note").fill("<i>Advert</i> of 2020")
    portal.get_by_role("button", name="Add").click()
    expect(portal.locator(".allowed")).to_contain_text("<i>Advert</i> of 2020")
    expect(portal.locator(".allowed img")).to_have_js_property("complete", value=True)
    assert portal.locator(".allowed img").evaluate("image => image.naturalWidth") > 0
    portal.get_by_label("Picture").set_input_files(picture)
    portal.get_by_role("button", name="Add").click()
    expect(portal.get_by_role("alert").last).to_be_visible()  # it is there already
    found = send(tenant, f"{tenant.id}-advert")
    assert found["decision"] == "clear"
    assert found["matches"][0]["suppressed_by"].startswith("neg_")
    portal.on("dialog", lambda dialog: dialog.accept())
    portal.get_by_role("button", name="Flag again").click()
    expect(portal.get_by_text("No picture is exempt yet")).to_be_visible()
    assert send(tenant, f"{tenant.id}-again")["decision"] == "review"


def test_a_policy_is_tried_and_then_applied(sign_in, tenant, case):
    right = {"type": "copyright", "title": "Photographs", "owner": "Northfield Optics", "territories": []}
    assert tenant.client.post(f"/v1/brands/{tenant.id}/rights", json=right).status_code == 201
    portal = sign_in(tenant.key, "/portal/policy")
    portal.get_by_role("button", name="Add a rule").first.click()
    portal.get_by_label("hold from, per cent").fill("60")
    portal.get_by_label("review from, per cent").fill("40")
    portal.get_by_role("button", name="What if?").click()
    expect(portal.locator("#what-if")).to_contain_text("1 of 1")
    portal.get_by_role("button", name="Apply").click()
    expect(portal.get_by_text("Version 1")).to_be_visible()
    expect(portal.get_by_label("hold from, per cent")).to_have_value("60")


def test_brand_and_case_manager_write_each_other(sign_in, tenant, service):
    service.managers.assign(tenant.id, "Ana Prado")
    portal = sign_in(tenant.key, "/portal/messages")
    expect(portal.get_by_text("Ana Prado")).to_be_visible()
    portal.get_by_role("textbox", name="Message").fill("Who decides this?")
    portal.get_by_role("button", name="Send").click()
    expect(portal.locator(".talk")).to_contain_text("Who decides this?")
    tenant.client.post(f"/v1/brands/{tenant.id}/messages", json={"text": "I do."})
    portal.reload()
    expect(portal.locator(".talk article").first).to_contain_text("Ana Prado")


def test_another_brands_portal_answers_as_if_it_were_not_there(sign_in, tenant, service, case, watch):
    watch.expect(404)
    stranger = service.brands.create("Stranger")
    _, key = service.keys.create("brand", "stranger", brand_id=stranger.id)
    portal = sign_in(key, f"/portal?brand={tenant.id}")
    expect(portal.get_by_role("heading", name="Not found")).to_be_visible()
    [found] = tenant.client.get("/v1/cases", params={"brand_id": tenant.id}).json()["items"]
    portal.goto(f"/portal/cases/{found['id']}")
    expect(portal.get_by_role("heading", name="Not found")).to_be_visible()
    service.brands.delete(stranger.id)


def test_a_right_is_registered_with_its_classes(sign_in, tenant, watch):
    watch.expect(422)
    portal = sign_in(tenant.key, "/portal")
    portal.get_by_text("Register a right").click()
    portal.get_by_label("Title or mark text").fill("NORTHFIELD")
    portal.get_by_label("Owner").fill("Northfield Optics Ltd")
    portal.get_by_label("Nice classes").fill("9, 25")
    portal.get_by_role("button", name="Register").click()
    expect(portal.get_by_role("alert")).to_contain_text("Invalid")
    portal.get_by_label("Registration number").fill("018000001")
    portal.get_by_role("button", name="Register").click()
    expect(portal.locator(".reasons")).to_contain_text("trademark 018000001: NORTHFIELD")
    [right] = tenant.client.get(f"/v1/brands/{tenant.id}/rights").json()["items"]
    assert right["nice_classes"] == [9, 25]
