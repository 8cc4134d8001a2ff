"""The report: one file that shows everything and needs nothing."""

import base64
import re

import numpy as np
import pytest

from service.report import make_entry, write_report
from vision.images import decode, encode_jpeg


@pytest.fixture
def picture():
    return encode_jpeg(np.full((80, 120, 3), 120, np.uint8))


@pytest.fixture
def result():
    match = {
        "kind": "stolen_photo",
        "brand": "Acme <b>& Sons",
        "brand_id": "brd_1",
        "reference_id": "ref_1",
        "external_id": "SKU-1",
        "image_index": 1,
        "confidence": 0.973,
        "box": [0.1, 0.2, 0.9, 0.8],
        "reference_box": [0, 0, 1, 1],
        "reasons": ["the pixels agree"],
        "suppressed_by": None,
    }
    problem = {"index": 0, "status": "error", "problem": {"title": "Bad", "detail": "cut off"}}
    return {"listing_id": "A-1", "decision": "review", "matches": [match], "images": [problem]}


def written(tmp_path, *entries, facts=None):
    path = tmp_path / "new" / "report.html"
    write_report(path, "Title", entries, facts or {})
    return path.read_text("utf-8")


def test_listing_and_reference_stand_side_by_side(tmp_path, picture, result):
    page = written(tmp_path, make_entry(result, [b"", picture], lambda match: picture, expected="it", held=True))
    assert page.count("data:image/jpeg;base64,") == 2
    for words in ("A-1", "review", "SKU-1", "the pixels agree", "0.97", "picture 0: cut off", "✓ expected it"):
        assert words in page


def test_the_box_is_drawn_on_the_listing(picture, result):
    pair = make_entry(result, [b"", picture], lambda match: picture).pairs[0]
    pixels = decode(base64.b64decode(pair.picture.partition(",")[2])).pixels
    red, green = (int(value) for value in pixels[40, 12, :2])
    assert red - green > 50  # JPEG softens a line of two pixels
    assert abs(int(pixels[8, 60, 0]) - 120) < 10


def test_what_comes_from_outside_is_escaped(tmp_path, picture, result):
    result["listing_id"] = "<script>alert(1)</script>"
    page = written(tmp_path, make_entry(result, [b"", picture], lambda match: None, title='"><img src=x>'))
    assert "<script>" not in page
    assert "<img src=x>" not in page
    assert "Acme &lt;b&gt;&amp; Sons" in page


def test_the_page_asks_nothing_of_the_network(tmp_path, picture, result):
    page = written(tmp_path, make_entry(result, [b"", picture], lambda match: picture))
    assert not re.search(r"(src|href)=\"(?!data:)|@import|url\(|<script", page)


def test_a_listing_without_matches_shows_its_pictures(tmp_path, picture, result):
    entry = make_entry({**result, "decision": "clear", "matches": []}, [b"no picture", picture], lambda match: None)
    assert len(entry.pictures) == 1
    assert "clear" in written(tmp_path, entry, facts={"listings": "1"})


def test_a_failed_expectation_stands_out(tmp_path, picture, result):
    page = written(tmp_path, make_entry(result, [b"", picture], lambda match: None, expected="x", held=False))
    assert '<article id="A-1" class="failed">' in page
