"""Notices in a browser: sent by anybody on the form, decided at the desk."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import OPERATOR_KEY


def test_a_notice_is_sent_and_decided(page, sign_in, tenant):
    page.goto("/notice")
    page.get_by_label("Whose right it is").fill("<b>Northfield</b>")
    page.get_by_label("Addresses of the listings").fill("https://shop.example/one\nhttps://shop.example/two")
    page.get_by_label("What is wrong with them").fill("They show my photograph of the harbour without permission.")
    page.get_by_label("Your name").fill("Mara Lind")
    page.get_by_label("Your e-mail").fill("mara@example.com")
    page.get_by_label("I believe in good faith").check()
    page.get_by_role("button", name="Send the notice").click()
    expect(page.get_by_role("status")).to_contain_text("Your receipt is not_")
    desk = sign_in(OPERATOR_KEY, "/desk/notices")
    told = desk.locator("article", has_text="<b>Northfield</b>")
    expect(told).to_contain_text("https://shop.example/two")
    told.get_by_label("Reason").fill("The pictures are the notifier's own")
    told.get_by_role("button", name="Founded", exact=True).click()
    expect(desk.locator("article .badge", has_text="founded").first).to_be_visible()
