"""Whether this service reads words in pictures: by its settings, and by what is installed.

Place in the flow: `service.runtime` hands the reader to every search. Without one marks are found by shape alone.
"""

from __future__ import annotations

import logging

from service.settings import Settings
from vision.embedders.words import WordReader, WordsUnavailable, open_words

_LOG = logging.getLogger("brandwarden.reading")


def open_reader(settings: Settings) -> tuple[WordReader | None, str]:
    """What reads words in pictures, or None, and a line about it for people."""
    if settings.read_words == "off":
        return None, "not read: switched off"
    try:
        return open_words(cache=settings.cache_dir), "read"
    except WordsUnavailable as error:
        _LOG.warning("%s", error)
        return None, str(error)
