"""What the index tests build catalogues of: small spaces and unit vectors."""

from __future__ import annotations

import hashlib

import numpy as np

from indexes.catalog import NewReference
from vision.boxes import WHOLE
from vision.embedding import Regions, Space

SPACE = Space(id="test-space", model="test", photo_dim=16, logo_dim=8)


def unit(rng, count, dim):
    """`count` random unit vectors."""
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def regions(vectors):
    """`vectors` as regions that all cover the whole picture."""
    vectors = np.asarray(vectors, dtype=np.float32)
    return Regions((WHOLE,) * len(vectors), vectors, np.ones(len(vectors), np.float32))


def random_regions(rng, kind="photo", count=2, space=SPACE):
    """Regions of `count` random vectors."""
    return regions(unit(rng, count, space.dim(kind)))


def new_reference(brand_id, kind="photo", external_id=None, data=b"picture"):
    """What enrolment would hand over for a picture with the bytes `data`."""
    return NewReference(
        brand_id=brand_id,
        kind=kind,
        external_id=external_id,
        title="A shoe",
        gtin=None,
        right_id=None,
        sha256=hashlib.sha256(data).hexdigest(),
        width=640,
        height=480,
        media_type="image/jpeg",
    )
