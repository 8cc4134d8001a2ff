"""What a packet says, held against itself: the chain of the audit, the digests of the pictures, the score.

Place in the flow: after `service.packets.opening`, which has held every byte against the signature. So a finding here
means that the installation itself signed something that does not agree. Needs no database; a model only where the
score is to be derived from the pictures, and then it is the caller who brings it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from indexes.errors import CalibrationError
from indexes.scoring import Judgement
from service.canonical import NotCanonical, read_canonical
from service.cases import Acting, Entry
from service.cases.audit import BEGINNING, digest
from service.packets.calibrations import parse_calibration
from service.packets.contents import CALIBRATION, CASE
from service.packets.opening import Packet, PacketRefused
from vision.embedding import Kind

Outcome = Literal["ok", "unknown", "failed"]
Recompute = Callable[[Mapping[str, Any], bytes, bytes], "Judgement | str"]
"""Judges the pictures of a case anew; words where that cannot be done here."""
_KINDS: dict[str, Kind] = {"stolen_photo": "photo", "logo_use": "logo"}
_SAME = 1e-6  # what a case shows is rounded to six places
_CLOSE = 0.02
"""Confidence by which pictures judged anew may differ: an engine rounds, and an index keeps fewer digits."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `unknown` is what this packet does not allow to tell."""

    name: str
    outcome: Outcome
    detail: str


def check_packet(packet: Packet, recompute: Recompute | None = None) -> list[Finding]:
    """Everything that can be told of a packet; `PacketRefused` when its case cannot even be read."""
    case = _read(packet, CASE)
    try:
        found = [_check_chain(case["case"]), *_check_pictures(case, packet.files), _check_score(case, packet)]
        if recompute is not None:
            found.append(_check_pixels(case, packet.files, recompute))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise PacketRefused(f"{CASE} does not say what a case does ({error!r}).") from error
    return found


def _check_chain(case: Mapping[str, Any]) -> Finding:
    previous, withheld, state = BEGINNING, 0, None
    for number, told in enumerate(case["audit"], 1):
        entry = _entry(case["id"], told)
        if entry.number != number or entry.previous != previous or entry.source not in (None, state):
            return Finding("audit", "failed", f"The chain of the audit is broken at entry {number}.")
        if told["actor"]["id"] is None:
            withheld += 1
        elif digest(entry) != entry.digest:
            return Finding("audit", "failed", f"Entry {number} of the audit is not as it was written.")
        previous, state = entry.digest, entry.target
    if state != case["state"]:
        return Finding("audit", "failed", "The audit does not end in the state that the case is in.")
    hidden = f"; of {withheld} it is not told who acted, so only their links were checked" if withheld else ""
    return Finding("audit", "ok", f"{len(case['audit'])} entries, each linked to the one before{hidden}.")


def _entry(case_id: str, told: Mapping[str, Any]) -> Entry:
    return Entry(
        case_id=case_id,
        number=told["number"],
        at=datetime.fromisoformat(told["at"]),
        actor=Acting(told["actor"]["role"], told["actor"]["id"]),
        action=told["action"],
        source=told["from"],
        target=told["to"],
        reason=told["reason"],
        evidence_version=told["evidence_version"],
        details=told["details"],
        previous=told["previous"],
        digest=told["digest"],
    )


def _check_pictures(case: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[Finding]:
    for what, told in case["pictures"].items():
        name = f"picture of the {what}"
        if told["file"] is None:
            yield Finding(name, "unknown", "It was no longer stored when the packet was made.")
        elif hashlib.sha256(files[told["file"]]).hexdigest() != told["sha256"]:
            yield Finding(name, "failed", "It is not the picture that was judged.")
        else:
            yield Finding(name, "ok", f"SHA-256 {told['sha256']}.")


def _check_score(case: Mapping[str, Any], packet: Packet) -> Finding:
    """Derive score and confidence again from what was measured, by the calibration that is named."""
    features, version = case["features"], case["judged_by"]["calibration"]
    if not features or CALIBRATION not in packet.files:
        return Finding("score", "unknown", "The packet does not hold what the score was made of.")
    try:
        calibration = parse_calibration(_read(packet, CALIBRATION))
    except CalibrationError as error:
        return Finding("score", "failed", f"{error}.")
    if calibration.version != version:
        return Finding("score", "failed", f"The packet holds the calibration {calibration.version}, not {version}.")
    told = case["case"]["match"]
    judged = calibration.judge(_KINDS[case["case"]["kind"]], features, shift=told["null_shift"])
    same = abs(told["confidence"] - judged.confidence) < _SAME and abs(told["score"] - judged.score) < _SAME
    words = f"From the evidence the score is {judged.score:.6f} and the confidence {judged.confidence:.6f}"
    if not same:
        return Finding("score", "failed", f"{words}; the packet says {told['score']} and {told['confidence']}.")
    return Finding("score", "ok", f"{words}, as the packet says.")


def _check_pixels(case: Mapping[str, Any], files: Mapping[str, bytes], recompute: Recompute) -> Finding:
    names = [case["pictures"][what]["file"] for what in ("listing", "reference")]
    if None in names:
        return Finding("pictures judged anew", "unknown", "A picture was no longer stored when the packet was made.")
    judged = recompute(case, files[names[0]], files[names[1]])
    if isinstance(judged, str):
        return Finding("pictures judged anew", "unknown", judged)
    told = case["case"]["match"]["confidence"]
    words = f"The two pictures judged anew have a confidence of {judged.confidence:.4f}; the packet says {told:.4f}."
    outcome: Outcome = "ok" if abs(judged.confidence - told) <= _CLOSE else "failed"
    return Finding("pictures judged anew", outcome, words)


def _read(packet: Packet, name: str) -> dict[str, Any]:
    try:
        return read_canonical(packet.files[name])
    except KeyError as error:
        raise PacketRefused(f"The packet has no {name}.") from error
    except NotCanonical as error:
        raise PacketRefused(f"{name} {error}.") from error
