"""First looks at candidates: which photos a picture might be a copy of, before any of them is verified.

Place in the flow: `indexes.search` has the most similar references of a picture and asks here for each whether a
cheap look at its pixels lets it pass to verification. What has to be seen is the calibration's; references are
described when they first become candidates and kept while there is room.
"""

from __future__ import annotations

from typing import Final, Generic

from indexes.catalog import Reference
from indexes.descriptions import Descriptions
from indexes.gallery import Candidate
from indexes.monotone import Gate
from indexes.verifiers import GlancesAtPhotos, K, Q
from vision.boxes import WHOLE, Box
from vision.embedding import Pixels, Regions
from vision.once import once

AROUND: Final = 0.15
"""Share of a region's sides that is looked at beyond them: a rectangle that was found may lie within the copy."""


class FirstLooks(Generic[Q, K]):
    """Looks at pairs, and the gate they have to pass. Thread-safe; keeps described references in `described`."""

    def __init__(self, glances: GlancesAtPhotos[Q, K], described: Descriptions[K], gate: Gate) -> None:
        self.glances = glances
        self.described = described
        self.gate = gate

    def of(self, pixels: Pixels, regions: Regions) -> FirstLook[Q, K]:
        """First looks at one picture, uint8 RGB `[h, w, 3]`, that was embedded in these regions."""
        return FirstLook(self, pixels, regions)


class FirstLook(Generic[Q, K]):
    """One picture, described when its first candidate is looked at."""

    def __init__(self, looks: FirstLooks[Q, K], pixels: Pixels, regions: Regions) -> None:
        self._looks = looks
        self._pixels = pixels
        self._regions = regions

    @once
    def _glance(self) -> Q:
        return self._looks.glances.describe(self._pixels)

    def lets_pass(self, candidate: Candidate, reference: Reference) -> bool:
        """Whether the candidate is worth verifying; one whose picture cannot be read is not."""
        described = self._looks.described.of(reference)
        if described is None:
            return False
        looks = self._looks
        compared = (
            looks.glances.compare(self._glance, place, described)
            for place in places(self._regions.boxes[candidate.query])
        )
        return any(looks.gate.passes(seen(likeness.features(), candidate)) for likeness in compared)


def places(region: Box) -> tuple[Box, ...]:
    """Where to look: the whole picture, and then around the region that resembles the reference."""
    return (WHOLE,) if region == WHOLE else (WHOLE, region.padded(AROUND).clipped())


def seen(features: dict[str, float], candidate: Candidate) -> dict[str, float]:
    """What a gate weighs: what was seen, and how far the candidate stands above the background's."""
    return features | {"excess": max(0.0, candidate.excess)}
