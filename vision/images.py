"""Untrusted bytes in, upright sRGB RGB8 out; resizing and encoding of the result.

Place in the flow: the first stage of every picture, before `vision.embedders` and `vision.verification`. Dimensions
are read from the header and refused before any pixel is decoded, one frame is read, and the formats are named
explicitly because Pillow would otherwise open some forty. It fetches nothing and stores nothing.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError, features

from vision.boxes import Box
from vision.embedding import Pixels
from vision.errors import CorruptImage, EmptyImage, ImageError, ImageTooLarge, ImageTooSmall, UnsupportedImage

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_JPEG_END: Final = b"\xff\xd9"
_REDUCED: Final = (1, 2, 4, 8)
"""By how much a JPEG shrinks while it is decoded."""
_HALVED: Final = 4
"""From this many times the wanted size on, pixels are averaged by twos first: a third of the time, and what is lost by
rounding is less than the engines' own (docs/performance.md)."""
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What is refused before decoding: encoded bytes, pixels by the header, and the shorter side in pixels."""

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    min_side: int = 16


VETTED: Final = DecodeLimits(max_bytes=1 << 30, max_pixels=400_000_000)
"""For pictures that are stored: who took them in held the limits of that day."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    `pixels` may be smaller than the original; `width` and `height` are the upright size of the original in pixels.
    `format` is Pillow's name ("JPEG", "PNG", …), `sha256` the hex digest of the encoded bytes.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    sha256: str


def decode(data: bytes, *, limits: DecodeLimits = DecodeLimits(), side: int = 1024) -> Picture:
    """Decode the first frame upright, as sRGB on white, its longest side at least `side` where the original allows.

    Larger pictures are reduced by an integer factor while (JPEG) or right after decoding. Raises `EmptyImage`,
    `UnsupportedImage`, `CorruptImage`, `ImageTooLarge` or `ImageTooSmall`.
    """
    if not data:
        raise EmptyImage("the picture is empty (0 bytes); send its bytes")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the picture has {len(data)} bytes, at most {limits.max_bytes} are read; send a smaller one"
        )
    try:
        with _open(data) as image:
            _check_size(image.size, limits)
            return _read(image, data, side)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"the picture has more than {limits.max_pixels} pixels; send a smaller one") from error
    except Exception as error:  # decoders of damaged bytes raise nearly anything: struct, zlib, Index, OS
        raise CorruptImage("the picture is damaged or cut off and cannot be decoded; send it again") from error


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` at `width` by `height`, averaged over areas where it shrinks, so that no aliasing appears."""
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    while columns >= _HALVED * width and rows >= _HALVED * height and not (columns % 2 or rows % 2):
        columns, rows = columns // 2, rows // 2
        pixels = np.asarray(cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    shrunk = (min(width, columns), min(height, rows))
    if shrunk != (columns, rows):
        pixels = np.asarray(cv2.resize(pixels, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
    if shrunk != (width, height):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return pixels


def fit(pixels: Pixels, side: int) -> Pixels:
    """`pixels` with its longest side at most `side`; smaller pictures are returned as they are."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def cut(pixels: Pixels, window: Box, margin: float) -> Pixels:
    """A copy of `window` grown on every side by `margin` of its own size; beyond the picture its edge is repeated."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = window.pixels(width, height)
    aside, above = round((right - left) * margin), round((bottom - top) * margin)
    x0, y0, x1, y1 = left - aside, top - above, right + aside, bottom + above
    inner = pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    beyond = max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0)
    return np.asarray(cv2.copyMakeBorder(inner, *beyond, cv2.BORDER_REPLICATE), np.uint8)


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """JPEG bytes of `pixels`."""
    return _encode(pixels, "JPEG", quality=quality)


def encode_png(pixels: Pixels) -> bytes:
    """PNG bytes of `pixels`."""
    return _encode(pixels, "PNG")


def _encode(pixels: Pixels, name: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def _open(data: bytes) -> Image.Image:
    """Read the header only. What bears the mark of a known format but has no readable header is corrupt."""
    formats = (*_FORMATS, "AVIF") if features.check("avif") else _FORMATS
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        if data.startswith(_SIGNATURES) or data[8:12] in (b"WEBP", b"avif"):
            raise CorruptImage("the picture's header is damaged or cut off; send it again") from error
        what = "SVG drawings are not read" if b"<svg" in data[:1024].lower() else "the file is not a picture we read"
        raise UnsupportedImage(f"{what}; send one of {', '.join(formats)}") from error


def _check_size(size: tuple[int, int], limits: DecodeLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(f"the picture is {width} x {height}, at most {limits.max_pixels} pixels are read")
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(f"the picture is {width} x {height}, the shorter side must have {limits.min_side} px")


def _read(image: Image.Image, data: bytes, side: int) -> Picture:
    width, height = image.size
    if _is_plain(image, data) and (pixels := _read_plain(data, image.size, side)) is not None:
        return Picture(pixels, width, height, "JPEG", hashlib.sha256(data).hexdigest())
    ratio = min(1.0, side / max(width, height))
    image.draft(None, (max(1, round(width * ratio)), max(1, round(height * ratio))))
    image.load()
    name = "JPEG" if image.format == "MPO" else str(image.format)  # phones add a second picture after the first
    orientation = _orientation(image)
    profile = image.info.get("icc_profile")
    upright = image if orientation == 1 else image.transpose(_TRANSPOSES[orientation])
    factor = max(upright.size) // side
    rgb = _to_srgb(_on_white(upright), profile)
    if factor >= 2:
        rgb = rgb.reduce(factor)
    if orientation >= 5:
        width, height = height, width
    return Picture(np.array(rgb, np.uint8), width, height, name, hashlib.sha256(data).hexdigest())


def _is_plain(image: Image.Image, data: bytes) -> bool:
    """A JPEG as nearly all are: whole, upright, three channels, and no colour profile to apply."""
    if image.format != "JPEG" or image.mode != "RGB" or not data.endswith(_JPEG_END):
        return False
    return _orientation(image) == 1 and "icc_profile" not in image.info


def _read_plain(data: bytes, size: tuple[int, int], side: int) -> Pixels | None:
    """What Pillow would give of a plain JPEG, to the bit, in half the time; None where it has to decide."""
    factor = max(1, max(size) // side)
    scale = max(step for step in _REDUCED if step <= factor)
    shape = -(-size[1] // scale), -(-size[0] // scale), 3
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=shape[0], min_width=shape[1], min_factor=1)
    except ValueError:  # damaged, or of a kind that needs more than this decoder
        return None
    if pixels.shape != shape:
        return None
    if (left := max(pixels.shape) // side) >= 2:
        return np.array(Image.fromarray(pixels).reduce(left), np.uint8)
    return np.asarray(pixels, np.uint8)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none; Pillow has already turned TIFF and AVIF and says 1 for them."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - a damaged EXIF block is no reason to refuse the pixels
        return 1
    return value if value in _TRANSPOSES else 1


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as L, RGB or CMYK, transparency laid on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: integers as 16 bits full scale unless all fit in 8, floats as [0, 1] unless larger."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    peak = float(values.max(initial=0.0))
    if image.mode == "F":
        scale = 255.0 if peak <= 1.0 else 1.0
    else:
        scale = 255.0 / 65535.0 if peak > 255 or image.mode.startswith("I;16") else 1.0
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply an embedded colour profile; one that is damaged or of another kind of picture is left aside."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
                return converted if converted is not None else image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return image.convert("RGB")
    return image.convert("RGB")
