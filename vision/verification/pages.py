"""Are these two pages one document, or one form filled in twice? Align them, then compare what is printed.

Place in the flow: `service.proofs` finds pages whose vectors are alike and asks here. To `photos`, which compares at
a quarter of the size, all invoices of one shop are one picture; what tells them apart is a few letters. So this uses
its alignment and then looks closely: where small print can be read, block by block. It reads and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.images import fit, resize
from vision.verification.agreement import BLOCK, Plane, correlate, grey, tiles, warp
from vision.verification.alignment import place
from vision.verification.features import Grey, LocalFeatures, extract, match
from vision.verification.refinement import levelled, refine

FRAME_SIDE: Final = 1600
"""Pixels of the longer side both pages are compared at: A4 at 137 dots an inch."""
REACH: Final = 2
"""Pixels by which a block may lie off: paper bends."""

_STEP: Final = 32  # the frame's sides are multiples of it, and blocks of this size are followed
_FEATURE_SIDE: Final = 800
_FEATURES: Final = 700
_SOFT: Final = 1.0  # sigma of the blur that evens out scanners
_INK: Final = 18.0
"""Standard deviation in grey levels from which something is printed in a block."""
_SAME: Final = 0.8
"""Correlation of two blocks: a telephone's picture of a print has 0.86 everywhere, another digit seldom 0.8."""
_LEAST: Final = 24
"""Blocks of print without which a page says nothing."""


@dataclass(frozen=True, slots=True)
class PageDescription:
    """What is compared of a page: local features in pixels of `frame`, which is grey, uint8 `[h, w]`."""

    features: LocalFeatures
    frame: Grey


@dataclass(frozen=True, slots=True)
class PageAgreement:
    """What was printed, compared: of `blocks` with print in view on either page, `differing` show something else.

    `coverage` is the share of the reference's print that is in view.
    """

    blocks: int
    differing: int
    coverage: float

    @property
    def share(self) -> float:
        """The share of the print that differs."""
        return self.differing / max(1, self.blocks)


def describe_page(pixels: Pixels) -> PageDescription:
    """Describe a page, uint8 RGB `[h, w, 3]`."""
    frame = grey(_frame(pixels))
    small = fit(pixels, _FEATURE_SIDE)
    return PageDescription(extract(grey(small), _FEATURES).scaled(frame.shape[1], frame.shape[0]), frame)


def compare_pages(query: PageDescription, reference: PageDescription) -> PageAgreement | None:
    """Compare two pages; None when they cannot be laid on one another, or are nearly empty."""
    ours, theirs = reference.features, query.features
    found = place(theirs, ours, match(theirs, ours), mirrored=False, most=1, least=12)
    if not found:
        return None
    refined = refine(query.frame, levelled(reference.frame), found[0].matrix, _STEP)
    height, width = reference.frame.shape
    return _compared(reference.frame, *warp(query.frame, refined.matrix, width, height))


def compare_both_ways(one: PageDescription, other: PageDescription) -> Iterator[PageAgreement]:
    """Compare two pages as query and reference, then the other way round: what could be compared, as it is asked for.

    A photographed page laid under a scan gives blurred blocks to compare with; laid over it, sharp ones. Which of two
    documents came first must not decide whether they are found to be one.
    """
    for query, reference in ((one, other), (other, one)):
        agreement = compare_pages(query, reference)
        if agreement is not None:
            yield agreement


def _frame(page: Pixels) -> Pixels:
    height, width = page.shape[:2]
    scale = FRAME_SIDE / max(height, width)
    return resize(page, *(max(2, round(length * scale / _STEP)) * _STEP for length in (width, height)))


def _compared(reference: Grey, view: Grey, visible: Grey) -> PageAgreement | None:
    ours, theirs = _soft(reference), _soft(view)
    seen = tiles(visible.astype(np.float32)).min(axis=-1) > 0
    mine = tiles(ours)
    printed = mine.std(axis=-1) > _INK
    inked = seen & (printed | (tiles(theirs).std(axis=-1) > _INK))
    if inked.sum() < _LEAST:
        return None
    differing = _differing(mine[inked], theirs, np.argwhere(inked) * BLOCK)
    return PageAgreement(int(inked.sum()), differing, float((seen & printed).sum() / max(1, int(printed.sum()))))


def _differing(mine: Plane, theirs: Plane, corners: NDArray[np.intp]) -> int:
    """How many blocks, float32 `[n, BLOCK * BLOCK]`, look like nothing near their corner on the other page."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(theirs, REACH, mode="edge"), (BLOCK, BLOCK))
    reach = range(-REACH, REACH + 1)
    for down, across in sorted(product(reach, reach), key=lambda step: step[0] ** 2 + step[1] ** 2):
        there = windows[corners[:, 0] + REACH + down, corners[:, 1] + REACH + across].reshape(-1, BLOCK * BLOCK)
        unlike = correlate(mine, there)[0] < _SAME
        mine, corners = mine[unlike], corners[unlike]
    return len(mine)


def _soft(page: Grey) -> Plane:
    return np.asarray(cv2.GaussianBlur(page.astype(np.float32), (0, 0), _SOFT), np.float32)
