"""The edits of the demo: each changes what it says and nothing else."""

import numpy as np
import pytest

from vision import edits
from vision.boxes import Box


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(3)
    return rng.integers(0, 255, (120, 200, 3), dtype=np.uint8)


def test_crop_keeps_the_very_pixels(photo):
    part = edits.crop(photo, Box(0.25, 0.5, 0.75, 1.0))
    assert np.array_equal(part, photo[60:120, 50:150])


def test_mirror_twice_is_the_picture_again(photo):
    assert not np.array_equal(edits.mirror(photo), photo)
    assert np.array_equal(edits.mirror(edits.mirror(photo)), photo)


def test_recompress_shrinks_and_leaves_artefacts(photo):
    small = edits.recompress(photo, scale=0.5, quality=20)
    assert small.shape == (60, 100, 3)
    assert small.dtype == np.uint8


def test_recolour_follows_its_gains():
    grey = np.full((2, 2, 3), 100, np.uint8)
    assert edits.recolour(grey, gain=(150, 100, 50), offset=5)[0, 0].tolist() == [155, 105, 55]
    assert edits.recolour(np.full((1, 1, 3), 250, np.uint8), gain=(200, 200, 200))[0, 0].tolist() == [255] * 3


def test_caption_leaves_most_of_the_picture_alone(photo):
    out = edits.caption(photo, "SALE")
    changed = np.any(out != photo, axis=2)
    assert 0.1 < changed.mean() < 0.5
    assert not changed[:20].any()


def test_a_collage_holds_each_picture_in_its_quarter():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)]
    out = edits.collage([np.full((50, 80, 3), colour, np.uint8) for colour in colours], side=200)
    assert out.shape == (200, 200, 3)
    centres = [out[50, 50], out[50, 150], out[150, 50], out[150, 150]]
    assert [tuple(int(v) for v in centre) for centre in centres] == colours


def test_a_screenshot_frames_the_whole_picture():
    out = edits.screenshot(np.full((90, 120, 3), (10, 200, 30), np.uint8), title="Lamp", price="9.90", width=360)
    inside = np.all(np.abs(out.astype(int) - (10, 200, 30)) < 4, axis=2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (rows[0], columns[0], columns[-1]) == (80, 20, 339)
    assert len(rows) == 240


def test_a_stamp_prints_the_mark_and_keeps_its_shape():
    mark = np.full((40, 80, 3), 255, np.uint8)
    mark[10:30, 10:70] = 0
    canvas = np.zeros((100, 100, 3), np.uint8)
    out = edits.stamp(canvas, mark, Box(0.2, 0.2, 0.8, 0.8), colour=(250, 0, 0))
    rows, columns = np.nonzero(out[:, :, 0] > 120)
    # 80 by 40 px become 60 by 30 in the middle, the bar in them 45 by 15
    assert (rows.min(), rows.max()) == pytest.approx((42.5, 56.5), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((27.5, 71.5), abs=1)
    assert not canvas.any()
