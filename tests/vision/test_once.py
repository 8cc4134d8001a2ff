"""A value is made when it is asked for, once for each object, and two objects do not wait for each other."""

from __future__ import annotations

import threading

from vision.once import once


class Picture:
    def __init__(self, number: int) -> None:
        self.number = number
        self.made = 0

    @once
    def described(self) -> int:
        """Dear to make."""
        self.made += 1
        return self.number * 10


class Waiting:
    def __init__(self, meet: threading.Barrier) -> None:
        self._meet = meet

    @once
    def met(self) -> int:
        return self._meet.wait(30)


def test_it_is_made_when_asked_for_and_kept():
    picture, other = Picture(3), Picture(4)
    assert picture.made == 0
    assert (picture.described, picture.described, other.described) == (30, 30, 40)
    assert picture.made == 1
    assert Picture.described.__doc__ == "Dear to make."


def test_two_objects_are_made_side_by_side():
    meet = threading.Barrier(2)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(Waiting(meet).met)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [0, 1]
