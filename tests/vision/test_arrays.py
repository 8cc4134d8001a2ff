"""The heads in NumPy against the same heads in torch, on random maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vision.embedders.arrays import ArrayHeads, Maps
from vision.embedders.heads import LearnedHeads
from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar
from vision.embedders.tower import Features
from vision.regions import PHOTO_LAYOUT, as_corners

SHAPES = ((2, 1), (3, 3), (5, 4), (12, 12))
CHANNELS = (4, 6, 5)
SIDES = (24, 12, 7)


def projection(random, parts):
    width = sum(CHANNELS[part.map] * part.grid**2 for part in parts)
    mean = random.standard_normal(width).astype(np.float32) * 0.1
    return Projection(parts, mean, random.standard_normal((8, width)).astype(np.float32))


@pytest.fixture(scope="module")
def sidecar():
    random = np.random.default_rng(3)
    kinds, width = len(SHAPES), sum(CHANNELS)
    numbers = {name: random.standard_normal((kinds, width)).astype(np.float32) for name in ("inside", "around")}
    return Sidecar(
        side=96,
        stages=(1, 2),
        view_side=64,
        view_fill=0.6,
        photo=projection(random, (Part(2, power=3.0), Part(1), Part(0, power=2.0))),
        logo=projection(random, (Part(0, grid=3), Part(1, grid=2), Part(-1))),
        logoness=Logoness(
            maps=(0, 1, 2),
            cells=12,
            shapes=SHAPES,
            mean=random.standard_normal(width).astype(np.float32),
            scale=random.uniform(0.5, 2.0, width).astype(np.float32),
            bias=random.standard_normal(kinds).astype(np.float32),
            **numbers,
        ),
    )


@pytest.fixture(scope="module")
def layers():
    random = np.random.default_rng(4)
    return [random.random((side, side, width), dtype=np.float32) for side, width in zip(SIDES, CHANNELS, strict=True)]


@pytest.fixture(scope="module")
def features(layers):
    maps = tuple(torch.from_numpy(layer.transpose(2, 0, 1)[None].copy()) for layer in layers)
    return Features(torch.zeros(1, 8), maps)


def boxes():
    random = np.random.default_rng(5)
    low = random.uniform(0, 0.8, (40, 2))
    high = low + random.uniform(0.02, 1.0, (40, 2)) * (1 - low)
    lattice = np.array([[0.05, 0.1, 0.45, 0.5], [0.3, 0.3, 0.7, 1.0], [0.0, 0.0, 1.0, 1.0]])
    return np.concatenate([np.hstack([low, high]), lattice, as_corners(PHOTO_LAYOUT)]).astype(np.float32)


@pytest.mark.parametrize("kind", ["photo", "logo"])
def test_descriptors_of_boxes_are_those_of_torch(sidecar, layers, features, kind):
    asked = boxes()
    found = getattr(ArrayHeads(sidecar), kind)([Maps(tuple(layers))], asked, np.zeros(len(asked), np.int64))
    reference = getattr(LearnedHeads(sidecar, torch.device("cpu")), kind)
    expected = reference(features, torch.from_numpy(asked), torch.zeros(len(asked), dtype=torch.long)).numpy()
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4


def test_logoness_of_windows_is_that_of_torch(sidecar, layers, features):
    corners, scores = ArrayHeads(sidecar).windows(Maps(tuple(layers)))
    expected_corners, expected = LearnedHeads(sidecar, torch.device("cpu")).windows(features)
    assert np.array_equal(corners, expected_corners)
    assert np.abs(scores - expected[0]).max() < 1e-4
    assert len(np.unique(np.round(scores, 3))) > 20
