"""Packing and signing: a manifest of every file, and the installation's signature over the manifest.

Place in the flow: after `service.packets.contents`. `service.packets.opening` is the way back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from service.canonical import canonical
from service.packets.keys import ALGORITHM, InstallationKey
from service.packets.zipping import pack

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"


def seal(files: Mapping[str, bytes], case_id: str, key: InstallationKey) -> bytes:
    """The packet of `files`: they, `manifest.json` with each one's size and SHA-256, and `signature` over it."""
    manifest = canonical(
        {
            "format": FORMAT,
            "case_id": case_id,
            "key_id": key.public.id,
            "files": {
                name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
            },
        }
    )
    signature = canonical(
        {
            "algorithm": ALGORITHM,
            "key_id": key.public.id,
            "public_key": key.public.text,
            "signed": MANIFEST,
            "signature": base64.b64encode(key.sign(manifest)).decode(),
        }
    )
    return pack({**files, MANIFEST: manifest, SIGNATURE: signature})
