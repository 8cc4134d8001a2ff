"""The picture that readiness sends through the pipeline: made here, so that it needs no file and no network."""

from __future__ import annotations

import numpy as np

from vision.images import encode_png

_SIDE = 96


def canary_picture() -> bytes:
    """A small PNG with edges, gradients and texture, the same bytes every time."""
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    checks = ((rows // 12 + columns // 12) % 2) * 90
    pixels = np.stack([rows * 2 + 20, columns * 2 + 20, checks + 60], axis=-1).astype(np.uint8)
    return encode_png(np.ascontiguousarray(pixels))
