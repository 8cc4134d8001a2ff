"""Derived files: whole or not there, within their bytes, and gone when nobody names the picture any more."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexes.shelves import Shelf, Shelves

DATA = bytes(range(256)) * 4
ROOM = 1 << 20


def sha(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def everything(sha256s):
    return frozenset(sha256s)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def bytes_of(folder):
    return sum(path.stat().st_size for path in files(folder))


@pytest.fixture
def shelves(tmp_path) -> Shelves:
    return Shelves(tmp_path / "shelves", max_bytes=ROOM)


@pytest.fixture
def shelf(shelves) -> Shelf:
    return shelves.shelf("photo", "1")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "shelves"


def test_what_was_written_is_read_by_others(shelf, folder):
    assert shelf.read(sha(1)) is None
    assert not shelf.has(sha(1))
    shelf.write(sha(1), DATA)
    assert shelf.has(sha(1))
    assert Shelves(folder, max_bytes=ROOM).shelf("photo", "1").read(sha(1)) == DATA


def test_another_way_of_making_it_finds_nothing(shelves, shelf):
    shelf.write(sha(1), DATA)
    assert shelves.shelf("photo", "2").read(sha(1)) is None
    assert shelves.shelf("mark", "1").read(sha(1)) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"!",
        lambda content: b"",
        lambda content: content[:10],
        lambda content: bytes(len(content)),
        lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
        lambda content: bytes([content[0] ^ 128]) + content[1:],
        lambda content: content + bytes(5 << 20),
    ],
)
def test_a_damaged_file_is_as_good_as_none(shelf, folder, damage):
    shelf.write(sha(1), DATA)
    (path,) = files(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert shelf.read(sha(1)) is None
    shelf.write(sha(1), DATA)
    assert shelf.read(sha(1)) == DATA


def test_a_file_answers_for_its_own_picture_only(shelf, folder):
    shelf.write(sha(1), DATA)
    (path,) = files(folder)
    crossed = folder / path.parent.parent.name / sha(2)[:2] / sha(2)
    crossed.parent.mkdir(parents=True, exist_ok=True)
    path.rename(crossed)
    assert shelf.read(sha(2)) is None
    assert not crossed.exists()


def test_links_pipes_and_folders_are_not_read(shelf, folder):
    shelf.write(sha(1), DATA)
    (path,) = files(folder)
    elsewhere = folder.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert shelf.read(sha(1)) is None
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert shelf.read(sha(1)) is None
    path.unlink(missing_ok=True)
    path.mkdir()
    assert shelf.read(sha(1)) is None
    shelf.write(sha(1), DATA)  # refused by the system, which is nobody's trouble
    assert elsewhere.read_bytes().endswith(DATA)


def test_a_name_that_is_no_picture_reaches_no_file(shelves, shelf):
    for name in ("../../etc/passwd", "A" * 64, ""):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            shelf.read(name)


def test_a_disk_that_refuses_costs_nothing_but_the_file(tmp_path):
    (tmp_path / "shelves").write_bytes(b"a file where the folder should be")
    shelves = Shelves(tmp_path / "shelves", max_bytes=ROOM)
    shelf = shelves.shelf("photo", "1")
    shelf.write(sha(1), DATA)
    assert shelf.read(sha(1)) is None
    assert not shelves.roomy  # for a while nobody tries
    shelves.drop(sha(1))
    shelves.tidy(everything)


def test_no_room_at_all_keeps_nothing(folder):
    shelves = Shelves(folder, max_bytes=0)
    shelf = shelves.shelf("photo", "1")
    shelf.write(sha(1), DATA)
    assert shelf.read(sha(1)) is None
    assert not shelves.roomy


def test_what_does_not_fit_is_not_made_ahead_again_and_again(folder):
    """Only a tidying may make room for it."""
    shelves = Shelves(folder, max_bytes=2 * len(DATA))
    shelf = shelves.shelf("photo", "1")
    assert shelves.roomy
    shelf.write(sha(1), DATA * 3)
    assert not shelf.has(sha(1))
    assert not shelves.roomy
    shelf.write(sha(2), DATA)  # what is asked for and fits is kept all the same
    assert shelf.read(sha(2)) == DATA
    shelves.tidy(everything)
    assert shelves.roomy


def test_a_disk_that_is_nearly_full_is_left_to_what_cannot_be_made_again(shelves, shelf, folder, monkeypatch):
    monkeypatch.setattr("indexes.shelves._SPARE", 1 << 60)
    shelf.write(sha(1), DATA)
    assert files(folder) == []
    assert not shelves.roomy  # nothing is described for the bin


def test_what_was_read_longest_ago_makes_room(folder):
    shelves = Shelves(folder, max_bytes=10 * (len(DATA) + 16))
    shelf = shelves.shelf("photo", "1")
    for number in range(10):
        shelf.write(sha(number), DATA)
    assert shelves.full
    shelf.write(sha(10), DATA)
    assert not shelf.has(sha(10))  # never beyond the bytes, not even until the next tidying
    long_ago = time.time() - 7_200
    for path in files(folder):
        os.utime(path, (long_ago, long_ago))
    assert shelf.read(sha(3)) == DATA
    shelves.tidy(everything)
    assert shelf.has(sha(3))
    assert bytes_of(folder) == shelves.nbytes <= 0.9 * 10 * (len(DATA) + 16)
    shelf.write(sha(10), DATA)
    assert shelf.read(sha(10)) == DATA


def test_other_versions_make_room_first_and_go_when_nobody_uses_them(folder):
    older = Shelves(folder, max_bytes=ROOM).shelf("photo", "1")
    for number in range(4):
        older.write(sha(number), DATA)
    shelves = Shelves(folder, max_bytes=8 * (len(DATA) + 16))
    shelf = shelves.shelf("photo", "2")
    long_ago = time.time() - 7_200
    for number in range(10, 15):
        shelf.write(sha(number), DATA)
        os.utime(next(folder.rglob(sha(number))), (long_ago, long_ago))
    shelves.tidy(everything)
    assert all(shelf.has(sha(number)) for number in range(10, 15))
    assert 0 < sum(older.has(sha(number)) for number in range(4)) < 4  # a process of that release may still run
    old_folder = next(path for path in folder.iterdir() if path not in {shelf_folder(folder, sha(10))})
    os.utime(old_folder, (time.time() - 100_000,) * 2)
    shelves.tidy(everything)
    assert not old_folder.exists()
    assert all(shelf.has(sha(number)) for number in range(10, 15))


def shelf_folder(folder, sha256):
    return next(folder.rglob(sha256)).parent.parent


def test_tidying_removes_what_no_row_names_and_what_was_never_finished(shelves, shelf, folder):
    for number in range(3):
        shelf.write(sha(number), DATA)
    unfinished = next(folder.rglob(sha(0))).with_name(".0123456789abcdef")
    unfinished.write_bytes(b"half")
    shelves.tidy(lambda sha256s: frozenset(sha256s) - {sha(1)})
    assert [shelf.has(sha(number)) for number in range(3)] == [True, False, True]
    assert unfinished.exists()  # somebody may be writing it
    os.utime(unfinished, (time.time() - 100_000,) * 2)
    shelves.tidy(everything)
    assert not unfinished.exists()
    assert shelves.nbytes == bytes_of(folder) == 2 * (len(DATA) + 16)


def test_an_erased_picture_leaves_every_shelf(shelves, folder):
    made = [
        shelves.shelf("photo", "1"),
        shelves.shelf("mark", "1"),
        Shelves(folder, max_bytes=ROOM).shelf("photo", "0"),
    ]
    for shelf in made:
        shelf.write(sha(1), DATA)
        shelf.write(sha(2), DATA)
    shelves.drop(sha(1))
    assert not any(shelf.has(sha(1)) for shelf in made)
    assert all(shelf.read(sha(2)) == DATA for shelf in made)


def test_many_may_write_read_and_tidy_at_once(folder):
    everybody = [Shelves(folder, max_bytes=20 * (len(DATA) + 16)) for _ in range(3)]
    shelves = [one.shelf("photo", "1") for one in everybody]

    def work(step: int) -> bytes | None:
        shelf = shelves[step % 3]
        shelf.write(sha(step % 17), DATA)
        if step % 10 == 0:
            everybody[step % 3].tidy(everything)
        return shelf.read(sha((step + 5) % 17))

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(work, range(300))) <= {DATA, None}
