"""The OpenVINO backend: a graph that `vision.embedders.probe` made and found good, with the heads in NumPy.

Place in the flow: the pass and the heads under `vision.embedders.regional`, for processors. It loads no torch, so a
service starts in a second. It chooses nothing: `vision.embedders.engines` says whether and how it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from vision.embedders.arrays import ArrayHeads, Maps
from vision.embedders.engines import Verdict
from vision.embedders.graphs import compile_graph
from vision.embedders.regional import Owners, RegionEmbedder
from vision.embedders.sidecar import Array, Sidecar, read_sidecar
from vision.embedders.texts import TextTower, read_texts
from vision.embedding import EngineInfo, Pixels, Space, Vectors
from vision.errors import ModelError
from vision.regions import Corners


def load_openvino(verdict: Verdict, model: Path, *, label: str, precision: str, threads: int) -> OpenVinoEmbedder:
    """What the probe found for the directory `model`, ready to serve; `label` is what the space calls it.

    `precision` "fp32" keeps every layer exact, "auto" takes the plan that was fastest among those that agree.
    """
    sidecar = read_sidecar(model)
    if sidecar is None or verdict.found is None:
        raise ModelError(f"{verdict.directory} holds nothing for {model}; remove it")
    exact = None if precision == "fp32" else verdict.found["chosen"]["exact"]
    space = Space(**{**verdict.found["space"], "model": label})
    words = "fp32" if exact is None else f"bf16, first {exact} convolutions fp32"
    engine = EngineInfo("openvino", words, verdict.why)
    return OpenVinoEmbedder(
        verdict.directory, sidecar, space, engine, exact=exact, threads=threads, texts=read_texts(model)
    )


class OpenVinoEmbedder(RegionEmbedder[list[Maps]]):
    """Implements `vision.embedding.Embedder`; threads may share it. `graphs` is a directory of `write_graph`."""

    def __init__(
        self,
        graphs: Path,
        sidecar: Sidecar,
        space: Space,
        engine: EngineInfo,
        *,
        exact: int | None,
        threads: int,
        texts: TextTower | None = None,
    ) -> None:
        views = sidecar.view_side, sidecar.view_fill
        super().__init__(space, engine, side=sidecar.side, view_side=views[0], view_fill=views[1], texts=texts)
        self._heads = ArrayHeads(sidecar)
        self._passes: dict[int, _Pass] = {}
        self._lock = threading.Lock()
        self._make: Callable[[int], _Pass] = lambda side: _Pass(
            compile_graph(graphs, side, exact=exact, threads=threads), threads
        )
        self._pass(sidecar.side)

    def _pass(self, side: int) -> _Pass:
        with self._lock:
            if side not in self._passes:
                self._passes[side] = self._make(side)
            return self._passes[side]

    def _run(self, pictures: Sequence[Pixels]) -> list[Maps]:
        return self._pass(pictures[0].shape[0])(pictures)

    def _photo(self, features: list[Maps], boxes: Corners, owners: Owners) -> Vectors:
        return np.concatenate([self._heads.photo(maps, boxes[owners == n]) for n, maps in enumerate(features)])

    def _logo(self, features: list[Maps], boxes: Corners, owners: Owners) -> Vectors:
        return np.concatenate([self._heads.logo(maps, boxes[owners == n]) for n, maps in enumerate(features)])

    def _windows(self, features: list[Maps]) -> tuple[Corners, NDArray[np.float32]]:
        found = [self._heads.windows(maps) for maps in features]
        return found[0][0], np.stack([scores for _, scores in found])


class _Pass:
    """A compiled graph and as many requests as may run side by side."""

    def __init__(self, compiled: ov.CompiledModel, threads: int) -> None:
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(threads):
            self._idle.put(compiled.create_infer_request())
        self._outputs = range(len(compiled.outputs))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="openvino") if threads > 1 else None

    def __call__(self, pictures: Sequence[Pixels]) -> list[Maps]:
        if self._pool is None or len(pictures) == 1:
            return [self._infer(picture) for picture in pictures]
        return list(self._pool.map(self._infer, pictures))

    def _infer(self, picture: Pixels) -> Maps:
        request = self._idle.get()
        try:
            request.infer({0: np.ascontiguousarray(picture)[None]}, share_inputs=True)
            return Maps(tuple(self._copied(request, number) for number in self._outputs))
        finally:
            self._idle.put(request)

    @staticmethod
    def _copied(request: ov.InferRequest, number: int) -> Array:
        """The next picture overwrites what the request holds."""
        return np.array(request.get_output_tensor(number).data[0], np.float32)
