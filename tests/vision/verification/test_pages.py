"""The same page is told from the same form with other entries, however either was photographed."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from service.proofs.rendering import Rendering
from tests.documents import invoice, pdf, photographed
from vision.embedding import Pixels
from vision.images import encode_jpeg, fit
from vision.verification.pages import PageAgreement, compare_both_ways, compare_pages, describe_page


@functools.cache
def page(number: str = "4711", buyer: str = "Shop One", seed: int = 1, form: int = 1) -> Pixels:
    return Rendering().draw(invoice(number, buyer=buyer, seed=seed, form=form)).pixels


def compared(query: Pixels, reference: Pixels) -> PageAgreement:
    found = compare_pages(describe_page(query), describe_page(reference))
    assert found is not None
    return found


def again(pixels: Pixels, side: int, quality: int) -> Pixels:
    data = np.frombuffer(encode_jpeg(fit(pixels, side), quality), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize(
    "changed",
    [
        lambda pixels: pixels,
        lambda pixels: again(pixels, 1600, 40),
        lambda pixels: again(pixels, 1000, 60),
        lambda pixels: photographed(pixels, seed=0),
        lambda pixels: photographed(pixels, seed=1, turn=-4, lean=0.03),
        lambda pixels: again(photographed(pixels, seed=2, turn=12), 1200, 70),
        lambda pixels: pixels[60:-60, 40:-40],
    ],
)
def test_nothing_differs_on_the_same_page(changed):
    found = compared(changed(page()), page())
    assert found.blocks > 500
    assert found.differing == 0
    assert found.coverage > 0.95


@pytest.mark.parametrize("fields", [{"number": "4712"}, {"number": "9383"}, {"buyer": "Other Trader Ltd"}])
def test_a_single_entry_that_differs_is_seen_and_is_a_small_share(fields):
    found = compared(page(**fields), page())
    assert found.differing >= 1
    assert found.share < 0.03


def test_it_is_seen_on_a_photograph_too():
    assert 1 <= compared(photographed(page(buyer="Other Trader Ltd")), page()).differing < 40


def fewest(one: Pixels, other: Pixels) -> int:
    agreements = compare_both_ways(describe_page(one), describe_page(other))
    return min(agreement.differing for agreement in agreements)


@pytest.mark.parametrize("seed", range(3, 9))
def test_both_ways_a_photograph_and_its_page_agree_whichever_came_first(seed):
    taken = photographed(page(), seed=seed)
    assert fewest(taken, page()) == fewest(page(), taken) == 0


@pytest.mark.parametrize("seed", range(3, 6))
def test_both_ways_another_entry_is_still_seen(seed):
    other = photographed(page(buyer="Other Trader Ltd"), seed=seed)
    assert fewest(other, page()) >= 1


def test_blank_pages_agree_in_no_way():
    blank = describe_page(np.full((40, 30, 3), 255, np.uint8))
    assert list(compare_both_ways(blank, describe_page(page()))) == []


@pytest.mark.parametrize("seed", [2, 3])
def test_the_same_form_with_other_goods_differs_widely(seed):
    assert compared(page("4002", "Other", seed), page()).share > 0.1


def test_pages_without_print_say_nothing():
    blank = Rendering().draw(pdf(b"BT /F1 12 Tf 72 700 Td (A) Tj ET")).pixels
    assert compare_pages(describe_page(blank), describe_page(page())) is None
    assert compare_pages(describe_page(blank), describe_page(blank)) is None
    assert compare_pages(describe_page(np.full((40, 30, 3), 255, np.uint8)), describe_page(page())) is None
