"""Verdicts with their pictures as labelled pairs: a folder that `training.readers` reads and nobody needs us for.

Place in the flow: `brandwarden export-verdicts`, for operators at the data directory. Writes `pairs.jsonl`, one line a
verdict, `pictures/<sha256>` and `manifest.json`. Only what retention still holds is exported: a verdict whose listing
picture or reference is gone is left out and counted. Sellers and notes stay here.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from indexes.blobs import BlobStore
from indexes.brands import BRANDS
from indexes.database import Database
from indexes.errors import BlobMissing
from indexes.references import REFERENCES
from service.errors import ServiceError
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS, VERDICTS
from service.stamps import stamp
from service.verdicts.splitting import Components, Shares, component_id, fingerprint, join_near, named
from vision.errors import ImageError
from vision.images import VETTED, decode

FORMAT: Final = 1
_GLIMPSE: Final = 64
_SAID: Final = ("id", "verdict", "kind", "brand_id", "reference_id", "image_sha256", "confidence", "score", "space")


class ExportFailed(ServiceError):
    """The folder cannot be written."""

    slug, title = "export", "Export failed"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: verdicts by split and by word, pictures, components, and verdicts left out by reason."""

    pairs: int
    pictures: int
    components: int
    splits: dict[str, int]
    verdicts: dict[str, int]
    left_out: dict[str, int]
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """For `manifest.json`."""
        return {"format": FORMAT, **{name: getattr(self, name) for name in self.__slots__}}


def export_verdicts(database: Database, blobs: BlobStore, folder: Path, shares: Shares) -> Exported:
    """Write the folder, which must not exist yet or be empty; `ExportFailed`."""
    try:
        (folder / "pictures").mkdir(parents=True)
        return _Export(blobs, folder, shares).write(_rows(database))
    except OSError as error:
        raise ExportFailed(f"{folder} cannot be written ({error}); name a folder that does not exist.") from error


class _Export:
    """One export under way."""

    def __init__(self, blobs: BlobStore, folder: Path, shares: Shares) -> None:
        self._blobs, self._folder, self._shares = blobs, folder, shares
        self._components = Components()
        self._pictures: dict[str, Any] = {}  # fingerprint by SHA-256; None where there is no such picture
        self._left_out: Counter[str] = Counter()

    def write(self, rows: Iterator[Mapping[str, Any]]) -> Exported:
        kept = [row for row in rows if self._keep(row)]
        prints = {named("picture", sha): value for sha, value in self._pictures.items() if value is not None}
        join_near(self._components, prints)
        lines = [self._line(row) for row in kept]
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        (self._folder / "pairs.jsonl").write_bytes(content)
        done = Exported(
            pairs=len(lines),
            pictures=len(prints),
            components=len({line["component"] for line in lines}),
            splits=dict(sorted(Counter(line["split"] for line in lines).items())),
            verdicts=dict(sorted(Counter(line["verdict"] for line in lines).items())),
            left_out=dict(sorted(self._left_out.items())),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        (self._folder / "manifest.json").write_text(json.dumps(done.as_json(), indent=1) + "\n")
        return done

    def _keep(self, row: Mapping[str, Any]) -> bool:
        """Whether both pictures are still held; then they are written, and what the verdict joins is joined."""
        if row["reference_sha256"] is None:
            self._left_out["the reference is gone"] += 1
            return False
        if not row["kept"] or not self._has(row["image_sha256"]) or not self._has(row["reference_sha256"]):
            self._left_out["a picture is no longer held"] += 1
            return False
        joined = [
            named("brand", row["brand_id"]),
            named("reference", row["reference_id"]),
            named("picture", row["image_sha256"]),
            named("picture", row["reference_sha256"]),
        ]
        if row["seller_id"] is not None:
            joined.append(named("seller", row["marketplace"], row["seller_id"]))
        self._components.join(joined)
        return True

    def _has(self, sha256: str) -> bool:
        if sha256 not in self._pictures:
            self._pictures[sha256] = self._copied(sha256)
        return self._pictures[sha256] is not None

    def _copied(self, sha256: str) -> Any:
        try:
            data = self._blobs.get(sha256)
            seen = fingerprint(decode(data, limits=VETTED, side=_GLIMPSE).pixels)
        except (BlobMissing, ImageError):
            return None
        (self._folder / "pictures" / sha256).write_bytes(data)
        return seen

    def _line(self, row: Mapping[str, Any]) -> dict[str, Any]:
        root = self._components.root(named("brand", row["brand_id"]))
        said = {name: row[name] for name in _SAID}
        return {
            **said,
            "match": row["verdict"] != "not_a_match",
            "brand": row["brand"],
            "calibration": row["calibration"],
            "picture": f"pictures/{row['image_sha256']}",
            "reference": f"pictures/{row['reference_sha256']}",
            "reference_sha256": row["reference_sha256"],
            "box": row["box"],
            "reference_box": row["reference_box"],
            "said_at": stamp(row["created_at"]),
            "component": component_id(root),
            "split": self._shares.split(component_id(root)),
        }


def _rows(database: Database) -> Iterator[Mapping[str, Any]]:
    """Every verdict, the last one on each match, with what is left of its listing and its reference."""
    last = sa.select(sa.func.max(VERDICTS.c.pk)).group_by(VERDICTS.c.match_id)
    listing = sa.and_(LISTINGS.c.marketplace == VERDICTS.c.marketplace, LISTINGS.c.listing_id == VERDICTS.c.listing_id)
    held = sa.exists().where(LISTING_IMAGES.c.sha256 == VERDICTS.c.image_sha256, LISTING_IMAGES.c.kept)
    columns = (
        *(VERDICTS.c[name] for name in (*_SAID, "calibration", "marketplace", "created_at")),
        LISTINGS.c.seller_id,
        LISTING_MATCHES.c.box,
        LISTING_MATCHES.c.reference_box,
        REFERENCES.c.sha256.label("reference_sha256"),
        BRANDS.c.name.label("brand"),
        held.label("kept"),
    )
    joined = (
        sa.select(*columns)
        .select_from(VERDICTS)
        .outerjoin(LISTINGS, listing)
        .outerjoin(LISTING_MATCHES, LISTING_MATCHES.c.id == VERDICTS.c.match_id)
        .outerjoin(REFERENCES, REFERENCES.c.id == VERDICTS.c.reference_id)
        .outerjoin(BRANDS, BRANDS.c.id == VERDICTS.c.brand_id)
    )
    with database.read() as connection:
        for row in connection.execute(joined.where(VERDICTS.c.pk.in_(last)).order_by(VERDICTS.c.pk)):
            yield dict(row._mapping)
