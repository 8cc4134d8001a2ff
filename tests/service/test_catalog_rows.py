"""Rows of feeds and archives."""

from __future__ import annotations

import io
import zipfile

import pytest

from service.archives import ArchiveLimits, open_archive
from service.catalog_rows import archive_rows, feed_rows
from service.errors import BodyTooLarge, Invalid


def rows(text, *, encoding="utf-8", limit=100):
    data = text if isinstance(text, bytes) else text.encode(encoding)
    return feed_rows(io.BytesIO(data), limit=limit)


def in_archive(files, *, limit=100):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with open_archive(buffer, ArchiveLimits()) as opened:
        return archive_rows(opened, limit=limit)


MERCHANT = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://shop.example</link>
<item><g:id>S-1</g:id><g:title>Größe &amp; Form</g:title><link>https://shop.example/1</link>
<g:image_link>https://shop.example/1.jpg</g:image_link><g:gtin>4006381333931</g:gtin>
<g:additional_image_link>https://shop.example/1b.jpg</g:additional_image_link>
<g:additional_image_link>https://shop.example/1,c.jpg</g:additional_image_link></item>
<item><g:id>S-2</g:id><title>Plain title</title><g:image_link>https://shop.example/2.jpg</g:image_link></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><id>https://shop.example/atom</id><g:id>A-1</g:id><title>One</title>
<g:image_link>https://shop.example/1.jpg</g:image_link></entry></feed>"""


def test_a_csv_feed():
    found = rows("id,title,image_link,gtin\nS-1,One,https://shop.example/1.jpg,4006381333931\n")
    assert [(r.number, r.external_id, r.title, r.file, r.gtin, r.kind, r.problem) for r in found] == [
        (1, "S-1", "One", "https://shop.example/1.jpg", "4006381333931", "photo", None)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(encoding, delimiter):
    lines = [["Image Link", "SKU", "Title"], ["https://shop.example/1.jpg", "S-1", "Größe Ü"]]
    text = "\r\n".join(delimiter.join(cells) for cells in lines)
    (row,) = rows(text, encoding=encoding)
    assert (row.file, row.external_id, row.title) == ("https://shop.example/1.jpg", "S-1", "Größe Ü")


def test_json_lines_with_bad_lines():
    found = rows('{"image_url": "https://a/1.jpg", "external_id": 7, "kind": "logo"}\n{oops\n\n[1]\n{"title": "x"}\n')
    assert [(row.number, row.external_id, row.kind) for row in found[:1]] == [(1, "7", "logo")]
    assert [row.problem is not None for row in found] == [False, True, True, True]


def test_google_merchant_rss():
    found = rows(MERCHANT)
    assert [(row.number, row.external_id, row.file) for row in found] == [
        (1, "S-1", "https://shop.example/1.jpg"),
        (1, "S-1#2", "https://shop.example/1b.jpg"),
        (1, "S-1#3", "https://shop.example/1,c.jpg"),
        (2, "S-2", "https://shop.example/2.jpg"),
    ]
    assert found[0].title == "Größe & Form"
    assert found[3].title == "Plain title"


def test_google_merchant_atom():
    (row,) = rows(ATOM)
    assert (row.external_id, row.title) == ("A-1", "One")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><item><image_link>&b;</image_link></item></rss>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item><image_link>&x;</image_link></item></rss>',
        "<rss><item><image_link>https://a/1.jpg</image_link></item>",
        "<rss></rss>",
        "",
        "   \n",
        "[]",
        '[{"image": "https://a/1.jpg"}]',
        "id,title\nS-1,One\n",
        "id,id,image_link\nS-1,One,https://a/1.jpg\n",
        "image_link,title\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00",
        '{"title": "no picture anywhere"}\n',
    ],
)
def test_what_is_no_usable_feed_is_refused(text):
    with pytest.raises(Invalid) as refused:
        rows(text)
    assert refused.value.detail


def test_wrong_columns_are_named():
    with pytest.raises(Invalid, match="name, price"):
        rows("name,price\nOne,1\n")


def test_odd_characters_are_a_problem_of_their_row():
    found = rows(
        '{"image": "https://a/1.jpg", "title": "\\ud800"}\n{"image": "https://a/\\u0000.jpg"}\n{"image": "https://a/2"}'
    )
    assert [row.problem is None for row in found] == [False, False, True]
    with pytest.raises(Invalid) as refused:
        rows('{"\\ud800": 1}')
    assert refused.value.detail.encode()


def test_formulas_stay_text():
    (row,) = rows("id,title,image_link\n=1+1,=cmd|' /C calc'!A0,https://a/1.jpg\n")
    assert row.external_id == "=1+1"
    assert row.title == "=cmd|' /C calc'!A0"
    assert row.problem is None


def test_bad_rows_leave_the_others_alone():
    found = rows(
        "id,title,image_link,kind\n"
        "S-1,One,https://a/1.jpg,photo\n"
        "S-2,Two,,photo\n"
        "S-3,Three,https://a/3.jpg,video\n"
        "S-1,Again,https://a/4.jpg,photo\n"
        "S-5,Five,https://a/5.jpg,photo,too,many\n"
        f"S-6,{'t' * 2001},https://a/6.jpg,photo\n"
        "S-7,Seven,https://a/7.jpg,logo\n"
    )
    assert [row.problem is None for row in found] == [True, False, False, False, False, False, True]
    assert "Row 1" in (found[3].problem or "")


def test_too_many_rows_are_refused():
    text = "image_link\n" + "".join(f"https://a/{number}.jpg\n" for number in range(6))
    with pytest.raises(BodyTooLarge, match="5 rows"):
        rows(text, limit=5)


def test_an_archive_without_a_manifest_goes_by_its_paths():
    found = in_archive({"shoes/a.jpg": b"1", "logos/x.png": b"2", "b.jpg": b"3"})
    assert [(row.file, row.external_id, row.kind) for row in found] == [
        ("shoes/a.jpg", "shoes/a.jpg", "photo"),
        ("logos/x.png", "logos/x.png", "logo"),
        ("b.jpg", "b.jpg", "photo"),
    ]


def test_an_archive_with_a_manifest():
    lines = (
        "file,kind,external_id,title,gtin",
        "a.jpg,photo,S-1,One,4006381333931",
        "b.png,logo,L-1,,",
        "c.jpg,,,,",
        "gone.jpg",
    )
    manifest = "\n".join(lines)
    found = in_archive(
        {"manifest.csv": manifest, "a.jpg": b"1", "b.png": b"2", "c.jpg": b"3", "extra.jpg": b"4", "README": b""}
    )
    told = [(row.number, row.file, row.kind, row.external_id, row.problem is None) for row in found]
    assert told == [
        (1, "a.jpg", "photo", "S-1", True),
        (2, "b.png", "logo", "L-1", True),
        (3, "c.jpg", "photo", "c.jpg", True),
        (4, "gone.jpg", "photo", None, False),
        (5, "extra.jpg", "photo", None, False),
    ]


def test_a_manifest_inside_the_one_folder_counts():
    found = in_archive({"acme/manifest.csv": "file,kind\nlogos/x.png,\n", "acme/logos/x.png": b"1"})
    assert [(row.file, row.kind, row.problem) for row in found] == [("acme/logos/x.png", "logo", None)]


def test_a_manifest_with_wrong_columns_is_refused():
    with pytest.raises(Invalid, match="manifest"):
        in_archive({"manifest.csv": "picture,brand\na.jpg,x\n", "a.jpg": b"1"})


def test_a_manifest_cannot_name_what_is_unsafe():
    found = in_archive({"manifest.csv": "file\n../up.jpg\n/etc/passwd\n", "../up.jpg": b"1"})
    assert all(row.problem for row in found)


def test_an_archive_without_pictures_is_refused():
    with pytest.raises(Invalid, match="no pictures"):
        in_archive({"folder/": b""})
