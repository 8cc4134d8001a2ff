"""A report for people: every listing beside the references it matched, boxes drawn, in one file that needs nothing.

Place in the flow: after the answers, for `brandwarden scan` and `brandwarden demo`. It takes listing results in the
shape of the HTTP interface and pictures as bytes; it judges nothing, fetches nothing and stores only its file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2

from service.policies.values import MONITOR_FROM
from vision.boxes import WHOLE, Box
from vision.drawing import Colour, draw_box
from vision.errors import ImageError
from vision.images import decode, encode_jpeg, fit

ReferencePicture = Callable[[Mapping[str, Any]], bytes | None]
"""The picture of the reference a match names, or None when it cannot be had."""

KIND_WORDS: Final = {"stolen_photo": "stolen photo", "logo_use": "logo use"}
_COLOURS: Final[dict[str, Colour]] = {"stolen_photo": (214, 40, 57), "logo_use": (0, 112, 220)}
_SIDE: Final = 440
_SHOWN_MATCHES: Final = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """One match: the listing's picture and the reference as data URLs with their boxes drawn, and the words."""

    kind: str
    brand: str
    reference: str
    confidence: float
    reasons: tuple[str, ...]
    suppressed_by: str | None
    picture: str
    reference_picture: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One listing: what was decided, what was expected (if anything was), its pictures and its matches."""

    listing_id: str
    title: str
    decision: str
    pictures: tuple[str, ...]
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...] = ()
    expected: str | None = None
    held: bool | None = None


def make_entry(
    result: Mapping[str, Any],
    pictures: Sequence[bytes],
    reference_picture: ReferencePicture,
    *,
    title: str = "",
    expected: str | None = None,
    held: bool | None = None,
) -> Entry:
    """An entry of one listing result (the JSON of `POST /v1/listings`) and the listing's encoded pictures.

    Matches that would not even be monitored are noise to a reader and are left out.
    """
    found = [match for match in result.get("matches", ()) if match["confidence"] >= MONITOR_FROM]
    pairs = [_pair(match, pictures, reference_picture) for match in found[:_SHOWN_MATCHES]]
    problems = [
        f"picture {image['index']}: {image['problem'].get('detail') or image['problem'].get('title')}"
        for image in result.get("images", ())
        if image.get("status") == "error"
    ]
    shown = [_data_url(data) for data in pictures] if not pairs else []
    return Entry(
        listing_id=str(result["listing_id"]),
        title=title,
        decision=str(result["decision"]),
        pictures=tuple(url for url in shown if url is not None),
        pairs=tuple(pairs),
        problems=tuple(problems),
        expected=expected,
        held=held,
    )


def write_report(path: Path, title: str, entries: Sequence[Entry], facts: Mapping[str, str]) -> None:
    """Write the report to `path`, making its folder; `facts` are name and value pairs shown under the title."""
    page = _template().render(
        title=title,
        entries=entries,
        facts=facts,
        kinds=KIND_WORDS,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("service"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html.j2")


def _pair(match: Mapping[str, Any], pictures: Sequence[bytes], reference_picture: ReferencePicture) -> Pair:
    kind = str(match["kind"])
    colour = _COLOURS.get(kind, (90, 90, 90))
    index = int(match["image_index"])
    label = f"{round(100 * match['confidence'])} %"
    reference = reference_picture(match)
    return Pair(
        kind=KIND_WORDS.get(kind, kind),
        brand=str(match["brand"]),
        reference=str(match.get("external_id") or match["reference_id"]),
        confidence=float(match["confidence"]),
        reasons=tuple(match.get("reasons", ())),
        suppressed_by=match.get("suppressed_by"),
        picture=_data_url(pictures[index], Box(*match["box"]), colour, label) or "",
        reference_picture=None if reference is None else _data_url(reference, Box(*match["reference_box"]), colour),
    )


def _data_url(data: bytes, box: Box | None = None, colour: Colour = (0, 0, 0), label: str = "") -> str | None:
    """A small JPEG of the picture as a data URL, or None for bytes that are no picture.

    A box around the whole picture is drawn too: it says that all of it was found.
    """
    try:
        pixels = fit(decode(data, side=_SIDE).pixels, _SIDE)
    except ImageError:
        return None
    if box is not None:
        pixels = draw_box(pixels, box if box.area > 0 else WHOLE, colour, label)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(pixels, 82)).decode("ascii")
