"""The demo's pictures: photographs that installed packages carry and marks rendered from an icon set.

Place in the flow: before `service.demo.scenario`, which edits them. Files are found without importing the packages
they lie in, and nothing is downloaded. The marks belong to their owners and stand here only to be recognised.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from service.errors import ServiceError

PHOTOGRAPHS: Final[dict[str, tuple[str, str]]] = {
    **{name.partition(".")[0]: ("skimage", f"data/{name}") for name in (
        "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
        "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg",
    )},
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}  # fmt: skip
"""Name → package and path inside it."""


class PicturesMissing(ServiceError):
    """The packages whose pictures the demo uses are not installed."""

    slug, title = "demo-pictures-missing", "Demo pictures missing"

    def __init__(self, what: str) -> None:
        super().__init__(f"The demo needs {what}; install it with: pip install 'brandwarden[demo]'")


def photograph(name: str) -> bytes:
    """The encoded bytes of a photograph of `PHOTOGRAPHS`, as the package ships it."""
    package, path = PHOTOGRAPHS[name]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PicturesMissing(f"the pictures of {package}")
    file = Path(spec.submodule_search_locations[0]) / path
    if not file.is_file():
        raise PicturesMissing(f"{path} of the package {package}")
    return file.read_bytes()


def mark(slug: str, *, colour: str | None = None, side: int = 512) -> bytes:
    """A PNG of the mark with that slug, `side` px square on white; `colour` (`#rrggbb`) or the mark's own."""
    icons, resvg = _import("simple_icons_pack"), _import("resvg_py")
    icon = icons.get_icon(slug)
    fill = colour or f"#{icon.hex}"
    inner = icon.svg.partition(">")[2].rpartition("</svg>")[0]
    # A margin of an eighth around the 24 px square of the set: catalogues crop marks loosely.
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-3 -3 30 30"><g fill="{fill}">{inner}</g></svg>'
    return bytes(resvg.svg_to_bytes(svg_string=drawing, width=side, height=side, background="#ffffff"))


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PicturesMissing(f"the package {name.replace('_', '-')}") from error
