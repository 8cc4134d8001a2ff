"""Learned whitening in closed form: the projection under which copies fall together and everything else apart.

Place in the flow: descriptors of corresponding boxes → the matrices of a model's sidecar. Source: Radenović, Tolias,
Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018, section 3.3; shrinkage of the within-pair
covariance towards its mean because descriptors are longer than the pairs are many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def learn_whitening(
    descriptors: Matrix, labels: NDArray[np.int64], *, dim: int, shrinkage: float
) -> tuple[Matrix, Matrix]:
    """Mean `[D]` and projection `[dim, D]` from `descriptors` `[n, D]`, those of equal `labels` showing the same.

    The within-class covariance, shrunk by `shrinkage` in (0, 1], is whitened; of the class means in that space the
    `dim` principal directions are kept.
    """
    rows = descriptors.astype(np.float64)
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), rows.shape[1]))
    np.add.at(means, inverse, rows)
    means /= counts[:, None]
    centre = means.mean(axis=0)
    within = rows - means[inverse]
    covariance = within.T @ within / max(1, len(rows) - len(counts))
    size = len(covariance)
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / size * np.eye(size)
    values, vectors = np.linalg.eigh(covariance)
    whiten = vectors / np.sqrt(np.maximum(values, values.max() * 1e-9))
    spread = (means - centre) @ whiten
    _, directions = np.linalg.eigh(spread.T @ spread / len(spread))
    projection = (whiten @ directions[:, ::-1][:, :dim]).T
    projection /= np.abs(projection).max()  # unit vectors come out of it: only float16's range matters
    return centre.astype(np.float32), np.ascontiguousarray(projection, np.float32)
