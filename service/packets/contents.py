"""What goes into a packet: the case as its reader may see it, what the score was made of, pictures, and a page.

Place in the flow: between `Packets`, which reads a case, and `service.packets.sealing`, which signs. Pure but for the
pictures it is given. The same case gives the same bytes: nothing here looks at a clock.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2

from service.canonical import canonical
from service.packets.sides import side_by_side
from service.rights import Right
from service.stamps import stamp
from vision.boxes import Box
from vision.errors import VisionError

CASE: Final = "case.json"
CALIBRATION: Final = "calibration.json"
PAGE: Final = "packet.html"
SIDES: Final = "side-by-side.png"
Document = Mapping[str, Any]
_ENDINGS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"), (b"RIFF", "webp"))


@dataclass(frozen=True, slots=True)
class Material:
    """All that a packet is made of. A picture that is gone is None."""

    case: Document
    evidence: Document
    role: str
    model: str
    calibration: Document | None
    policy: Document
    rights: Sequence[Right]
    listing_picture: bytes | None
    reference_picture: bytes | None
    statements: Sequence[Document] = ()


def write_files(material: Material) -> dict[str, bytes]:
    """The files of the packet by name, in their order."""
    pictures = {"listing": material.listing_picture, "reference": material.reference_picture}
    stored = {f"pictures/{what}.{_ending(data)}": data for what, data in pictures.items() if data is not None}
    sides = _sides(material)
    case = _case(material, stored, has_sides=sides is not None)
    files = {CASE: canonical(case), PAGE: _page(case, sides)}
    if material.calibration is not None:
        files[CALIBRATION] = canonical(material.calibration)
    if sides is not None:
        files[SIDES] = sides
    return files | stored


def _case(material: Material, stored: Mapping[str, bytes], *, has_sides: bool) -> dict[str, Any]:
    listing = material.case["listing"]
    made_by = {name: listing[name] for name in ("space", "index_generation", "calibration", "nulls")}
    index = material.case["match"]["image_index"]
    wanted = {
        "listing": next((image.get("sha256") for image in listing["images"] if image["index"] == index), None),
        "reference": material.evidence["reference_sha256"],
    }
    names = {name.split("/")[1].split(".")[0]: name for name in stored}
    return {
        "format": 1,
        "made_for": material.role,
        "case": material.case,
        "judged_by": {**made_by, "model": material.model, "judged_at": listing["judged_at"]},
        "features": material.evidence.get("features"),
        "pictures": {what: {"sha256": sha256, "file": names.get(what)} for what, sha256 in wanted.items()},
        "side_by_side": SIDES if has_sides else None,
        "policy": material.policy,
        "rights": [_right(right) for right in material.rights],
        "statements": list(material.statements),
    }


def _right(right: Right) -> dict[str, Any]:
    same = ("id", "type", "title", "owner", "office", "registration_number", "document_sha256")
    lists = ("nice_classes", "vienna_codes", "territories")
    return {
        **{name: getattr(right, name) for name in same},
        **{name: list(getattr(right, name)) for name in lists},
        "valid_until": stamp(right.valid_until) if right.valid_until else None,
    }


def _sides(material: Material) -> bytes | None:
    if material.listing_picture is None or material.reference_picture is None:
        return None
    match = material.case["match"]
    box, reference_box = Box(*match["box"]), Box(*match["reference_box"])
    try:
        return side_by_side(material.listing_picture, box, material.reference_picture, reference_box)
    except VisionError:
        return None


def _page(case: Document, sides: bytes | None) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("service", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    shown = None if sides is None else "data:image/png;base64," + base64.b64encode(sides).decode()
    return environment.get_template("packet.html.j2").render(**case, sides=shown).encode()


def _ending(data: bytes) -> str:
    return next((ending for mark, ending in _ENDINGS if data.startswith(mark)), "bin")
