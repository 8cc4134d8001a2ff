"""What verification hands on: boxes, monotone features and sentences for people.

Place in the flow: `photos` and `logos` make evidence, `indexes.scoring` turns its features into a confidence.
Every feature lies in [0, 1] and grows with the strength of the evidence; nothing here is a threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from vision.boxes import Box


class Evidence(Protocol):
    """What is common to the evidence of both kinds."""

    @property
    def query_box(self) -> Box:
        """Where in the query the reference was found."""
        ...

    @property
    def reference_box(self) -> Box:
        """The part of the reference that was found."""
        ...

    def features(self) -> dict[str, float]:
        """Named numbers in [0, 1], each larger = stronger."""
        ...

    def reasons(self) -> tuple[str, ...]:
        """Short sentences for people."""
        ...


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """One placement of a reference photo in a query and how well the pixels agree there.

    `agreeing` is the share of the textured blocks in view that agree, `close` the share that agrees closely,
    `central` the same weighted towards the middle of the reference, `whole` the share of the reference's textured
    blocks that agrees with nothing set aside, `layout` how well block-mean colours are explained, `coverage` the
    share of the whole reference that agrees, `blocks` the number of blocks that agree, `inliers` the local features
    behind the alignment. `exact` is the share of the reference's clearly textured blocks in view that agree and lie
    within half a pixel once all are aligned together, `anchors` the number that lie within a third: another
    photograph of the same scene has hardly any.
    """

    query_box: Box
    reference_box: Box
    agreeing: float
    close: float
    central: float
    whole: float
    layout: float
    coverage: float
    blocks: int
    inliers: int
    mirrored: bool
    exact: float
    anchors: int

    def features(self) -> dict[str, float]:
        """Monotone features in [0, 1]; counts saturate."""
        extent = min(1.0, self.blocks / 24)
        return {
            "agreeing": self.agreeing,
            "agreement": self.agreeing * extent,
            "close": self.close,
            "central": self.central,
            "whole": self.whole,
            "layout": self.layout,
            "coverage": self.coverage,
            "extent": extent,
            "inliers": min(1.0, self.inliers / 40),
            "exact": self.exact,
            "anchors": min(1.0, math.log1p(self.anchors) / math.log1p(64)),
        }

    def reasons(self) -> tuple[str, ...]:
        """What agreed, in plain English."""
        lines = [f"{self.agreeing:.0%} of the reference's texture in view agrees after alignment"]
        if self.anchors >= 16:
            lines.append(f"{self.anchors} places of it lie within a third of a pixel: as in one photograph")
        if self.reference_box.area < 0.9:
            lines.append(f"about {self.reference_box.area:.0%} of the reference is in view")
        if self.query_box.area < 0.6:
            lines.append(f"the copy covers about {self.query_box.area:.0%} of the picture")
        if self.mirrored:
            lines.append("mirrored")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class LogoEvidence:
    """One place of a mark in a scene and how well its shape agrees there.

    `shape` is the polarity-free correlation of edges in [0, 1], `parts` the share of the mark's edge blocks that
    agree, `inliers` the local features that agree on one placement, `variety` how many ways
    its edges run: a mark of parallel lines is found in every striped shirt.
    """

    query_box: Box
    reference_box: Box
    shape: float
    parts: float
    variety: float
    inliers: int

    def features(self) -> dict[str, float]:
        """Monotone features in [0, 1]; counts saturate."""
        return {
            "shape": self.shape,
            "parts": self.parts,
            "shape_parts": self.shape * self.parts,
            "own_shape": self.shape * self.parts * self.variety,
            "inliers": min(1.0, self.inliers / 20),
        }

    def reasons(self) -> tuple[str, ...]:
        """What agreed, in plain English."""
        lines = [f"{self.parts:.0%} of the mark's outline is found here"]
        if self.inliers >= 6:
            lines.append(f"{self.inliers} details of the mark line up")
        return tuple(lines)
