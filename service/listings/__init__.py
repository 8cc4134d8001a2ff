"""Listings: judged, kept, found again, forgotten.

Place in the flow: the HTTP interface, `scan` and the demo hand a `ListingInput` to `Listings`; it asks the pipeline,
decides, and stores the result in one transaction. Knows no HTTP.
"""

from service.listings.listings import Listings
from service.listings.values import (
    ImageResult,
    ImageSource,
    ListedMatch,
    ListingInput,
    ListingResult,
    Price,
    Verdict,
    VerdictWord,
)

__all__ = [
    "ImageResult",
    "ImageSource",
    "ListedMatch",
    "ListingInput",
    "ListingResult",
    "Listings",
    "Price",
    "Verdict",
    "VerdictWord",
]
