"""Cases: what happens to a listing after it was flagged, move by move, each with its reason and its right to answer.

`states` is the table of moves, `moves` what stands above it, `clocks` the time each side has, `opening` where cases
come from, `evidence` what they stand on, `audit` the chain of what was done. `Cases` is the way in. Strikes, statements
and webhooks hang on as `Watcher`s; cases know none of them.
"""

from __future__ import annotations

from service.cases.cases import Cases, acting_as
from service.cases.reading import may_see
from service.cases.values import Acting, Case, Entry, Filters, Message, Watcher

__all__ = ["Acting", "Case", "Cases", "Entry", "Filters", "Message", "Watcher", "acting_as", "may_see"]
