"""The table `packet_calibrations`: every calibration that judged here, so that an old score can be derived again."""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, Json

PACKET_CALIBRATIONS = sa.Table(
    "packet_calibrations",
    METADATA,
    sa.Column("version", sa.String(100), primary_key=True),
    sa.Column("content", Json, nullable=False),
)
