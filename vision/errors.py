"""Everything `vision` raises on purpose.

Each class has a stable `reason` (a slug a program can switch on) and a message that says what to do.
The service maps every class here to an HTTP status; a test holds that map complete.
"""

from __future__ import annotations


class VisionError(Exception):
    """Base of all errors raised by `vision`."""

    reason = "vision"


class ImageError(VisionError):
    """The bytes are not a picture we can use."""

    reason = "bad-image"


class EmptyImage(ImageError):
    """No bytes at all."""

    reason = "empty-image"


class UnsupportedImage(ImageError):
    """Not a picture, or in a format that is not read here."""

    reason = "unsupported-image"


class CorruptImage(ImageError):
    """A known format whose content cannot be decoded: truncated or damaged."""

    reason = "corrupt-image"


class ImageTooLarge(ImageError):
    """More bytes or more pixels than the limits allow."""

    reason = "image-too-large"


class ImageTooSmall(ImageError):
    """Too few pixels to recognise anything in."""

    reason = "image-too-small"


class ModelError(VisionError):
    """A model cannot be found, loaded or trusted; the message names the file or setting to mend."""

    reason = "model"
