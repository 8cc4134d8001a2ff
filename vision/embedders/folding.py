"""Folds batch normalisation into the convolution before it: fewer passes over memory, and bf16 loses less.

Place in the flow: once, after loading and before the cast to the working precision. The folded copy is used only
where it gives the same answer, so a tower that wires its layers in another order than it lists them stays as it is.
"""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn


@torch.no_grad()  # not inference_mode: the new weights must be ordinary tensors
def fold_batch_norms(visual: nn.Module, side: int) -> nn.Module:
    """`visual` with its convolution + batch normalisation pairs merged, or `visual` itself where there are none.

    `side` is the input size in px, for the check that both give the same features.
    """
    folded = copy.deepcopy(visual)
    if not sum(_fold_children(module) for module in folded.modules()):
        return visual
    probe = torch.linspace(-1.0, 1.0, 3 * side * side).sin().reshape(1, 3, side, side)
    expected: Tensor = visual(probe)
    agrees = torch.allclose(folded(probe), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    return folded if agrees else visual


def _fold_children(module: nn.Module) -> int:
    """Merge neighbouring children of one module; returns how many pairs were merged."""
    children = list(module.named_children())
    count = 0
    for (_, conv), (name, norm) in itertools.pairwise(children):
        if _is_pair(conv, norm):
            assert isinstance(conv, nn.Conv2d)  # noqa: S101 - tells the type checker what _is_pair found
            assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101 - the same
            _merge(conv, norm)
            # timm's BatchNormAct2d carries the activation that follows
            setattr(module, name, getattr(norm, "act", nn.Identity()))
            count += 1
    return count


def _is_pair(conv: nn.Module, norm: nn.Module) -> bool:
    if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
        return False
    return conv.out_channels == norm.num_features and norm.running_var is not None


def _merge(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None  # noqa: S101 - _is_pair looked
    assert norm.running_var is not None  # noqa: S101 - the same
    gain = (norm.running_var + norm.eps).rsqrt()
    offset = -norm.running_mean * gain
    if norm.affine:
        gain, offset = gain * norm.weight, offset * norm.weight + norm.bias
    bias = offset if conv.bias is None else conv.bias * gain + offset
    conv.weight = nn.Parameter(conv.weight * gain[:, None, None, None], requires_grad=False)
    conv.bias = nn.Parameter(bias, requires_grad=False)
