"""Adds the day on which a topic was shown, roll-ups by day, counted calls and the limit of retention."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SHOWN_ON = """
UPDATE issued SET shown_on = (
    SELECT min(first.issued_ms) / 86400000 FROM issued AS first
    WHERE first.hook_instance = issued.hook_instance AND first.topic = issued.topic
      AND first.hook = issued.hook AND first.client = issued.client)
"""


def upgrade() -> None:
    """Fill the day of every card already issued, and mark each day so that its roll-up is made."""
    op.add_column("issued", sa.Column("shown_on", sa.Integer))
    op.execute(_SHOWN_ON)
    with op.batch_alter_table("issued") as table:
        table.alter_column("shown_on", existing_type=sa.Integer, nullable=False)
    op.create_index("issued_shown_on", "issued", ["shown_on"])
    _create_tables()
    op.execute("INSERT INTO stale_day (day) SELECT DISTINCT shown_on FROM issued")


def _create_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "calls",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hook", sa.String(100), primary_key=True),
        sa.Column("client", sa.String(200), primary_key=True),
        sa.Column("outcome", sa.String(20), primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "roll_up",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("hook", sa.String(100), primary_key=True),
        sa.Column("client", sa.String(200), primary_key=True),
        sa.Column("knowledge_version", sa.String(100), primary_key=True),
        sa.Column("shown", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("overridden", sa.Integer, nullable=False),
        sa.Column("reasons", sa.LargeBinary, nullable=False),
        sa.Column("seconds", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "stale_day",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("day", sa.Integer, nullable=False),
    )
    op.create_table("sealed", sa.Column("day", sa.Integer, primary_key=True, autoincrement=False))
