"""What verification hands on: boxes, monotone features and sentences for people.

Place in the flow: `photos` and `logos` make evidence, `indexes.scoring` turns its features into a confidence.
Every feature lies in [0, 1] and grows with the strength of the evidence; nothing here is a threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from vision.boxes import WHOLE, Box
from vision.verification.wording import Spelling


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
    photograph of the same scene has hardly any. `precise` is their share of those that agree, `uneven` by how many grey
    levels the light differs from block to block where the blocks agree, and `beyond` the number of pieces of the
    reference's edge across which the query goes on: these three ask nothing of what is covered.
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
    precise: float = 0.0
    uneven: float = math.inf
    beyond: int = 0

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
            "precise": self.precise,
            "even": math.exp(-self.uneven / 4),
            "enclosed": max(0.0, 1.0 - self.beyond / 8),
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
        if self.beyond >= 4:
            lines.append("but the picture goes on beyond the reference's edge, as another photograph would")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class LogoEvidence:
    """One place of a mark in a scene and how well it agrees there.

    `shape` is the polarity-free correlation of edges in [0, 1], `parts` the share of the mark's edge blocks that
    agree, `variety` how many ways its edges run: a mark of parallel lines is found in every striped shirt. `tone` is
    the correlation of brightness in either polarity, `colour` that of hue, `inliers` the local features that agree
    on one placement.
    """

    query_box: Box
    reference_box: Box
    shape: float
    parts: float
    variety: float
    inliers: int
    tone: float = 0.0
    colour: float = 0.0

    def features(self) -> dict[str, float]:
        """Monotone features in [0, 1]; counts saturate."""
        inliers = min(1.0, self.inliers / 20)
        return {
            "shape": self.shape,
            "parts": self.parts,
            "shape_parts": self.shape * self.parts,
            "own_shape": self.shape * self.parts * self.variety,
            "tone": self.tone,
            "tone_shape": self.tone * self.shape,
            "colour": self.colour,
            "inliers": inliers,
            "firm": inliers * self.shape,
        }

    def reasons(self) -> tuple[str, ...]:
        """What agreed, in plain English."""
        lines = [f"{self.parts:.0%} of the mark's outline is found here"]
        if self.inliers >= 6:
            lines.append(f"{self.inliers} details of the mark line up")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class MarkEvidence:
    """All that speaks for one mark in one scene: a place, a name that was read, a window that looks alike.

    `likeness` in [0, 1] is the embedder's own similarity to the reference of the place or of the `window`, whichever
    is more alike, cut again from the original pixels; `support` in [0, 1] what other references of the same brand
    say of the same place. `margin` in [0, 1] is how far it stands before the best mark of another brand there: 0.5
    for as good as it, 1 where there is none.
    """

    place: Evidence | None
    spelling: Spelling | None = None
    likeness: float = 0.0
    support: float = 0.0
    window: Box = WHOLE
    margin: float = 1.0

    @property
    def query_box(self) -> Box:
        """Where the mark is; where its name stands when its shape was not found, or the window that looks alike."""
        if self.place is not None:
            return self.place.query_box
        return self.window if self.spelling is None else self.spelling.box

    @property
    def reference_box(self) -> Box:
        """The part of the reference that was found."""
        return WHOLE if self.place is None else self.place.reference_box

    @property
    def firmness(self) -> float:
        """How firmly shape and details alone hold the mark to its place, in [0, 1]."""
        seen = {} if self.place is None else self.place.features()
        return max(seen.get("firm", 0.0), seen.get("own_shape", 0.0))

    def features(self) -> dict[str, float]:
        """Those of the place, and what was read and compared beside it.

        `altered` is the one that speaks against: 1 where another word is clearly read in the place of the name.
        `margin` speaks against where it is below a half.
        """
        seen = {} if self.place is None else self.place.features()
        read, altered = (0.0, False) if self.spelling is None else (self.spelling.strength, self.spelling.altered)
        beside = {"spelled": read, "likeness": self.likeness, "support": self.support, "margin": self.margin}
        return seen | beside | {"altered": float(altered)}

    def reasons(self) -> tuple[str, ...]:
        """What agreed, in plain English."""
        seen = () if self.place is None else self.place.reasons()
        if self.spelling is None:
            return seen or ("a part of the picture looks like the mark",)
        altered = "altered mark: " if self.spelling.altered else ""
        return (*seen, f"{altered}reads \u201c{self.spelling.read}\u201d")
