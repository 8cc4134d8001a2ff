"""The plan of an index: what it is chosen by, and that it is not chosen back and forth."""

from __future__ import annotations

import pytest

from indexes.planner import EXACT_LIMIT, MOST_LISTS, Allowance, outgrown, plan


@pytest.mark.parametrize(("total", "shape"), [(0, "exact"), (EXACT_LIMIT, "exact"), (EXACT_LIMIT + 1, "packed")])
def test_small_catalogues_are_compared_whole(total, shape):
    assert plan(total, 256, Allowance()).shape == shape


def test_who_wants_everything_compared_gets_it_as_far_as_memory_reaches():
    allowance = Allowance(recall=1.0, memory=200_000 * 1_032)
    assert plan(200_000, 256, allowance).shape == "exact"
    assert plan(200_001, 256, allowance).shape == "packed"
    assert plan(200_000, 256, Allowance(recall=0.999, memory=200_000 * 1_032)).shape == "packed"


def test_lists_grow_with_the_root_and_no_further_than_is_of_use():
    assert [plan(total, 256, Allowance()).lists for total in (10_000, 570_000, 1_000_000, 10_000_000)] == [
        256,
        2_048,
        2_048,
        8_192,
    ]
    assert plan(10**9, 256, Allowance()).lists == MOST_LISTS


def test_what_is_outgrown_is_not_outgrown_again_once_it_was_built_anew():
    for total in (100, EXACT_LIMIT, EXACT_LIMIT + 1, 20_000, 1_000_000):
        assert not outgrown(plan(total, 256, Allowance()).shape, total, total, 256, Allowance())


def test_an_index_grows_at_once_and_shrinks_late():
    allowance = Allowance()
    assert outgrown("exact", 10, EXACT_LIMIT + 1, 256, allowance)
    assert not outgrown("packed", 10_000, EXACT_LIMIT - 1, 256, allowance)
    assert outgrown("packed", 10_000, EXACT_LIMIT // 2, 256, allowance)
    assert not outgrown("packed", 10_000, 30_000, 256, allowance)
    assert outgrown("packed", 10_000, 30_001, 256, allowance)


def test_the_memory_is_the_machines_unless_it_is_given():
    assert Allowance(memory=5).bytes() == 5
    assert Allowance().bytes() > 1 << 20
