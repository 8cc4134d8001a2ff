"""What each brand's references score on traffic that is not theirs, learned, frozen, and held against their matches.

Some brands' pictures resemble everything: their wrong matches score higher than others'. `learning` measures by how
much, `records` keeps frozen versions in SQL, `Nulls` applies the newest. A shift only ever lowers a confidence.
"""

from service.nulls.learning import Shift, Vote, learned
from service.nulls.nulls import Nulls
from service.nulls.records import Frozen, NullRecords

__all__ = ["Frozen", "NullRecords", "Nulls", "Shift", "Vote", "learned"]
