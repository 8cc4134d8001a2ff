"""The ONNX Runtime backend: a graph that `vision.embedders.probe` made and found good, with the heads in NumPy.

Place in the flow: the pass under `vision.embedders.mapped`, for processors where OpenVINO does not serve. It computes
in fp32, and loads no torch but to write the graph. It chooses nothing.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime

from vision.embedders.arrays import Maps
from vision.embedders.mapped import MappedEmbedder, Pass
from vision.embedders.sidecar import Sidecar
from vision.embedders.texts import TextTower
from vision.embedders.trunk import traceable
from vision.embedding import EngineInfo, Pixels, Space

if TYPE_CHECKING:
    from vision.embedders.clip import ClipEmbedder

GRAPH: Final = "trunk.onnx"
_OPSET: Final = 18


def plans() -> tuple[int | None, ...]:
    """fp32 alone: on processors ONNX Runtime has no bf16 convolutions."""
    return (None,)


def write_graph(directory: Path, embedder: ClipEmbedder, side: int) -> None:
    """Convert the trunk of `embedder`, traced at `side` px, for pictures of any side. Needs the package `onnx`."""
    import torch  # noqa: PLC0415 - a process that only reads graphs does without

    with warnings.catch_warnings():  # the tracer speaks of padding it takes for constant, which it is
        warnings.simplefilter("ignore")
        torch.onnx.export(
            traceable(embedder),
            (torch.zeros([1, side, side, 3], dtype=torch.uint8),),
            str(directory / GRAPH),
            input_names=["pixels"],
            dynamic_axes={"pixels": {1: "rows", 2: "columns"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def open_graph(
    directory: Path,
    sidecar: Sidecar,
    space: Space,
    engine: EngineInfo,
    *,
    exact: int | None,  # noqa: ARG001 - of the protocol
    threads: int,
    texts: TextTower | None = None,
) -> MappedEmbedder:
    """The embedder on the graph in `directory`; the one plan there is leaves `exact` None."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pictures run side by side, not parts of one
    options.log_severity_level = 3
    path, providers = str(directory / GRAPH), ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)

    def compile_pass(_side: int) -> Pass:
        return lambda picture: _run(session, picture)

    return MappedEmbedder(sidecar, space, engine, compile_pass, threads=threads, texts=texts)


def _run(session: onnxruntime.InferenceSession, picture: Pixels) -> Maps:
    maps = session.run(None, {"pixels": np.ascontiguousarray(picture)[None]})
    return Maps(tuple(np.asarray(layer[0], np.float32) for layer in maps))
