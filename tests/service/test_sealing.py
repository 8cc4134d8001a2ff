"""Sealed secrets: one key, one purpose, and a key file nobody else reads."""

from __future__ import annotations

import threading

import pytest

from service.sealing import KEY_FILE, Sealer, Unsealable


def test_what_is_sealed_is_opened_by_the_same_key_for_the_same_purpose():
    sealer = Sealer(b"key")
    sealed = sealer.seal(b"secret", "whk_1")
    assert b"secret" not in sealed
    assert Sealer(b"key").open(sealed, "whk_1") == b"secret"
    assert sealer.seal(b"secret", "whk_1") != sealed
    for other, purpose, changed in (
        (Sealer(b"other"), "whk_1", sealed),
        (sealer, "whk_2", sealed),
        (sealer, "whk_1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (sealer, "whk_1", b""),
    ):
        with pytest.raises(Unsealable):
            other.open(changed, purpose)


def test_the_key_file_is_made_once_and_is_its_owners_alone(tmp_path):
    sealed = Sealer.open_for(tmp_path).seal(b"secret", "p")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Sealer.open_for(tmp_path).open(sealed, "p") == b"secret"
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_processes_that_start_at_once_share_one_key(tmp_path):
    barrier, made = threading.Barrier(8), []

    def start():
        barrier.wait()
        made.append(Sealer.open_for(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = made[0].seal(b"secret", "p")
    assert [sealer.open(sealed, "p") for sealer in made] == [b"secret"] * 8


def test_a_key_in_the_settings_takes_the_files_place(tmp_path):
    sealed = Sealer.open_for(tmp_path, secret_key="of the settings").seal(b"secret", "p")
    assert not (tmp_path / KEY_FILE).exists()
    assert Sealer.open_for(tmp_path / "elsewhere", secret_key="of the settings").open(sealed, "p") == b"secret"


def test_a_damaged_key_file_is_said(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(Unsealable, match=r"sealing\.key"):
        Sealer.open_for(tmp_path)
