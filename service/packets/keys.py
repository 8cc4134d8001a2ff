"""The installation's Ed25519 key: made once, kept in a file that only the service may read, published for everybody.

Place in the flow: `service.packets.sealing` signs with it, `service.packets.opening` checks against its public half.
Where several hosts serve one installation, they share the file through the setting `signing_key`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from indexes.errors import StorageFailed
from service.settings import Settings, SettingsError

ALGORITHM = "Ed25519"
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half that everybody may have. `raw` are its 32 bytes."""

    raw: bytes

    @property
    def id(self) -> str:
        """`ins_` and the beginning of its SHA-256."""
        return "ins_" + hashlib.sha256(self.raw).hexdigest()[:24]

    @property
    def text(self) -> str:
        """Its 32 bytes in base64."""
        return base64.b64encode(self.raw).decode()

    def has_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `content`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        pem = Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {"key_id": self.id, "algorithm": ALGORITHM, "public_key": self.text, "pem": pem.decode()}


@dataclass(frozen=True, slots=True)
class InstallationKey:
    """The key itself; only its public half leaves the process."""

    _private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """The half to publish."""
        return PublicKey(self._private.public_key().public_bytes(*_RAW))

    def sign(self, content: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(content)


def key_path(settings: Settings) -> Path:
    """Where the key is: the setting `signing_key`, else a file in the data directory."""
    return settings.signing_key or settings.data_dir / "installation.key"


def open_key(settings: Settings) -> InstallationKey:
    """The installation's key; made when there is none in the data directory. `SettingsError` for a file that is none.

    A file that the setting names is never made: on a second host that would be a second key.
    """
    path = key_path(settings)
    if settings.signing_key is None and not path.exists():
        _make(path)
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{path} is no readable Ed25519 key in PEM without a password: {error}.") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise SettingsError(f"{path} holds a key of another kind; Ed25519 is wanted.")
    return InstallationKey(loaded)


def parse_public(text: str) -> PublicKey:
    """A public key as base64 of its 32 bytes, or as PEM; `ValueError` for anything else."""
    if "BEGIN" in text:
        loaded = serialization.load_pem_public_key(text.encode())
        if not isinstance(loaded, Ed25519PublicKey):
            raise ValueError("it is a key of another kind; Ed25519 is wanted")
        return PublicKey(loaded.public_bytes(*_RAW))
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("it is neither PEM nor base64") from error
    if len(raw) != 32:
        raise ValueError("an Ed25519 key has 32 bytes")
    return PublicKey(raw)


def _make(path: Path) -> None:
    """Write a new key beside `path` and link it there; of several processes that do so, one wins."""
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was quicker: its key counts
            os.link(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageFailed(f"The installation's key could not be written to {path} ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
