"""`brandwarden verify-packet`: was anything in this evidence packet changed, and does its score follow from it?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.terminal import EXIT_FINDINGS, EXIT_USAGE, AsJson, CommandFailed, print_json
from service.settings import Settings

if TYPE_CHECKING:
    from service.packets.checking import Finding, Recompute
    from service.packets.keys import PublicKey
    from service.packets.opening import Packet


def verify_command(
    file: Annotated[Path, typer.Argument(help="The packet.")],
    *,
    public_key: Annotated[
        str | None,
        typer.Option(help="The installation's key: base64, or a file with it or its PEM. GET /v1/installation-key."),
    ] = None,
    recompute: Annotated[bool, typer.Option("--recompute", help="Judge the two pictures anew with the model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a packet without the service that made it.

    Ends with 0 when nothing was changed and the score follows, and with 1 when something was. Without --public-key it
    is only told who signed: compare the key with the one that the installation publishes.
    """
    from service.packets.checking import check_packet  # noqa: PLC0415  # what it needs is loaded only to check
    from service.packets.opening import PacketRefused, open_packet  # noqa: PLC0415

    trusted = _key(public_key)
    try:
        packet = open_packet(_bytes(file), trusted)
        findings = check_packet(packet, _recomputer() if recompute else None)
    except PacketRefused as refused:
        _tell_refused(file, str(refused), as_json)
        raise typer.Exit(EXIT_FINDINGS) from None
    _tell(file, packet, findings, trusted=trusted is not None, as_json=as_json)
    if any(finding.outcome == "failed" for finding in findings):
        raise typer.Exit(EXIT_FINDINGS)


def _bytes(file: Path) -> bytes:
    from service.packets.opening import LARGEST, PacketRefused  # noqa: PLC0415

    try:
        if file.stat().st_size > LARGEST:
            raise PacketRefused(f"The file has more than {LARGEST:,} bytes, as no packet has.")
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.", EXIT_USAGE) from error


def _key(text: str | None) -> PublicKey | None:
    if text is None:
        return None
    from service.packets.keys import parse_public  # noqa: PLC0415

    try:
        path = Path(text)
        return parse_public(path.read_text() if len(text) < 4096 and path.is_file() else text)
    except (ValueError, OSError) as error:
        raise CommandFailed(f"--public-key is no key that can be read: {error}.", EXIT_USAGE) from error


def _recomputer() -> Recompute:
    from service.packets.recomputing import recomputer  # noqa: PLC0415  # a model is loaded only where one is used

    return recomputer(Settings.from_env())


def _tell_refused(file: Path, why: str, as_json: bool) -> None:
    if as_json:
        print_json({"packet": str(file), "intact": False, "problem": why})
    else:
        typer.echo(f"{file}: NOT AS IT WAS SIGNED. {why}")


def _tell(file: Path, packet: Packet, findings: list[Finding], *, trusted: bool, as_json: bool) -> None:
    intact, case_id = all(finding.outcome != "failed" for finding in findings), packet.manifest["case_id"]
    if as_json:
        told = {"packet": str(file), "intact": intact, "case_id": case_id, "key": packet.key.as_json()}
        print_json({**told, "key_trusted": trusted, "findings": [asdict(finding) for finding in findings]})
        return
    words = "every file is as it was signed" if intact else "SIGNED, BUT IT DOES NOT AGREE WITH ITSELF"
    typer.echo(f"{file}: {words} (case {case_id}, {len(packet.files)} files).")
    for finding in findings:
        typer.echo(f"  {finding.outcome:8} {finding.name}: {finding.detail}")
    compare = "" if trusted else "; compare it with the key the installation publishes, or give --public-key"
    typer.echo(f"  signed by {packet.key.id}, public key {packet.key.text}{compare}.")
