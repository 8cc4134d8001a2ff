"""What the demo sends: two brands with their catalogues, the listings, and what must come of each.

Place in the flow: between `service.demo.pictures` and `service.demo.run`. Every picture is made here, at run time
and without chance; nothing here talks to the service.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from service.demo.pictures import mark, photograph
from vision import edits
from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class DemoBrand:
    """A brand that does not exist, with photographs (name → title) and real marks (slug → title) as its catalogue."""

    name: str
    photos: dict[str, str]
    logos: dict[str, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """The one right match: its kind, whose it is, the reference and the picture of the listing that shows it."""

    kind: str
    brand: str
    external_id: str
    image_index: int = 0


@dataclass(frozen=True, slots=True)
class DemoListing:
    """A listing to send. `expected` is None when nothing may be flagged; `status` is the HTTP status to come."""

    listing_id: str
    title: str
    pictures: tuple[bytes, ...]
    expected: Expected | None
    status: int = 200
    broken: tuple[int, ...] = ()
    """Indices of pictures that cannot be decoded and must be reported so."""


HARBOUR: Final = DemoBrand(
    "Harbour Outfitters",
    {
        "astronaut": "Portrait print, flight suit",
        "motorcycle_left": "Red motorcycle",
        "chelsea": "Tabby portrait",
        "china": "Pavilion, travel poster",
        "camera": "Photographer, silver print",
        "brick": "Brick wall covering",
        "moon": "Lunar surface print",
    },
    {
        "thenorthface": "The North Face",
        "newbalance": "New Balance",
        "jordan": "Jordan",
        "burton": "Burton",
        "caterpillar": "Caterpillar",
    },
)
LUMEN: Final = DemoBrand(
    "Lumen Studio",
    {
        "coins": "Ancient coins, set of 24",
        "rocket": "Launch pad at dusk",
        "hubble_deep_field": "Deep field poster",
        "ihc": "Tissue pattern scarf",
        "retina": "Retina art print",
        "grass": "Lawn texture mat",
    },
    {
        "playstation": "PlayStation",
        "sennheiser": "Sennheiser",
        "yamahacorporation": "Yamaha",
        "twitch": "Twitch",
        "docker": "Docker",
    },
)
BRANDS: Final = (HARBOUR, LUMEN)
"""13 photographs and 10 marks in all."""


def catalogue(brand: DemoBrand) -> bytes:
    """The brand's catalogue as a zip: pictures, those under `logos/` being logos, and a `manifest.csv`."""
    buffer, table = io.BytesIO(), io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["file", "kind", "external_id", "title", "gtin"])
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, title in brand.photos.items():
            data = photograph(name)
            file = f"photos/{name}.{'png' if data.startswith(PNG_SIGNATURE) else 'jpg'}"
            archive.writestr(file, data)
            rows.writerow([file, "photo", photo_id(name), title, ""])
        for slug, title in brand.logos.items():
            archive.writestr(f"logos/{slug}.png", mark(slug))
            rows.writerow([f"logos/{slug}.png", "logo", logo_id(slug), title, ""])
        archive.writestr("manifest.csv", table.getvalue())
    return buffer.getvalue()


def photo_id(name: str) -> str:
    """The `external_id` of a demo photograph."""
    return f"PHOTO-{name.partition('_')[0].upper()}"


def logo_id(slug: str) -> str:
    """The `external_id` of a demo mark."""
    return f"MARK-{slug.upper()}"


def listings() -> list[DemoListing]:
    """Every listing of the demo, in the order it is sent."""
    return [*_untouched(), *_copies(), *_with_logos(), *_with_several(), *_broken()]


def _untouched() -> list[DemoListing]:
    titles = {
        "flower": "Dahlia bulbs, pack of 5",
        "coffee": "Espresso cup with saucer",
        "gravel": "Garden gravel, 25 kg",
        "page": "Textbook, second hand",
    }
    return [DemoListing(f"other-{name}", title, (photograph(name),), None) for name, title in titles.items()]


def _copies() -> list[DemoListing]:
    made: list[tuple[str, str, DemoBrand, Callable[[Pixels], Pixels]]] = [
        ("same-file", "astronaut", HARBOUR, lambda p: p),
        ("crop", "motorcycle_left", HARBOUR, lambda p: edits.crop(p, Box(0.18, 0.12, 0.9, 0.88))),
        ("mirror", "chelsea", HARBOUR, edits.mirror),
        ("text", "rocket", LUMEN, lambda p: edits.caption(p, "BEST PRICE  -70 %")),
        ("collage", "coins", LUMEN, _in_collage),
        ("screenshot", "china", HARBOUR, lambda p: edits.screenshot(p, title="Pavilion poster", price="EUR 9.90")),
        ("recompressed", "camera", HARBOUR, lambda p: edits.recompress(p, scale=0.5, quality=20)),
        ("recoloured-crop", "ihc", LUMEN, lambda p: edits.recolour(edits.crop(p, Box(0.1, 0.05, 0.85, 0.8)))),
        ("mirror-text", "retina", LUMEN, lambda p: edits.caption(edits.mirror(p), "Free shipping")),
    ]
    return [
        DemoListing(
            f"stolen-{edit}",
            f"{edit.replace('-', ' ')} of {photo_id(name)}",
            (_jpeg(change(_pixels(name))),),
            Expected("stolen_photo", brand.name, photo_id(name)),
        )
        for edit, name, brand, change in made
    ]


def _with_logos() -> list[DemoListing]:
    made: list[tuple[str, str, DemoBrand, Box, edits.Colour, float]] = [
        ("coffee", "playstation", LUMEN, Box(0.28, 0.30, 0.58, 0.72), (250, 250, 250), 0.0),
        ("flower", "newbalance", HARBOUR, Box(0.02, 0.05, 0.36, 0.55), (250, 250, 250), 0.0),
        ("flower", "jordan", HARBOUR, Box(0.62, 0.05, 0.96, 0.60), (250, 250, 250), 6.0),
        ("coffee", "twitch", LUMEN, Box(0.66, 0.05, 0.96, 0.5), (245, 240, 220), -6.0),
        ("gravel", "caterpillar", HARBOUR, Box(0.25, 0.25, 0.75, 0.75), (255, 205, 17), 0.0),
    ]
    return [
        DemoListing(
            f"logo-{slug}",
            f"{slug} on {name}",
            (_jpeg(edits.stamp(_pixels(name), _ink(slug), box, colour=colour, degrees=degrees)),),
            Expected("logo_use", brand.name, logo_id(slug)),
        )
        for name, slug, brand, box, colour, degrees in made
    ]


def _with_several() -> list[DemoListing]:
    copy = _jpeg(edits.recompress(edits.mirror(_pixels("hubble_deep_field")), scale=0.7, quality=30))
    crop = _jpeg(edits.crop(_pixels("astronaut"), Box(0.2, 0.0, 0.95, 0.7)))
    clean = (photograph("flower"), photograph("gravel"), photograph("coffee"))
    return [
        DemoListing(
            "several-one-stolen",
            "Three pictures, the second one stolen",
            (clean[0], copy, clean[1]),
            Expected("stolen_photo", LUMEN.name, photo_id("hubble_deep_field"), 1),
        ),
        DemoListing("several-clean", "Three pictures of other products", clean, None),
        DemoListing(
            "several-one-corrupt",
            "A picture cut off, then a stolen one",
            (photograph("coffee")[:5000], crop),
            Expected("stolen_photo", HARBOUR.name, photo_id("astronaut"), 1),
            broken=(0,),
        ),
    ]


def _broken() -> list[DemoListing]:
    return [DemoListing("corrupt", "Bytes that are no picture", (PNG_SIGNATURE + bytes(400),), None, 422, (0,))]


def _in_collage(pixels: Pixels) -> Pixels:
    return edits.collage([_pixels("flower"), pixels, _pixels("gravel"), _pixels("coffee")], side=900)


@cache
def _pixels(name: str) -> Pixels:
    return decode(photograph(name), side=2048).pixels


@cache
def _ink(slug: str) -> Pixels:
    """The mark in black: what `edits.stamp` takes as coverage."""
    return decode(mark(slug, colour="#000000", side=768)).pixels


def _jpeg(pixels: Pixels) -> bytes:
    return encode_jpeg(pixels, 88)
