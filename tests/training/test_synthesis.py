"""Edited copies and pasted marks: the boxes say where things are, a seed gives them again."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data as photographs

from training.copies import FAMILIES, make_copy
from training.marks import is_reserved, picture_of, read_marks
from training.photos import data_directory, split_photos
from training.scenes import make_scene
from vision.images import resize

PHOTO, OTHER = photographs.astronaut(), photographs.coffee()


@pytest.fixture(scope="module")
def marks():
    return read_marks(6, seed=3, side=96)


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_come_again_from_their_seed(family):
    first, again = (make_copy(np.random.default_rng(5), PHOTO, OTHER, family) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.pixels.dtype == np.uint8
    assert first.pixels.ndim == 3


@pytest.mark.parametrize("family", ["crop", "paste", "collage", "pad"])
def test_corresponding_boxes_show_the_same(family):
    for seed in range(5):
        copy = make_copy(np.random.default_rng(seed), PHOTO, OTHER, family)
        parts = []
        for pixels, box in ((copy.pixels, copy.query_box), (PHOTO, copy.reference_box)):
            left, top, right, bottom = box.pixels(pixels.shape[1], pixels.shape[0])
            parts.append(resize(np.ascontiguousarray(pixels[top:bottom, left:right]), 32, 32).astype(float).ravel())
        assert np.corrcoef(*parts)[0, 1] > 0.9


def test_marks_are_drawn_and_reserved_brands_left_out(marks):
    assert len({mark.name for mark in marks}) == 6
    assert not any(is_reserved(mark.name) for mark in marks)
    assert is_reserved("nike")
    assert is_reserved("cocacola")
    assert not is_reserved("debian")
    for mark in marks:
        assert mark.coverage.max() > 0.9
        assert mark.coverage[0].any()
        assert mark.coverage[:, -1].any()
    picture = picture_of(marks[0], ink=(0, 0, 0), ground=(255, 255, 255), margin=0.2)
    assert tuple(picture[0, 0]) == (255, 255, 255)
    assert picture.min() < 30


def test_scenes_differ_from_the_photo_only_at_their_boxes(marks):
    plain = resize(PHOTO, 480, 480).astype(int)
    for seed in range(4):
        scene = make_scene(np.random.default_rng(seed), PHOTO, marks, [0, 1])
        assert set(scene.marks) <= {0, 1}
        changed = np.abs(scene.pixels.astype(int) - plain).mean(axis=2)
        for box in scene.boxes:
            left, top, right, bottom = box.pixels(480, 480)
            inside = changed[top:bottom, left:right].mean()
            assert inside > np.median(changed)


def test_held_out_photos_are_never_learned_from(tmp_path):
    for folder in (
        "clothing/train/hat",
        "clothing/test/hat",
        "groceries/photos/train/milk",
        "groceries/photos/test/milk",
    ):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(100):
            (tmp_path / folder / f"{number}.jpg").touch()
    split = split_photos(tmp_path)
    assert not set(split.learn) & set(split.hold_out)
    assert len(split.learn) + len(split.hold_out) == 200
    assert not any("test" in path.relative_to(tmp_path).parts for path in (*split.learn, *split.hold_out))
    assert all("clothing" in path.parts for path in split.hold_out)
    assert 10 <= len(split.hold_out) <= 30


def test_missing_data_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("BRANDWARDEN_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="BRANDWARDEN_DATA"):
        data_directory()
