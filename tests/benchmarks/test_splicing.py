"""Windows of a tall JPEG are JPEGs of their own that show what the tall one shows there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed.splicing import ROW, unroll
from vision.images import decode, encode_jpeg


def tall_jpeg(width: int = 96, rows: int = 30) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (rows, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(noise).resize((width, rows * ROW))
    picture.save(buffer, "JPEG", quality=95, subsampling="4:2:0", restart_marker_rows=1)
    return buffer.getvalue()


@pytest.mark.parametrize(("first", "height"), [(0, 160), (7, 160), (20, 160), (3, 144), (29, 16)])
def test_a_window_shows_the_rows_it_was_cut_from(first, height):
    data = tall_jpeg()
    whole = decode(data).pixels
    shown = decode(unroll(data).window(first, height))
    expected = whole[first * ROW : first * ROW + height]
    assert (shown.width, shown.height) == (96, height)
    # Upsampled colour looks one row beyond the edge, so the border is left out.
    assert np.abs(shown.pixels[2:-2].astype(int) - expected[2:-2]).max() <= 1


def test_windows_are_all_different():
    roll = unroll(tall_jpeg())
    assert roll.windows(160) == 21
    assert len({roll.window(first, 160) for first in range(21)}) == 21


def test_a_jpeg_without_restart_markers_is_refused():
    with pytest.raises(ValueError, match="restart marker"):
        unroll(encode_jpeg(np.zeros((64, 64, 3), np.uint8)))
