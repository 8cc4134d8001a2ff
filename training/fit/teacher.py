"""Whom the student stays near: itself as it began, or any other open_clip model.

Place in the flow: the distillation term of `loop`. Only image features are compared, and only by who is near whom, so
a teacher may have any size, input and dimension.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from training.fit.config import ConfigError
from training.fit.student import open_visual, quicken


class Teacher:
    """A locked image tower; `name` is an open_clip local-dir, empty for `visual` as it is now.

    Raises `ConfigError` where `name` is no such directory.
    """

    def __init__(self, name: str, visual: nn.Module) -> None:
        if name and not (Path(name) / "open_clip_config.json").is_file():
            raise ConfigError(f"losses.teacher {name} is no open_clip directory; name one or leave it empty")
        tower: Any = open_visual(Path(name)) if name else copy.deepcopy(visual)
        quicken(tower.eval().requires_grad_(requires_grad=False))
        config: dict[str, Any] = tower.preprocess_cfg
        self._tower = tower
        self._mean, self._std = (torch.tensor(config[key])[:, None, None] * 255.0 for key in ("mean", "std"))
        size = tower.image_size if name else None
        self._size: tuple[int, int] | None = (size, size) if isinstance(size, int) else size

    @torch.no_grad()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Image features `[n, d]` of uint8 pictures `[n, side, side, 3]`, at the teacher's own input size."""
        batch = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        if self._size is not None:
            batch = F.interpolate(batch, self._size, mode="bilinear", antialias=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features: Tensor = self._tower(batch)
        return features.float()
