"""The protocols without data: photographs and marks that Python packages carry, so that a stranger can run them.

Place in the flow: what `brandwarden-train evaluate` asks where there are no development photographs, and
`--protocol packages`. Photographs of `skimage` and `sklearn` are cut into tiles: every second tile is a reference, the
others, from the same photographs, are what must not be found. Marks are those of the brands no training sees. Small and
clean: it shows that everything works, not how well it works in the world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from training.challenge import FAMILIES, challenged
from training.marks import Mark, picture_of, reserved_marks
from training.printing import printed
from training.protocols import NEGATIVE, Asked, Enrolled, size_group, spread
from vision.boxes import Box
from vision.embedding import Kind, Pixels
from vision.images import encode_jpeg, encode_png, resize

_PHOTOS: Final = (
    "astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry", "retina", "rocket",
    "stereo_motorcycle",
)  # fmt: skip
_SAMPLES: Final = ("china.jpg", "flower.jpg")
_CUTS: Final = 3
_SIDE: Final = 320
_PLAIN: Final = 12.0
_PRINTS: Final = 3


def photographs() -> dict[str, Pixels]:
    """The colour photographs in `skimage` and `sklearn`, by name."""
    import skimage.data  # noqa: PLC0415 - a package of the training extra
    from sklearn.datasets import load_sample_image  # noqa: PLC0415 - the same

    found: dict[str, Pixels] = {}
    for name in _PHOTOS:
        loaded = getattr(skimage.data, name)()
        found[name] = np.ascontiguousarray(loaded[0] if isinstance(loaded, tuple) else loaded)
    return found | {name: np.ascontiguousarray(load_sample_image(name)) for name in _SAMPLES}


def tiles() -> tuple[dict[str, Pixels], dict[str, Pixels]]:
    """Reference tiles and foreign tiles by name, three by three of each photograph; plain ones are left out."""
    parts: tuple[dict[str, Pixels], dict[str, Pixels]] = ({}, {})
    for name, pixels in photographs().items():
        height, width = (side // _CUTS for side in pixels.shape[:2])
        scale = _SIDE / min(height, width)
        for number in range(_CUTS**2):
            top, left = number // _CUTS * height, number % _CUTS * width
            tile = np.ascontiguousarray(pixels[top : top + height, left : left + width])
            if tile.std(axis=(0, 1)).mean() >= _PLAIN:
                parts[number % 2][f"{name}-{number}"] = resize(tile, round(width * scale), round(height * scale))
    return parts


@dataclass(frozen=True)
class PackageCopies:
    """Edited tiles against their neighbours."""

    subset: int = 0

    @property
    def name(self) -> str:
        """`package-copies`."""
        return "package-copies"

    @property
    def kind(self) -> Kind:
        """Photos."""
        return "photo"

    @property
    def key(self) -> str:
        """The families and how many."""
        return f"package-copies/1/{self.subset}/{','.join(FAMILIES)}"

    def __len__(self) -> int:
        return len(self._positives) + len(self._negatives)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """One gallery of one brand."""
        return {"all": [Enrolled(name, "Evaluation", name, encode_png(tile)) for name, tile in self._tiles[0].items()]}

    def question(self, number: int) -> Asked:
        """A tile in one family, each tile in several; or a foreign tile."""
        if number >= len(self._positives):
            name = self._negatives[number - len(self._positives)]
            return Asked(name, "", NEGATIVE, None, name, encode_jpeg(self._tiles[1][name], 95), source="tile")
        name, family = self._positives[number]
        other = self._tiles[1][self._negatives[(7 * number + 3) % len(self._negatives)]]
        made = challenged(self._tiles[0][name], family, number, other)
        return Asked(name, "package copies", family, name, name, encode_jpeg(made.pixels, 95), (made.box,))

    @cached_property
    def _tiles(self) -> tuple[dict[str, Pixels], dict[str, Pixels]]:
        own, foreign = tiles()
        return {name: own[name] for name in spread(list(own), self.subset)}, foreign

    @cached_property
    def _positives(self) -> list[tuple[str, str]]:
        families = list(FAMILIES)
        names = list(self._tiles[0])
        pairs = [
            (name, families[(5 * place + turn) % len(families)])
            for turn in range(5)
            for place, name in enumerate(names)
        ]
        return spread(pairs, self.subset)

    @cached_property
    def _negatives(self) -> list[str]:
        return spread(list(self._tiles[1]), self.subset)


@dataclass(frozen=True)
class PackageLogos:
    """Marks printed on tiles, against tiles without one; each mark is enrolled once, black on white."""

    subset: int = 0

    @property
    def name(self) -> str:
        """`package-logos`."""
        return "package-logos"

    @property
    def kind(self) -> Kind:
        """Logos."""
        return "logo"

    @property
    def key(self) -> str:
        """How many."""
        return f"package-logos/1/{self.subset}/{_PRINTS}"

    def __len__(self) -> int:
        return len(self._positives) + len(self._negatives)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """`k1`: one drawing a brand."""
        drawn = {mark.name: picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1) for mark in self._marks}
        return {"k1": [Enrolled(name, name, name, encode_png(pixels)) for name, pixels in drawn.items()]}

    def question(self, number: int) -> Asked:
        """A tile with a mark on it; or one without."""
        if number >= len(self._positives):
            name = self._negatives[number - len(self._positives)]
            return Asked(name, "", NEGATIVE, None, name, encode_jpeg(self._tiles[name], 95), source="tile")
        mark = self._marks[self._positives[number] % len(self._marks)]
        names = list(self._tiles)
        scene = self._tiles[names[(11 * number) % len(names)]]
        pixels, (left, top, right, bottom) = printed(scene, mark, np.random.default_rng(1000 + number))
        height, width = pixels.shape[:2]
        box = Box(left / width, top / height, right / width, bottom / height)
        size = size_group(min(right - left, bottom - top))
        name = f"{mark.name}-{number}"
        return Asked(name, "package logos", size, mark.name, mark.name, encode_jpeg(pixels, 95), (box,))

    @cached_property
    def _marks(self) -> list[Mark]:
        return reserved_marks()

    @cached_property
    def _tiles(self) -> dict[str, Pixels]:
        own, foreign = tiles()
        return own | foreign

    @cached_property
    def _positives(self) -> list[int]:
        return spread(range(_PRINTS * len(self._marks)), self.subset)

    @cached_property
    def _negatives(self) -> list[str]:
        return spread(list(self._tiles), self.subset)
