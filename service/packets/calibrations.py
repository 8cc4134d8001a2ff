"""Calibrations by their version, kept for good: a model's is gone from memory once another has taken over.

The version is the hash of the content, so that whoever reads a packet can tell that it holds the one that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from indexes.database import Database
from indexes.errors import CalibrationError
from indexes.monotone import KindModel
from indexes.scoring import Calibration
from service.packets.tables import PACKET_CALIBRATIONS
from vision.embedding import KINDS


class Calibrations:
    """The table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = ""

    def remember(self, calibration: Calibration) -> None:
        """Keep it, unless it is there. Costs nothing when it is the one that was kept last."""
        if calibration.version == self._kept:
            return
        if self.find(calibration.version) is None:
            self._insert(calibration)
        self._kept = calibration.version

    def _insert(self, calibration: Calibration) -> None:
        values = {"version": calibration.version, "content": calibration.as_json()}
        try:
            with self._database.write() as connection:
                connection.execute(sa.insert(PACKET_CALIBRATIONS).values(**values))
        except IntegrityError:
            return  # another process was quicker

    def find(self, version: str) -> dict[str, Any] | None:
        """The content of a version; None when it never judged here."""
        query = sa.select(PACKET_CALIBRATIONS.c.content).where(PACKET_CALIBRATIONS.c.version == version)
        with self._database.read() as connection:
            content: dict[str, Any] | None = connection.scalar(query)
        return content


def parse_calibration(content: Mapping[str, Any]) -> Calibration:
    """The calibration that `as_json` wrote; `CalibrationError` for anything else."""
    try:
        return Calibration(
            kinds={kind: KindModel.from_json(content["kinds"][kind]) for kind in KINDS},
            space_id=str(content["space_id"]),
            calibrated=True,
            floor_space=str(content["floor_space"]),
            background=str(content["background"]),
            expected={kind: float(content["expected"][kind]) for kind in KINDS if kind in content.get("expected", {})},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalibrationError(f"the calibration of the packet cannot be read ({error!r})") from error
