"""What an embedder is: the values that pass between pixels, indexes and search.

Place in the flow: `vision.images` → **embedder** → `indexes.search`. This module holds the Protocol and its
values only and imports no engine; the backends live in `vision.embedders`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vision.boxes import Box

Pixels: TypeAlias = NDArray[np.uint8]
"""uint8 `[height, width, 3]`, upright sRGB, row-major."""

Vectors: TypeAlias = NDArray[np.float32]
"""float32 `[n, d]`, each row L2-normalised."""

Kind: TypeAlias = Literal["photo", "logo"]
"""The two kinds of reference, and the two vector spaces of a model."""

KINDS: tuple[Kind, ...] = ("photo", "logo")
MAX_REFERENCE_VECTORS = 6
MAX_QUERY_PHOTO_VECTORS = 6
MAX_QUERY_LOGO_VECTORS = 8
CROP_MARGIN = 1.0 / 3.0
"""How much a window is grown before it is cut again (`vision.images.cut`), in shares of its own width and height on
every side: the window is then the middle 60 % of the crop, as a mark is of an enrolment view."""


@dataclass(frozen=True, slots=True)
class Space:
    """Identity of the vectors an embedder makes.

    `id` hashes weights, preprocessing, pooling, heads and precision class: vectors of two spaces are never
    compared. `model` is the name it was loaded by, for people.
    """

    id: str
    model: str
    photo_dim: int
    logo_dim: int

    def dim(self, kind: Kind) -> int:
        """Dimension of the vectors of `kind`."""
        return self.photo_dim if kind == "photo" else self.logo_dim


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Which engine computes, at which `precision` ("fp32", "bf16", or a mixture), and `why` it is this one."""

    name: str
    precision: str
    why: str


@dataclass(frozen=True, slots=True)
class Regions:
    """Embedded boxes of one picture: `boxes[i]` has the unit vector `vectors[i]` and the weight `weights[i]`.

    `vectors` is float32 `[n, d]`. `weights` is float32 `[n]` in [0, 1]: the logoness of a logo window, 1 elsewhere.
    """

    boxes: tuple[Box, ...]
    vectors: Vectors
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """What a picture being checked asks with: at most 6 photo regions and 8 logo windows.

    `pasted` are the rectangles that were pasted into it, the clearest first, None where nobody looked for them.
    `unruled` is the picture without the lines drawn across it, None where there are none.
    """

    photo: Regions
    logo: Regions
    pasted: tuple[Box, ...] | None = None
    unruled: Pixels | None = None

    def of(self, kind: Kind) -> Regions:
        """The regions of `kind`."""
        return self.photo if kind == "photo" else self.logo


@dataclass(frozen=True, slots=True)
class Insert:
    """A picture that was pasted into another at `box`: uint8 `[side, side, 3]`, at the model's input size."""

    box: Box
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Texts in both spaces: `photo` `[n, photo_dim]` to be compared with photo vectors, `logo` with logo vectors.

    A cosine between a text and a picture is smaller than between two pictures: compare texts with texts' scores only.
    Below the floor of its kind, where there is one, it means nothing.
    """

    photo: Vectors
    logo: Vectors
    floors: Mapping[Kind, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture at the model's input size: uint8 `[side, side, 3]`, not yet normalised.

    `content` is the part of the square the picture covers (the whole of it unless it was letterboxed), `inserts` what
    was pasted into it, to be embedded for itself when the picture is a query, `pasted` all rectangles that were found,
    `unruled` the picture in its own size without the lines drawn across it.
    """

    pixels: Pixels
    content: Box
    inserts: tuple[Insert, ...] = ()
    pasted: tuple[Box, ...] | None = None
    unruled: Pixels | None = None


class Embedder(Protocol):
    """Turns pictures into vectors. Implementations are safe to call from several threads.

    `prepare` is cheap CPU work meant for the decoding threads; the `embed_*` methods run the backbone once over
    a batch. Every method keeps the order of its input.
    """

    @property
    def space(self) -> Space:
        """The identity of the vectors this embedder makes."""
        ...

    @property
    def engine(self) -> EngineInfo:
        """What computes them, for people."""
        ...

    def prepare(self, pixels: Pixels) -> Prepared:
        """Resize one picture to the model's input."""
        ...

    def embed_queries(self, batch: Sequence[Prepared]) -> list[QueryEmbedding]:
        """Photo regions and logo windows of pictures being checked, one backbone pass for the batch."""
        ...

    def embed_photos(self, batch: Sequence[Prepared]) -> list[Regions]:
        """At most 6 photo vectors for each reference photo: the whole, the centre and the quarters."""
        ...

    def embed_logos(self, pictures: Sequence[Pixels]) -> list[Regions]:
        """At most 6 views for each reference logo (as given, grey, inverted, …), from its original pixels."""
        ...

    def embed_crops(self, crops: Sequence[Pixels]) -> Vectors:
        """Logo vectors `[n, logo_dim]` of windows cut again from the original pixels, one backbone pass for all.

        Each crop is `vision.images.cut(picture, window, CROP_MARGIN)`: the window grown by a third of its own width
        to the left and to the right and of its own height above and below, edge pixels repeated beyond the picture,
        so that the window is the middle 3/5 of the crop. Comparable with the vectors of `embed_logos`.
        """
        ...

    def embed_texts(self, texts: Sequence[str]) -> TextVectors | None:
        """Names and product words beside what they look like; None where the model has no text tower trained for it.

        Texts are read letter by letter in any case, at most 28 signs of each.
        """
        ...
