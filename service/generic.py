"""Whether a picture may be a reference at all: it needs something of its own to be recognised by.

Place in the flow: `service.enrolment` asks once a picture is embedded and before anything is stored. First the pixels
(one colour, nothing but parallel lines), then the vectors against the model's background set, where there is one.
"""

from __future__ import annotations

from typing import Final

from indexes.background import Background
from service.errors import TooGeneric
from vision.embedding import Kind, Pixels, Regions
from vision.substance import substance

LEAST_CONTRAST: Final = 12.0
LEAST_BUSY: Final = 0.01
LEAST_WAYS: Final = 1.65
"""A bare line has 1.56 and stripes have 1; of 2,500 real marks none lies below 1.74, of 500 photos none below 5."""


def refuse_generic(kind: Kind, pixels: Pixels, regions: Regions, background: Background | None) -> None:
    """Raise `TooGeneric`, saying why, when this picture would be found everywhere or nowhere."""
    seen = substance(pixels)
    why = None
    if seen.contrast < LEAST_CONTRAST or seen.busy < LEAST_BUSY:
        why = "it is one colour or a smooth gradient"
    elif seen.ways < LEAST_WAYS:
        why = "it holds nothing but lines in one direction"
    elif background is not None:
        why = background.why_generic(kind, regions.vectors)
    if why is not None:
        raise TooGeneric(f"This picture is too generic to be a reference: {why}. Send one that shows what is yours.")
