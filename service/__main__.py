"""`python -m service` is `brandwarden`."""

from service.cli import main

main()
