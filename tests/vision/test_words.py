"""Words in a picture are read by the networks of the extra `ocr`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.boxes import Box
from vision.embedders.words import WordReader, WordsUnavailable, open_words
from vision.embedding import Pixels
from vision.verification.wording import names_of, spelled


@pytest.fixture(scope="module")
def reader() -> WordReader:
    return open_words(side=448)


def shirt(text: str) -> Pixels:
    """A dark garment with a word across it."""
    canvas = np.full((420, 360, 3), (24, 30, 60), np.uint8)
    canvas += np.random.default_rng(5).integers(0, 12, canvas.shape, np.uint8)
    cv2.putText(canvas, text, (60, 230), cv2.FONT_HERSHEY_DUPLEX, 2.0, (240, 240, 240), 4, cv2.LINE_AA)
    return canvas


def test_a_word_is_read_where_it_stands(reader: WordReader) -> None:
    found = spelled(names_of("Adidas", None), reader(shirt("adidas")))
    assert found is not None
    assert (found.strength > 0.9, found.altered) == (True, False)
    assert found.box.iou(Box(0.15, 0.43, 0.78, 0.57)) > 0.5


def test_a_changed_letter_comes_out_as_an_altered_mark(reader: WordReader) -> None:
    found = spelled(names_of("Adidas", None), reader(shirt("Adibas")))
    assert found is not None
    assert (found.altered, found.read) == (True, "adibas")
    assert found.strength < 0.8


def test_a_plain_picture_holds_no_words(reader: WordReader) -> None:
    assert reader(np.full((200, 300, 3), 128, np.uint8)) == ()


def test_missing_networks_say_what_to_install(tmp_path) -> None:
    with pytest.raises(WordsUnavailable, match="extra `ocr`"):
        WordReader(tmp_path, 448)


def test_nothing_is_read_where_the_engine_does_not_survive_its_probe(tmp_path: Path) -> None:
    dies = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    with pytest.raises(WordsUnavailable, match="SIGILL"):
        open_words(cache=tmp_path, probe=dies)
