"""The model while it learns: the open_clip image tower with its late blocks free, and the heads as parameters.

Place in the flow: `loop` runs it, `finish` writes it down. Batch normalisation keeps its statistics and depthwise
filters keep what they know; what learns are the pointwise convolutions after `frozen_blocks` and the heads.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vision.embedders.heads import LogonessWeights, WindowGrid, describe, raster, window_logits
from vision.embedders.sidecar import Projection, Sidecar
from vision.embedders.tower import Features, Tower


class Student(nn.Module):
    """Pictures to unit vectors, differentiable. Heads begin as the sidecar's closed forms."""

    pixel_mean: Tensor
    pixel_std: Tensor
    cell_mean: Tensor
    cell_scale: Tensor

    def __init__(self, visual: nn.Module, sidecar: Sidecar, *, frozen_blocks: int) -> None:
        super().__init__()
        self.visual = visual
        self.trunk_parameters = _free(visual, frozen_blocks)
        quicken(visual)
        self._tower = Tower(visual, sidecar.stages)
        self.photo_head = _plain_head(sidecar.photo)
        self.logo_head = _plain_head(sidecar.logo)
        self.take(sidecar)
        config: dict[str, Any] = getattr(visual, "preprocess_cfg", {})
        for name in ("mean", "std"):
            values = torch.tensor(config[name])[:, None, None] * 255.0
            self.register_buffer(f"pixel_{name}", values, persistent=False)

    def take(self, sidecar: Sidecar) -> None:
        """Take the logoness of `sidecar` for its own; the heads stay."""
        self.sidecar = sidecar
        arrays = {name: getattr(sidecar.logoness, name) for name in ("inside", "around", "bias")}
        self.logoness = nn.ParameterDict({name: torch.from_numpy(value.copy()) for name, value in arrays.items()})
        for name in ("mean", "scale"):
            self.register_buffer(f"cell_{name}", torch.from_numpy(getattr(sidecar.logoness, name)), persistent=False)

    def features(self, pixels: Tensor) -> Features:
        """The maps of uint8 pictures `[n, side, side, 3]`."""
        batch = (pixels.permute(0, 3, 1, 2).float() - self.pixel_mean) / self.pixel_std
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self._tower(batch)

    def photo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Unit photo vectors of boxes."""
        vectors: Tensor = self.photo_head(describe(features, boxes, owners, self.sidecar.photo.parts))
        return vectors

    def logo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Unit logo vectors of boxes."""
        vectors: Tensor = self.logo_head(describe(features, boxes, owners, self.sidecar.logo.parts))
        return vectors

    def window_logits(self, features: Features, cells: int, grid: WindowGrid) -> Tensor:
        """How logo-like the windows of a raster of `cells` by `cells` are, `[n, k]` before the sigmoid."""
        weights = LogonessWeights(
            self.cell_mean, self.cell_scale, self.logoness["inside"], self.logoness["around"], self.logoness["bias"]
        )
        return window_logits(raster(features, self.sidecar.logoness.maps, cells), weights, grid)

    def head_parameters(self) -> Iterator[nn.Parameter]:
        """What the heads learn."""
        return itertools.chain(self.photo_head.parameters(), self.logo_head.parameters(), self.logoness.parameters())

    def learned(self) -> dict[str, nn.Parameter]:
        """Every parameter that learns, by name."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}


class Head(nn.Module):
    """A learned turn of fixed whitened coordinates (`mean` `[D]`, `basis` `[dim, D]`), none at the start."""

    mean: Tensor
    basis: Tensor

    def __init__(self, mean: Tensor, basis: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("basis", basis)
        self.turn = nn.Parameter(torch.eye(len(basis)))

    def forward(self, pooled: Tensor) -> Tensor:
        return F.normalize((pooled - self.mean) @ self.basis.T @ self.turn.T, dim=1)


def _plain_head(projection: Projection) -> Head:
    return Head(torch.from_numpy(projection.mean), torch.from_numpy(projection.matrix))


def open_visual(directory: Path) -> nn.Module:
    """The image tower of a local-dir model, in float32 and as it was saved."""
    import open_clip  # noqa: PLC0415 - seconds of import that only training needs

    model = open_clip.create_model(
        f"local-dir:{directory}", require_pretrained=True, precision="fp32", weights_only=True
    )
    visual: nn.Module = model.visual
    return visual


def _free(visual: nn.Module, frozen_blocks: int) -> list[nn.Parameter]:
    """Freeze everything but the pointwise convolutions and linear maps of the late blocks; returns what is free."""
    visual.eval().requires_grad_(requires_grad=False)
    trunk: Any = getattr(visual, "trunk", visual)
    blocks = getattr(trunk, "blocks", None)
    late: list[nn.Module] = list(blocks[frozen_blocks:]) if blocks is not None else [trunk]
    late += [trunk.conv_head] if hasattr(trunk, "conv_head") else []
    free: list[nn.Parameter] = []
    for module in itertools.chain.from_iterable(part.modules() for part in late):
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
            mine = list(module.parameters(recurse=False))
            for value in mine:
                value.requires_grad_()
            free += mine
    return free


def quicken(visual: nn.Module) -> None:
    """Make a frozen-statistics CNN cheap to train: normalisation folded into convolutions as they run, pointwise
    convolutions as matrix products, and no gradient for depthwise filters.

    Weights keep their names and values. Measured on one AMX core at 256 px: twice as quick as torch's own backward.
    """
    for module in list(visual.modules()):
        children = list(module.children())
        for conv, norm in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
                object.__setattr__(conv, "_norm", norm)
                conv.forward = types.MethodType(_folded, conv)  # type: ignore[method-assign]
                norm.forward = types.MethodType(_activated, norm)  # type: ignore[method-assign]


def _activated(norm: Any, pixels: Tensor) -> Tensor:
    """What is left of a normalisation whose statistics were folded away; timm's carries the activation."""
    activation = getattr(norm, "act", None)
    result: Tensor = pixels if activation is None else activation(pixels)
    return result


def _folded(conv: Any, pixels: Tensor) -> Tensor:
    norm = conv._norm
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight = conv.weight * gain[:, None, None, None]
    bias = norm.bias - norm.running_mean * gain
    if conv.bias is not None:
        bias = bias + conv.bias * gain
    if conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1:
        return F.linear(pixels.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    padding = conv.padding
    if type(conv) is not nn.Conv2d:  # timm's Conv2dSame pads as TensorFlow does
        pixels, padding = _pad_same(pixels, conv.kernel_size[0], conv.stride[0]), (0, 0)
    if conv.groups == conv.in_channels and pixels.requires_grad:
        weight, bias = weight.to(pixels.dtype), bias.to(pixels.dtype)
        result: Tensor = _Depthwise.apply(pixels, weight, bias, (conv.stride[0], padding[0]))
        return result
    return F.conv2d(pixels, weight, bias, conv.stride, padding, conv.dilation, conv.groups)


def _pad_same(pixels: Tensor, kernel: int, stride: int) -> Tensor:
    missing = [max((-(-length // stride) - 1) * stride + kernel - length, 0) for length in pixels.shape[-2:]]
    if not any(missing):
        return pixels
    return F.pad(pixels, (missing[1] // 2, missing[1] - missing[1] // 2, missing[0] // 2, missing[0] - missing[0] // 2))


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution whose filters are constants; its backward pass is one more such convolution."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor, bias: Tensor, shape: tuple[int, int]) -> Tensor:
        stride, padding = shape
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding, ctx.size = stride, padding, pixels.shape
        return F.conv2d(pixels, weight, bias, stride, padding, 1, pixels.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        gradient, kernel = gradients[0].to(weight.dtype), weight.shape[-1]
        rows, columns = (length + 2 * ctx.padding - kernel + 1 for length in ctx.size[-2:])
        if ctx.stride > 1:
            spread = gradient.new_zeros((*gradient.shape[:2], rows, columns)).contiguous(
                memory_format=torch.channels_last
            )
            spread[:, :, :: ctx.stride, :: ctx.stride] = gradient
            gradient = spread
        back = F.conv2d(gradient, weight.flip(2, 3), None, 1, kernel - 1 - ctx.padding, 1, weight.shape[0])
        return back, None, None, None
