"""The OpenVINO backend: a graph that `vision.embedders.probe` made and found good, with the heads in NumPy.

Place in the flow: the pass under `vision.embedders.mapped`, for processors. It loads no torch but to write the graph,
so a service starts in a second. It chooses nothing: `vision.embedders.engines` says whether and how it runs.
"""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue
from typing import Final

import numpy as np
import openvino as ov

from vision.embedders.arrays import Maps
from vision.embedders.graphs import compile_graph, supports_bf16, write_graph
from vision.embedders.mapped import MappedEmbedder, Pass
from vision.embedders.sidecar import Array, Sidecar
from vision.embedders.texts import TextTower
from vision.embedding import EngineInfo, Pixels, Space

__all__ = ["open_graph", "plans", "write_graph"]

_BF16: Final = (0, 2, 3, 6)


def plans() -> tuple[int | None, ...]:
    """fp32, and where the processor computes in bf16 that too, but for a few first convolutions."""
    return (None, *_BF16) if supports_bf16() else (None,)


def open_graph(
    directory: Path,
    sidecar: Sidecar,
    space: Space,
    engine: EngineInfo,
    *,
    exact: int | None,
    threads: int,
    texts: TextTower | None = None,
) -> MappedEmbedder:
    """The embedder on a graph of `write_graph`; `threads` pictures run side by side."""

    def compile_pass(side: int) -> Pass:
        return _Requests(compile_graph(directory, side, exact=exact, threads=threads), threads)

    return MappedEmbedder(sidecar, space, engine, compile_pass, threads=threads, texts=texts)


class _Requests:
    """A compiled graph and as many requests as may run side by side."""

    def __init__(self, compiled: ov.CompiledModel, threads: int) -> None:
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(threads):
            self._idle.put(compiled.create_infer_request())
        self._outputs = range(len(compiled.outputs))

    def __call__(self, picture: Pixels) -> Maps:
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
