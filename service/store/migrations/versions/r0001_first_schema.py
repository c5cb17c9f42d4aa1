"""The first schema: what was issued, what prescribers answered, which tokens were used."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the three tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "issued",
        sa.Column("card", sa.Uuid, primary_key=True),
        sa.Column("client", sa.String(200), nullable=False),
        sa.Column("hook", sa.String(100), nullable=False),
        sa.Column("hook_instance", sa.Uuid, nullable=False),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("indicator", sa.String(20), nullable=False),
        sa.Column("knowledge_version", sa.String(100), nullable=False),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("issued_hook_instance", "issued", ["hook_instance"])
    op.create_table(
        "feedback",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("key", sa.Uuid, nullable=False, unique=True),
        sa.Column("client", sa.String(200), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("card", sa.Uuid, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("outcome_ms", sa.BigInteger, nullable=False),
        sa.Column("arrived_ms", sa.BigInteger, nullable=False),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("comment", sa.Text),
    )
    op.create_index("feedback_card", "feedback", ["card"])
    op.create_index("feedback_arrived_ms", "feedback", ["arrived_ms"])
    op.create_table(
        "jti",
        sa.Column("key", sa.Uuid, primary_key=True),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_jti_expires_ms", "jti", ["expires_ms"])
