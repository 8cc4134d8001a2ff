"""One database: what a read sees, and which of its troubles have names of ours."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from indexes.brands import BRANDS, Brands
from indexes.errors import Unstorable


def test_a_read_sees_one_moment(database):
    brands = Brands(database)
    brands.create("before")
    count = sa.select(sa.func.count()).select_from(BRANDS)
    with database.read() as connection:
        assert connection.scalar(count) == 1
        brands.create("meanwhile")
        assert connection.scalar(count) == 1
    assert brands.count() == 2


def test_half_of_a_character_is_unstorable_and_leaves_nothing(database):
    brands = Brands(database)
    with pytest.raises(Unstorable):
        brands.create("a\ud800b")
    assert brands.count() == 0


def test_a_mistake_of_ours_keeps_its_name(database):
    with pytest.raises(sa.exc.DBAPIError), database.read() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
