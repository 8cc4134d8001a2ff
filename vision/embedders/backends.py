"""The engines there are beside torch, in the order they are tried, and what each has to offer.

Place in the flow: `vision.embedders.engines` asks which may be tried, `vision.embedders.probe` tries one,
`load_embedder` loads what was found good. Each backend is one module that nothing else imports: without it, the next
one serves. Importing this module loads no engine.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from vision.embedders.sidecar import Sidecar
from vision.embedders.texts import TextTower
from vision.embedding import Embedder, EngineInfo, Space

if TYPE_CHECKING:
    from vision.embedders.clip import ClipEmbedder

Name: TypeAlias = Literal["openvino", "onnxruntime"]

TITLES: Final[dict[Name, str]] = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
"""In the order they are tried; torch comes last and needs no probe."""


class Backend(Protocol):
    """A module that runs graphs."""

    def plans(self) -> tuple[int | None, ...]:
        """How many leading convolutions stay fp32 in each plan worth trying here; None is fp32 throughout."""
        ...

    def write_graph(self, directory: Path, embedder: ClipEmbedder, side: int) -> None:
        """Convert the trunk of `embedder` for pictures of `side` px into `directory`; raises whatever fails."""
        ...

    def open_graph(
        self,
        directory: Path,
        sidecar: Sidecar,
        space: Space,
        engine: EngineInfo,
        *,
        exact: int | None,
        threads: int,
        texts: TextTower | None = None,
    ) -> Embedder:
        """An embedder on what `write_graph` left in `directory`, run by the plan `exact`."""
        ...


def backend(name: Name) -> Backend:
    """The module of an engine, which loads it."""
    match name:
        case "openvino":
            from vision.embedders import openvino  # noqa: PLC0415 - loads OpenVINO

            return openvino
        case "onnxruntime":
            from vision.embedders import onnxruntime  # noqa: PLC0415 - loads ONNX Runtime

            return onnxruntime


def missing(name: Name) -> str:
    """Why an engine cannot even be probed; empty when it can."""
    if importlib.util.find_spec(name) is None:
        return f"{TITLES[name]} is not installed"
    if importlib.util.find_spec(f"vision.embedders.{name}") is None:
        return f"this installation has no backend for {TITLES[name]}"
    return ""
