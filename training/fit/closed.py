"""Closed forms on the student's own training pictures: the spaces its heads begin in, and heads to compare with.

Place in the flow: before the first step, and once more after the last on the trunk as it then is. The gradient turns
a whitened space (training.whitening) and never the raw descriptor, whose common direction drowns everything else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.fit.config import Closed
from training.fit.student import Head, Student
from training.marks import Mark
from training.whitening import learn_whitening
from training.windows import learn_logoness
from vision.embedders.heads import describe
from vision.embedders.sidecar import Sidecar
from vision.embedders.tower import Features
from vision.embedding import Pixels

BEFORE = 1 << 30
"""Batches from here on are only looked at, never trained on."""
Say = Callable[[int], None]


@torch.no_grad()
def learn_heads(student: Student, batches: Dataset[dict[str, Tensor]], config: Closed, say: Say) -> tuple[Head, Head]:
    """Look at batches and whiten what shows the same: a photo head and a logo head that have turned nothing yet."""
    photo, logo = _Rows(), _Rows()
    numbers = list(range(BEFORE, BEFORE + config.batches))
    for count, batch in enumerate(DataLoader(batches, batch_size=None, sampler=numbers, num_workers=1)):
        for rows, source, name in ((photo, "photos", "photo"), (logo, "photos", "region"), (logo, "tiles", "mark")):
            parts = student.sidecar.photo.parts if rows is photo else student.sidecar.logo.parts
            features = student.features(batch[source])
            described = describe(features, batch[f"{name}.boxes"], batch[f"{name}.pictures"], parts)
            rows.add(described, batch[f"{name}.labels"])
        say(count + 1)
    return (
        photo.whitened(len(student.sidecar.photo.matrix), config.photo_shrinkage),
        logo.whitened(len(student.sidecar.logo.matrix), config.logo_shrinkage),
    )


def with_logoness(
    student: Student, photos: Sequence[Pixels], marks: Sequence[Mark], config: Closed, *, seed: int
) -> Sidecar:
    """The student's sidecar with logoness learned on its trunk."""

    def dense(pictures: list[Pixels]) -> Features:
        return student.features(torch.from_numpy(np.stack(pictures)))

    sidecar, random = student.sidecar, np.random.default_rng(seed)
    learned = learn_logoness(dense, sidecar.logoness, sidecar.side, photos, marks, random=random, scenes=config.scenes)
    return dataclasses.replace(sidecar, logoness=learned)


class _Rows:
    """Descriptors and what they show, gathered batch by batch."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, rows: Tensor, labels: Tensor) -> None:
        self._rows.append(rows)
        self._labels.append(labels)

    def whitened(self, dim: int, shrinkage: float) -> Head:
        rows, labels = torch.cat(self._rows).numpy(), torch.cat(self._labels).numpy()
        mean, matrix = learn_whitening(rows, labels, dim=dim, shrinkage=shrinkage)
        return Head(torch.from_numpy(mean), torch.from_numpy(matrix))
