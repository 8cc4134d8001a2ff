"""Taking a packet apart and checking it, trusting nothing in it: sizes, names, digests, signature, every byte.

Place in the flow: under `brandwarden verify-packet`. The archive's own guards come first; then the files are packed
again, so that a byte that no file owns (a time, a comment, something behind the end) counts as a change too. What the
case document says is `service.packets.checking`'s business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.archives import ArchiveLimits, open_archive
from service.canonical import NotCanonical, read_canonical
from service.errors import ServiceError
from service.packets.keys import ALGORITHM, PublicKey, parse_public
from service.packets.sealing import FORMAT, MANIFEST, SIGNATURE
from service.packets.zipping import pack
from service.settings import MIB

LIMITS: Final = ArchiveLimits(entries=32, entry_bytes=64 * MIB, total_bytes=256 * MIB)
LARGEST: Final = 257 * MIB
"""Bytes of the largest file that is looked at."""


class PacketRefused(Exception):
    """The packet was changed, is cut off or was never one; the message says what about it."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose files, manifest and signature agree. `key` signed it: whether to trust it is the reader's."""

    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]
    key: PublicKey


def open_packet(data: bytes, trusted: PublicKey | None = None) -> Packet:
    """The packet in `data`; `PacketRefused` when anything was changed, or when another key than `trusted` signed it."""
    files = _unpack(data)
    for name in (MANIFEST, SIGNATURE):
        if name not in files:
            raise PacketRefused(f"The packet has no {name}.")
    key = _check_signature(files[MANIFEST], files[SIGNATURE], trusted)
    manifest = _read(MANIFEST, files[MANIFEST])
    if manifest.get("format") != FORMAT:
        raise PacketRefused("The packet is of a format that this version does not read.")
    if manifest.get("key_id") != key.id:
        raise PacketRefused("The manifest names another key than the one that signed it.")
    _check_files(manifest, files)
    if list(files)[-2:] != [MANIFEST, SIGNATURE] or pack(files) != data:
        raise PacketRefused("The archive has bytes that belong to none of its files: it was packed again or added to.")
    return Packet(files, manifest, key)


def _unpack(data: bytes) -> dict[str, bytes]:
    if len(data) > LARGEST:
        raise PacketRefused(f"The file has more than {LARGEST:,} bytes, as no packet has.")
    try:
        with open_archive(io.BytesIO(data), LIMITS) as archive:
            for entry in archive.entries:
                if entry.problem is not None:
                    raise PacketRefused(f"{_quoted(entry.name)} cannot be read: {entry.problem}")
            return {entry.name: archive.read(entry) for entry in archive.entries}
    except ServiceError as error:
        raise PacketRefused(error.detail) from error


def _check_signature(manifest: bytes, signature: bytes, trusted: PublicKey | None) -> PublicKey:
    """The key that signed the manifest."""
    said = _read(SIGNATURE, signature)
    try:
        key = parse_public(str(said["public_key"]))
        given = base64.b64decode(str(said["signature"]), validate=True)
    except (KeyError, ValueError, binascii.Error) as error:
        raise PacketRefused(f"The signature cannot be read: {error}.") from error
    wanted = {
        "algorithm": ALGORITHM,
        "key_id": key.id,
        "public_key": key.text,
        "signed": MANIFEST,
        "signature": base64.b64encode(given).decode(),
    }
    if said != wanted or not key.has_signed(manifest, given):
        raise PacketRefused("The signature is not that of the manifest: one of the two was changed.")
    if trusted is not None and key != trusted:
        raise PacketRefused(f"The packet was signed by the key {key.id}, not by {trusted.id}.")
    return key


def _check_files(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise PacketRefused("The manifest lists no files.")
    present = set(files) - {MANIFEST, SIGNATURE}
    if added := sorted(present - set(listed)):
        raise PacketRefused(f"The manifest does not know {_quoted(added[0])}: it was added.")
    if removed := sorted(set(listed) - present):
        raise PacketRefused(f"{_quoted(removed[0])} is missing: it was removed.")
    for name in sorted(present):
        data = files[name]
        if listed[name] != {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}:
            raise PacketRefused(f"{_quoted(name)} was changed.")


def _read(name: str, data: bytes) -> dict[str, Any]:
    try:
        return read_canonical(data)
    except NotCanonical as error:
        raise PacketRefused(f"{name} {error}.") from error


def _quoted(name: str) -> str:
    """A stranger's file name, safe to print."""
    return json.dumps(name[:200])
