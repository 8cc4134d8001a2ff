"""Loads an open_clip image tower: names, devices, precision, and the identity of what was loaded.

Place in the flow: below `vision.embedders.clip`. A local directory is read without any network; other names go
through open_clip, which downloads. Weights are safetensors or tensors only, never a pickle that could run code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from vision.embedders.folding import fold_batch_norms
from vision.embedders.sidecar import HEADS, POOLING, SIDECAR, Sidecar, read_sidecar
from vision.embedders.texts import TextTower, read_texts
from vision.errors import ModelError

LOCAL_DIR: Final = "local-dir:"
CONFIG: Final = "open_clip_config.json"
PRECISIONS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""`auto` is fp32: a space must not depend on which machine its vectors were made on."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded image tower on its device: input `side` in px, `mean` and `std` of pixels in [0, 1]."""

    visual: nn.Module
    embed_dim: int
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    dtype: torch.dtype
    space_id: str
    sidecar: Sidecar | None
    texts: TextTower | None


def load_checkpoint(name: str, *, device: str, precision: str) -> Checkpoint:
    """Load `name` (`local-dir:…`, `hf-hub:…`, `architecture/pretrained`). Raises `ModelError`."""
    target = _device(device)
    dtype = _dtype(precision)
    directory = Path(name.removeprefix(LOCAL_DIR)) if name.startswith(LOCAL_DIR) else None
    if directory:
        _check_directory(directory)
    sidecar = read_sidecar(directory) if directory else None
    model = _create(name)
    visual: nn.Module = model.visual.eval().requires_grad_(requires_grad=False)
    if not all(value.isfinite().all() for value in visual.state_dict().values()):
        raise ModelError(f"the `model` {name} holds weights that are no finite numbers; take another checkpoint")
    preprocess: dict[str, Any] = getattr(visual, "preprocess_cfg", {})
    side = sidecar.side if sidecar else _side(getattr(visual, "image_size", 224))
    mean, std = tuple(preprocess["mean"]), tuple(preprocess["std"])
    space_id = _space_id(visual, directory if sidecar else None, {"side": side, "mean": mean, "std": std}, dtype)
    embed_dim = _embed_dim(visual, side)
    visual = fold_batch_norms(visual, side)
    visual = visual.to(device=target, dtype=dtype).to(memory_format=torch.channels_last)
    return Checkpoint(visual, embed_dim, side, mean, std, target, dtype, space_id, sidecar, read_texts(directory))


def _check_directory(directory: Path) -> None:
    """Refuse what open_clip would fetch from a hub or unpickle."""
    try:
        config = json.loads((directory / CONFIG).read_text())["model_cfg"]
        text = config["text_cfg"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{directory / CONFIG} is missing or damaged ({error}); mend the `model` setting") from error
    if not list(directory.glob("*.safetensors")):
        raise ModelError(f"{directory} holds no *.safetensors; convert its weights, pickles are not loaded")
    if "hf_model_name" in text:
        raise ModelError(f"the text tower in {directory / CONFIG} comes from a hub; give it an own `text_cfg`")


def _create(name: str) -> Any:
    import open_clip  # noqa: PLC0415 - seconds of import that only a load needs

    architecture, _, pretrained = name.partition("/") if ":" not in name else (name, "", "")
    try:
        return open_clip.create_model(
            architecture, pretrained=pretrained or None, require_pretrained=True, precision="fp32", weights_only=True
        )
    except Exception as error:  # open_clip, its hub client and torch raise many kinds
        raise ModelError(f"the `model` {name} cannot be loaded: {error}") from error


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"the `device` setting {device!r} is none of auto, cpu, cuda, cuda:N") from error
    if target.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"the `device` setting is {device} but this machine has no usable CUDA; set it to cpu or auto")
    return target


def _dtype(precision: str) -> torch.dtype:
    try:
        return PRECISIONS["fp32" if precision == "auto" else precision]
    except KeyError as error:
        raise ModelError(f"the `precision` setting {precision!r} is none of auto, fp32, bf16") from error


def _side(image_size: int | tuple[int, int]) -> int:
    return image_size if isinstance(image_size, int) else image_size[0]


@torch.inference_mode()
def _embed_dim(visual: nn.Module, side: int) -> int:
    return int(visual(torch.zeros(1, 3, side, side)).shape[-1])


def _space_id(visual: nn.Module, directory: Path | None, preprocess: dict[str, Any], dtype: torch.dtype) -> str:
    """Hash of weights, preprocessing, pooling, heads and precision class.

    bf16 is a class of its own: the shipped model's vectors agree with fp32 to a mean cosine of 0.998, and one class
    takes 0.999.
    """
    precision = "float" if dtype is torch.float32 else "bf16"
    digest = hashlib.sha256(f"{POOLING} {precision} {json.dumps(preprocess, sort_keys=True)}".encode())
    for key, value in sorted(visual.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    for file in (SIDECAR, HEADS) if directory else ():
        digest.update((directory / file).read_bytes() if directory else b"")
    return digest.hexdigest()[:16]
