"""Marks to train on: drawn icons, and words set in many fonts as wordmarks nobody has trademarked.

Place in the flow: gives `prints` its drawings and the text tower its words. Reserved brands appear neither as icons
nor as words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.marks import Mark, is_reserved, read_marks

_SYLLABLES: Final = (
    *("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wi"),
    *("xo", "ya", "zen", "bra", "cle", "dro", "flu", "gri", "pla", "ster", "tron", "nix", "el", "or", "um", "ax"),
    *("en", "is", "on", "ar", "et", "line", "max", "lab", "go", "ex", "tech", "sport", "ware", "by", "co", "st"),
)


def find_fonts(folders: Sequence[Path] = (Path("/usr/share/fonts"),)) -> list[Path]:
    """TrueType and OpenType files for plain letters in `folders` and in matplotlib, where it is installed."""
    found = [path for folder in folders if folder.is_dir() for path in folder.rglob("*.[to]tf")]
    try:
        from matplotlib import get_data_path  # noqa: PLC0415 - an optional package, for its fonts only
    except ImportError:
        pass
    else:
        found += list(Path(get_data_path(), "fonts", "ttf").glob("DejaVu*.ttf"))
    plain = {path.name: path for path in found if "Math" not in path.name and "Symbol" not in path.name}
    return [plain[name] for name in sorted(plain)]


def invent_word(random: np.random.Generator) -> str:
    """A word that could be a brand: two to four syllables, or a few letters."""
    while True:
        if random.random() < 0.15:
            word = "".join(chr(97 + int(letter)) for letter in random.integers(0, 26, int(random.integers(2, 5))))
        else:
            chosen = random.integers(0, len(_SYLLABLES), int(random.integers(2, 5)))
            word = "".join(_SYLLABLES[int(number)] for number in chosen)
        if not is_reserved(word):
            return word


def draw_word(random: np.random.Generator, word: str, fonts: Sequence[Path], *, height: int = 72) -> Mark:
    """The word as a mark: a font, upper or lower case, spacing, width, slant, weight, now and then a frame."""
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    if fonts:
        font = ImageFont.truetype(str(fonts[int(random.integers(len(fonts)))]), height)
    else:
        font = ImageFont.load_default(height)
    text = (word.upper(), word, word.capitalize())[int(random.integers(3))]
    spacing = float(random.uniform(-0.06, 0.3) if random.random() < 0.5 else 0.0) * height
    stroke = int(random.choice([0, 0, 0, 1, 3]))
    lengths = [font.getlength(letter) + spacing for letter in text]
    canvas = Image.new("L", (int(sum(lengths)) + height, height * 2), 0)
    pen, x = ImageDraw.Draw(canvas), height / 2
    for letter, length in zip(text, lengths, strict=True):
        pen.text((x, height * 0.3), letter, fill=255, font=font, stroke_width=stroke)
        x += length
    cover = _bent(random, np.asarray(canvas, np.float32) / 255.0)
    if random.random() < 0.15:
        cover = _framed(random, cover)
    colour = tuple(int(value) for value in random.integers(0, 256, 3))
    return Mark(word, trimmed(cover), (colour[0], colour[1], colour[2]))


def trimmed(cover: NDArray[np.float32]) -> NDArray[np.float32]:
    """The drawing without its empty margin, at most 192 px long."""
    rows, columns = np.flatnonzero(cover.max(axis=1) > 0.05), np.flatnonzero(cover.max(axis=0) > 0.05)
    if not len(rows):
        return np.ones((8, 8), np.float32)
    inner = cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ratio = min(1.0, 192 / max(inner.shape))
    size = max(4, round(inner.shape[1] * ratio)), max(4, round(inner.shape[0] * ratio))
    return np.ascontiguousarray(cv2.resize(inner, size, interpolation=cv2.INTER_AREA), np.float32)


def _bent(random: np.random.Generator, cover: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretched, slanted, and sometimes set on an arc."""
    height, width = cover.shape
    stretch, slant = float(np.exp(random.uniform(-0.35, 0.35))), float(random.choice([0.0, 0.0, 0.2, -0.1]))
    size = round(width * stretch) + height, height
    matrix = np.array([[stretch, -slant, slant * height], [0, 1, 0]], np.float32)
    cover = np.asarray(cv2.warpAffine(cover, matrix, size), np.float32)
    if random.random() < 0.12:
        depth = random.uniform(-0.5, 0.5) * height
        x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(height, dtype=np.float32))
        bow = depth * np.cos((x / size[0] - 0.5) * np.pi)
        cover = np.asarray(cv2.remap(cover, x, (y + bow).astype(np.float32), cv2.INTER_LINEAR), np.float32)
    return cover


def _framed(random: np.random.Generator, cover: NDArray[np.float32]) -> NDArray[np.float32]:
    """A box or an ellipse around the word, or the word left out of a filled one."""
    padded = np.pad(trimmed(cover), 22)
    height, width = padded.shape
    frame = np.zeros_like(padded)
    filled = random.random() < 0.5
    if random.random() < 0.5:
        cv2.rectangle(frame, (4, 4), (width - 5, height - 5), 1.0, -1 if filled else 4)
    else:
        cv2.ellipse(
            frame, (width // 2, height // 2), (width // 2 - 3, height // 2 - 3), 0, 0, 360, 1.0, -1 if filled else 4
        )
    return np.asarray(frame * (1 - padded) if filled else np.maximum(frame, padded), np.float32)


def open_marks(cache: Path, count: int, words: int, *, seed: int, held_out: int) -> list[Mark]:
    """Icons after the first `held_out` of the seed's order, then invented words; drawn once into `cache`."""
    name = cache / f"marks-{seed}-{count}-{words}-{held_out}.npz"
    if not name.is_file():
        random, fonts = np.random.default_rng(seed), find_fonts()
        icons = read_marks(held_out + (count or 1 << 20), seed=seed)[held_out:]
        drawn = [*icons, *(draw_word(random, invent_word(random), fonts) for _ in range(words))]
        cache.mkdir(parents=True, exist_ok=True)
        _write(name, drawn)
    with np.load(name, allow_pickle=False) as stored:
        ends, flat = np.cumsum(stored["sizes"].prod(axis=1)), stored["pixels"]
        return [
            Mark(
                str(word),
                flat[end - height * width : end].reshape(height, width).astype(np.float32) / 255.0,
                tuple(colour),
            )
            for word, (height, width), end, colour in zip(
                stored["names"], stored["sizes"], ends, stored["colours"].tolist(), strict=True
            )
        ]


def _write(path: Path, marks: Sequence[Mark]) -> None:
    partial = path.with_name(f"partial-{path.name}")
    np.savez(
        partial,
        names=np.array([mark.name for mark in marks]),
        sizes=np.array([mark.coverage.shape for mark in marks], np.int64),
        colours=np.array([mark.colour for mark in marks], np.int64),
        pixels=np.concatenate([np.rint(mark.coverage * 255).astype(np.uint8).ravel() for mark in marks]),
    )
    partial.replace(path)
