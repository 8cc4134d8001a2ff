"""What a fit shows while it runs: TensorBoard scalars and a few of the tiles it learns from.

Place in the flow: `running` tells it of every step, round and evaluation. Without the package `tensorboard` (extra
`training`) a fit runs as well and shows its progress bar alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

SHOWN = 12


class Board:
    """Event files below a directory."""

    def __init__(self, directory: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional package
        except ImportError:
            self._writer: Any = None
        else:
            self._writer = SummaryWriter(str(directory))

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """One point on each curve of `group`."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def tiles(self, tiles: Tensor, step: int) -> None:
        """The first tiles of a batch, uint8 `[n, side, side, 3]`, side by side."""
        if self._writer is not None:
            strip = np.concatenate(list(tiles[:SHOWN].numpy()), axis=1)
            self._writer.add_image("tiles", strip, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            self._writer.close()
