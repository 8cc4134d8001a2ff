"""The terms of the objective, each a function of vectors.

Place in the flow: `loop` weighs and adds them. Sources: InfoNCE with several positives after Khosla et al. 2020,
entropy term after Sablayrolles et al. 2019 (KoLeo), as SSCD (Pizzi et al. 2022) joins them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Labelled:
    """Unit vectors `[n, d]`, what each shows (`labels` `[n]`) and the picture it is of (`owners` `[n]`).

    Vectors of one owner but different labels overlap: they are neither positives nor negatives of each other.
    """

    vectors: Tensor
    labels: Tensor
    owners: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def detached(self) -> Labelled:
        """The same values without a gradient."""
        return Labelled(self.vectors.detach(), self.labels, self.owners)


def joined(first: Labelled, second: Labelled) -> Labelled:
    """Both, one after the other."""
    return Labelled(
        torch.cat([first.vectors, second.vectors]),
        torch.cat([first.labels, second.labels]),
        torch.cat([first.owners, second.owners]),
    )


def contrast(batch: Labelled, memory: Labelled, *, temperature: float) -> Tensor:
    """InfoNCE of every vector of `batch` that has a positive, against the batch and `memory`; a scalar."""
    everything = joined(batch, memory)
    same = batch.labels[:, None] == everything.labels[None]
    itself = torch.zeros_like(same)
    itself[:, : len(batch)] = torch.eye(len(batch), dtype=torch.bool, device=same.device)
    unsaid = itself | ((batch.owners[:, None] == everything.owners[None]) & ~same)
    similarities = (batch.vectors @ everything.vectors.T / temperature).masked_fill(unsaid, -1e4)
    logs = similarities - similarities.logsumexp(dim=1, keepdim=True)
    positive = (same & ~itself).float()
    counts = positive.sum(dim=1)
    asked = counts > 0
    if not bool(asked.any()):
        return batch.vectors.sum() * 0.0
    return -((logs * positive).sum(dim=1)[asked] / counts[asked]).mean()


def crowding(vectors: Tensor) -> Tensor:
    """The entropy term: minus the mean log distance of each vector `[n, d]` to its nearest other; a scalar."""
    similarities = vectors @ vectors.T - 2.0 * torch.eye(len(vectors), device=vectors.device)
    nearest = (2.0 - 2.0 * similarities.max(dim=1).values).clamp(min=1e-6).sqrt()
    return -nearest.log().mean()


def relations(student: Tensor, teacher: Tensor) -> Tensor:
    """Distillation free of dimensions: mean squared difference of the cosine tables of the same pictures."""
    tables = [vectors @ vectors.T for vectors in (F.normalize(student, dim=1), F.normalize(teacher, dim=1))]
    return (tables[0] - tables[1]).square().mean()


def balanced_logistic(logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """Binary cross-entropy where `counted`, positives and negatives weighing the same; a scalar."""
    terms = F.binary_cross_entropy_with_logits(logits, targets.float(), reduction="none")
    parts = [terms[counted & chosen] for chosen in (targets, ~targets)]
    present = [part.mean() for part in parts if len(part)]
    return torch.stack(present).mean() if present else logits.sum() * 0.0


class Memory:
    """The last `size` labelled vectors of earlier steps, oldest out first (Wang et al., Cross-Batch Memory, 2020)."""

    def __init__(self, size: int, dim: int) -> None:
        self._size = size
        self.held = Labelled(torch.zeros(0, dim), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))

    def push(self, batch: Labelled) -> None:
        """Keep the batch, let the oldest go."""
        grown = joined(self.held, batch.detached())
        keep = slice(max(0, len(grown) - self._size), None)
        self.held = Labelled(grown.vectors[keep], grown.labels[keep], grown.owners[keep])

    def state(self) -> dict[str, Tensor]:
        """The tensors a checkpoint keeps."""
        return {"vectors": self.held.vectors, "labels": self.held.labels, "owners": self.held.owners}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        self.held = Labelled(state["vectors"], state["labels"], state["owners"])
