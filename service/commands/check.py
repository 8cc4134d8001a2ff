"""`brandwarden check`: what does this picture show?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.commands.terminal import (
    EXIT_FINDINGS,
    EXIT_USAGE,
    AsJson,
    CommandFailed,
    DataDir,
    ServiceKey,
    ServiceUrl,
    print_json,
)
from service.errors import ServiceError
from service.policies.values import REVIEW_FROM
from vision.errors import VisionError

if TYPE_CHECKING:
    from service.commands.checking import Checker


def check_command(
    pictures: Annotated[list[Path], typer.Argument(help="Picture files.")],
    *,
    data_dir: DataDir = None,
    url: ServiceUrl = None,
    key: ServiceKey = None,
    least: Annotated[float, typer.Option("--min-confidence", min=0, max=1, help="Show matches from there on.")] = 0.2,
    as_json: AsJson = False,
) -> None:
    """Print what each picture matches; nothing is stored.

    Ends with 1 when a picture has a match of confidence 0.5 or more, and with 2 when a file is no picture.
    """
    from service.commands.checking import open_checker  # noqa: PLC0415  # its engines are loaded only to check

    with open_checker(data_dir, url, key) as checker:
        results = [_check(checker, path, least) for path in pictures]
    if as_json:
        print_json(results)
    else:
        _print(results)
    if any("problem" in result for result in results):
        raise typer.Exit(EXIT_USAGE)
    if any(match["confidence"] >= REVIEW_FROM for result in results for match in result["matches"]):
        raise typer.Exit(EXIT_FINDINGS)


def _check(checker: Checker, path: Path, least: float) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from error
    try:
        matches = checker.search(data)
    except (VisionError, ServiceError) as error:
        return {"picture": str(path), "problem": getattr(error, "detail", str(error)), "matches": []}
    return {"picture": str(path), "matches": [match for match in matches if match["confidence"] >= least]}


def _print(results: list[dict[str, Any]]) -> None:
    table = Table("picture", "kind", "brand", "reference")
    table.add_column("confidence", justify="right")
    table.add_column("box")
    for result in results:
        if "problem" in result:
            table.add_row(result["picture"], f"[red]{result['problem']}", "", "", "", "")
        elif not result["matches"]:
            table.add_row(result["picture"], "nothing found", "", "", "", "")
        for match in result["matches"]:
            box = " ".join(f"{value:.2f}" for value in match["box"])
            name = match["external_id"] or match["reference_id"]
            kind = match["kind"].replace("_", " ")
            table.add_row(result["picture"], kind, match["brand"], name, f"{match['confidence']:.2f}", box)
    Console().print(table)
