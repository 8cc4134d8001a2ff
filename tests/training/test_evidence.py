"""Evidence can be gathered in parts: every picture is asked with once, whoever asks."""

from __future__ import annotations

from pathlib import Path

from training.evidence import Plan, photo_queries

PATHS = [Path(f"{number}.jpg") for number in range(7)]


def test_each_reference_is_copied_once_and_each_other_photo_asked_plain_and_edited() -> None:
    asked = list(photo_queries(PATHS[:4], PATHS[4:]))
    assert [query.number for query in asked] == list(range(10))
    assert [query.right for query in asked] == [0, 1, 2, 3, *[None] * 6]
    assert len({query.name for query in asked}) == 10


def test_parts_share_the_work_and_the_random_numbers() -> None:
    whole, parts = Plan(4), [Plan(4, part=part, parts=3) for part in range(3)]
    assert all(sum(part.mine(number) for part in parts) == 1 for number in range(10))
    assert all(whole.mine(number) for number in range(10))
    assert {part.random(5).integers(1 << 30) for part in parts} == {whole.random(5).integers(1 << 30)}
