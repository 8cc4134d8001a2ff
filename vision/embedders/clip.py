"""The torch backend: any open_clip model as an `Embedder`, with learned heads where the model carries them.

Place in the flow: the pass and the heads under `vision.embedders.regional`. It is the reference other backends are
compared with, and what serves where none of them can. Names and directories are resolved by `vision.embedders`;
loading and its errors are in `vision.embedders.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vision.embedders.checkpoint import PRECISIONS, Checkpoint, load_checkpoint
from vision.embedders.heads import Heads, LearnedHeads, PlainHeads
from vision.embedders.regional import Owners, RegionEmbedder
from vision.embedders.tower import Features, Tower
from vision.embedding import EngineInfo, Pixels, Space, Vectors
from vision.regions import Corners

_PRECISIONS: Final = {dtype: name for name, dtype in PRECISIONS.items()}


def load_clip(
    name: str, *, label: str, device: str, precision: str, threads: int | None, why: str = "asked for"
) -> ClipEmbedder:
    """The embedder of an open_clip `name`; `label` is what the space calls it. Raises `ModelError`."""
    if threads is not None:
        torch.set_num_threads(threads)
    return ClipEmbedder(load_checkpoint(name, device=device, precision=precision), label, why)


class ClipEmbedder(RegionEmbedder[Features]):
    """Implements `vision.embedding.Embedder`. Holds no state between calls; threads may share it."""

    def __init__(self, checkpoint: Checkpoint, label: str, why: str = "asked for") -> None:
        self._checkpoint = checkpoint
        sidecar = checkpoint.sidecar
        self.tower: Final = Tower(checkpoint.visual, sidecar.stages if sidecar else ())
        """The trunk alone, on normalised pictures."""
        self._heads: Heads
        if sidecar:
            self._heads = LearnedHeads(sidecar, checkpoint.device)
            view_side, view_fill = sidecar.view_side, sidecar.view_fill
        else:
            self._heads = PlainHeads(self.tower, checkpoint.embed_dim)
            view_side, view_fill = checkpoint.side, 0.6
        mean, scale = (np.asarray(values, np.float32) * 255.0 for values in (checkpoint.mean, checkpoint.std))
        self._mean = torch.from_numpy(mean).to(checkpoint.device)[:, None, None]
        self._scale = 1.0 / torch.from_numpy(scale).to(checkpoint.device)[:, None, None]
        space = Space(checkpoint.space_id, label, self._heads.photo_dim, self._heads.logo_dim)
        engine = EngineInfo("torch", _PRECISIONS.get(checkpoint.dtype, str(checkpoint.dtype)), why)
        super().__init__(
            space, engine, side=checkpoint.side, view_side=view_side, view_fill=view_fill, texts=checkpoint.texts
        )

    @torch.inference_mode()
    def dense(self, pictures: Sequence[Pixels]) -> Features:
        """The maps of square pictures of any one size, for training; `embed_*` is what everyone else wants."""
        # a row-major picture is already what torch calls channels_last, so permuting copies nothing
        stacked = self._uploaded(np.stack(pictures)).permute(0, 3, 1, 2)
        return self.tower(((stacked.float() - self._mean) * self._scale).to(self._checkpoint.dtype))

    def parts(self) -> tuple[nn.Module, Tensor, Tensor]:
        """What an export needs beside the tower: its modules, and mean and scale `[3, 1, 1]` of pixels in 0…255."""
        return self._checkpoint.visual, self._mean, self._scale

    def _run(self, pictures: Sequence[Pixels]) -> Features:
        return self.dense(pictures)

    @torch.inference_mode()
    def _photo(self, features: Features, boxes: Corners, owners: Owners) -> Vectors:
        return _vectors(self._heads.photo(features, self._tensor(boxes), self._tensor(owners)))

    @torch.inference_mode()
    def _logo(self, features: Features, boxes: Corners, owners: Owners) -> Vectors:
        return _vectors(self._heads.logo(features, self._tensor(boxes), self._tensor(owners)))

    @torch.inference_mode()
    def _windows(self, features: Features) -> tuple[Corners, NDArray[np.float32]]:
        return self._heads.windows(features)

    def _uploaded(self, stacked: NDArray[np.uint8]) -> Tensor:
        """Pictures on the device; from page-locked memory the copy to CUDA runs beside the pass before it."""
        batch = torch.from_numpy(stacked)
        if self._checkpoint.device.type == "cuda":
            return batch.pin_memory().to(self._checkpoint.device, non_blocking=True)
        return batch.to(self._checkpoint.device)

    def _tensor(self, array: NDArray[np.float32] | NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(array).to(self._checkpoint.device)


def _vectors(tensor: Tensor) -> Vectors:
    return np.ascontiguousarray(tensor.float().cpu().numpy())
