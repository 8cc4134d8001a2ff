"""Vectors of a listing's pictures as its rows keep them: float16, row-major, one for each box of `regions`.

Place in the flow: `service.listings.judging` packs them; whoever looks for a picture again unpacks the whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision.embedding import Vectors


def pack(vectors: Vectors) -> bytes:
    """`vectors` (float32 `[n, d]`) as they are stored."""
    return vectors.astype(np.float16).tobytes()


def unpack_whole(packed: bytes | None, regions: Mapping[str, Sequence[Any]] | None) -> Vectors | None:
    """The vector (float32 `[d]`) of the whole picture, the first of its photo regions; None where none was kept."""
    count = len((regions or {}).get("photo") or ())
    values = np.frombuffer(packed or b"", np.float16)
    if not count or not values.size or values.size % count:
        return None
    return values[: values.size // count].astype(np.float32)
