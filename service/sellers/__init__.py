"""Sellers: strikes with weight and decay, the restrictions that follow from them, and who shares pictures with whom.

`Strikes` watches cases, `Sellers` is the way in for people, `Clusters` finds near-identical pictures between requests.
"""

from service.sellers.clusters import Clusters
from service.sellers.points import InvalidPoints, StrikeTerms
from service.sellers.sellers import ACTION_WORDS, ActionWord, Deed, Sellers
from service.sellers.strikes import Strikes

__all__ = ["ACTION_WORDS", "ActionWord", "Clusters", "Deed", "InvalidPoints", "Sellers", "StrikeTerms", "Strikes"]
