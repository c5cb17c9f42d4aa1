"""Adds what a site changed while the service ran, and the cards that would have been shown. Only new tables: a version
that does not know them goes on beside one that does, and never counts a card in shadow as shown."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the three tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "site_change",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("client", sa.String(200)),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "shadowed",
        sa.Column("hook_instance", sa.Uuid, primary_key=True),
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("hook", sa.String(100), primary_key=True),
        sa.Column("client", sa.String(200), primary_key=True),
        sa.Column("card", sa.Uuid, nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("indicator", sa.String(20), nullable=False),
        sa.Column("knowledge_version", sa.String(100), nullable=False),
        sa.Column("shadowed_ms", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
    )
    op.create_index("shadowed_day", "shadowed", ["day"])
    op.create_table(
        "shadow_roll_up",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("hook", sa.String(100), primary_key=True),
        sa.Column("client", sa.String(200), primary_key=True),
        sa.Column("knowledge_version", sa.String(100), primary_key=True),
        sa.Column("shadowed", sa.BigInteger, nullable=False),
    )
