"""Authorised use: what a brand allows, so that a match is shown and does not count.

Authorisations name sellers, listings or GTINs; negatives are pictures that are never flagged for the brand. `values`
are pure, `tables` the rows; policies ask for both when a listing has matches.
"""

from service.authorised.authorised import Authorised
from service.authorised.values import Authorisation, ListingFacts, NewAuthorisation

__all__ = ["Authorisation", "Authorised", "ListingFacts", "NewAuthorisation"]
