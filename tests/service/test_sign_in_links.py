"""One-time links: used once, in time, and only while their key lives."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from indexes.database import utc_now
from indexes.errors import NotFound
from service.keys import ENVIRONMENT_KEY_ID, Keys
from service.sign_in_links import SIGN_IN_LINKS, SignInLinks, has_shape


@pytest.fixture
def keys(database):
    return Keys(database, operator_key="chosen by a person")


@pytest.fixture
def links(database, keys):
    return SignInLinks(database, keys)


@pytest.fixture
def key(keys):
    return keys.create("reviewer", "R")[0]


def test_a_link_signs_in_once(links, key):
    token, expires_at = links.make(key.id)
    assert has_shape(token)
    assert timedelta(minutes=14) < expires_at - utc_now() <= timedelta(minutes=15)
    assert links.is_open(token)
    assert links.is_open(token)
    assert links.take(token).key_id == key.id
    assert not links.is_open(token)
    assert links.take(token) is None


def test_of_many_who_press_at_once_one_gets_in(links, key):
    token, _expires_at = links.make(key.id)
    barrier, entered = threading.Barrier(6), []

    def press():
        barrier.wait()
        entered.append(links.take(token))

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(principal is not None for principal in entered) == 1


def test_a_link_ends_with_its_time_and_with_its_key(database, links, keys, key):
    late, _expires_at = links.make(key.id)
    after = SignInLinks(database, keys, clock=lambda: utc_now() + timedelta(minutes=16))
    assert not after.is_open(late)
    assert after.take(late) is None
    token, _expires_at = links.make(key.id)
    keys.delete(key.id)
    assert not links.is_open(token)
    assert links.take(token) is None
    with pytest.raises(NotFound):
        links.make(key.id)


def test_the_operator_of_the_settings_has_links_too(links):
    token, _expires_at = links.make(ENVIRONMENT_KEY_ID)
    assert links.take(token).role == "operator"


def test_the_table_does_not_hold_the_token(database, links, key):
    token, _expires_at = links.make(key.id)
    with database.read() as connection:
        stored = " ".join(str(value) for row in connection.execute(sa.select(SIGN_IN_LINKS)) for value in row)
    assert token not in stored


@pytest.mark.parametrize("token", ["", "bw_link_", "bw_link_" + "x" * 44, "bw_case_" + "x" * 43, "bw_link_" + "é" * 9])
def test_what_was_not_made_here_has_another_shape(token):
    assert not has_shape(token)
