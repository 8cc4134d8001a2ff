"""Packed descriptions are the same descriptions, and nothing else passes for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.verification import LogoVerifier, PhotoVerifier
from vision.verification.packing import MarkPacking, PhotoPacking

PHOTOS, MARKS = PhotoVerifier(), LogoVerifier()
CAT, CUP = data.chelsea(), data.coffee()
EMBLEM = np.full((200, 300, 3), 255, np.uint8)
cv2.putText(EMBLEM, "Acme", (20, 130), cv2.FONT_HERSHEY_TRIPLEX, 3.0, (200, 20, 20), 6)


PINNED = [321, 95.55, 34.52, 55, 29.22, 30.38]
"""Count, mean place and mean bin of the features of the cat as a photo, and of the emblem as a mark."""


def never():
    raise AssertionError("the picture was read for nothing")


def same_features(one, two):
    return (one.width, one.height) == (two.width, two.height) and all(
        getattr(one, name).dtype == getattr(two, name).dtype and np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("points", "scales", "angles", "descriptors")
    )


@pytest.mark.parametrize("query", [CAT[30:260, 40:400], CAT[:, ::-1], cv2.resize(CAT, (300, 200)), CUP])
def test_a_photo_from_the_disk_answers_to_the_bit_as_a_new_one(query):
    made = PHOTOS.enrol(CAT)
    packing = PhotoPacking()
    found = packing.unpack(packing.pack(made), lambda: CAT)
    assert same_features(found.features, made.features)
    asked = PHOTOS.describe(np.ascontiguousarray(query))
    assert PHOTOS.verify(asked, found) == PHOTOS.verify(asked, made)


def test_a_picture_is_read_again_only_for_a_look_alike_that_lines_up():
    packing = PhotoPacking()
    found = packing.unpack(packing.pack(PHOTOS.enrol(CAT)), never)
    light = found.nbytes
    assert PHOTOS.verify(PHOTOS.describe(np.full((200, 200, 3), 200, np.uint8)), found) is None
    assert found.nbytes == light < 60_000
    seen = packing.unpack(packing.pack(PHOTOS.enrol(CAT)), lambda: CAT)
    assert PHOTOS.verify(PHOTOS.describe(CAT), seen) is not None
    assert seen.nbytes > 2 * light


def test_a_picture_without_features_can_be_packed():
    packing = PhotoPacking()
    found = packing.unpack(packing.pack(PHOTOS.enrol(np.full((64, 64, 3), 90, np.uint8))), never)
    assert len(found.features) == 0


def test_a_mark_from_the_disk_is_the_mark():
    made, packing = MARKS.enrol(EMBLEM), MarkPacking()
    found = packing.unpack(packing.pack(made), never)
    assert same_features(found.details, made.details)
    assert found.content == made.content
    assert np.array_equal(found.picture, made.picture)
    for ours, theirs in zip(found.sketches, made.sketches, strict=True):
        # Drawn anew they differ in the last bit, as OpenCV's sums begin where the memory is aligned.
        np.testing.assert_allclose(ours.field, theirs.field, atol=1e-6)
    scene = MARKS.describe(np.vstack([CUP[:200, :300], EMBLEM]))
    ours, theirs = MARKS.line_up(scene, found), MARKS.line_up(scene, made)
    assert ours is not None
    assert ours.features() == pytest.approx(theirs.features(), abs=1e-4)


@pytest.mark.parametrize(
    ("packing", "made"), [(PhotoPacking(), PHOTOS.enrol(CAT)), (MarkPacking(), MARKS.enrol(EMBLEM))]
)
def test_hostile_bytes_are_refused_or_harmless(packing, made):
    whole = packing.pack(made)
    rng = np.random.default_rng(5)
    for length in (0, 3, 15, 16, 17, 1_000, len(whole) - 1):
        with pytest.raises(ValueError, match=r"features|picture"):
            packing.unpack(whole[:length], never)
    with pytest.raises(ValueError, match=r"features|picture"):
        packing.unpack(whole + b"!", never)
    with pytest.raises(ValueError, match=r"features|picture"):
        packing.unpack(b"else" + whole[4:], never)
    query = PHOTOS.describe(CAT)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 40) if rng.random() < 0.5 else rng.integers(0, 600, 8):
            damaged[place] = rng.integers(0, 256)
        try:
            found = packing.unpack(bytes(damaged), lambda: CAT)
        except ValueError:
            continue
        if isinstance(packing, PhotoPacking):
            PHOTOS.verify(query, found)
    for numbers in (b"\xff\xff\xff\x7f", b"\x00\x00\x80\x7f", b"\x00\x00\x80\xff"):  # NaN and both infinities
        with pytest.raises(ValueError, match="nowhere"):
            packing.unpack(whole[:16] + numbers + whole[20:], never)


def test_the_version_is_raised_with_what_enrolling_says():
    """When this fails `enrol` says something else than before: raise the number in `version`, and these figures."""
    features, details = PHOTOS.enrol(CAT).features, MARKS.enrol(EMBLEM).details
    figures = [len(features), float(features.points.mean()), float(features.descriptors.mean())]
    figures += [len(details), float(details.points.mean()), float(details.descriptors.mean())]
    assert figures == pytest.approx(PINNED, rel=1e-3)
