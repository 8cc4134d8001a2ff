"""Prior publication: a new reference that somebody else had first is held until an operator has looked at it."""
