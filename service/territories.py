"""Where something holds: sets of territory codes, and whether one set lies inside another.

Codes are two letters of ISO 3166-1, or stand for several countries: `EU` (an EU trade mark or design), `BX` (Benelux,
as WIPO writes it) and `WO` (everywhere). No code at all is everywhere too. Pure; asks no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

WORLD: Final = "WO"
UNIONS: Final = {
    "EU": frozenset(
        "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - read as one line
    ),
    "BX": frozenset({"BE", "NL", "LU"}),
}
"""Which countries the codes of several stand for."""
_OTHER_NAMES: Final = {"UK": "GB", "EL": "GR", "EM": "EU"}
"""Codes that offices use beside those of ISO 3166-1."""


def normalise(codes: Iterable[str]) -> tuple[str, ...]:
    """Each code once, in capitals and in the order given, under the name that is used here."""
    capitals = (code.strip().upper() for code in codes)
    return tuple(dict.fromkeys(_OTHER_NAMES.get(code, code) for code in capitals))


def is_world(codes: Iterable[str]) -> bool:
    """Whether `codes` stand for everywhere: none at all, or `WO` among them."""
    named = set(codes)
    return not named or WORLD in named


def countries(codes: Iterable[str]) -> frozenset[str]:
    """The countries that `codes` stand for; a code that stands for one country, or that is not known, is itself."""
    return frozenset(country for code in normalise(codes) for country in UNIONS.get(code, {code}))


def hold(codes: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether every place of `wanted` lies in `codes`; everywhere lies in everywhere only."""
    codes, wanted = tuple(codes), tuple(wanted)
    if is_world(codes):
        return True
    return not is_world(wanted) and countries(wanted) <= countries(codes)
