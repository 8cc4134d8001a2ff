"""The operator's pages in a browser: verify a brand, make and revoke a key, and who may not."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, expect

from tests.e2e.conftest import OPERATOR_KEY
from tests.e2e.shop import COFFEE, jpeg
from tests.service.webhooks.conftest import until


def test_a_brand_registers_and_is_verified_by_its_right(sign_in, page, tenant, service):
    page.goto("/register")
    page.get_by_label("Brand").fill("<i>Tiny</i> Mill")
    page.get_by_label("E-mail").fill("mill@example.com")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    key = page.locator("dialog code").inner_text()
    assert key.startswith("bw_brand_")
    page.get_by_role("button", name="Done").click()
    brand = service.keys.find(key).brand_id
    right = {"type": "copyright", "title": "Photographs", "owner": "Tiny Mill", "territories": []}
    assert tenant.client.post(f"/v1/brands/{brand}/rights", json=right).status_code == 201
    operator = sign_in(OPERATOR_KEY, "/operator?status=unverified")
    operator.get_by_role("link", name="<i>Tiny</i> Mill").click()
    operator.get_by_label("Status").select_option("verified")
    operator.get_by_label("By the right").select_option(index=1)
    operator.get_by_label("Reason").fill("Seen the originals")
    operator.get_by_role("button", name="Decide").click()
    expect(operator.locator(".trail")).to_contain_text("Seen the originals")
    assert service.brands.get(brand).status == "verified"
    service.brands.delete(brand)


def test_a_key_is_shown_once_and_revoked(sign_in, service):
    operator = sign_in(OPERATOR_KEY, "/operator/keys")
    operator.get_by_label("Name", exact=True).fill("night shift")
    operator.get_by_role("button", name="Make key").click()
    expect(operator.get_by_role("dialog")).to_be_visible()
    secret = operator.locator("dialog code").inner_text()
    assert service.keys.find(secret).role == "reviewer"
    operator.get_by_role("button", name="Done").click()
    expect(operator.get_by_text("night shift")).to_be_visible()
    operator.on("dialog", lambda dialog: dialog.accept())
    row = operator.locator(".allowed", has_text="night shift")
    row.get_by_role("button", name="Revoke").click()
    expect(operator.get_by_text("night shift")).to_have_count(0)
    assert service.keys.find(secret) is None


def test_nothing_can_be_pressed_before_the_script_of_the_page_is_there(sign_in, service):
    """Over a slow line whoever is quicker than the script would send the form past it."""
    operator, held = sign_in(OPERATOR_KEY), []

    def hold(route) -> None:
        held.append(route)

    operator.route("**/static/calls.js", hold)
    operator.goto("/operator/keys", wait_until="commit")
    make = operator.get_by_role("button", name="Make key")
    with pytest.raises(Error, match="Timeout"):
        make.click(timeout=2_000)
    held[0].continue_()
    operator.get_by_label("Name", exact=True).fill("day shift")
    make.click()
    expect(operator.get_by_role("dialog")).to_be_visible()
    service.keys.delete(service.keys.find(operator.locator("dialog code").inner_text()).key_id)


def test_deliveries_are_listed_with_what_went_wrong(sign_in, tenant, service):
    operator = sign_in(OPERATOR_KEY, "/operator/webhooks")
    operator.get_by_label("Address").fill("https://hooks.example.com/in")
    operator.get_by_label("Events").fill("reference.*")
    operator.get_by_role("button", name="Make webhook").click()
    expect(operator.get_by_role("dialog")).to_be_visible()
    operator.get_by_role("button", name="Done").click()
    tenant.add(jpeg(COFFEE))  # its message goes to a name that leads nowhere
    [hook] = service.webhooks.list().items
    until(lambda: [item for item in service.webhooks.deliveries(hook.id).items if item.last_error])
    operator.get_by_role("link", name="Deliveries").click()
    expect(operator.get_by_text("reference.active")).to_be_visible()
    expect(operator.get_by_text("The host of the URL is not known.")).to_be_visible()
    operator.on("dialog", lambda dialog: dialog.accept())
    operator.get_by_role("button", name="Delete").click()
    expect(operator.get_by_text("No webhooks yet")).to_be_visible()
    assert service.webhooks.list().items == []


def test_a_brand_may_not(sign_in, tenant, watch):
    watch.expect(403)
    page = sign_in(tenant.key, "/operator")
    expect(page.get_by_text("for operators")).to_be_visible()
