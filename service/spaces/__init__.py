"""The life of a model in a running service: embedded beside, judged in shadow, promoted, rolled back.

Place in the flow: `service.runtime` opens `Spaces`, which holds the models that are loaded and says which one judges;
the HTTP interface moves them on through `Life`. Which space is active is a row in SQL that every process follows. It
trains nothing and judges no model by itself: the gate's report comes from `brandwarden-train`.
"""

from service.spaces.loading import LoadedSpace, ModelRefused
from service.spaces.records import Space, SpaceRecords, SpaceStatus
from service.spaces.spaces import Spaces

__all__ = ["LoadedSpace", "ModelRefused", "Space", "SpaceRecords", "SpaceStatus", "Spaces"]
