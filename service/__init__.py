"""The service: HTTP interface, pages, keys, jobs and the command line."""

VERSION = "0.1.0"
"""Of the distribution; a test holds it to `pyproject.toml`."""
