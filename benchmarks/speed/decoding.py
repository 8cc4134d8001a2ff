"""A JPEG of 12 megapixels to the model's input: ours against plain Pillow, on one core in one process.

Place in the flow: a part of its own, without a service. Core time is compared, and the vectors of the same picture
read both ways.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

import numpy as np
from PIL import Image

from benchmarks.speed.mixture import Mixture
from benchmarks.speed.parts import Bench, Measured
from vision.embedders import DEFAULT_MODEL, load_embedder
from vision.embedding import Embedder, Pixels, Prepared
from vision.images import decode

T = TypeVar("T")
_PICTURES = 24


def measure(bench: Bench) -> Measured:
    """Core-milliseconds a picture of both ways, how many times ours goes into Pillow's, and the cosine."""
    embedder = load_embedder(DEFAULT_MODEL, threads=1)
    mixture, count = Mixture(bench.supply, "large"), min(_PICTURES, bench.few)
    side = embedder.prepare(np.zeros((64, 64, 3), np.uint8)).pixels.shape[0]
    ours, pillow, cosines = [], [], []
    for number in range(count):
        data = mixture.sent(number).data
        prepared, spent = _timed(lambda data=data: embedder.prepare(decode(data).pixels))  # type: ignore[misc]
        ours.append(spent)
        pillow.append(_timed(lambda data=data: _plain(data, side))[1])  # type: ignore[misc]
        cosines.append(_cosine(embedder, prepared, embedder.prepare(_whole(data))))
    return {
        "pictures": count,
        "ours_core_ms": round(1000 * median(ours), 2),
        "pillow_core_ms": round(1000 * median(pillow), 2),
        "times": round(median(pillow) / median(ours), 2),
        "cosine": round(float(np.mean(cosines)), 5),
        "least_cosine": round(min(cosines), 5),
    }


def _timed(action: Callable[[], T]) -> tuple[T, float]:
    started = time.thread_time()
    result = action()
    return result, time.thread_time() - started


def _plain(data: bytes, side: int) -> Pixels:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))


def _whole(data: bytes) -> Pixels:
    """Every pixel, nothing scaled while decoding."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _cosine(embedder: Embedder, one: Prepared, other: Prepared) -> float:
    first, second = (regions.vectors[0] for regions in embedder.embed_photos([one, other]))
    return float(first @ second)
