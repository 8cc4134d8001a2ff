"""Descriptions of references as bytes and back, the same to the bit: what is dear to make, and nothing else.

Place in the flow: `indexes.descriptions` keeps what is packed here on the disk. Of a photo only the local features are
packed: nine of ten look-alikes are told apart by them, and the frame of the others is made of the picture in the time
that reading it back uncompressed would save on every tenth. Of a mark features and pixels are packed; its sketches are
drawn again. Whoever unpacks trusts nothing: sizes and numbers are checked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from vision.boxes import Box
from vision.embedding import Pixels
from vision.verification.details import MARK_POINTS, MARK_SIDE
from vision.verification.features import LocalFeatures
from vision.verification.logos import MARK_SIDE as PICTURE_SIDE
from vision.verification.logos import LogoTemplate
from vision.verification.photos import CONTRAST, FEATURE_SIDE, FEATURES, FRAME_SIDE, PhotoDescription, frame
from vision.verification.sketches import sketches

_FEATURES: Final = struct.Struct("<4sIII")
_PICTURE: Final = struct.Struct("<II4d")
_PHOTO, _MARK = b"BWp1", b"BWm1"
_MOST_POINTS: Final = 4_096
_MOST_SIDE: Final = 4_096
_NUMBERS: Final = 4
"""Of each point: x, y, scale, angle."""
_BINS: Final = 128

Look = Callable[[], Pixels]
"""Reads the picture once more, as it was given to `enrol`."""


class PhotoPacking:
    """`PhotoVerifier.enrol`'s descriptions."""

    version: Final = f"1 {FEATURE_SIDE} {FEATURES} {CONTRAST} {FRAME_SIDE} {cv2.__version__}"
    """What the bytes depend on. Raise the first number when `enrol` comes to say anything else."""

    def pack(self, described: PhotoDescription) -> bytes:
        """A reference as bytes."""
        return _pack(_PHOTO, described.features)

    def unpack(self, data: bytes, look: Look) -> PhotoDescription:
        """The same reference; `ValueError` where `data` is none. Its frame is made by way of `look` when asked for."""
        features, rest = _unpack(_PHOTO, data)
        if rest:
            raise ValueError("more than a photo's features")
        return PhotoDescription(features, lambda: frame(look()))


class MarkPacking:
    """`LogoVerifier.enrol`'s templates."""

    version: Final = f"1 {MARK_SIDE} {MARK_POINTS} {PICTURE_SIDE} {cv2.__version__}"
    """What the bytes depend on. Raise the first number when `enrol` comes to say anything else."""

    def pack(self, described: LogoTemplate) -> bytes:
        """A mark as bytes."""
        height, width = described.picture.shape[:2]
        content = described.content
        head = _PICTURE.pack(height, width, content.x0, content.y0, content.x1, content.y1)
        return _pack(_MARK, described.details) + head + described.picture.tobytes()

    def unpack(self, data: bytes, _look: Look) -> LogoTemplate:
        """The same mark; `ValueError` where `data` is none."""
        details, rest = _unpack(_MARK, data)
        if len(rest) < _PICTURE.size:
            raise ValueError("a mark without a picture")
        height, width, *corners = _PICTURE.unpack_from(rest)
        pixels = np.frombuffer(rest, np.uint8, offset=_PICTURE.size)
        if not 0 < height <= _MOST_SIDE or not 0 < width <= _MOST_SIDE or pixels.size != height * width * 3:
            raise ValueError("a mark's picture of a wrong size")
        content = Box(*corners)
        if not np.isfinite(corners).all() or content != content.clipped():
            raise ValueError("a mark outside its picture")
        picture: Pixels = pixels.reshape(height, width, 3)
        return LogoTemplate(picture, sketches(picture), details, content)


def _pack(magic: bytes, features: LocalFeatures) -> bytes:
    numbers = np.column_stack([features.points, features.scales, features.angles]).astype("<f4")
    head = _FEATURES.pack(magic, len(features), features.width, features.height)
    return head + numbers.tobytes() + features.descriptors.tobytes()


def _unpack(magic: bytes, data: bytes) -> tuple[LocalFeatures, bytes]:
    """Features, and what follows them."""
    if len(data) < _FEATURES.size:
        raise ValueError("no features")
    found, count, width, height = _FEATURES.unpack_from(data)
    bins = _FEATURES.size + count * _NUMBERS * 4
    end = bins + count * _BINS
    if found != magic or count > _MOST_POINTS or len(data) < end:
        raise ValueError("features of another kind, or cut off")
    if not 0 < width <= _MOST_SIDE or not 0 < height <= _MOST_SIDE:
        raise ValueError("features of a picture of a wrong size")
    numbers = np.frombuffer(data, "<f4", count * _NUMBERS, _FEATURES.size).reshape(count, _NUMBERS)
    if not np.isfinite(numbers).all() or np.abs(numbers).max(initial=0.0) > 2 * _MOST_SIDE:
        raise ValueError("features that lie nowhere")
    points, scales, angles = (np.ascontiguousarray(part) for part in (numbers[:, :2], numbers[:, 2], numbers[:, 3]))
    descriptors = np.frombuffer(data, np.uint8, count * _BINS, bins).reshape(count, _BINS)
    return LocalFeatures(points, scales, angles, descriptors, width, height), data[end:]
