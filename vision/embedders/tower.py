"""An open_clip image tower as a dense feature extractor: maps of the trunk, and the projection of pooled cells.

Place in the flow: inside the backend `vision.embedders.clip`. Works for timm trunks (CNN and ViT), open_clip's own
ViT and its ResNets. It does no preprocessing and no pooling over regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from vision.errors import ModelError


@dataclass(frozen=True, slots=True)
class Features:
    """One forward pass: `image` `[n, embed_dim]` as open_clip gives it, `maps` each `[n, channels, rows, columns]`.

    The last map is the one the tower itself pools and projects.
    """

    image: Tensor
    maps: tuple[Tensor, ...]


class Tower:
    """Runs the image tower of an open_clip model; keeps no state between calls and is safe to share by threads."""

    def __init__(self, visual: nn.Module, stages: tuple[int, ...] = ()) -> None:
        self._visual: Any = visual
        self._trunk: Any = getattr(visual, "trunk", None)
        self._stages = stages
        owner = visual if self._trunk is None else self._trunk
        if not hasattr(owner, "forward_intermediates"):
            raise ModelError(f"the image tower {type(owner).__name__} gives no dense map; choose another `model`")

    def __call__(self, batch: Tensor) -> Features:
        """Run normalised pictures `[n, 3, side, side]` through the tower."""
        if self._trunk is not None:
            return self._run_timm(batch)
        indices = [*self._stages, -1] if self._stages else 1
        output = self._visual.forward_intermediates(batch, indices=indices, normalize_intermediates=True)
        return Features(output["image_features"], tuple(output["image_intermediates"]))

    def project(self, pooled: Tensor) -> Tensor:
        """What the tower's own head makes of pooled cells of the last map: `[k, channels]` to `[k, embed_dim]`."""
        if self._trunk is not None:
            return self._head(self._as_final(pooled))
        if (attention := getattr(self._visual, "attnpool", None)) is not None:
            projected: Tensor = attention.c_proj(attention.v_proj(pooled))
            return projected
        return pooled if self._visual.proj is None else pooled @ self._visual.proj

    def _run_timm(self, batch: Tensor) -> Features:
        indices = list(self._stages) if self._stages else 1
        final, maps = self._trunk.forward_intermediates(batch, indices=indices, output_fmt="NCHW")
        last = final
        if final.ndim == 3:
            tokens = final[:, getattr(self._trunk, "num_prefix_tokens", 0) :]
            rows, columns = maps[-1].shape[-2:]
            last = tokens.transpose(1, 2).reshape(len(batch), -1, rows, columns)
        return Features(self._head(final), (*(maps if self._stages else ()), last))

    def _head(self, final: Tensor) -> Tensor:
        features: Tensor = self._visual.head(self._trunk.forward_head(final))
        return features

    def _as_final(self, pooled: Tensor) -> Tensor:
        """Each pooled vector as a trunk output of one cell, so that any pooling head gives back that cell."""
        prefix = getattr(self._trunk, "num_prefix_tokens", None)
        if prefix is None:
            return pooled[:, :, None, None]
        return pooled[:, None, :].expand(-1, prefix + 1, -1)


def pool_boxes(features: Tensor, boxes: Tensor, owners: Tensor, *, grid: int = 1, power: float = 1.0) -> Tensor:
    """Generalised mean of `features` `[n, c, h, w]` over boxes `[k, 4]` (fractions) of pictures `owners` `[k]`.

    Returns `[k, c * grid * grid]`, RoIAlign sampling (He et al., Mask R-CNN, 2017), GeM of Radenović et al. 2018.
    """
    height, width = features.shape[-2:]
    scale = torch.tensor([width, height, width, height], dtype=torch.float32, device=boxes.device)
    rois = torch.cat([owners[:, None].float(), boxes.float() * scale], dim=1)
    values = features.float()
    if power != 1.0:
        values = values.clamp(min=1e-6).pow(power)
    pooled: Tensor = roi_align(values, rois, (grid, grid), sampling_ratio=-1 if grid == 1 else 2, aligned=True)
    if power != 1.0:
        pooled = pooled.clamp(min=1e-12).pow(1.0 / power)
    return pooled.flatten(1)
