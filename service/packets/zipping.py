"""Files into a zip whose bytes depend on nothing but them: fixed times, given order, stored and not compressed.

Compression would differ between versions of zlib, and a packet is checked by packing its files again. Pictures, which
are most of it, would not shrink anyway.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def pack(files: Mapping[str, bytes]) -> bytes:
    """The zip of `files`, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = _READABLE
            info.create_system = 3  # as on Unix, wherever it is made
            archive.writestr(info, data)
    return buffer.getvalue()
