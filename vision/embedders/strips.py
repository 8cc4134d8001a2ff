"""The first layers of a graph in strips of the picture, so that their maps stay in the cache of a core.

Place in the flow: between reading and compiling a graph in `vision.embedders.graphs`. Before the first branch a
convolutional trunk is a chain whose maps are the largest there are, several megabytes each. Each strip takes the rows
its kernels reach beyond it as well, and gives the same numbers as the whole. A graph that begins otherwise stays as it
is. It compiles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import openvino as ov
from openvino import opset13 as operations

LEAST: Final = 80
"""Rows of the picture in a strip: with fewer, what strips share costs more than the cache gives."""
FEWEST: Final = 3
_POINTWISE: Final = ("Add", "Subtract", "Multiply", "Clamp", "Relu", "Convert", "Swish", "HSwish")
_CONVOLUTIONS: Final = ("Convolution", "GroupConvolution")


@dataclass(frozen=True, slots=True)
class _Chain:
    """The nodes from the input to `last`: its rows lie on `axis`, one for `stride` rows of the picture, of which
    `above` and `below` look beyond the border of a strip."""

    last: Any
    axis: int = 1
    stride: int = 1
    above: int = 0
    below: int = 0


def in_strips(model: ov.Model) -> ov.Model:
    """`model` with input `[1, side, side, 3]` computed in strips as far as its first branch, or as it was."""
    picture = model.get_parameters()[0]
    chain = _Chain(picture)
    while (following := _follow(chain)) is not None:
        chain = following
    if chain.stride == 1:
        return model
    rows, side = (int(value) for value in (chain.last.get_output_shape(0)[chain.axis], picture.get_output_shape(0)[1]))
    fitting = [count for count in range(FEWEST, side // LEAST + 1) if rows % count == 0]
    if not fitting or rows * chain.stride != side:
        return model
    strips = [_strip(picture, chain, rows, start, rows // fitting[-1]) for start in range(0, rows, rows // fitting[-1])]
    targets = list(chain.last.output(0).get_target_inputs())
    joined = operations.concat(strips, chain.axis)
    for target in targets:
        target.replace_source_output(joined.output(0))
    return ov.Model(model.get_results(), [picture], model.get_friendly_name())


def _follow(chain: _Chain) -> _Chain | None:
    """The chain with the node behind it, None where it branches or a node is no step of a chain."""
    targets = list(chain.last.output(0).get_target_inputs())
    if len(targets) != 1:
        return None
    node = targets[0].get_node()
    others = [value.get_node() for value in node.input_values() if value.get_node() != chain.last]
    kind = node.get_type_name()
    if any(other.get_type_name() != "Constant" for other in others):
        return None
    if kind == "Transpose":
        return replace(chain, last=node, axis=[int(axis) for axis in others[0].data].index(chain.axis))
    if kind in _CONVOLUTIONS:
        return _behind_convolution(chain, node)
    if kind in _POINTWISE and all(_same_in_every_row(other, chain) for other in others):
        return replace(chain, last=node)
    return None


def _behind_convolution(chain: _Chain, node: Any) -> _Chain | None:
    """A row behind a convolution looks beyond the border where its kernel reaches a row that does, or padding."""
    how = node.get_attributes()
    if chain.axis != 2 or how["auto_pad"] != "explicit" or how["dilations"][0] != 1:
        return None
    stride = int(how["strides"][0])
    above = -(-(chain.above + int(how["pads_begin"][0])) // stride)
    below = -(-(chain.below + int(how["pads_end"][0])) // stride)
    return _Chain(node, chain.axis, chain.stride * stride, above, below)


def _same_in_every_row(constant: Any, chain: _Chain) -> bool:
    shape = constant.get_output_shape(0)
    place = len(shape) - (len(chain.last.get_output_shape(0)) - chain.axis)
    return place < 0 or int(shape[place]) == 1


def _strip(picture: Any, chain: _Chain, rows: int, start: int, count: int) -> Any:
    """The rows from `start` of what the chain gives, computed from a part of the picture alone."""
    first, last = max(0, start - chain.above), min(rows, start + count + chain.below)
    part = ov.Model([chain.last.output(0)], [picture]).clone()
    _, _, width, channels = (int(value) for value in picture.get_output_shape(0))
    part.reshape([1, (last - first) * chain.stride, width, channels])
    taken = _rows(picture.output(0), 1, first * chain.stride, last * chain.stride)
    for target in list(part.get_parameters()[0].output(0).get_target_inputs()):
        target.replace_source_output(taken)
    return _rows(part.get_results()[0].input_value(0), chain.axis, start - first, start - first + count)


def _rows(value: Any, axis: int, start: int, stop: int) -> Any:
    bounds = (np.array([number]) for number in (start, stop, 1, axis))
    return operations.slice(value, *bounds).output(0)
