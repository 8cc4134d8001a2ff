"""A sealed packet opens; changed in any byte, file or order it does not."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from service.canonical import canonical
from service.packets.keys import open_key
from service.packets.opening import PacketRefused, open_packet
from service.packets.sealing import MANIFEST, SIGNATURE, seal
from service.packets.zipping import pack
from service.settings import Settings

FILES = {"case.json": b'{"id":"case_1"}', "packet.html": b"<p>hello</p>", "pictures/listing.jpg": bytes(range(256))}


@pytest.fixture
def key(tmp_path):
    return open_key(Settings(data_dir=tmp_path / "one"))


@pytest.fixture
def sealed(key) -> bytes:
    return seal(FILES, "case_1", key)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_opens_and_says_who_signed(sealed, key):
    packet = open_packet(sealed)
    assert {name: packet.files[name] for name in FILES} == FILES
    assert packet.key == key.public
    assert open_packet(sealed, key.public).manifest["case_id"] == "case_1"


def test_sealing_again_gives_the_same_bytes(sealed, key):
    assert seal(FILES, "case_1", key) == sealed


def test_every_single_byte_counts(sealed):
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(PacketRefused):
            open_packet(bytes(changed))


def test_bytes_around_it_count(sealed):
    for changed in (sealed + b"\n", b"\x00" + sealed, sealed[:-1], sealed[: len(sealed) // 2], b""):
        with pytest.raises(PacketRefused):
            open_packet(changed)


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SIGNATURE])
def test_a_file_taken_out_is_missed(sealed, name):
    files = unpacked(sealed)
    del files[name]
    with pytest.raises(PacketRefused):
        open_packet(pack(files))


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SIGNATURE])
def test_a_file_changed_is_seen_although_the_archive_is_whole(sealed, name):
    files = unpacked(sealed)
    files[name] += b" "
    with pytest.raises(PacketRefused):
        open_packet(pack(files))


def test_a_file_put_in_is_seen(sealed):
    with pytest.raises(PacketRefused, match="added"):
        open_packet(pack({"more.txt": b"x", **unpacked(sealed)}))


def test_another_order_is_seen(sealed):
    files = unpacked(sealed)
    with pytest.raises(PacketRefused):
        open_packet(pack(dict(reversed(files.items()))))


def test_the_same_files_packed_by_another_program_are_seen(sealed):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in unpacked(sealed).items():
            archive.writestr(name, data)
    with pytest.raises(PacketRefused, match="packed again"):
        open_packet(buffer.getvalue())


def test_one_signed_anew_by_a_stranger_is_only_told_by_the_key(sealed, key, tmp_path):
    stranger = open_key(Settings(data_dir=tmp_path / "two"))
    forged = seal({**FILES, "case.json": b'{"id":"case_2"}'}, "case_1", stranger)
    assert open_packet(forged).key == stranger.public
    with pytest.raises(PacketRefused, match=key.public.id):
        open_packet(forged, key.public)


def test_a_signature_of_another_manifest_does_not_fit(sealed, key):
    other = unpacked(seal({**FILES, "packet.html": b"other"}, "case_1", key))
    with pytest.raises(PacketRefused, match="signature"):
        open_packet(pack({**unpacked(sealed), SIGNATURE: other[SIGNATURE]}))


def test_a_manifest_that_names_another_key_is_refused(key, sealed):
    files = unpacked(sealed)
    manifest = {**json.loads(files[MANIFEST]), "key_id": "ins_other"}
    files[MANIFEST] = canonical(manifest)
    said = json.loads(files[SIGNATURE])
    import base64

    said["signature"] = base64.b64encode(key.sign(files[MANIFEST])).decode()
    files[SIGNATURE] = canonical(said)
    with pytest.raises(PacketRefused, match="another key"):
        open_packet(pack(files))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a\\b", "C:/x", "pictures/../../x"])
def test_names_that_lead_elsewhere_are_refused(sealed, name):
    with pytest.raises(PacketRefused, match="cannot be read"):
        open_packet(pack({name: b"x", **unpacked(sealed)}))


def test_a_bomb_is_refused_before_it_is_unpacked():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.json", bytes(60 << 20))
    with pytest.raises(PacketRefused):
        open_packet(buffer.getvalue())


def test_many_entries_and_nested_archives_are_refused(sealed):
    with pytest.raises(PacketRefused, match="entries"):
        open_packet(pack({f"{number}.txt": b"" for number in range(40)}))
    with pytest.raises(PacketRefused):
        open_packet(pack({"case.json": sealed, **{k: v for k, v in unpacked(sealed).items() if k != "case.json"}}))


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"a":1, "b":2}', b'{"a":NaN}', b"\xff", b"[" * 100_000])
def test_a_manifest_or_signature_that_is_no_plain_json_is_refused(sealed, content):
    for name in (MANIFEST, SIGNATURE):
        with pytest.raises(PacketRefused):
            open_packet(pack({**unpacked(sealed), name: content}))
