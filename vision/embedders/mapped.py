"""What engines share that hand out maps as arrays: one compiled pass for each size, and the heads in NumPy.

Place in the flow: under `vision.embedders.regional`, above the backends `vision.embedders.openvino` and
`vision.embedders.onnxruntime`, which add how a pass is compiled and run. It imports no engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vision.embedders.arrays import ArrayHeads, Maps
from vision.embedders.regional import Owners, RegionEmbedder
from vision.embedders.sidecar import Sidecar
from vision.embedders.texts import TextTower
from vision.embedding import EngineInfo, Pixels, Space, Vectors
from vision.regions import Corners

Pass = Callable[[Pixels], Maps]
"""Runs one square picture; as many threads may call it at once as it was compiled for."""


class MappedEmbedder(RegionEmbedder[list[Maps]]):
    """Implements `vision.embedding.Embedder`; threads may share it.

    `compile_pass` makes the pass for pictures of a side in px. A batch is `threads` pictures side by side: one at a
    time keeps the first layers of a picture in the cache of its core, and costs less than running them together.
    """

    def __init__(
        self,
        sidecar: Sidecar,
        space: Space,
        engine: EngineInfo,
        compile_pass: Callable[[int], Pass],
        *,
        threads: int,
        texts: TextTower | None = None,
    ) -> None:
        views = sidecar.view_side, sidecar.view_fill
        super().__init__(space, engine, side=sidecar.side, view_side=views[0], view_fill=views[1], texts=texts)
        self._heads = ArrayHeads(sidecar)
        self._compile = compile_pass
        self._passes: dict[int, Pass] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embedding") if threads > 1 else None
        self.pass_for(sidecar.side)

    def pass_for(self, side: int) -> Pass:
        """The bare pass for pictures of `side` px, compiled when first asked for."""
        with self._lock:
            if side not in self._passes:
                self._passes[side] = self._compile(side)
            return self._passes[side]

    def _run(self, pictures: Sequence[Pixels]) -> list[Maps]:
        run = self.pass_for(pictures[0].shape[0])
        if self._pool is None or len(pictures) == 1:
            return [run(picture) for picture in pictures]
        return list(self._pool.map(run, pictures))

    def _photo(self, features: list[Maps], boxes: Corners, owners: Owners) -> Vectors:
        return self._heads.photo(features, boxes, owners)

    def _logo(self, features: list[Maps], boxes: Corners, owners: Owners) -> Vectors:
        return self._heads.logo(features, boxes, owners)

    def _windows(self, features: list[Maps]) -> tuple[Corners, NDArray[np.float32]]:
        found = [self._heads.windows(maps) for maps in features]
        return found[0][0], np.stack([scores for _, scores in found])
