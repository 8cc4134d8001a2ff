"""Alembic's entry: runs the migrations on the connection that `service.migrations` (or a tool) hands over."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from indexes.database import UtcDateTime
from service.tables import METADATA


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column types as plain ones: a revision must not change when the code of a type does."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
    render_item=_render,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
