"""Writes that share a transaction, on both databases: acknowledged after the commit, and none harmed by another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from indexes.changes import COUNTERS
from indexes.database import Database
from indexes.errors import Deadlock, StorageFailed, Unstorable
from indexes.grouping import GroupedWrites


class Shelf:
    """Writes names with values into a table, and can be held in the middle of a transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.groups: list[list[str]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.entered = threading.Event()
        self.fails_once: Exception | None = None
        self.writes = GroupedWrites(database, self.put, lambda name: name.casefold(), most=8)

    def put(self, connection: sa.Connection, names: Sequence[str]) -> list[str]:
        self.groups.append(list(names))
        self.entered.set()
        assert self.may_go.wait(60)
        if (error := self.fails_once) is not None:
            self.fails_once = None
            raise error
        connection.execute(sa.insert(COUNTERS), [{"name": name, "value": len(name)} for name in names])
        return [name.upper() for name in names]

    def names(self) -> list[str]:
        with self.database.read() as connection:
            return sorted(connection.scalars(sa.select(COUNTERS.c.name)))

    def together(self, *names: str) -> list[Future[str]]:
        """Write `first` and, while it is in flight, `names` in that order."""
        self.may_go.clear()
        with ThreadPoolExecutor(len(names) + 1) as callers:
            futures = [callers.submit(self.writes.write, "first")]
            assert self.entered.wait(60)
            for count, name in enumerate(names, 1):
                futures.append(callers.submit(self.writes.write, name))
                while self.writes.waiting < count:
                    threading.Event().wait(0.001)
            self.may_go.set()
        return futures


@pytest.fixture
def shelf(database) -> Shelf:
    return Shelf(database)


@pytest.fixture
def commits(database) -> list[int]:
    """Grows by one with every commit."""
    seen: list[int] = []
    event.listen(database.engine, "commit", lambda _connection: seen.append(1))
    return seen


def test_a_lone_write_is_committed_at_once(shelf, commits):
    assert shelf.writes.write("alone") == "ALONE"
    assert shelf.names() == ["alone"]
    assert len(commits) == 1


def test_what_comes_during_a_commit_shares_the_next(shelf, commits):
    futures = shelf.together("b", "c", "d")
    assert [future.result(0) for future in futures] == ["FIRST", "B", "C", "D"]
    assert shelf.groups == [["first"], ["b", "c", "d"]]
    assert len(commits) == 2
    assert shelf.names() == ["b", "c", "d", "first"]


def test_a_group_is_bounded(shelf):
    names = [f"n{number:02d}" for number in range(20)]
    shelf.together(*names)
    assert [len(group) for group in shelf.groups] == [1, 8, 8, 4]
    assert shelf.names() == ["first", *names]


def test_one_of_a_name_at_a_time(shelf):
    futures = shelf.together("b", "B", "c")
    assert [future.result(0) for future in futures] == ["FIRST", "B", "B", "C"]
    assert shelf.groups == [["first"], ["b"], ["B", "c"]]


def test_a_row_that_fails_harms_no_neighbour(shelf, commits):
    shelf.writes.write("taken")
    shelf.groups.clear()
    commits.clear()
    first, before, bad, after = shelf.together("b", "taken", "d")
    assert isinstance(bad.exception(0), IntegrityError)
    assert [future.result(0) for future in (first, before, after)] == ["FIRST", "B", "D"]
    assert shelf.groups == [["first"], ["b", "taken", "d"], ["b"], ["taken"], ["d"]]
    assert len(commits) == 2
    assert shelf.names() == ["b", "d", "first", "taken"]


def test_a_value_that_no_database_takes_is_told_to_its_sender_alone(shelf):
    futures = shelf.together("b", "\ud800", "d")
    assert isinstance(futures[2].exception(0), Unstorable)
    assert shelf.names() == ["b", "d", "first"]


def test_a_failing_lone_write_is_told_as_it_is(shelf):
    shelf.writes.write("taken")
    with pytest.raises(IntegrityError):
        shelf.writes.write("taken")
    assert shelf.writes.write("next") == "NEXT"


def test_a_database_that_is_away_is_told_to_all_and_the_next_write_goes_on(shelf):
    shelf.may_go.clear()
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(shelf.writes.write, "first")
        assert shelf.entered.wait(60)
        others = [callers.submit(shelf.writes.write, name) for name in "bc"]
        while shelf.writes.waiting < 2:
            threading.Event().wait(0.001)
        shelf.fails_once = StorageFailed("the disk is full")
        shelf.may_go.set()
    assert isinstance(first.exception(0), StorageFailed)
    assert [other.result(0) for other in others] == ["B", "C"]
    assert shelf.names() == ["b", "c"]


def test_a_group_that_met_a_deadlock_tries_once_more(shelf):
    tried: list[int] = []

    def put(connection: sa.Connection, names: Sequence[str]) -> list[str]:
        tried.append(len(names))
        if len(names) > 1:
            raise Deadlock("somebody else goes first")
        return shelf.put(connection, names)

    shelf.writes = GroupedWrites(shelf.database, put, lambda name: name)
    assert [future.result(0) for future in shelf.together("b", "c")] == ["FIRST", "B", "C"]
    assert tried == [1, 2, 1, 1]


def test_nothing_is_acknowledged_before_its_commit(shelf, database):
    """A second look at the database from within the commit of the first sees nothing yet, and nobody was answered."""
    answered: list[str] = []
    seen: list[list[str]] = []
    event.listen(database.engine, "commit", lambda _connection: seen.append(list(answered)))
    answered.append(shelf.writes.write("a"))
    answered.append(shelf.writes.write("b"))
    assert seen == [[], ["A"]]


def test_many_threads_lose_nothing(shelf, commits):
    names = [f"n{number:03d}" for number in range(300)]
    with ThreadPoolExecutor(16) as callers:
        assert list(callers.map(shelf.writes.write, names)) == [name.upper() for name in names]
    assert shelf.names() == names
    assert len(commits) == len(shelf.groups) <= 300
