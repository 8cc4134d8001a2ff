"""What a user would write first: open_clip ViT-B/32, one picture after another, eager or through ONNX Runtime.

Place in the flow: `peers` starts it as a process; it prints pictures a second and core-milliseconds a
picture. The weights are random.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import open_clip
import torch
from PIL import Image

from benchmarks.speed.mixture import Mixture

_MODEL = "ViT-B-32"
_WARM = 5


def eager(model: Any) -> Callable[[Any], Any]:
    """The model as it is."""

    def embed(tensor: Any) -> Any:
        with torch.inference_mode():
            return model.encode_image(tensor)

    return embed


def exported(model: Any, folder: Path) -> Callable[[Any], Any]:
    """Its image tower as ONNX, on the CPU with the defaults."""
    path = folder / "visual.onnx"
    sample = (torch.zeros(1, 3, 224, 224),)
    torch.onnx.export(model.visual, sample, str(path), input_names=["pixels"], opset_version=18, dynamo=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda tensor: session.run(None, {"pixels": np.asarray(tensor)})


def rate(
    embed: Callable[[Any], Any], transform: Callable[[Any], Any], supply: Path, seconds: float
) -> tuple[float, float]:
    """Pictures a second and core-milliseconds a picture: Pillow, open_clip's own transform, the model."""
    mixture = Mixture(supply, "plain")
    number, started, worked = 0, 0.0, 0.0
    while number <= _WARM or time.perf_counter() - started < seconds:
        if number == _WARM:
            started, worked = time.perf_counter(), time.process_time()
        picture = Image.open(io.BytesIO(mixture.sent(number).data)).convert("RGB")
        embed(transform(picture).unsqueeze(0))
        number += 1
    done = number - _WARM
    return done / (time.perf_counter() - started), 1000 * (time.process_time() - worked) / done


def main() -> None:
    """`python -m benchmarks.speed.loops eager|onnx SUPPLY SECONDS`: the rate as JSON."""
    model, _, transform = open_clip.create_model_and_transforms(_MODEL, pretrained=None)
    model.eval()
    with tempfile.TemporaryDirectory() as name:
        embed = eager(model) if sys.argv[1] == "eager" else exported(model, Path(name))
        print(json.dumps(rate(embed, transform, Path(sys.argv[2]), float(sys.argv[3]))))


if __name__ == "__main__":
    main()
