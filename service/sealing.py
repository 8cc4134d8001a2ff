"""Secrets that the service has to read again, kept so that a copy of the database alone does not give them away.

Most secrets are stored hashed. Those that sign what we send cannot be: they are sealed with AES-256-GCM under the key
of the installation, which stands in the settings or in a file below the data directory and never in the database.
Whoever has both the database and that key can read them; that is what the key file's mode and the backups are for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE: Final = "sealing.key"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Unsealable(Exception):
    """What was sealed under another installation's key, or has been changed since."""


class Sealer:
    """Seals and opens under one key. What is sealed for one purpose cannot be opened for another."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"brandwarden sealing\x00" + key).digest())

    @classmethod
    def open_for(cls, data_dir: Path, *, secret_key: str | None = None) -> Sealer:
        """With `secret_key` from the settings, else with the key file of `data_dir`, made at the first start."""
        return cls(secret_key.encode() if secret_key else _key_of(data_dir / KEY_FILE))

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """`secret` under the key, with what belongs to it: `purpose` has to be given again to open it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """The secret; `Unsealable` under another key, for another purpose, or when a bit of it was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise Unsealable(
                "A stored secret cannot be read with this installation's key; "
                f"put back the {KEY_FILE} or BRANDWARDEN_SECRET_KEY it was made with."
            ) from error


def _key_of(path: Path) -> bytes:
    """The key in `path`, made where there is none. Of processes that start at once, one makes it."""
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            _write_private(made, secrets.token_bytes(_KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(made, path)  # unlike a rename it never takes the place of another process's key
        finally:
            made.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise Unsealable(f"{path} does not hold {_KEY_BYTES} bytes; put back the file this installation was made with.")
    return key


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
