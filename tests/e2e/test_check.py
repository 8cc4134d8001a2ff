"""The check page in a browser: from a picture to matches with boxes on both pictures."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OPERATOR_KEY
from tests.e2e.shop import CAT, COFFEE, ROCKET, cropped, encoded, jpeg, upload

STOLEN = upload("seller.jpg", jpeg(cropped(COFFEE), 75))


@pytest.fixture
def catalogue(tenant):
    """A brand that protects one photograph."""
    tenant.add(jpeg(COFFEE), title="A cup")
    return tenant


def choose(page, *files):
    page.wait_for_load_state("networkidle")  # whose script is still on its way would miss the choice
    page.get_by_label("Choose a file").set_input_files(list(files))


def boxes(page):
    """Of the first match: each picture's and each box's place on the screen."""
    found = []
    for stage in page.locator(".match").first.locator(".boxed").all():
        expect(stage.locator("img")).to_be_visible()
        page.wait_for_function(
            "(image) => image.complete && image.naturalWidth > 0", arg=stage.locator("img").element_handle()
        )
        found.append((stage.locator("img").bounding_box(), stage.locator(".edge").bounding_box()))
    return found


def test_a_stolen_photograph_is_shown_beside_its_original_with_boxes_on_both(sign_in, catalogue):
    page = sign_in(catalogue.key)
    choose(page, STOLEN)
    expect(page.get_by_role("heading", name="1 match found")).to_be_visible()
    match = page.locator(".match").first
    expect(match.get_by_role("heading")).to_have_text(catalogue.name)
    expect(match).to_contain_text("Copied photo")
    expect(match.get_by_role("list", name="Why").get_by_role("listitem").first).not_to_be_empty()
    (mine, my_box), (theirs, their_box) = boxes(page)
    for picture, box in ((mine, my_box), (theirs, their_box)):
        assert picture["x"] - 4 <= box["x"]
        assert box["x"] + box["width"] <= picture["x"] + picture["width"] + 4
        assert box["width"] > picture["width"] * 0.5
        assert box["height"] > picture["height"] * 0.5
    assert abs(mine["y"] - theirs["y"]) < 60, "the pictures stand side by side"
    assert their_box["width"] < theirs["width"] * 0.95, (
        "the copy was cropped: its box covers the middle of the original"
    )


def test_the_confidence_bar_is_as_long_as_it_says(sign_in, catalogue):
    page = sign_in(catalogue.key)
    choose(page, STOLEN)
    meter = page.get_by_role("meter").first
    expect(meter).to_be_visible()
    said = int(meter.get_attribute("aria-valuenow"))
    expect(page.locator(".confidence .number").first).to_have_text(f"{said}%")
    drawn = page.evaluate("(bar) => bar.firstElementChild.offsetWidth / bar.offsetWidth", meter.element_handle())
    assert abs(drawn * 100 - said) < 2


def test_a_picture_of_something_else_finds_nothing(sign_in, catalogue):
    page = sign_in(catalogue.key)
    choose(page, upload("cat.jpg", jpeg(CAT)))
    expect(page.get_by_role("heading", name="found")).to_contain_text("Nothing")
    expect(page.locator(".match:visible")).to_have_count(0)


def test_a_file_that_is_no_picture_is_refused_in_words(sign_in, tenant, watch):
    watch.expect(415)
    page = sign_in(tenant.key)
    choose(page, upload("notes.jpg", b"these are notes"))
    expect(page.get_by_role("alert")).to_contain_text("format")
    choose(page, upload("rocket.jpg", jpeg(ROCKET)))
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_empty_file_is_refused_without_asking_the_service(sign_in, tenant):
    page = sign_in(tenant.key)
    choose(page, upload("empty.jpg", b""))
    expect(page.get_by_role("alert")).to_contain_text("no content")


def test_a_picture_behind_an_address_is_brought_by_the_service(sign_in, catalogue, shop):
    page = sign_in(catalogue.key)
    page.get_by_label("Picture address").fill(f"{shop.address}/copy.jpg")
    page.get_by_role("button", name="Check address").click()
    expect(page.get_by_role("heading", name="1 match found")).to_be_visible()
    assert len(boxes(page)) == 2
    assert shop.asked == ["/copy.jpg"], "fetched once: what is shown is what was judged"


def test_an_address_that_holds_no_picture_or_may_not_be_reached_says_so(sign_in, tenant, shop, watch):
    watch.expect(415, 422)
    page = sign_in(tenant.key)
    for address, words in ((f"{shop.address}/page.html", "format"), ("http://169.254.169.254/latest/", "private")):
        page.get_by_label("Picture address").fill(address)
        page.get_by_role("button", name="Check address").click()
        expect(page.get_by_role("alert")).to_contain_text(words)


def test_a_picture_can_be_dropped_or_pasted(sign_in, catalogue):
    page = sign_in(catalogue.key)
    data = base64.b64encode(STOLEN["buffer"]).decode()
    for kind in ("drop", "paste"):
        page.reload()
        page.evaluate(
            """([data, kind]) => {
              const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
              const transfer = new DataTransfer();
              transfer.items.add(new File([bytes], "seller.jpg", { type: "image/jpeg" }));
              const event = kind === "drop"
                ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
              document.getElementById("drop").dispatchEvent(event);
            }""",
            [data, kind],
        )
        expect(page.get_by_role("heading", name="1 match found")).to_be_visible()


def test_a_file_the_browser_cannot_show_still_gets_its_box(sign_in, catalogue):
    page = sign_in(catalogue.key)
    choose(page, upload("seller.tiff", encoded(cropped(COFFEE), "TIFF"), "image/tiff"))
    stage = page.locator(".match .stage").first
    expect(stage).to_contain_text("cannot show the file")
    expect(stage.locator(".edge")).to_be_visible()


def test_beyond_six_matches_the_rest_is_folded(sign_in, tenant):
    for number in range(8):
        tenant.add(jpeg(COFFEE[number:, number:]), title=f"Cup {number}")
    page = sign_in(tenant.key)
    choose(page, STOLEN)
    expect(page.get_by_role("heading", name="8 matches found")).to_be_visible()
    expect(page.locator(".match:visible")).to_have_count(6)
    page.get_by_text("2 more matches").click()
    expect(page.locator(".match:visible")).to_have_count(8)


def test_looking_for_logos_alone_finds_no_photograph(sign_in, catalogue):
    page = sign_in(catalogue.key)
    page.get_by_text("Logos", exact=True).click()
    choose(page, STOLEN)
    expect(page.get_by_role("heading", name="Nothing")).to_be_visible()


def test_a_marketplace_sees_the_match_and_a_placeholder_for_the_reference(sign_in, catalogue, service):
    _key, secret = service.keys.create("ingest", "browser", marketplace="default")
    page = sign_in(secret)
    expect(page.get_by_role("link", name="Catalogue")).to_have_count(0)
    choose(page, STOLEN)
    match = page.locator(".match", has_text=catalogue.name).first
    expect(match.locator(".boxed img")).to_have_count(1)
    expect(match).to_contain_text("shown to their brand and to reviewers")
    expect(match.locator(".boxed .edge")).to_have_count(2)


def test_a_session_that_ended_leads_back_to_sign_in(sign_in, tenant, service, watch):
    watch.expect(401)
    page = sign_in(OPERATOR_KEY)
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "bw_session")
    service.sessions.end(token)
    choose(page, STOLEN)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_keyboard_alone_goes_all_the_way(page, catalogue):
    page.on("filechooser", lambda chooser: chooser.set_files([STOLEN]))
    page.goto("/")
    expect(page.get_by_label("Key")).to_be_focused()
    page.keyboard.type(catalogue.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=catalogue.name)).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Check a picture")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose a file")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 match found")).to_be_visible()
    expect(page.locator("#result")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("1 match found")


def test_tab_reaches_every_control_and_comes_round(sign_in, tenant):
    page = sign_in(tenant.key)
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    for control in ("Skip to content", "Check", "Catalogue", "Sign out", "file", "url", "Check address", "kind-any"):
        assert control in seen
    assert seen.count("Skip to content") >= 1
    assert "Skip to content" in seen[seen.index("kind-any") :], "after the last control the first comes again"
