"""Cases: what happens to a listing after it was flagged, move by move, each with its reason and its right to answer.

`states` is the table of moves, `clocks` the time each side has, `tables` and `records` the rows, `audit` the chain of
what was done. `Cases` is the way in. Strikes, statements and webhooks hang on as `Watcher`s; cases know none of them.
"""
