"""The text tower of a model, in NumPy: names and product words to vectors beside pictures.

Place in the flow: `embed_texts` of every backend, for models with `brandwarden_texts.safetensors`. The transformer is
the one open_clip would run on the same weights; a text is spelt letter by letter, as the tower was trained, so the
tokenizer comes down to a table. Needs no engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from vision.embedding import KINDS, Kind, TextVectors
from vision.errors import ModelError

TEXTS: Final = "brandwarden_texts.safetensors"
LETTERS: Final = 28
"""Longer texts are cut: letters must fit the context of the text tower."""
_START, _END = 49406, 49407
Array = NDArray[np.float32]


def spelt(text: str) -> str:
    """`text` in lower case, its first `LETTERS` signs apart, a dash for every sign that is no plain letter or digit."""
    signs = " ".join(text.lower().split())[:LETTERS]
    return " ".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in signs)


def tokens(text: str, context: int) -> list[int]:
    """What open_clip's tokenizer makes of `spelt(text)`: a sign with a gap after it is number 256 and on."""
    letters = [256 + ord(sign) - ord("!") for sign in spelt(text).split()]
    found = [_START, *letters, _END]
    return found + [0] * (context - len(found))


def write_texts(directory: Path, logo: Array, floors: Mapping[Kind, float]) -> None:
    """Say that the text tower in `directory` is trained: `logo` `[logo_dim, embed_dim]` leads to the logo space, and
    below its kind's floor a similarity means nothing."""
    tensors = {"logo": np.ascontiguousarray(logo, np.float16)}
    tensors |= {f"{kind}_floor": np.array([floors[kind]], np.float32) for kind in KINDS}
    save_file(tensors, directory / TEXTS)


def read_texts(directory: Path | None) -> TextTower | None:
    """The text tower of a model directory, None where it was not trained. Raises `ModelError` for a damaged one."""
    if directory is None or not (directory / TEXTS).is_file():
        return None
    try:
        own = load_file(directory / TEXTS)
        logo, floors = own["logo"].astype(np.float32), {kind: float(own[f"{kind}_floor"][0]) for kind in KINDS}
        heads = int(json.loads((directory / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]["heads"])
        with safe_open(directory / "open_clip_model.safetensors", "np") as file:
            names = [name for name in file.keys() if name.startswith("text.")]  # noqa: SIM118 - not a mapping
            weights = {name.removeprefix("text."): file.get_tensor(name).astype(np.float32) for name in names}
        return TextTower(weights, heads, logo, floors)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"the text tower in {directory} is damaged ({error}); install the model again") from error


class TextTower:
    """open_clip's text transformer: `heads` attention heads, features brought to the logo space by `logo`."""

    def __init__(self, weights: dict[str, Array], heads: int, logo: Array, floors: Mapping[Kind, float]) -> None:
        self._weights, self._heads, self._logo, self._floors = weights, heads, logo, floors
        self._context = len(weights["positional_embedding"])
        self._layers = len({name.split(".")[2] for name in weights if name.startswith("transformer.resblocks.")})

    def __call__(self, texts: Sequence[str]) -> TextVectors:
        """Unit vectors of each text in both spaces."""
        photo_dim, logo_dim = self._logo.shape[1], self._logo.shape[0]
        if not texts:
            return TextVectors(np.zeros((0, photo_dim), np.float32), np.zeros((0, logo_dim), np.float32), self._floors)
        features = self._features(np.array([tokens(text, self._context) for text in texts]))
        return TextVectors(_unit(features), _unit(features @ self._logo.T), self._floors)

    def _features(self, numbers: NDArray[np.int64]) -> Array:
        x = self._weights["token_embedding.weight"][numbers] + self._weights["positional_embedding"]
        for layer in range(self._layers):
            block = f"transformer.resblocks.{layer}"
            x = x + self._attention(self._normed(x, f"{block}.ln_1"), f"{block}.attn")
            x = x + self._perceptron(self._normed(x, f"{block}.ln_2"), f"{block}.mlp")
        x = self._normed(x, "ln_final")
        ends = numbers.argmax(axis=1)
        return np.asarray(x[np.arange(len(x)), ends] @ self._weights["text_projection"], np.float32)

    def _normed(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-5)
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"], np.float32)

    def _attention(self, x: Array, name: str) -> Array:
        """Each sign sees itself and those before it."""
        count, length, width = x.shape
        mixed = x @ self._weights[f"{name}.in_proj_weight"].T + self._weights[f"{name}.in_proj_bias"]
        shape = count, length, 3, self._heads, width // self._heads
        asked, offered, held = mixed.reshape(shape).transpose(2, 0, 3, 1, 4)
        scores = asked @ offered.swapaxes(2, 3) / np.sqrt(width // self._heads)
        scores = scores + np.triu(np.full((length, length), -1e9, np.float32), 1)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ held).transpose(0, 2, 1, 3).reshape(count, length, width)
        out = f"{name}.out_proj"
        return np.asarray(seen @ self._weights[f"{out}.weight"].T + self._weights[f"{out}.bias"], np.float32)

    def _perceptron(self, x: Array, name: str) -> Array:
        hidden = x @ self._weights[f"{name}.c_fc.weight"].T + self._weights[f"{name}.c_fc.bias"]
        hidden = hidden * 0.5 * (1.0 + _erf(hidden / np.sqrt(2.0)))
        return np.asarray(
            hidden @ self._weights[f"{name}.c_proj.weight"].T + self._weights[f"{name}.c_proj.bias"], np.float32
        )


def _erf(x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26, to 2e-7: NumPy has none of its own."""
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.sign(x) * (1.0 - series * np.exp(-np.square(x))), np.float32)


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
