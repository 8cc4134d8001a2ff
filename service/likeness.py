"""Are two pictures one photograph? Asked outside of search, with the verifier and the calibration that search uses.

Place in the flow: negatives and prior publication compare pictures that are no match of a listing. The vectors only
propose; the pixels decide. A confidence means here what it means in a match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from indexes.blobs import BlobStore
from indexes.descriptions import Descriptions, Kept
from indexes.errors import BlobMissing
from service.spaces.loading import Model
from vision.embedding import Pixels, Vectors
from vision.errors import ImageError
from vision.images import VETTED, decode
from vision.verification import PhotoVerifier
from vision.verification.evidence import PhotoEvidence
from vision.verification.photos import PhotoDescription

SAME: Final = 0.7
"""Confidence from which two pictures count as one photograph. Below what a model without a calibration can reach."""
_CACHE_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Likeness:
    """How sure it is that the reference's photograph is in the picture, and what share of the picture it fills."""

    confidence: float
    fills: float

    @property
    def same(self) -> bool:
        """Whether it counts as the same photograph."""
        return self.confidence >= SAME


class Comparison:
    """Compares photographs. Thread-safe. `model` gives the one that judges now, `kept` what search keeps on disk."""

    def __init__(
        self, blobs: BlobStore, model: Callable[[], Model], kept: Kept[PhotoDescription] | None = None
    ) -> None:
        self._blobs, self._model, self._verifier = blobs, model, PhotoVerifier()
        self._stored = Descriptions(blobs, self._verifier.enrol, max_bytes=_CACHE_BYTES, limits=VETTED, kept=kept)

    def floor(self) -> float:
        """Similarity below which two pictures are not worth comparing."""
        return self._model().calibration.floor("photo")

    def describe(self, pixels: Pixels) -> PhotoDescription:
        """A picture to look in, uint8 RGB `[h, w, 3]`."""
        return self._verifier.describe(pixels)

    def stored(self, sha256: str) -> PhotoDescription | None:
        """A stored picture to look in, or None when it cannot be read."""
        try:
            return self._verifier.describe(decode(self._blobs.get(sha256), limits=VETTED).pixels)
        except (BlobMissing, ImageError):
            return None

    def compare(self, query: PhotoDescription, vector: Vectors, sha256: str, similarity: float) -> Likeness | None:
        """Whether the stored photograph `sha256` is in `query`, whose whole has the `vector` `[d]`.

        None when nothing aligns, or the stored picture cannot be read.
        """
        verify = partial(self._verifier.verify, query)
        evidence = self._stored.compared_picture(sha256, f"picture {sha256}", verify)
        if evidence is None:
            return None
        features = evidence.features() | {"similarity": similarity, "excess": self._excess(vector, similarity)}
        judged = self._model().calibration.judge("photo", features)
        return Likeness(judged.confidence, _share(evidence))

    def _excess(self, vector: Vectors, similarity: float) -> float:
        background = self._model().background_of_calibration
        return 0.0 if background is None else similarity - float(background.level("photo", vector[None])[0])


def _share(evidence: PhotoEvidence) -> float:
    return evidence.query_box.clipped().area
