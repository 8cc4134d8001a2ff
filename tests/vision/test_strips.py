"""Graphs in strips: the same numbers as the whole, and graphs that begin otherwise are left alone."""

from __future__ import annotations

import numpy as np
import pytest

ov = pytest.importorskip("openvino")
from openvino import opset13 as operations  # noqa: E402 - without OpenVINO there is nothing to test

from vision.embedders.cores import shared_core  # noqa: E402
from vision.embedders.strips import in_strips  # noqa: E402

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
PADS = {"same of an even side": ([0, 0], [1, 1]), "symmetric": ([1, 1], [1, 1]), "of five": ([2, 2], [2, 2])}


def convolved(value, random, channels, *, stride=1, pads=([1, 1], [1, 1]), kernel=3):
    weights = random.standard_normal((channels, value.get_output_partial_shape(0)[1].get_length(), kernel, kernel))
    node = operations.convolution(value, weights.astype(np.float32), [stride, stride], *pads, [1, 1])
    bias = random.standard_normal((1, channels, 1, 1)).astype(np.float32)
    return operations.relu(operations.add(node, operations.constant(bias)))


def trunk(side, *, branch=False, pads=PADS["symmetric"]):
    """A chain of strides 2, 1 and 2, then a branch that comes together again."""
    random = np.random.default_rng(5)
    kernel = 5 if pads == PADS["of five"] else 3
    picture = operations.parameter([1, side, side, 3], np.uint8)
    value = operations.transpose(operations.convert(picture, np.float32), np.array([0, 3, 1, 2]))
    if branch:
        value = operations.add(value, operations.relu(value))
    value = convolved(value, random, 6, stride=2, pads=pads, kernel=kernel)
    value = convolved(value, random, 5)
    value = convolved(value, random, 4, stride=2, pads=pads, kernel=kernel)
    return ov.Model([operations.add(value, operations.relu(value))], [picture])


def computed(model, picture):
    return shared_core().compile_model(model, "CPU", EXACT)(picture)[0]


def nodes(model, kind):
    return sum(node.get_type_name() == kind for node in model.get_ordered_ops())


@pytest.mark.parametrize("pads", PADS.values(), ids=PADS)
def test_strips_give_the_numbers_of_the_whole(pads):
    picture = np.random.default_rng(6).integers(0, 256, (1, 320, 320, 3), np.uint8)
    expected = computed(trunk(320, pads=pads), picture)
    model = in_strips(trunk(320, pads=pads))
    assert nodes(model, "Convolution") == 3 * 4
    assert np.allclose(computed(model, picture), expected, rtol=1e-5, atol=1e-2)


def test_a_small_picture_and_another_beginning_are_left_alone():
    assert nodes(in_strips(trunk(160)), "Convolution") == 3
    assert nodes(in_strips(trunk(320, branch=True)), "Concat") == 0
