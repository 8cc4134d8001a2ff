"""`brandwarden-train inspect`: what a source of labelled pictures holds, before anything is trained on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from training.readers import RowError, take_manifest
from training.readers.pairs import read_pairs

_SHOWN = 20


def inspect(
    source: Annotated[str, typer.Argument(help="Folder, .csv, .tsv, .parquet, .tar, shards, or exported verdicts.")],
    out: Annotated[Path | None, typer.Option(help="File to write the manifest to.")] = None,
) -> None:
    """Read every row: counts by label and split, rows that give no picture, and the hash of all of it."""
    told = _pairs(source) if (Path(source) / "pairs.jsonl").is_file() else take_manifest(source).as_json()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    errors = told.pop("errors")
    typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    for one in errors[:_SHOWN]:
        typer.echo(f"row {one['row']}: {one['problem']}")
    if len(errors) > _SHOWN:
        typer.echo(f"and {len(errors) - _SHOWN} rows more")


def _pairs(source: str) -> dict[str, Any]:
    errors: list[RowError] = []
    pairs = list(read_pairs(source, errors=errors))
    told = json.loads((Path(source) / "manifest.json").read_text(encoding="utf-8"))
    return {**told, "read": len(pairs), "errors": [{"row": one.row, "problem": one.problem} for one in errors]}
