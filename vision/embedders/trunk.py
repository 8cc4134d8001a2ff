"""The trunk of a torch model as one module from pixels to maps, for engines that convert it.

Place in the flow: a probe traces it once per machine. Input is uint8 `[1, side, side, 3]` as pictures come,
normalisation is part of it, outputs are the maps `[1, rows, columns, channels]`. Loads torch only when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from vision.embedders.clip import ClipEmbedder


def traceable(embedder: ClipEmbedder) -> torch.nn.Module:
    """The trunk of `embedder` with everything before it."""
    import torch  # noqa: PLC0415 - a process that only reads graphs does without

    visual, mean, scale = embedder.parts()

    class Trunk(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.visual = visual

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            batch = (pixels.permute(0, 3, 1, 2).float() - mean) * scale
            return tuple(layer.permute(0, 2, 3, 1) for layer in embedder.tower(batch).maps)

    return Trunk()
