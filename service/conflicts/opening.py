"""Puts the parts of a check together from those of an open runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from service.conflicts.checking import Bounds, Checking
from service.conflicts.listed import ListedPictures
from service.conflicts.peers import Peers
from service.likeness import Comparison

if TYPE_CHECKING:  # the runtime has this put together
    from service.runtime import Runtime


def open_checking(runtime: Runtime, comparison: Comparison, give_way: Callable[[], None]) -> Checking:
    """What finds conflicts; `give_way` is called where it reads much, and may wait."""
    return Checking(
        runtime.database,
        runtime.spaces,
        runtime.catalog,
        runtime.brands,
        runtime.authorised,
        runtime.conflicts,
        Peers(runtime.catalog, runtime.blobs, comparison, runtime.pipeline),
        ListedPictures(runtime.database, give_way),
        comparison,
        Bounds(runtime.settings.prior_days, runtime.settings.prior_pictures),
    )
