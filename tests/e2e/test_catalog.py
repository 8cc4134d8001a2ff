"""The catalogue page in a browser: uploads with their errors and progress, and the life of a reference."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OPERATOR_KEY
from tests.e2e.shop import CAT, COFFEE, ROCKET, archive, cropped, jpeg, upload

GOOD = {"cup.jpg": jpeg(COFFEE), "cat.jpg": jpeg(CAT), "rocket.jpg": jpeg(ROCKET)}


@pytest.fixture
def catalog(sign_in, tenant):
    """The brand's own catalogue page."""
    return sign_in(tenant.key, "/catalog")


def choose(page, *files):
    page.wait_for_load_state("networkidle")  # whose script is still on its way would miss the choice
    page.get_by_label("Choose files").set_input_files(list(files))


def test_pictures_are_uploaded_and_each_failure_is_named(catalog, tenant, watch):
    watch.expect(415)
    expect(catalog.get_by_text("The catalogue is empty")).to_be_visible()
    choose(catalog, *(upload(name, data) for name, data in GOOD.items()), upload("broken.jpg", GOOD["cup.jpg"][:900]))
    transfer = catalog.locator(".transfer")
    expect(transfer).to_contain_text("Added: 3 of 4 in the catalogue, 1 with an error")
    expect(transfer.locator(".problems li")).to_have_count(1)
    expect(transfer.locator(".problems .where")).to_have_text("broken.jpg")
    expect(transfer.locator(".problems .what")).not_to_be_empty()
    expect(transfer.get_by_role("progressbar")).to_have_attribute("value", "1")
    expect(catalog.locator(".card")).to_have_count(3)
    expect(catalog.get_by_role("status")).to_contain_text("3 of 4")
    assert {item["title"] for item in tenant.references()} == {"cup", "cat", "rocket"}
    transfer.get_by_role("button", name="Dismiss").click()
    expect(transfer).to_have_count(0)


def test_logos_are_uploaded_as_logos(catalog, tenant):
    catalog.get_by_text("Logos", exact=True).first.click()
    choose(catalog, upload("mark.jpg", GOOD["rocket.jpg"]))
    expect(catalog.locator(".card")).to_have_count(1)
    assert [item["kind"] for item in tenant.references()] == ["logo"]


def test_a_zip_is_imported_with_progress_and_its_bad_file_named(catalog, tenant):
    files = {f"photos/{name}": data for name, data in GOOD.items()} | {"photos/notes.jpg": b"no picture"}
    choose(catalog, upload("spring.zip", archive(files), "application/zip"))
    transfer = catalog.locator(".transfer")
    expect(transfer.get_by_role("heading")).to_have_text("spring.zip")
    expect(transfer).to_contain_text("Imported: 3 of 4 in the catalogue, 1 with an error")
    expect(transfer.locator(".problems li")).to_have_count(1)
    expect(transfer.locator(".problems .where")).to_contain_text("notes.jpg")
    expect(catalog.locator(".card")).to_have_count(3)
    assert len(tenant.references()) == 3


def test_a_file_that_is_no_archive_is_refused_in_words(catalog, watch):
    watch.expect(*_refusals(catalog, upload("spring.zip", b"not a zip", "application/zip")))
    expect(catalog.locator(".transfer .problems .what").first).not_to_be_empty()
    expect(catalog.locator(".card")).to_have_count(0)


def _refusals(page, file):
    """Refused at once or by the job: either is told, and only the first is an HTTP refusal."""
    with page.expect_response(lambda answer: answer.url.endswith("/catalogs")) as answer:
        choose(page, file)
    return [answer.value.status] if answer.value.status >= 400 else []


def test_a_job_goes_on_to_be_shown_after_the_page_is_loaded_again(catalog, tenant):
    files = {f"{number:02}.jpg": jpeg(COFFEE[number:, number:]) for number in range(12)}
    with catalog.expect_response(lambda answer: answer.url.endswith("/catalogs")):
        choose(catalog, upload("many.zip", archive(files), "application/zip"))
    catalog.wait_for_function("Object.keys(sessionStorage).length > 0")
    catalog.reload()
    expect(catalog.locator(".card")).to_have_count(12)
    assert len(tenant.references()) == 12


def test_what_is_disabled_is_not_matched_until_it_is_enabled_again(sign_in, tenant):
    tenant.add(GOOD["cup.jpg"], title="A cup")
    page = sign_in(tenant.key, "/catalog")
    stolen = upload("seller.jpg", jpeg(cropped(COFFEE), 75))
    for action, name in (("Disable", "Nothing found"), ("Enable", "1 match found")):
        page.get_by_role("button", name=f"{action} A cup").click()
        expect(
            page.get_by_role("button", name={"Disable": "Enable", "Enable": "Disable"}[action] + " A cup")
        ).to_be_focused()
        expect(page.get_by_role("status")).to_contain_text("A cup is")
        page.get_by_role("link", name="Check", exact=True).click()
        page.wait_for_load_state("networkidle")
        page.get_by_label("Choose a file").set_input_files([stolen])
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        page.get_by_role("link", name="Catalogue").click()


def test_deleting_asks_first_and_works_by_keyboard(sign_in, tenant):
    tenant.add(GOOD["cup.jpg"], title="A cup")
    page = sign_in(tenant.key, "/catalog")
    expect(page.locator(".card img")).not_to_have_js_property("naturalWidth", 0)  # or it is asked for when it is gone
    delete = page.get_by_role("button", name="Delete A cup")
    delete.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Delete this reference?")).to_be_visible()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    assert len(tenant.references()) == 1
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("A cup was deleted")
    expect(page.get_by_role("heading", name="References")).to_be_focused()
    assert tenant.references() == []


def test_what_was_kept_is_not_deleted_with_what_is_deleted_next(sign_in, tenant):
    """A busy browser says that a dialog was closed when the next one is open already."""
    for title, picture in (("A cup", "cup.jpg"), ("A cat", "cat.jpg")):
        tenant.add(GOOD[picture], title=title)
    page = sign_in(tenant.key, "/catalog")
    for image in page.locator(".card img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    page.evaluate(
        """() => {
          const dialog = document.getElementById("confirm");
          const press = (name) => document.querySelector(`[aria-label="Delete ${name}"]`).click();
          press("A cup");
          dialog.close("keep");
          press("A cat");
          dialog.close("delete");
        }"""
    )
    expect(page.get_by_role("status")).to_contain_text("A cat was deleted")
    expect(page.locator(".card")).to_have_count(1)
    assert [item["title"] for item in tenant.references()] == ["A cup"]


def test_filters_show_one_kind_or_status(sign_in, tenant):
    tenant.add(GOOD["cup.jpg"], title="A cup")
    tenant.add(GOOD["rocket.jpg"], kind="logo", title="A mark")
    page = sign_in(tenant.key, "/catalog")
    page.get_by_role("group", name="Kind").get_by_role("link", name="Logos").click()
    expect(page.locator(".card h3")).to_have_text(["A mark"])
    page.get_by_role("group", name="Status").get_by_role("link", name="Disabled").click()
    expect(page.get_by_text("No reference matches this filter")).to_be_visible()


def test_an_operator_makes_a_brand_and_fills_its_catalogue(sign_in, tenant, service):
    page = sign_in(OPERATOR_KEY, "/catalog")
    expect(page.get_by_role("link", name=tenant.name)).to_be_visible()
    page.get_by_label("Name").fill("Café Lumière")
    page.get_by_role("button", name="Create brand").click()
    expect(page.get_by_role("heading", name="Café Lumière", exact=True)).to_be_visible()
    choose(page, upload("cup.jpg", GOOD["cup.jpg"]))
    expect(page.locator(".card")).to_have_count(1)
    brand_id = page.url.rpartition("=")[2]
    page.close()  # which may still be loading the picture
    assert tenant.client.delete(f"/v1/brands/{brand_id}").status_code == 204


def test_every_page_fits_a_narrow_screen(sign_in, tenant):
    tenant.add(GOOD["cup.jpg"], title="A cup with a title that does not end before the line does")
    page = sign_in(OPERATOR_KEY)
    page.set_viewport_size({"width": 400, "height": 800})
    for path in ("/", "/catalog", f"/catalog?brand={tenant.id}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
