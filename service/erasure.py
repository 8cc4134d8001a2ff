"""Erasing a brand: rows, vectors, pictures and keys, in an order that leaves nothing half said.

First the keys, so that nobody adds to what is being erased, then the rows in one transaction, then what is derived.
A process that dies in between leaves at worst pictures that no row names.
"""

from __future__ import annotations

from collections.abc import Iterator

from service.runtime import Runtime


def erase_brand(runtime: Runtime, brand_id: str) -> None:
    """Erase the brand; `NotFound` when there is none."""
    runtime.brands.get(brand_id)
    runtime.keys.delete_of_brand(brand_id)
    pictures = {*_pictures(runtime, brand_id), *runtime.rights.documents(brand_id)}
    pictures |= runtime.negatives.pictures(brand_id)
    pictures |= runtime.cases.pictures_of_brand(brand_id)
    runtime.brands.delete(brand_id)
    runtime.gallery.catch_up()
    runtime.pictures.release(pictures)
    runtime.proofs.forget()


def _pictures(runtime: Runtime, brand_id: str) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = runtime.catalog.list(brand_id, limit=200, cursor=cursor)
        yield from (reference.sha256 for reference in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return
