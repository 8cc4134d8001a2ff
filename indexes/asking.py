"""The picture asked about, described for each tier of verification when the first candidate needs it.

Place in the flow: `indexes.search` makes one for each picture; photos and marks share what was made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

import numpy as np

from indexes.verifiers import EmbedsCrops, P, ReadsWords, S, T, VerifiesLogos, VerifiesPhotos
from vision.boxes import WHOLE, Box
from vision.embedding import CROP_MARGIN, Pixels, QueryEmbedding, Vectors
from vision.images import cut
from vision.once import once
from vision.verification.wording import Word


class Asked(Generic[P, S]):
    """A picture, uint8 RGB `[h, w, 3]`, its embedding, and what verification makes of it."""

    def __init__(
        self,
        pixels: Pixels,
        embedding: QueryEmbedding,
        photos: VerifiesPhotos[P],
        logos: VerifiesLogos[S, T],
        read: ReadsWords | None = None,
    ) -> None:
        self.pixels = pixels
        self.embedding = embedding
        self._describe_photo = photos.describe
        self._describe_scene = logos.describe
        self._read = read
        self._again: dict[Box, Vectors] = {}

    @once
    def photo(self) -> P:
        """As photo verification needs it."""
        return self._describe_photo(self.pixels, self.embedding.pasted, self.embedding.unruled)

    @once
    def scene(self) -> S:
        """As logo verification needs it."""
        return self._describe_scene(self.pixels)

    @once
    def words(self) -> Sequence[Word]:
        """The text in it; none where nothing reads."""
        return () if self._read is None else self._read(self.pixels)

    def windows(self, most: int) -> tuple[Box, ...]:
        """The `most` most logo-like windows, and the whole picture."""
        return (*self.embedding.logo.boxes[:most], WHOLE)

    def embedded_again(self, embed: EmbedsCrops, boxes: Sequence[Box]) -> Vectors:
        """Vectors of `boxes` cut again from the original pixels, one row each; every box is embedded once."""
        missing = [box for box in dict.fromkeys(boxes) if box not in self._again]
        if missing:
            made = embed([cut(self.pixels, box, CROP_MARGIN) for box in missing])
            self._again.update(zip(missing, made, strict=True))
        return np.stack([self._again[box] for box in boxes])

    @property
    def logoness(self) -> float:
        """That of its most logo-like window, 0 when it has none."""
        return float(self.embedding.logo.weights.max(initial=0.0))
