"""The trunk of a torch model as an OpenVINO graph on disk, and the plans by which such a graph may be run.

Place in the flow: the files of `vision.embedders.openvino`, written once per machine from what
`vision.embedders.trunk` traces. Importing this module loads OpenVINO but not torch.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import openvino as ov
from openvino._offline_transformations import apply_moc_transformations

from vision.embedders.cores import shared_core
from vision.embedders.strips import in_strips
from vision.embedders.trunk import traceable

if TYPE_CHECKING:
    from vision.embedders.clip import ClipEmbedder

_CONVOLUTIONS: Final = ("Convolution", "GroupConvolution")


GRAPH: Final = "trunk.xml"
"""The weights lie beside it under `.bin`."""


def write_graph(directory: Path, embedder: ClipEmbedder, side: int) -> None:
    """Convert the trunk of `embedder` for pictures of `side` px. Raises whatever OpenVINO cannot convert."""
    import torch  # noqa: PLC0415 - a process that only reads graphs does without

    shape = [1, side, side, 3]
    example = torch.zeros(shape, dtype=torch.uint8)
    model = ov.convert_model(traceable(embedder), example_input=example, input=[(shape, ov.Type.u8)])
    for _ in range(2):  # the first round makes padding constant, the second joins it with the convolution behind
        apply_moc_transformations(model, cf=True, smart_reshape=False)
    ov.save_model(model, directory / GRAPH, compress_to_fp16=False)


def compile_graph(directory: Path, side: int, *, exact: int | None, threads: int) -> ov.CompiledModel:
    """Compile for one picture of `side` px at a time, `threads` of them side by side.

    `exact` is None for fp32 throughout; otherwise the graph runs in bf16 but for its first `exact` convolutions. The
    first layers see the picture at full size and small differences on large values: there rounding costs most.
    """
    core = shared_core()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": threads,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32" if exact is None else "bf16",
        "ENABLE_CPU_PINNING": False,
    }
    text = (directory / GRAPH).read_text()
    weights = (directory / GRAPH).with_suffix(".bin").read_bytes()
    model = core.read_model((_keep_exact(text, exact) if exact else text).encode(), weights)
    model.reshape([1, side, side, 3])
    return core.compile_model(in_strips(model), "CPU", settings)


def _keep_exact(text: str, count: int) -> str:
    """Mark the first `count` convolutions, with the additions that belong to them, not to be rounded."""
    root = ET.fromstring(text)  # noqa: S314 - our own file, whose digest was compared
    layers = [layer for layer in root.iter("layer") if layer.get("type") in _CONVOLUTIONS][:count]
    owners = {_module(layer) for layer in layers}
    for layer in root.iter("layer"):
        if layer.get("type") in {*_CONVOLUTIONS, "Add"} and _module(layer) in owners:
            info = layer.find("rt_info")
            if info is None:
                info = ET.Element("rt_info")
                layer.insert(1 if layer.find("data") is not None else 0, info)
            ET.SubElement(info, "attribute", name="DisablePrecisionConversion", version="0", value="dynamic:f16")
    return ET.tostring(root, encoding="unicode")


def _module(layer: ET.Element) -> str:
    """The torch module a layer comes from."""
    return re.sub(r"/[^/]*$", "", layer.get("name", ""))


def supports_bf16() -> bool:
    """Whether the processor computes in bf16."""
    return "BF16" in shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
