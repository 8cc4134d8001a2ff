"""What a brand sees of its own: figures of its cases, its named case manager, and what the two write each other.

The brand's catalogue, matches, cases and authorisations are elsewhere; the pages put them together.
"""
