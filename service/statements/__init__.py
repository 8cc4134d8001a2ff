"""Statements of reasons: why something was restricted, told to the seller and on record for the public.

Every restriction of a listing or a seller produces the text that Article 17 of the Digital Services Act asks for, and
a record in the shape of the EU's transparency database. Both are written with the restriction and never changed.
"""

from service.statements.statements import Statements
from service.statements.values import Statement

__all__ = ["Statement", "Statements"]
