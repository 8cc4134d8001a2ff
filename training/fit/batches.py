"""One training step's pictures, boxes and labels, drawn from the seed and the step's number alone.

Place in the flow: between the album and the drawings and the `loop`; runs in a worker process. The same seed, step
and look-alikes give the same batch, which is what makes a resumed run the run that was broken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.copies import FAMILIES, Copy, make_copy
from training.fit.config import Batch
from training.fit.pictures import Album
from training.fit.prints import print_tile
from training.marks import Mark, picture_of
from vision.boxes import WHOLE, Box
from vision.embedders.views import crop_view, logo_views
from vision.embedding import CROP_MARGIN, Pixels
from vision.images import cut, resize
from vision.regions import as_corners

FRESH = 1 << 40
"""Labels from here on are of windows that only one step knows."""
_STEP = 1 << 16
_ALIGNED = ("crop", "overlay", "jitter", "degrade", "paste", "collage", "pad")
"""Edits after which a box of the copy is a box of the original."""
_FILL = 0.6


@dataclass(slots=True)
class Asked:
    """Boxes whose vectors a step compares; see `losses.Labelled` for labels and owners."""

    pictures: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)

    def add(self, picture: int, box: Box, label: int, owner: int) -> None:
        """One more box of picture number `picture` of the batch."""
        self.pictures.append(picture)
        self.boxes.append(box.clipped())
        self.labels.append(label)
        self.owners.append(owner)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Under `name.…`, for the way from the worker."""
        return {
            f"{name}.boxes": torch.from_numpy(as_corners(self.boxes)),
            f"{name}.pictures": torch.tensor(self.pictures, dtype=torch.long),
            f"{name}.labels": torch.tensor(self.labels, dtype=torch.long),
            f"{name}.owners": torch.tensor(self.owners, dtype=torch.long),
        }


class Batches(Dataset[dict[str, Tensor]]):
    """Step number to tensors. `photo_neighbours` and `mark_neighbours` `[n, k]` name look-alikes, -1 where unknown."""

    def __init__(
        self,
        config: Batch,
        seed: int,
        album: Album,
        marks: Sequence[Mark],
        *,
        photo_neighbours: NDArray[np.int64],
        mark_neighbours: NDArray[np.int64],
    ) -> None:
        self._config, self._seed = config, seed
        self._album, self._marks = album, marks
        self._photo_neighbours, self._mark_neighbours = photo_neighbours, mark_neighbours

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        random = np.random.default_rng((self._seed, step))
        return self._photos(random, step) | self._tiles(random, step)

    def _photos(self, random: Generator, step: int) -> dict[str, Tensor]:
        """Originals and copies in turn, what the photo head and the logo head are asked about them."""
        chosen = _with_neighbours(random, self._config.photos, self._photo_neighbours, self._config.neighbours)
        side = int(random.choice(self._config.photo_sides))
        pictures: list[Pixels] = []
        photo, regions = Asked(), Asked()
        fresh = FRESH + step * _STEP
        for number in chosen:
            original = self._album[number]
            family = list(FAMILIES)[int(random.integers(len(FAMILIES)))]
            copy = make_copy(random, original, self._album[int(random.choice(chosen))], family)
            first = len(pictures)
            pictures += [resize(np.ascontiguousarray(item), side, side) for item in (original, copy.pixels)]
            fresh = _ask_photo(random, photo, copy, first, number=int(number), fresh=fresh)
            if family in _ALIGNED:
                fresh = _ask_regions(random, regions, copy, first, number=int(number), fresh=fresh)
        stacked = {"photos": torch.from_numpy(np.stack(pictures)), "photo_ids": torch.from_numpy(chosen)}
        return stacked | photo.tensors("photo") | regions.tensors("region")

    def _tiles(self, random: Generator, step: int) -> dict[str, Tensor]:
        """For each mark a reference view, a print in its surroundings and a print cut out again."""
        chosen = _with_neighbours(random, self._config.marks, self._mark_neighbours, self._config.neighbours)
        side = self._config.tile
        pictures: list[Pixels] = []
        asked, beside = Asked(), Asked()
        fresh = FRESH + step * _STEP + _STEP // 2
        for number in chosen:
            mark, label = self._marks[number], int(number)
            photos = [self._album[int(other)] for other in random.integers(0, len(self._album), 3)]
            views = [
                _reference(random, mark, photos[0], side),
                _in_place(random, mark, photos[1], side),
                _cut_again(random, mark, photos[2], side),
            ]
            for view, (pixels, box) in enumerate(views):
                asked.add(len(pictures), shaken(random, box, 0.1) if view else box, label, label)
                if view == 1 and (other := _beside(random, box)):
                    beside.add(len(pictures), other, fresh, fresh)
                    fresh += 1
                pictures.append(pixels)
        stacked = {"tiles": torch.from_numpy(np.stack(pictures)), "mark_ids": torch.from_numpy(chosen)}
        return stacked | asked.tensors("mark") | beside.tensors("beside")


def _with_neighbours(random: Generator, count: int, neighbours: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """`count` different numbers: some at random, then look-alikes of those, then more at random."""
    total = len(neighbours)
    order = random.permutation(total)
    chosen = order[: max(1, round(count * (1 - share)))].tolist()
    likely = [int(other) for number in chosen for other in random.permutation(neighbours[number])[:2] if other >= 0]
    pool = [*random.permutation(np.array(likely, np.int64)).tolist(), *order[len(chosen) :].tolist()]
    for number in pool:
        if len(chosen) == min(count, total):
            break
        if number not in chosen:
            chosen.append(number)
    return np.array(chosen, np.int64)


def _ask_photo(random: Generator, asked: Asked, copy: Copy, first: int, *, number: int, fresh: int) -> int:
    """The whole original, the copied part of the copy, and where a copy shows a part, that part of the original."""
    owner = int(number)
    asked.add(first, WHOLE, owner, owner)
    asked.add(first + 1, shaken(random, copy.query_box, 0.12), owner, owner)
    if copy.reference_box != WHOLE:
        asked.add(first + 1, WHOLE, fresh, owner)
        asked.add(first, copy.reference_box, fresh, owner)
        fresh += 1
    part = Box(
        *[(0.2, 0.2, 0.8, 0.8), (0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1)][
            int(random.integers(5))
        ]
    )
    asked.add(first + 1, part.within(copy.query_box), fresh, owner)
    asked.add(first, part.within(copy.reference_box), fresh, owner)
    return fresh + 1


def _ask_regions(random: Generator, asked: Asked, copy: Copy, first: int, *, number: int, fresh: int) -> int:
    """Two small windows of what the copy shows, and the same windows of the original, for the logo head."""
    for _ in range(2):
        width, height = random.uniform(0.16, 0.45, 2)
        x, y = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
        part = Box(x, y, x + width, y + height)
        asked.add(first + 1, shaken(random, part.within(copy.query_box), 0.06), fresh, int(number) + FRESH)
        asked.add(first, part.within(copy.reference_box), fresh, int(number) + FRESH)
        fresh += 1
    return fresh


def _reference(random: Generator, mark: Mark, photo: Pixels, side: int) -> tuple[Pixels, Box]:
    """One of the views a reference is enrolled under: of a clean drawing, or of a mark cut from a photograph."""
    if random.random() < 0.5:
        tile = print_tile(random, photo, mark, side=side, share=(0.45, 0.78))
        left, top, right, bottom = shaken(random, tile.box, 0.05).pixels(side, side)
        picture = np.ascontiguousarray(tile.pixels[top:bottom, left:right])
    else:
        ink = mark.colour if random.random() < 0.6 else (0, 0, 0)
        light = (20, 20, 20) if sum(ink) > 600 else (255, 255, 255)
        picture = picture_of(mark, ink=ink, ground=light, margin=float(random.uniform(0, 0.3)))
    view = logo_views(picture, side=side, fill=_FILL)[int(random.integers(6))]
    return view.pixels, view.box


def _in_place(random: Generator, mark: Mark, photo: Pixels, side: int) -> tuple[Pixels, Box]:
    tile = print_tile(random, photo, mark, side=side)
    return tile.pixels, tile.box


def _cut_again(random: Generator, mark: Mark, photo: Pixels, side: int) -> tuple[Pixels, Box]:
    """A window cut from the original pixels, as a search does with its best windows."""
    tile = print_tile(random, photo, mark, side=side, share=(0.3, 0.75))
    view = crop_view(cut(tile.pixels, shaken(random, tile.box, 0.15), CROP_MARGIN), side=side, margin=CROP_MARGIN)
    return view.pixels, view.box


def _beside(random: Generator, box: Box) -> Box | None:
    """A window of the tile that shows nothing of the mark, where there is room."""
    for _ in range(8):
        width, height = random.uniform(0.2, 0.6, 2)
        x, y = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
        other = Box(x, y, x + width, y + height)
        if other.iou(box) == 0:
            return other
    return None


def shaken(random: Generator, box: Box, most: float) -> Box:
    """The box with each side moved by up to `most` of its length."""
    left, top, right, bottom = random.uniform(-most, most, 4)
    moved = Box(
        box.x0 + left * box.width, box.y0 + top * box.height, box.x1 + right * box.width, box.y1 + bottom * box.height
    )
    return moved.clipped()
