"""The zip guard, on archives built to harm and on ordinary ones."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

import pytest

from service.archives import ArchiveLimits, open_archive
from service.errors import ArchiveRefused, BodyTooLarge, Invalid
from service.settings import MIB

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 8


def packed(files, method=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip of (name or ZipInfo, bytes) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer


def overlapping() -> io.BytesIO:
    """Two directory entries over one compressed body, as in Fifield's bomb."""
    data = zlib.compress(b"\x00" * 1000, wbits=-15)
    crc, sizes = zlib.crc32(b"\x00" * 1000), (len(data), 1000)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, *sizes, 5, 0) + b"a.jpg" + data
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, crc, *sizes, 5, 0, 0, 0, 0, 0, 0)
    directory = (entry + b"a.jpg") * 2
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2, 2, len(directory), len(local), 0)
    return io.BytesIO(local + directory + end)


def test_an_ordinary_archive_is_read():
    with open_archive(packed([("a/b.jpg", PICTURE), ("c.png", b"x")]), ArchiveLimits()) as archive:
        assert [entry.name for entry in archive.entries] == ["a/b.jpg", "c.png"]
        assert archive.read(archive.entries[0]) == PICTURE


def test_folders_and_system_droppings_are_passed_over():
    files = [("a/", b""), ("__MACOSX/a/._b.jpg", b"x"), ("a/.DS_Store", b"x"), ("a/b.jpg", PICTURE)]
    with open_archive(packed(files), ArchiveLimits()) as archive:
        assert [entry.name for entry in archive.entries] == ["a/b.jpg"]


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x05\x06" + b"\xff" * 18, b"PK\x03\x04" + b"\x00" * 500])
def test_what_is_no_zip_is_refused(data):
    with pytest.raises(ArchiveRefused), open_archive(io.BytesIO(data), ArchiveLimits()):
        pass


def test_a_truncated_archive_is_refused():
    whole = packed([("a.jpg", PICTURE)]).getvalue()
    with pytest.raises(ArchiveRefused), open_archive(io.BytesIO(whole[:-30]), ArchiveLimits()):
        pass


def test_overlapping_entries_are_refused():
    with pytest.raises(ArchiveRefused, match="share the same bytes"), open_archive(overlapping(), ArchiveLimits()):
        pass


def test_an_entry_hidden_behind_a_false_local_header_is_refused():
    buffer = packed([("a.jpg", PICTURE), ("b.jpg", PICTURE)], zipfile.ZIP_STORED)
    data = bytearray(buffer.getvalue())
    struct.pack_into("<H", data, 28, 1000)  # the local header claims an extra field that reaches into the next entry
    with pytest.raises(ArchiveRefused, match="share the same bytes"), open_archive(io.BytesIO(data), ArchiveLimits()):
        pass


def test_a_ratio_bomb_is_refused():
    bomb = packed([(f"{number}.jpg", b"\x00" * (4 * MIB)) for number in range(5)])
    with pytest.raises(ArchiveRefused, match="times its size"), open_archive(bomb, ArchiveLimits()):
        pass


def test_one_entry_that_inflates_too_far_is_refused_alone():
    files = [("bomb.jpg", b"\x00" * (4 * MIB)), ("a.jpg", PICTURE)]
    with open_archive(packed(files), ArchiveLimits()) as archive:
        with pytest.raises(BodyTooLarge, match="100 times"):
            archive.read(archive.entries[0])
        assert archive.read(archive.entries[1]) == PICTURE


def test_sizes_are_counted_not_believed():
    buffer = packed([("a.jpg", bytes(range(256)) * 8192)])
    data = bytearray(buffer.getvalue())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)  # the directory says ten bytes
    with (
        open_archive(io.BytesIO(data), ArchiveLimits(entry_bytes=MIB)) as archive,
        pytest.raises((Invalid, BodyTooLarge)),
    ):
        archive.read(archive.entries[0])


def test_an_entry_over_the_limit_is_refused():
    with open_archive(packed([("a.jpg", PICTURE)]), ArchiveLimits(entry_bytes=100)) as archive:
        assert "100 bytes" in (archive.entries[0].problem or "")


def test_an_archive_over_the_total_is_refused():
    with pytest.raises(BodyTooLarge), open_archive(packed([("a.jpg", PICTURE)]), ArchiveLimits(total_bytes=100)):
        pass


def test_a_hundred_thousand_entries_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    with pytest.raises(BodyTooLarge, match="100,000 entries"), open_archive(buffer, ArchiveLimits()):
        pass


def test_a_directory_that_is_too_large_is_not_even_read():
    size = 100 * MIB
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, size, 0, 0)
    with (
        pytest.raises(BodyTooLarge, match="directory"),
        open_archive(io.BytesIO(b"\x00" * size + end), ArchiveLimits()),
    ):
        pass


@pytest.mark.parametrize(
    "name", ["../up.jpg", "a/../../up.jpg", "/etc/passwd", "C:/a.jpg", "a\\b.jpg", "..\\up.jpg", "./a.jpg", "a//b.jpg"]
)
def test_names_that_are_no_plain_path_are_refused_alone(name):
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    with open_archive(packed([(info, PICTURE), ("good.jpg", PICTURE)]), ArchiveLimits()) as archive:
        bad, good = archive.entries
        with pytest.raises(Invalid, match="relative path"):
            archive.read(bad)
        assert archive.read(good) == PICTURE


def test_a_symlink_is_refused():
    link = zipfile.ZipInfo("link.jpg")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with (
        open_archive(packed([(link, b"/etc/passwd")]), ArchiveLimits()) as archive,
        pytest.raises(Invalid, match="link"),
    ):
        archive.read(archive.entries[0])


def test_an_encrypted_entry_is_refused():
    data = bytearray(packed([("a.jpg", PICTURE)]).getvalue())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    with open_archive(io.BytesIO(data), ArchiveLimits()) as archive, pytest.raises(Invalid, match="encrypted"):
        archive.read(archive.entries[0])


@pytest.mark.parametrize("name", ["inner.zip", "looks-fine.jpg"])
def test_an_archive_inside_is_refused(name):
    inner = packed([("a.jpg", PICTURE)]).getvalue()
    with (
        open_archive(packed([(name, inner)]), ArchiveLimits()) as archive,
        pytest.raises(Invalid, match="inside archives"),
    ):
        archive.read(archive.entries[0])


def test_an_unusual_method_is_refused():
    with (
        open_archive(packed([("a.jpg", PICTURE)], zipfile.ZIP_LZMA), ArchiveLimits()) as archive,
        pytest.raises(Invalid, match="method"),
    ):
        archive.read(archive.entries[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_second_of_two_equal_names_is_refused():
    with open_archive(packed([("a.jpg", b"one"), ("a.jpg", b"two")]), ArchiveLimits()) as archive:
        assert archive.read(archive.entries[0]) == b"one"
        with pytest.raises(Invalid, match="twice"):
            archive.read(archive.entries[1])


def test_a_damaged_entry_is_refused_alone():
    data = bytearray(packed([("a.jpg", PICTURE), ("b.jpg", PICTURE)], zipfile.ZIP_STORED).getvalue())
    data[60] ^= 0xFF
    with open_archive(io.BytesIO(data), ArchiveLimits()) as archive:
        with pytest.raises(Invalid, match="damaged"):
            archive.read(archive.entries[0])
        assert archive.read(archive.entries[1]) == PICTURE
