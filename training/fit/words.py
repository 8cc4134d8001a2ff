"""The text tower: names and product words beside what they look like, the image tower locked.

Place in the flow: after the pictures are learned. Locked-image tuning (Zhai et al., LiT, 2022) on vectors computed
once: names to enrolment views in the logo space, what a photograph shows to its photo vector. A text is spelt letter
by letter (`vision.embedders.texts`), so a name never met can still be near its wordmark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from numpy.random import Generator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.fit.config import Words
from training.fit.finish import WEIGHTS
from training.marks import Mark, picture_of
from vision.boxes import WHOLE
from vision.embedders.clip import ClipEmbedder
from vision.embedders.texts import tokens, write_texts
from vision.embedding import CROP_MARGIN, Pixels, Vectors
from vision.images import cut

TEMPERATURE = 0.07


@dataclass(frozen=True, slots=True)
class Named:
    """Texts and the unit vectors `[n, d]` of what they name, in one space."""

    texts: list[str]
    vectors: Vectors


def name_marks(embedder: ClipEmbedder, marks: Sequence[Mark], random: Generator) -> Named:
    """One clean picture of each mark, in its own colour or black, light on dark now and then."""
    crops = [_clean(random, mark) for mark in marks]
    vectors = [embedder.embed_crops(crops[start : start + 32]) for start in range(0, len(crops), 32)]
    return Named([mark.name for mark in marks], np.concatenate(vectors))


def name_photos(embedder: ClipEmbedder, photos: Sequence[Pixels], classes: Sequence[str]) -> Named:
    """Photographs under the words of their folder: "t-shirt", "Alpro-Fresh-Soy-Milk"."""
    vectors = [
        regions.vectors[:1]
        for start in range(0, len(photos), 8)
        for regions in embedder.embed_photos([embedder.prepare(pixels) for pixels in photos[start : start + 8]])
    ]
    return Named([name.replace("-", " ") for name in classes], np.concatenate(vectors))


def learn_words(
    directory: Path, marks: Named, photos: Named, config: Words, *, seed: int, say: Callable[[int, float], None]
) -> None:
    """Train the text tower of the model in `directory` in place, and the matrix that brings its features into the
    logo space. Photo vectors are compared with the features themselves."""
    import open_clip  # noqa: PLC0415 - seconds of import that only training needs

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    text: Any = open_clip.create_model(f"local-dir:{directory}", require_pretrained=True, weights_only=True).text
    turn = nn.Parameter(torch.randn(marks.vectors.shape[1], photos.vectors.shape[1]) * photos.vectors.shape[1] ** -0.5)
    optimizer = torch.optim.AdamW([*text.parameters(), turn], lr=config.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=config.steps, pct_start=0.1)
    numbers = {
        id(named): torch.tensor([tokens(name, config.context) for name in named.texts]) for named in (marks, photos)
    }
    labels = {id(named): torch.from_numpy(np.unique(named.texts, return_inverse=True)[1]) for named in (marks, photos)}
    for step in range(config.steps):
        losses = []
        for named in (marks, photos):
            rows = torch.from_numpy(random.permutation(len(named.texts))[: config.batch])
            features: Tensor = text(numbers[id(named)][rows])
            said = F.normalize(features @ turn.T if named is marks else features, dim=1)
            losses.append(_both_ways(said, torch.from_numpy(named.vectors)[rows], labels[id(named)][rows]))
        loss = torch.stack(losses).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        say(step + 1, float(loss.detach()))
    _write(directory, text)
    write_texts(directory, turn.detach().numpy())


def _both_ways(said: Tensor, seen: Tensor, labels: Tensor) -> Tensor:
    """Text to picture and picture to text; equal texts are each other's positives, never negatives."""
    positive = (labels[:, None] == labels[None]).float()
    losses = []
    for table in (said @ seen.T, seen @ said.T):
        logs = F.log_softmax(table / TEMPERATURE, dim=1)
        losses.append(-((logs * positive).sum(dim=1) / positive.sum(dim=1)).mean())
    return torch.stack(losses).mean()


def _clean(random: Generator, mark: Mark) -> Pixels:
    ink = mark.colour if random.random() < 0.5 else (0, 0, 0)
    light = (20, 20, 20) if sum(ink) > 600 else (255, 255, 255)
    picture = picture_of(mark, ink=ink, ground=light, margin=0.0)
    return cut(np.ascontiguousarray(picture), WHOLE, CROP_MARGIN)


def _write(directory: Path, text: nn.Module) -> None:
    tensors = load_file(directory / WEIGHTS)
    tensors |= {f"text.{name}": value.half() for name, value in text.state_dict().items() if f"text.{name}" in tensors}
    save_file({name: value.contiguous() for name, value in tensors.items()}, directory / WEIGHTS)
