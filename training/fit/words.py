"""The text tower: names and product words beside what they look like, the image tower locked.

Place in the flow: after the pictures are learned, or any time later, for no vector of a picture changes. Locked-image
tuning (Zhai et al., LiT, 2022) on vectors computed once: names to enrolment views in the logo space, what may be said
of a photograph (`phrases`) to its photo vectors. A text is spelt letter by letter (`vision.embedders.texts`), so a name
never met can still be near its wordmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from numpy.random import Generator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.fit.config import ConfigError, Words
from training.fit.finish import CONFIG, WEIGHTS
from training.fit.phrases import nonsense
from training.marks import Mark, picture_of
from training.towers import VOCABULARY, text_config
from vision.boxes import WHOLE
from vision.embedders.texts import read_texts, tokens, write_texts
from vision.embedding import CROP_MARGIN, KINDS, Embedder, Kind, Pixels, Vectors
from vision.images import cut

TEMPERATURE: Final = 0.07
STRANGE: Final = 500
"""Texts that mean nothing, by which floors are set."""
MEANT: Final = 0.02
"""Share of them that still bring up a picture among those they are set on."""
SIGNS: Final = np.array([0, *range(256, 350), 49406, 49407])
"""All numbers that `tokens` gives, in order: only their rows of open_clip's table are ever read, so only they learn."""


@dataclass(frozen=True, slots=True)
class Named:
    """Pictures in one space: what may be said of each, and a few unit vectors of each, `[n, r, d]`."""

    phrases: list[tuple[str, ...]]
    vectors: Vectors


def embed_marks(embedder: Embedder, marks: Sequence[Mark], random: Generator) -> Vectors:
    """One clean picture of each mark, in its own colour or black, light on dark now and then: `[n, 1, logo_dim]`."""
    crops = [_clean(random, mark) for mark in marks]
    vectors = [embedder.embed_crops(crops[start : start + 32]) for start in range(0, len(crops), 32)]
    return np.concatenate(vectors)[:, None]


def embed_photos(embedder: Embedder, photos: Sequence[Pixels]) -> Vectors:
    """Photographs, whole and in parts as a catalogue keeps them: `[n, 6, photo_dim]`."""
    vectors = [
        regions.vectors
        for start in range(0, len(photos), 8)
        for regions in embedder.embed_photos([embedder.prepare(pixels) for pixels in photos[start : start + 8]])
    ]
    return np.stack(vectors)


def check_words(directory: Path, photo_dim: int) -> None:
    """Raises `ConfigError` where the model in `directory` has no place for a text tower of ours."""
    content = json.loads((directory / CONFIG).read_text())["model_cfg"]
    if not content.get("custom_text") or content["embed_dim"] != photo_dim:
        raise ConfigError(
            f"{directory / CONFIG} has no `custom_text` tower of {photo_dim} dimensions; its own words stay as they are"
        )


def learn_words(
    directory: Path, marks: Named, photos: Named, config: Words, *, seed: int, say: Callable[[int, float], None]
) -> None:
    """Teach a new text tower, and write it over the one of the model in `directory`; its image tower stays as it is.

    Photo vectors are compared with the features themselves; a learned matrix brings features into the logo space.
    """
    import open_clip  # noqa: PLC0415 - seconds of import that only training needs

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    width, logo_dim = photos.vectors.shape[2], marks.vectors.shape[2]
    sizes = text_config(config) | {"vocab_size": len(SIGNS)}
    text: nn.Module = open_clip.model.TextTransformer(**sizes, output_dim=width)
    turn = nn.Parameter(torch.randn(logo_dim, width) * width**-0.5)
    optimizer = torch.optim.AdamW([*text.parameters(), turn], lr=config.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=config.steps, pct_start=0.1)
    shown, drawn = _Lesson(photos, config), _Lesson(marks, config)
    for step in range(config.steps):
        names, looks, says = drawn.draw(random)
        losses = [_both_ways(F.normalize(text(names) @ turn.T, dim=1), looks, says)]
        phrases, looks, says = shown.draw(random, strange=nonsense(random, config.strangers))
        losses.append(_both_ways(F.normalize(text(phrases), dim=1), looks, says))
        loss = torch.stack(losses).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        say(step + 1, float(loss.detach()))
    _write(directory, text, config)
    write_texts(directory, turn.detach().numpy(), {"photo": -1.0, "logo": -1.0})
    write_texts(directory, turn.detach().numpy(), _floors(directory, marks, photos, random))


class _Lesson:
    """Pictures with what may be said of them, a few drawn at a time."""

    def __init__(self, named: Named, config: Words) -> None:
        self._named, self._config = named, config
        texts = sorted({phrase for phrases in named.phrases for phrase in phrases})
        self._numbers = _numbers(texts, config.context)
        places = {text: place for place, text in enumerate(texts)}
        self._said = [np.array([places[phrase] for phrase in phrases]) for phrases in named.phrases]
        self._true = np.zeros((len(texts), len(named.phrases)), np.bool_)
        for picture, said in enumerate(self._said):
            self._true[said, picture] = True

    def draw(self, random: Generator, strange: Sequence[str] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """Texts as numbers, pictures as one of their vectors each, and `[texts, pictures]` where 1 is true.

        A phrase of each picture is read, and with it what is `strange`: a text that means nothing must be near
        nothing.
        """
        pictures = random.permutation(len(self._said))[: self._config.batch]
        chosen = np.unique([random.choice(self._said[picture]) for picture in pictures])
        true = self._true[np.ix_(chosen, pictures)]
        true = np.concatenate([true, np.zeros((len(strange), len(pictures)), np.bool_)])
        numbers = self._numbers[torch.from_numpy(chosen)]
        if strange:
            numbers = torch.cat([numbers, _numbers(strange, self._config.context)])
        parts = random.integers(0, self._named.vectors.shape[1], len(pictures))
        return numbers, torch.from_numpy(self._named.vectors[pictures, parts]), torch.from_numpy(true).float()


def _numbers(texts: Sequence[str], context: int) -> Tensor:
    """Texts as rows of `SIGNS`, `[n, context]`."""
    return torch.from_numpy(np.searchsorted(SIGNS, np.array([tokens(text, context) for text in texts])))


def _floors(directory: Path, marks: Named, photos: Named, random: Generator) -> dict[Kind, float]:
    """What hardly a text that means nothing reaches with the best of all pictures, by kind."""
    tower = read_texts(directory)
    assert tower is not None  # noqa: S101 - just written
    said = tower(nonsense(random, STRANGE))
    best = {"photo": said.photo @ _flat(photos).T, "logo": said.logo @ _flat(marks).T}
    return {kind: float(np.quantile(best[kind].max(axis=1), 1 - MEANT)) for kind in KINDS}


def _flat(named: Named) -> Vectors:
    return named.vectors.reshape(-1, named.vectors.shape[2])


def _both_ways(said: Tensor, seen: Tensor, true: Tensor) -> Tensor:
    """Text to picture and picture to text. All that is true of a picture shares its mass; what is true of none of
    them is only a wrong answer."""
    table = said @ seen.T / TEMPERATURE
    losses = []
    for logs, right in ((F.log_softmax(table, dim=1), true), (F.log_softmax(table, dim=0).T, true.T)):
        asked = right.sum(dim=1) > 0
        losses.append(-((logs * right).sum(dim=1)[asked] / right.sum(dim=1)[asked]).mean())
    return torch.stack(losses).mean()


def _clean(random: Generator, mark: Mark) -> Pixels:
    ink = mark.colour if random.random() < 0.5 else (0, 0, 0)
    light = (20, 20, 20) if sum(ink) > 600 else (255, 255, 255)
    picture = picture_of(mark, ink=ink, ground=light, margin=0.0)
    return cut(np.ascontiguousarray(picture), WHOLE, CROP_MARGIN)


def _write(directory: Path, text: nn.Module, config: Words) -> None:
    """Its weights in float16 in the place of those before, and its sizes in the configuration."""
    tensors = {name: value for name, value in load_file(directory / WEIGHTS).items() if not name.startswith("text.")}
    own = dict(text.state_dict())
    table = torch.zeros(VOCABULARY, config.width)
    table[torch.from_numpy(SIGNS)] = own["token_embedding.weight"]
    own["token_embedding.weight"] = table
    tensors |= {f"text.{name}": value.half().contiguous() for name, value in own.items()}
    save_file(tensors, directory / WEIGHTS)
    content: dict[str, Any] = json.loads((directory / CONFIG).read_text())
    content["model_cfg"]["text_cfg"] = text_config(config)
    (directory / CONFIG).write_text(json.dumps(content, indent=2) + "\n")
