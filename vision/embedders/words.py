"""Words in a picture, read by a text detector and a recogniser that run on the CPU.

Place in the flow: the service hands a `WordReader` to logo search, where words are evidence beside a mark's shape.
The two networks travel inside the `rapidocr` package (PP-OCR, Apache-2.0); nothing is downloaded. Detection follows
DB (Liao et al., AAAI 2020), recognition a CTC line reader. It knows no brand and weighs nothing.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import Box
from vision.embedders import DEFAULT_MODEL, model_directory
from vision.embedders.cores import shared_core
from vision.embedders.engines import verdict_on
from vision.embedding import Pixels
from vision.verification.wording import Word

_STEP: Final = 32
_LINE: Final = 48
_WIDTHS: Final = (96, 160, 256, 416, 640)
"""Lines are read at one of these widths in pixels: a network is laid out anew for each shape it meets."""

_TEXT: Final = 0.3
_SURE: Final = 0.45
_UNCLIP: Final = 1.6
_MOST_LINES: Final = 24

Quad = NDArray[np.float32]
"""float32 `[4, 2]`: corners in pixels, clockwise from the one where the text begins."""


class WordsUnavailable(Exception):
    """Text cannot be read here; the message says what to install."""


def open_words(*, side: int = 640, cache: Path | None = None, probe: Sequence[str] | None = None) -> WordReader:
    """A reader that sees pictures with their longest side at `side` pixels. Raises WordsUnavailable.

    Only looks whether everything is there and OpenVINO runs here, by the probe of the shipped model, remembered in
    `cache`: an engine that would crash must not crash the service. The networks (30 MB) load when the first picture
    is read.
    """
    if importlib.util.find_spec("openvino") is None or importlib.util.find_spec("rapidocr") is None:
        raise WordsUnavailable("words in pictures are not read: install the extra `ocr`")
    folder, shipped = _models(), model_directory(DEFAULT_MODEL)
    verdict = verdict_on(shipped, cache, probe) if shipped else None
    if verdict is not None and verdict.found is None:
        raise WordsUnavailable(f"words in pictures are not read: {verdict.why}")
    return WordReader(folder, side)


class WordReader:
    """Reads pictures; threads may share it."""

    def __init__(self, folder: Path, side: int) -> None:
        self._detector, self._recogniser = (_one(folder, pattern) for pattern in ("*_det_*.onnx", "*_rec_*.onnx"))
        self._side = side
        self._loading = threading.Lock()
        self._loaded: _Networks | None = None

    @property
    def _networks(self) -> _Networks:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._detector, self._recogniser)
            return self._loaded

    def __call__(self, pixels: Pixels) -> tuple[Word, ...]:
        """Lines of text in a picture, uint8 RGB `[h, w, 3]`, with their boxes and how sure the reading is."""
        quads = self._lines(pixels)
        height, width = pixels.shape[:2]
        words: list[Word] = []
        for quad in quads:
            text, sure = self._line(_straightened(pixels, quad))
            if text.strip():
                (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
                box = Box(float(x0) / width, float(y0) / height, float(x1) / width, float(y1) / height)
                words.append(Word(text, sure, box.clipped()))
        return tuple(words)

    def _lines(self, pixels: Pixels) -> list[Quad]:
        height, width = pixels.shape[:2]
        scale = self._side / max(height, width)
        size = max(_STEP, round(width * scale / _STEP) * _STEP), max(_STEP, round(height * scale / _STEP) * _STEP)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        chart = self._networks.find(_normalised(cast("Pixels", cv2.resize(pixels, size, interpolation=way))))[0, 0]
        ratio = np.array([width / size[0], height / size[1]], np.float32)
        return [quad * ratio for quad in _quads(chart)]

    def _line(self, line: Pixels) -> tuple[str, float]:
        """The most likely letters of one straightened line: the best of each step, repeats and blanks dropped."""
        length = line.shape[1] * _LINE / line.shape[0]
        width = next((known for known in _WIDTHS if known >= length), _WIDTHS[-1])
        canvas = np.full((_LINE, width, 3), 127, np.uint8)
        fitted = min(width, max(1, round(length)))
        canvas[:, :fitted] = cv2.resize(line, (fitted, _LINE), interpolation=cv2.INTER_LINEAR)
        letters = self._networks.letters
        steps = self._networks.read(_normalised(canvas))[0]
        best, sure = steps.argmax(axis=1), steps.max(axis=1)
        kept = (best > 0) & np.r_[True, best[1:] != best[:-1]]
        if not kept.any():
            return "", 0.0
        return "".join(letters[number] for number in best[kept]), float(sure[kept].mean())


def _normalised(pixels: Pixels) -> NDArray[np.float32]:
    """`[1, 3, h, w]` in [-1, 1], blue first as the networks were trained."""
    planes = pixels[..., ::-1].astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[None])


def _quads(chart: NDArray[np.float32]) -> list[Quad]:
    """Turned rectangles around connected text, grown by what the detector was trained to leave off."""
    mask = cv2.dilate((chart > _TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[float, Quad]] = []
    for contour in contours:
        centre, (width, height), turn = cv2.minAreaRect(contour)
        if min(width, height) < 3 or _mean_inside(chart, contour) < _SURE:
            continue
        grow = width * height * _UNCLIP / (width + height)
        corners = cv2.boxPoints((centre, (width + grow, height + grow), turn))
        found.append((width * height, _from_start(np.asarray(corners, np.float32))))
    found.sort(key=lambda pair: -pair[0])
    return [quad for _, quad in found[:_MOST_LINES]]


def _mean_inside(chart: NDArray[np.float32], contour: NDArray[Any]) -> float:
    left, top, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour - np.array([left, top])], 1)
    return float(cv2.mean(chart[top : top + height, left : left + width], mask)[0])


def _from_start(corners: Quad) -> Quad:
    """Corners from the top left: of the two leftmost the upper one, of the two rightmost likewise."""
    order = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (pair[np.argsort(pair[:, 1], kind="stable")] for pair in (order[:2], order[2:]))
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def _straightened(pixels: Pixels, quad: Quad) -> Pixels:
    """The line cut out upright; a tall one is turned, as text that runs upwards is."""
    width = max(4, round(max(_distance(quad[0], quad[1]), _distance(quad[3], quad[2]))))
    height = max(4, round(max(_distance(quad[0], quad[3]), _distance(quad[1], quad[2]))))
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, frame)
    line = cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if height > 1.5 * width:
        line = cv2.rotate(line, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return cast("Pixels", line)


def _distance(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    return float(np.hypot(*(one - two)))


def _models() -> Path:
    found = importlib.util.find_spec("rapidocr")
    places = found.submodule_search_locations if found else None
    if not places:
        raise WordsUnavailable("words in pictures are not read: install the extra `ocr`")
    return Path(places[0]) / "models"


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise WordsUnavailable(f"{folder} holds no {pattern}: install the extra `ocr`")
    return found[0]


def _load(detector: Path, recogniser: Path) -> _Networks:
    core = shared_core()
    models = [core.read_model(path) for path in (detector, recogniser)]
    letters = str(models[1].get_rt_info(["framework", "character"]).value).splitlines()
    find, read = (_Network(core.compile_model(model, "CPU", _ONE_THREAD)) for model in models)
    return _Networks(find, read, ("", *letters, " "))


_ONE_THREAD: Final = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "bf16"}


class _Network:
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._compiled.create_infer_request().infer([batch])[0], np.float32)


@dataclass(frozen=True, slots=True)
class _Networks:
    """`find` gives a chart of where text is, `read` the letters of a line step by step, as numbers of `letters`."""

    find: _Network
    read: _Network
    letters: tuple[str, ...]
