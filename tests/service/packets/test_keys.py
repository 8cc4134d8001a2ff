"""The installation's key: made once, readable by its owner alone, the same for every process."""

from __future__ import annotations

import dataclasses
import stat
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from service.packets.keys import open_key, parse_public
from service.settings import Settings, SettingsError


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def test_it_is_made_once_and_readable_by_its_owner_alone(settings):
    key = open_key(settings)
    assert open_key(settings).public == key.public
    path = settings.data_dir / "installation.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in settings.data_dir.iterdir()] == ["installation.key"]


def test_processes_that_start_at_once_end_with_one_key(settings):
    found = []
    threads = [threading.Thread(target=lambda: found.append(open_key(settings).public)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_file_that_the_setting_names_is_used_and_never_made(settings, tmp_path):
    elsewhere = dataclasses.replace(settings, signing_key=tmp_path / "shared.key")
    with pytest.raises(SettingsError, match=r"shared\.key"):
        open_key(elsewhere)
    key = open_key(settings)
    (settings.data_dir / "installation.key").rename(tmp_path / "shared.key")
    assert open_key(elsewhere).public == key.public


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_what_is_no_ed25519_key_is_refused(settings, tmp_path, content):
    other = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "shared.key").write_bytes(other if content is None else content)
    with pytest.raises(SettingsError):
        open_key(dataclasses.replace(settings, signing_key=tmp_path / "shared.key"))


def test_the_public_half_is_read_back_from_either_spelling(settings):
    public = open_key(settings).public
    told = public.as_json()
    assert parse_public(told["public_key"]) == parse_public(told["pem"]) == public
    assert told["key_id"] == public.id
    assert public.id.startswith("ins_")


_DAMAGED = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", _DAMAGED])
def test_what_is_no_public_key_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_public(text)


def test_a_signature_holds_for_its_content_and_key_only(settings, tmp_path):
    key, other = open_key(settings), open_key(Settings(data_dir=tmp_path / "other"))
    signature = key.sign(b"manifest")
    assert key.public.has_signed(b"manifest", signature)
    assert not key.public.has_signed(b"manifesT", signature)
    assert not other.public.has_signed(b"manifest", signature)
    assert not key.public.has_signed(b"manifest", signature[:-1])
