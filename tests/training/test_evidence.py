"""Every picture of a draw is asked once, and shows the same whoever asks it."""

from __future__ import annotations

from pathlib import Path

from training.evidence import Draw, grouped, photo_key, photo_queries, photos_in, photos_of, pictures_of
from training.fitting import Labelled, without_twins

PATHS = [Path(f"{number % 3}/{number}.jpg") for number in range(40)]


def test_each_reference_is_copied_once_and_each_other_photo_asked_plain_and_edited() -> None:
    asked = list(photo_queries(PATHS[:4], PATHS[4:7]))
    assert [query.number for query in asked] == list(range(10))
    assert [query.right for query in asked] == [0, 1, 2, 3, *[None] * 6]
    assert len({query.name for query in asked}) == 10
    assert pictures_of(Draw("photo", 4), PATHS) == 12


def test_draws_of_two_seeds_are_other_photos_and_other_names() -> None:
    first, second = Draw("photo", 6, seed=1), Draw("photo", 6, seed=2)
    assert photos_of(first, PATHS) != photos_of(second, PATHS)
    names = {query.name for draw in (first, second) for query in photo_queries(*photos_of(draw, PATHS), draw.seed)}
    assert len(names) == pictures_of(first, PATHS) + pictures_of(second, PATHS)
    assert photos_in([first, second], PATHS) == photos_in([first], PATHS) | photos_in([second], PATHS)


def test_the_random_numbers_of_a_picture_do_not_depend_on_who_draws_it() -> None:
    assert Draw("photo", 4).random(5).integers(1 << 30) == Draw("photo", 9).random(5).integers(1 << 30)


def test_rows_are_grouped_by_the_home_of_their_photo_and_brands_stay() -> None:
    homes = {photo_key(PATHS[0]): "home 1", photo_key(PATHS[1]): "home 2"}
    rows = [
        Labelled({}, False, "other/plain/1/x", photo_key(PATHS[0]), photo_key(PATHS[1])),
        Labelled({}, True, "m", "acme", "acme"),
    ]
    assert [(row.group, row.other) for row in grouped(rows, homes)] == [("home 1", "home 2"), ("acme", "acme")]


def test_a_photo_that_has_a_twin_is_known_by_its_name_in_every_draw() -> None:
    alike = {"agreeing": 1.0, "close": 1.0, "whole": 1.0, "layout": 1.0}
    first, second = (list(photo_queries([], [PATHS[0]], seed)) for seed in (1, 2))
    rows = [Labelled(alike, False, first[0].name), Labelled({"agreeing": 0.4}, False, second[1].name)]
    assert without_twins(rows) == []
