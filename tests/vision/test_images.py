"""Decoding of good and bad bytes through the public functions of `vision.images`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data as photographs

from vision import errors
from vision.boxes import Box
from vision.images import DecodeLimits, cut, decode, encode_jpeg, encode_png, fit, resize

QUADRANTS = np.zeros((40, 60, 3), np.uint8)
QUADRANTS[:20, :30] = (255, 0, 0)
QUADRANTS[:20, 30:] = (0, 255, 0)
QUADRANTS[20:, :30] = (0, 0, 255)
QUADRANTS[20:, 30:] = (255, 255, 0)


def encoded(image, name="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_gives_the_same_picture(name):
    photo = photographs.astronaut()
    picture = decode(encoded(Image.fromarray(photo), name))
    assert (picture.format, picture.width, picture.height) == (name, 512, 512)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (512, 512, 3)
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 8


def test_digest_is_of_the_bytes():
    data = encode_png(QUADRANTS)
    assert decode(data).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation, name):
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(QUADRANTS) if back is None else Image.fromarray(QUADRANTS).transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if name == "JPEG" else {"lossless": True} if name == "WEBP" else {}
    picture = decode(encoded(stored, name, exif=exif, **options))
    assert (picture.width, picture.height) == (60, 40)
    assert np.abs(picture.pixels[5:15:5, 5:25:5].astype(int) - (255, 0, 0)).max() < 20
    assert np.abs(picture.pixels[25:35:5, 35:55:5].astype(int) - (255, 255, 0)).max() < 20


def test_cmyk_jpeg_keeps_its_colours():
    picture = decode(encoded(Image.fromarray(QUADRANTS).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(picture.pixels[10, 10].astype(int) - (255, 0, 0)).max() < 20


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(name):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    picture = decode(encoded(Image.fromarray(ramp), name))
    assert np.abs(picture.pixels[..., 0].astype(float) - ramp / 257.0).max() <= 1


def test_float_tiff_is_read_as_unit_range():
    picture = decode(encoded(Image.fromarray(np.full((20, 20), 0.5, np.float32)), "TIFF"))
    assert set(picture.pixels.ravel()) <= {127, 128}


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    assert (decode(encoded(clear)).pixels == 255).all()
    half = Image.new("LA", (32, 32), (0, 128))
    assert np.abs(decode(encoded(half)).pixels.astype(int) - 127).max() <= 1


def test_palette_with_transparency_lies_on_white():
    image = Image.new("P", (32, 32), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 16, 32))
    picture = decode(encoded(image, transparency=0))
    assert tuple(picture.pixels[8, 24]) == (255, 255, 255)
    assert tuple(picture.pixels[8, 8]) == (0, 0, 255)


def test_bilevel_is_black_and_white():
    picture = decode(encoded(Image.fromarray(QUADRANTS[..., 0] > 0)))
    assert set(picture.pixels.ravel()) == {0, 255}


def test_embedded_profile_is_applied_and_a_broken_one_ignored():
    image = Image.fromarray(np.full((32, 32, 3), (180, 90, 60), np.uint8))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = decode(encoded(image)).pixels
    assert np.array_equal(decode(encoded(image, icc_profile=lab)).pixels, plain)
    assert np.array_equal(decode(encoded(image, icc_profile=b"not a profile")).pixels, plain)
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"s\0R\0G\0B", b"o\0d\0d\0!")
    swapped = xyz.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    turned = decode(encoded(image, icc_profile=swapped)).pixels
    assert turned[0, 0, 2] > turned[0, 0, 0]


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    for name in ("GIF", "WEBP"):
        picture = decode(encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=50))
        assert np.abs(picture.pixels[16, 16].astype(int) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize(("name", "shape"), [("JPEG", (3000, 4000)), ("PNG", (3000, 4000)), ("JPEG", (4000, 3000))])
def test_large_pictures_shrink_but_not_below_the_asked_side(name, shape):
    image = Image.fromarray(resize(photographs.chelsea(), shape[1], shape[0]))
    picture = decode(encoded(image, name), side=448)
    assert (picture.height, picture.width) == shape
    assert 448 <= max(picture.pixels.shape) < 2 * 448 + 8


def test_scaled_decode_agrees_with_plain_decode():
    data = encode_jpeg(resize(photographs.astronaut(), 2048, 2048), quality=92)
    small = resize(decode(data, side=448).pixels, 224, 224).astype(np.float64).ravel()
    plain = resize(np.asarray(Image.open(io.BytesIO(data))), 224, 224).astype(np.float64).ravel()
    assert small @ plain / np.linalg.norm(small) / np.linalg.norm(plain) >= 0.999


def flat_png(side):
    """A valid grey PNG of `side`² whose bytes are few: the classic bomb."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 2)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 13_000, 30_000])
def test_bomb_is_refused_by_its_header(side):
    data = flat_png(side)
    assert len(data) < 150_000
    tracemalloc.start()
    try:
        with pytest.raises(errors.ImageTooLarge):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


JPEG = encode_jpeg(photographs.chelsea())
PNG = encode_png(photographs.chelsea())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", errors.EmptyImage),
        (b"hello, world", errors.UnsupportedImage),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", errors.UnsupportedImage),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", errors.UnsupportedImage),
        (b"\x00" * 4096, errors.UnsupportedImage),
        (JPEG[: len(JPEG) // 2], errors.CorruptImage),
        (JPEG[:64], errors.CorruptImage),
        (PNG[: len(PNG) // 2], errors.CorruptImage),
        (PNG[:2000] + b"\x55" * 3000 + PNG[5000:], errors.CorruptImage),
        (PNG[:12], errors.CorruptImage),
        (b"RIFF\x10\0\0\0WEBPVP8 junk", errors.CorruptImage),
        (encode_png(QUADRANTS[:8]), errors.ImageTooSmall),
    ],
)
def test_bad_bytes_have_typed_errors(data, expected):
    with pytest.raises(expected):
        decode(data)


def test_limits_are_the_callers():
    with pytest.raises(errors.ImageTooLarge, match="bytes"):
        decode(JPEG, limits=DecodeLimits(max_bytes=1000))
    with pytest.raises(errors.ImageTooLarge, match="451 x 300"):
        decode(JPEG, limits=DecodeLimits(max_pixels=1000))


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_gives_a_picture_or_a_typed_error(seed):
    random = np.random.default_rng(seed)
    damaged = bytearray((JPEG, PNG)[seed % 2])
    for position in random.integers(0, len(damaged), 20):
        damaged[position] = random.integers(256)
    with contextlib.suppress(errors.ImageError):
        assert decode(bytes(damaged)).pixels.ndim == 3


def test_resize_averages_and_fit_keeps_the_shape():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, 16, 16).astype(int) - 127).max() <= 1
    assert resize(stripes, 100, 20).shape == (20, 100, 3)
    assert fit(QUADRANTS, 30).shape == (20, 30, 3)
    assert fit(QUADRANTS, 99) is QUADRANTS


@pytest.mark.parametrize("size", [(2000, 1500), (1290, 1282), (5120, 300)])
def test_averaging_by_twos_first_is_averaging_at_once_but_for_the_edges_of_cells(size):
    pixels = resize(np.asarray(photographs.coffee()), *size)
    at_once = cv2.resize(pixels, (320, 64), interpolation=cv2.INTER_AREA)
    found = resize(pixels, 320, 64)
    assert np.abs(found.astype(int) - at_once).mean() < 1.0
    assert abs(found.mean() - at_once.mean()) < 0.3


def test_a_window_is_cut_with_its_margin_beyond_the_edge():
    crop = cut(QUADRANTS, Box(0.0, 0.0, 0.5, 0.5), 0.5)
    assert crop.shape == (40, 60, 3)
    assert (crop[:10] == crop[10]).all()
    assert tuple(crop[0, 0]) == (255, 0, 0)
    assert tuple(crop[-1, -1]) == (255, 255, 0)
    assert np.array_equal(crop[10:30, 15:45], QUADRANTS[:20, :30])


@pytest.mark.parametrize("size", [(300, 200), (2048, 1536), (3100, 2050)])
@pytest.mark.parametrize(("subsampling", "progressive"), [("4:4:4", True), ("4:2:0", False)])
def test_the_quick_way_of_a_plain_jpeg_gives_pillows_pixels(size, subsampling, progressive):
    image = Image.fromarray(resize(photographs.chelsea(), *size))
    data = encoded(image, "JPEG", quality=90, subsampling=subsampling, progressive=progressive)
    quick = decode(data, side=448).pixels
    assert np.array_equal(
        decode(data + b"\0", side=448).pixels, quick
    )  # what follows the end makes it a case for Pillow
