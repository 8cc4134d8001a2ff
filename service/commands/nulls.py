"""`brandwarden nulls`: how hot each brand's references run on traffic that is not theirs, shown or learned anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.commands.storage import open_runtime
from service.commands.terminal import AsJson, DataDir, messages, print_json
from service.nulls import Frozen


def nulls_command(
    *,
    learn: Annotated[bool, typer.Option("--learn", help="Learn from the traffic there is, and freeze that.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the nulls in force; with --learn freeze a new version first, which running services take up."""
    with open_runtime(data_dir, require_vectors=False) as runtime:
        frozen = runtime.nulls.learn() if learn else runtime.nulls.frozen
        names = {one.brand_id: runtime.brands.get(one.brand_id).name for one in frozen.nulls}
    if as_json:
        print_json(
            {
                "version": frozen.id or None,
                "calibration": frozen.calibration,
                "votes": frozen.votes,
                "nulls": [asdict(one) | {"brand": names[one.brand_id]} for one in frozen.nulls],
            }
        )
    else:
        _print(frozen, names, messages(as_json))


def _print(frozen: Frozen, names: dict[str, str], notes: Console) -> None:
    if not frozen.id:
        notes.print("Nothing was learned yet: no brand's references were compared with enough sellers' listings.")
        return
    notes.print(f"{frozen.id}, learned with {frozen.calibration} from {frozen.votes} votes")
    table = Table("marketplace", "brand", "kind", "sellers", "middle", "spread", "lowered by")
    for one in sorted(frozen.nulls, key=lambda null: -null.shift):
        figures = (f"{value:.2f}" for value in (one.location, one.scale, one.shift))
        table.add_row(one.marketplace, names[one.brand_id], one.kind, str(one.votes), *figures)
    Console().print(table)
