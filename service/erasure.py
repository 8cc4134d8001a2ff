"""Erasing a brand: rows, vectors, pictures and keys, in an order that leaves nothing half said.

First the keys, so that nobody adds to what is being erased, then the rows in one transaction, then what is derived.
Which pictures it has is read in that transaction, so that what an import adds until then goes as well. A process that
dies in between leaves at worst pictures that no row names; those that the store would not remove are tried again.
"""

from __future__ import annotations

from service.runtime import Runtime


def erase_brand(runtime: Runtime, brand_id: str) -> None:
    """Erase the brand; `NotFound` when there is none."""
    runtime.brands.get(brand_id)
    runtime.keys.delete_of_brand(brand_id)
    pictures: set[str] = set()
    runtime.brands.delete(brand_id, first=lambda: pictures.update(_pictures(runtime, brand_id)))
    runtime.gallery.catch_up()
    runtime.pictures.release(pictures)
    runtime.proofs.forget()


def _pictures(runtime: Runtime, brand_id: str) -> frozenset[str]:
    """Whatever files its rows name; its proofs go with their cases."""
    return (
        runtime.catalog.pictures_of_brand(brand_id)
        | runtime.rights.documents(brand_id)
        | runtime.negatives.pictures(brand_id)
        | runtime.cases.pictures_of_brand(brand_id)
    )
