"""`python -m training`: the same as `brandwarden-train`."""

from training.cli import main

main()
