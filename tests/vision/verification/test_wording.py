"""A name is recognised however it is written, and a near miss is an altered mark."""

from __future__ import annotations

import pytest

from vision.boxes import WHOLE
from vision.verification.wording import Word, names_of, spelled


def word(text: str, confidence: float = 1.0) -> Word:
    return Word(text, confidence, WHOLE)


@pytest.mark.parametrize("text", ["adidas", "ADIDAS", "visit www.adidas.com now", "adi das", "Ádidas!"])
def test_a_name_is_read_whatever_stands_around_it(text: str) -> None:
    found = spelled(names_of("Adidas", None), [word("sale"), word(text)])
    assert found is not None
    assert found.strength == 1.0
    assert not found.altered


def test_a_near_miss_is_an_altered_mark_and_weaker() -> None:
    found = spelled(names_of("Adidas", None), [word("Adibas")])
    assert found is not None
    assert found.altered
    assert 0.3 < found.strength < 0.8
    assert found.read == "adibas"


def test_an_unclear_reading_is_no_altered_mark() -> None:
    found = spelled(names_of("Adidas", None), [word("Adibas", 0.6)])
    assert found is not None
    assert not found.altered


@pytest.mark.parametrize("text", ["coffee", "radio", "", "—", "di"])
def test_other_words_say_nothing(text: str) -> None:
    assert spelled(names_of("Adidas", None), [word(text)]) is None


def test_short_names_weigh_less_and_the_shortest_nothing() -> None:
    short = spelled(names_of("DHL", None), [word("DHL")])
    assert short is not None
    assert short.strength < 0.8
    assert names_of("HP", None) == ()


def test_a_title_names_the_mark_unless_it_describes_it() -> None:
    assert names_of("Nestlé", "Nescafé logo black") == ("nestle", "nescafe")
    assert names_of("Acme", "The red wordmark on a long white label") == ("acme",)
    assert names_of("Acme", None) == ("acme",)
