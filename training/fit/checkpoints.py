"""Everything a run needs to go on exactly where it was: safetensors and JSON, never a pickle.

Place in the flow: `loop` writes one after every round and reads it when it resumes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.fit.config import ConfigError

TENSORS: Final = "checkpoint.safetensors"
STATE: Final = "checkpoint.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """Tensors by name, and what JSON can say: the step, the configuration, the manifest's hash, the best so far."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(directory: Path, saved: Saved) -> None:
    """Write both files beside the old ones, then move them into place."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().contiguous().clone() for name, value in saved.tensors.items()}
    state = {"format": FORMAT, "tensors": _digest(tensors), **saved.state}
    save_file(tensors, directory / f"{TENSORS}.new")
    (directory / f"{STATE}.new").write_text(json.dumps(state, indent=2) + "\n")
    for name in (TENSORS, STATE):
        (directory / f"{name}.new").replace(directory / name)


def load_checkpoint(directory: Path) -> Saved | None:
    """The last checkpoint, None where there is none. Raises `ConfigError` for one that is damaged."""
    if not (directory / STATE).is_file():
        return None
    try:
        state = json.loads((directory / STATE).read_text())
        tensors = load_file(directory / TENSORS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ConfigError(f"the checkpoint in {directory} is damaged ({error}); begin again without it") from error
    if state.get("format") != FORMAT or state.get("tensors") != _digest(tensors):
        raise ConfigError(
            f"the two files of the checkpoint in {directory} do not belong together; begin again without it"
        )
    return Saved(tensors, state)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    states: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{name}": torch.as_tensor(value)
        for number, values in states.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Take back what `optimizer_tensors` gave."""
    content = optimizer.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            content["state"].setdefault(int(number), {})[name] = value
    optimizer.load_state_dict(content)


def _digest(tensors: dict[str, Tensor]) -> str:
    """Identity of the tensors, so that two files of different steps are never read together."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
