"""Boxes as fractions of a picture, the one way regions are named everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in fractions of the picture's width and height, `0 <= x0 <= x1 <= 1`.

    The origin is the top left corner. Values outside the picture are clipped by `clipped`.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Width as a fraction of the picture."""
        return max(0.0, self.x1 - self.x0)

    @property
    def height(self) -> float:
        """Height as a fraction of the picture."""
        return max(0.0, self.y1 - self.y0)

    @property
    def area(self) -> float:
        """Area as a fraction of the picture, in [0, 1]."""
        return self.width * self.height

    def clipped(self) -> Box:
        """The part of the box that lies in the picture."""
        x0, x1 = min(max(self.x0, 0.0), 1.0), min(max(self.x1, 0.0), 1.0)
        y0, y1 = min(max(self.y0, 0.0), 1.0), min(max(self.y1, 0.0), 1.0)
        return Box(x0, y0, max(x0, x1), max(y0, y1))

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, in [0, 1]; 0 for two empty boxes."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        if width <= 0 or height <= 0:
            return 0.0
        inter = width * height
        return inter / (self.area + other.area - inter)

    def within(self, outer: Box) -> Box:
        """This box, given in fractions of `outer`, in fractions of the picture `outer` lies in."""
        return Box(
            outer.x0 + self.x0 * outer.width,
            outer.y0 + self.y0 * outer.height,
            outer.x0 + self.x1 * outer.width,
            outer.y0 + self.y1 * outer.height,
        )

    def mirrored(self) -> Box:
        """The same box in the picture flipped left to right."""
        return Box(1.0 - self.x1, self.y0, 1.0 - self.x0, self.y1)

    def padded(self, fraction: float) -> Box:
        """The box grown on every side by `fraction` of its own size, clipped to the picture."""
        dx, dy = self.width * fraction, self.height * fraction
        return Box(self.x0 - dx, self.y0 - dy, self.x1 + dx, self.y1 + dy).clipped()

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Integer `(left, top, right, bottom)` in a picture of `width` by `height`, at least 1 px each way."""
        left = min(max(round(self.x0 * width), 0), width - 1)
        top = min(max(round(self.y0 * height), 0), height - 1)
        right = min(max(round(self.x1 * width), left + 1), width)
        bottom = min(max(round(self.y1 * height), top + 1), height)
        return left, top, right, bottom

    def as_list(self, digits: int = 4) -> list[float]:
        """`[x0, y0, x1, y1]` rounded for JSON."""
        return [round(value, digits) for value in (self.x0, self.y0, self.x1, self.y1)]


WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
