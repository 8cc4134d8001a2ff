"""The steps of a fit: batches to losses to updates, rounds to checkpoints and evaluations.

Place in the flow: `brandwarden-train fit` calls `run`. One process computes, one worker draws the next batches.
Everything that a step depends on is in the checkpoint, so a resumed run has the losses of an unbroken one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from training.fit.batches import Batches
from training.fit.checkpoints import Saved, optimizer_tensors, restore_optimizer
from training.fit.config import Config, ConfigError
from training.fit.losses import Labelled, Memory, balanced_logistic, contrast, crowding, joined, relations
from training.fit.pictures import Album
from training.fit.student import Student
from training.fit.teacher import Teacher
from training.marks import Mark
from training.windows import held
from vision.embedders.heads import windows_of
from vision.embedders.tower import Features
from vision.regions import overlaps

NEIGHBOURS = 6


@dataclass(frozen=True, slots=True)
class Step:
    """What one step was: its number and the value of every term, and of the sum under `total`."""

    number: int
    terms: dict[str, float]


class Run:
    """A student on its way: optimiser, memories, and the vectors that say who looks like whom."""

    def __init__(self, config: Config, student: Student, album: Album, marks: Sequence[Mark]) -> None:
        self.config, self.student = config, student
        self._album, self._marks = album, marks
        self._teacher = Teacher(config.losses.teacher, student.visual)
        self.step = 0
        self.shown = torch.zeros((1, 8, 8, 3), dtype=torch.uint8)
        rates = config.rates
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(student.head_parameters()), "name": "heads"},
                {"params": student.trunk_parameters, "name": "trunk"},
            ],
            lr=rates.heads,
            weight_decay=rates.decay,
        )
        self.average = {name: value.detach().clone() for name, value in student.learned().items()}
        photo_dim, logo_dim = student.sidecar.photo.matrix.shape[0], student.sidecar.logo.matrix.shape[0]
        self.photo_memory, self.logo_memory = (Memory(config.losses.memory, dim) for dim in (photo_dim, logo_dim))
        self.photo_table, self.mark_table = torch.zeros(len(album), photo_dim), torch.zeros(len(marks), logo_dim)

    def round(self, steps: int) -> Iterator[Step]:
        """The next `steps` steps, all with the same look-alikes."""
        batches = Batches(
            self.config.batch,
            self.config.seed,
            self._album,
            self._marks,
            photo_neighbours=look_alikes(self.photo_table),
            mark_neighbours=look_alikes(self.mark_table),
        )
        numbers = range(self.step, min(self.step + steps, self.config.steps))
        loader = DataLoader(batches, batch_size=None, sampler=list(numbers), num_workers=1, prefetch_factor=3)
        for batch in loader:
            self.shown = batch["tiles"]
            self._set_rates()
            terms = self.losses(batch)
            self.optimizer.zero_grad(set_to_none=True)
            terms["total"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(list(self.student.learned().values()), 5.0)
            self.optimizer.step()
            self.step += 1
            self._average()
            yield Step(self.step, {name: float(value.detach()) for name, value in terms.items()})

    @torch.no_grad()
    def _average(self) -> None:
        """Follow the weights slowly: single steps see few marks and are noisy (Polyak averaging)."""
        keep = min(self.config.rates.average, (1 + self.step) / (10 + self.step))
        for name, value in self.student.learned().items():
            self.average[name].lerp_(value, 1 - keep)

    @torch.no_grad()
    def averaged(self) -> Student:
        """A student of its own with the averaged weights: what is judged and shipped."""
        student = copy.deepcopy(self.student)
        for name, value in student.learned().items():
            value.copy_(self.average[name])
        return student

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every term of the objective for one batch, and their weighted sum."""
        weights = self.config.losses
        features = self.student.features(batch["photos"])
        photo = self._labelled(self.student.photo, features, batch, "photo")
        regions = self._labelled(self.student.logo, features, batch, "region")
        whole = photo.vectors[
            (batch["photo.boxes"] == torch.tensor([0.0, 0, 1, 1])).all(1) & (batch["photo.pictures"] % 2 == 0)
        ]
        tiles = self.student.features(batch["tiles"])
        marks = self._labelled(self.student.logo, tiles, batch, "mark")
        beside = self._labelled(self.student.logo, tiles, batch, "beside").detached()
        background = joined(self.logo_memory.held, joined(beside, regions.detached()))
        taught = self._teacher(batch["photos"][0::2])
        terms = {
            "photo": contrast(photo, self.photo_memory.held, temperature=weights.photo_temperature),
            "entropy": crowding(whole[: self.config.batch.photos]),
            "regions": contrast(
                regions, joined(self.logo_memory.held, marks.detached()), temperature=weights.logo_temperature
            ),
            "logo": contrast(marks, background, temperature=weights.logo_temperature),
            "distil": relations(features.image[0::2].float(), taught),
        }
        if weights.logoness:
            terms["logoness"] = self._logoness(tiles, batch)
        terms["total"] = torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()
        self._remember(batch, photo, joined(marks, joined(beside, regions)), marks)
        return terms

    def _logoness(self, tiles: Features, batch: dict[str, Tensor]) -> Tensor:
        """Windows of the prints in their surroundings: on the mark, beside it, neither."""
        side = batch["tiles"].shape[1] // 16
        corners, grid = windows_of(self.student.sidecar.logoness, side)
        shown = Features(tiles.image[1::3], tuple(layer[1::3] for layer in tiles.maps))
        logits = self.student.window_logits(shown, side, grid)
        boxes = batch["mark.boxes"][1::3].numpy()
        shares = np.stack([overlaps(box, (corners / side).astype(np.float32)) for box in boxes])
        inside = np.stack([held(box, (corners / side).astype(np.float32)) for box in boxes])
        positive = shares >= 0.5
        negative = ((shares > 0.08) & (shares < 0.3)) | ((shares <= 0.08) & (inside < 0.3))
        return balanced_logistic(logits, torch.from_numpy(positive), torch.from_numpy(positive | negative))

    def _labelled(self, head: Callable[..., Tensor], features: Any, batch: dict[str, Tensor], name: str) -> Labelled:
        vectors = head(features, batch[f"{name}.boxes"], batch[f"{name}.pictures"])
        return Labelled(vectors, batch[f"{name}.labels"], batch[f"{name}.owners"])

    @torch.no_grad()
    def _remember(self, batch: dict[str, Tensor], photo: Labelled, logo: Labelled, marks: Labelled) -> None:
        self.photo_memory.push(photo)
        self.logo_memory.push(logo)
        originals = (batch["photo.boxes"] == torch.tensor([0.0, 0, 1, 1])).all(1) & (batch["photo.pictures"] % 2 == 0)
        originals &= batch["photo.labels"] == batch["photo.owners"]
        self.photo_table[photo.owners[originals]] = photo.vectors.detach()[originals]
        self.mark_table[marks.labels[0::3]] = marks.vectors.detach()[0::3]

    def _set_rates(self) -> None:
        rates = self.config.rates
        done = self.step / self.config.steps
        decay = 0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02
        for group in self.optimizer.param_groups:
            begin = 0 if group["name"] == "heads" else rates.trunk_after
            warm = min(1.0, max(0.0, (self.step + 1 - begin) / max(1, rates.warmup)))
            group["lr"] = (rates.heads if group["name"] == "heads" else rates.trunk) * warm * decay

    def saved(self) -> Saved:
        """What a checkpoint keeps of this run."""
        tensors: dict[str, Tensor] = {f"learned.{name}": value for name, value in self.student.learned().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        tensors |= optimizer_tensors(self.optimizer)
        for name, memory in (("photo_memory", self.photo_memory), ("logo_memory", self.logo_memory)):
            tensors |= {f"{name}.{key}": value for key, value in memory.state().items()}
        tensors |= {"photo_table": self.photo_table, "mark_table": self.mark_table}
        return Saved(tensors, {"step": self.step, "manifest": self._album.manifest.sha256})

    def resume(self, saved: Saved) -> None:
        """Go on from a checkpoint. Raises `ConfigError` where it is of other pictures or another model."""
        if saved.state["manifest"] != self._album.manifest.sha256:
            raise ConfigError("the checkpoint was made from other pictures; begin in another directory")
        learned = self.student.learned()
        try:
            with torch.no_grad():
                for name, value in learned.items():
                    value.copy_(saved.tensors[f"learned.{name}"])
                    self.average[name].copy_(saved.tensors[f"average.{name}"])
        except (KeyError, RuntimeError) as error:
            raise ConfigError(f"the checkpoint is of another model ({error}); begin in another directory") from error
        restore_optimizer(self.optimizer, saved.tensors)
        for name, memory in (("photo_memory", self.photo_memory), ("logo_memory", self.logo_memory)):
            memory.load({key: saved.tensors[f"{name}.{key}"] for key in ("vectors", "labels", "owners")})
        self.photo_table, self.mark_table = saved.tensors["photo_table"], saved.tensors["mark_table"]
        self.step = int(saved.state["step"])


def look_alikes(table: Tensor) -> NDArray[np.int64]:
    """The nearest others of every vector `[n, d]`, `[n, k]`; -1 for rows that are still zero, and for their kind."""
    known = table.norm(dim=1) > 0
    result = np.full((len(table), min(NEIGHBOURS, max(1, len(table) - 1))), -1, np.int64)
    rows = torch.nonzero(known)[:, 0]
    if len(rows) <= result.shape[1]:
        return result
    vectors = F.normalize(table[rows], dim=1)
    similarities = vectors @ vectors.T
    similarities.fill_diagonal_(-2.0)
    nearest = similarities.topk(result.shape[1], dim=1).indices
    result[rows.numpy()] = rows[nearest].numpy()
    return result
