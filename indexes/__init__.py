"""The catalogue of references, the vector indexes derived from it, and search over both.

SQL is the only truth; indexes can be thrown away and made again. Knows no HTTP.
"""
