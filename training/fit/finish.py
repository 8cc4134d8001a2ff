"""Writes a student down as an open_clip local-dir that the service can load.

Place in the flow: after every round for judging, and last of all for shipping. The text tower and the configuration
come from the model the student began as.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.fit.student import Head, Student
from vision.embedders.sidecar import Projection, Sidecar, write_sidecar

CONFIG: Final = "open_clip_config.json"
WEIGHTS: Final = "open_clip_model.safetensors"


def write_student(student: Student, source: Path, target: Path) -> None:
    """Write tower and heads of `student`, which began as the model in `source`, to `target`; float16."""
    target.mkdir(parents=True, exist_ok=True)
    if source != target:
        shutil.copyfile(source / CONFIG, target / CONFIG)
    tensors: dict[str, Tensor] = load_file(source / WEIGHTS)
    tensors |= {f"visual.{name}": value for name, value in student.visual.state_dict().items()}
    halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    save_file({name: value.contiguous() for name, value in halved.items()}, target / WEIGHTS)
    write_sidecar(target, sidecar_of(student))


def sidecar_of(student: Student) -> Sidecar:
    """The heads of `student` as the sidecar keeps them."""
    learned = {name: value.detach().numpy().astype(np.float32) for name, value in student.logoness.items()}
    return dataclasses.replace(
        student.sidecar,
        photo=_projection(student.sidecar.photo, student.photo_head),
        logo=_projection(student.sidecar.logo, student.logo_head),
        logoness=dataclasses.replace(student.sidecar.logoness, **learned),
    )


@torch.no_grad()
def _projection(before: Projection, head: Head) -> Projection:
    """Unit vectors come out of it, so the matrix is scaled to what float16 holds best."""
    matrix = head.turn @ head.basis
    matrix = matrix / matrix.abs().max()
    return Projection(before.parts, head.mean.numpy().copy(), matrix.numpy().copy())
