"""Logoness: class-agnostic logistic regression between windows on a mark and windows of plain photograph.

Place in the flow: window features → the `logoness` tensors of a model's sidecar. Windows of one size group share
their weights, so that rare large shapes borrow from common ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
GROUP_EDGES = (2.6, 5.1, 8.1)
"""Bounds between size groups, in cells: the square root of a window's area."""


def size_groups(shapes: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The group of each window shape."""
    lengths = [(width * height) ** 0.5 for width, height in shapes]
    return np.asarray(np.digitize(lengths, GROUP_EDGES), np.int64)


def learn_logistic(
    features: Matrix, targets: NDArray[np.bool_], *, decay: float, steps: int = 60
) -> tuple[Matrix, float]:
    """Weights `[D]` and bias of a balanced logistic regression on `features` `[n, D]`, by L-BFGS."""
    x = torch.from_numpy(features)
    y = torch.from_numpy(targets.astype(np.float32))
    balance = (1 - y).sum() / y.sum().clamp(min=1)
    weight = torch.zeros(x.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(x @ weight + bias, y, pos_weight=balance)
        value = value + decay * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach().numpy().astype(np.float32), float(bias.detach())
