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
        self._windows_again: Vectors | None = None

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

    @property
    def windows(self) -> tuple[Box, ...]:
        """The logo windows, and the whole picture."""
        return (*self.embedding.logo.boxes, WHOLE)

    def embedded_again(self, embed: EmbedsCrops, places: Sequence[Box]) -> Vectors:
        """Vectors of `windows` (made once) and of `places`, all cut again from the original pixels."""
        if self._windows_again is None:
            self._windows_again = self._cut(embed, self.windows)
        return np.concatenate([self._windows_again, self._cut(embed, places)]) if places else self._windows_again

    def _cut(self, embed: EmbedsCrops, boxes: Sequence[Box]) -> Vectors:
        return embed([cut(self.pixels, box, CROP_MARGIN) for box in boxes])

    @property
    def logoness(self) -> float:
        """That of its most logo-like window, 0 when it has none."""
        return float(self.embedding.logo.weights.max(initial=0.0))
