"""A background set knows what is common, keeps its version through its file, and refuses files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexes.background import Background, Limits
from indexes.errors import CalibrationError
from vision.embedding import Vectors

LIMITS = Limits(shared=0.5, plain=0.9)


def units(count: int, dim: int, seed: int) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


@pytest.fixture
def background() -> Background:
    ordinary = {"photo": units(40, 16, 1), "logo": units(30, 8, 2)}
    plain = {"photo": units(5, 16, 3), "logo": units(5, 8, 4)}
    return Background("spc_test", ordinary, plain, {"photo": LIMITS, "logo": LIMITS})


def test_the_level_is_the_mean_of_the_three_nearest(background: Background) -> None:
    asked = units(6, 16, 9)
    nearest = np.sort(asked @ background.ordinary["photo"].T, axis=1)[:, -3:]
    assert background.level("photo", asked) == pytest.approx(nearest.mean(axis=1), abs=1e-6)
    assert background.level("logo", np.empty((0, 8), np.float32)).shape == (0,)


def test_a_file_keeps_the_version(background: Background, tmp_path: Path) -> None:
    background.save(tmp_path / "background.safetensors")
    read = Background.load(tmp_path / "background.safetensors")
    assert (read.version, read.space_id, read.limits["logo"]) == (background.version, "spc_test", LIMITS)


def test_what_resembles_half_of_everything_is_generic(background: Background) -> None:
    middle = np.asarray(background.ordinary["photo"].mean(axis=0, keepdims=True))
    assert background.why_generic("photo", units(6, 16, 7)) is None
    common = Background(
        "spc_test",
        {**background.ordinary, "photo": units(40, 16, 1) * 0.3 + middle / np.linalg.norm(middle)},
        background.plain,
        background.limits,
    )
    assert "ordinary pictures" in str(common.why_generic("photo", middle / np.linalg.norm(middle)))


def test_a_plain_shape_is_generic(background: Background) -> None:
    assert "simple shape" in str(background.why_generic("logo", background.plain["logo"][2:3]))


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "background.safetensors"
    path.write_bytes(content)
    with pytest.raises(CalibrationError, match=r"background\.safetensors.*brandwarden-train background"):
        Background.load(path)


def test_vectors_that_are_not_finite_are_refused(background: Background) -> None:
    broken = background.ordinary["logo"].copy()
    broken[3, 3] = np.nan
    with pytest.raises(CalibrationError, match="finite"):
        Background("x", {**background.ordinary, "logo": broken}, background.plain, background.limits)
