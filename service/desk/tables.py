"""The tables of the desk: `desk_tasks`, `desk_task_cases`, `second_reviews`.

A task is one picture that listings of one marketplace share, against one brand and kind; its cases go with them.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime

DESK_TASKS = sa.Table(
    "desk_tasks",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("image_sha256", sa.String(64)),
    sa.Column("space", sa.String(100), nullable=False),
    sa.Column("vector", sa.LargeBinary),  # float16 [d], the whole picture
    sa.Index(None, "brand_id", "kind", "marketplace", "pk"),
)

DESK_TASK_CASES = sa.Table(
    "desk_task_cases",
    METADATA,
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("task_pk", sa.ForeignKey("desk_tasks.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("harm", sa.Float, nullable=False),
)

SECOND_REVIEWS = sa.Table(
    "second_reviews",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("entry", sa.Integer, nullable=False),  # the number of the first decision in the case's audit
    sa.Column("first", sa.String(16), nullable=False),
    sa.Column("first_reviewer", sa.String(60), nullable=False),
    sa.Column("second", sa.String(16)),
    sa.Column("second_reviewer", sa.String(60)),
    sa.Column("sampled_at", UtcDateTime, nullable=False),
    sa.Column("answered_at", UtcDateTime),
    sa.UniqueConstraint("case_pk", "entry"),
)
