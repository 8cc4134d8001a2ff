"""Reading listings to scan: folders, tables and JSON Lines, and the rows that are none."""

import base64
import json

import pytest

from service.errors import Invalid
from service.scanning import count_listings, read_listings


def test_each_picture_of_a_folder_is_a_listing_named_by_its_path(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("z.JPG", "a/b.png", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = list(read_listings(tmp_path))
    assert [listing.listing_id for listing in found] == ["a/b.png", "z.JPG"]
    assert found[0].pictures[0].read() == b"a/b.png"
    assert count_listings(tmp_path) == 2


def test_a_table_names_paths_and_urls(tmp_path):
    (tmp_path / "one.png").write_bytes(b"one")
    table = tmp_path / "listings.csv"
    table.write_text(
        'listing_id,images,title\nA-1,one.png | https://shop.example/2.jpg,Lamp\nA-2,"one.png\nmissing.png",\n'
    )
    first, second = read_listings(table)
    assert (first.listing_id, first.fields) == ("A-1", {"title": "Lamp"})
    assert first.pictures[0].read() == b"one"
    assert first.pictures[1].url == "https://shop.example/2.jpg"
    with pytest.raises(Invalid, match=r"missing\.png"):
        second.pictures[1].read()
    assert count_listings(table) == 2


def test_lines_of_json_carry_paths_urls_and_bytes(tmp_path):
    (tmp_path / "one.png").write_bytes(b"one")
    images = [{"path": "one.png"}, {"url": "https://x.example/p"}, {"data": base64.b64encode(b"two").decode()}, {}]
    lines = tmp_path / "listings.jsonl"
    lines.write_text(json.dumps({"listing_id": "A", "images": images, "seller_id": 7}) + "\n\n[1]\n{\nnull\n")
    first, *rest = read_listings(lines)
    assert [picture.read() for picture in (first.pictures[0], first.pictures[2])] == [b"one", b"two"]
    assert first.fields == {"seller_id": "7"}
    with pytest.raises(Invalid, match="no path"):
        first.pictures[3].read()
    assert [listing.listing_id for listing in rest] == ["line 3", "line 4", "line 5"]
    assert all(listing.problem for listing in rest)
    assert count_listings(lines) == 4


@pytest.mark.parametrize(
    "row",
    [
        {"images": ["a.png"]},
        {"listing_id": " ", "images": ["a.png"]},
        {"listing_id": "A"},
        {"listing_id": "A", "images": []},
    ],
)
def test_a_row_that_is_no_listing_says_so(tmp_path, row):
    lines = tmp_path / "listings.jsonl"
    lines.write_text(json.dumps(row))
    (listing,) = read_listings(lines)
    assert listing.problem


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("listings.xlsx", b"", "does not end in"),
        ("listings.csv", b"id,pictures\n1,2\n", "no column"),
        ("listings.csv", b"listing_id,images\n\xff\xfe,2\n", "UTF-8"),
        ("absent.csv", None, "cannot be read"),
    ],
)
def test_a_source_that_cannot_be_read_says_why(tmp_path, name, content, word):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=word):
        list(read_listings(tmp_path / name))
