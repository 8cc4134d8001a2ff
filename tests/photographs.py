"""Real photographs that installed packages carry, as encoded files; nothing is downloaded."""

from __future__ import annotations

import functools

import numpy as np
import skimage.data
from sklearn.datasets import load_sample_image

from vision.images import encode_jpeg, encode_png, resize

NAMES = ("astronaut", "coffee", "chelsea", "rocket", "china", "flower")


@functools.cache
def pixels(name: str) -> np.ndarray:
    """One photograph, uint8 RGB, its longest side at most 512."""
    loaded = load_sample_image(f"{name}.jpg") if name in ("china", "flower") else getattr(skimage.data, name)()
    height, width = loaded.shape[:2]
    scale = min(1.0, 512 / max(height, width))
    return resize(np.ascontiguousarray(loaded), round(width * scale), round(height * scale))


def jpeg(name: str, quality: int = 92) -> bytes:
    """The photograph as JPEG."""
    return encode_jpeg(pixels(name), quality)


def mark(seed: int = 0) -> bytes:
    """A simple mark on white: what a brand's logo file looks like."""
    rows, columns = np.mgrid[0:160, 0:160] - 80.0
    angle, radius = np.arctan2(rows, columns), np.hypot(rows, columns)
    inside = radius < 45 + 25 * np.sin((3 + seed) * angle)
    hole = radius < 18
    drawn = np.where((inside & ~hole)[..., None], np.array([20, 30, 120]), 255).astype(np.uint8)
    return encode_png(np.ascontiguousarray(drawn))
