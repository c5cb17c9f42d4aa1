"""Runs the migrations. The only place that loads Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def run(connection: Connection, revision: str) -> None:
    """Bring the database to a revision, in the transaction that is open."""
    command.upgrade(configured(connection), revision)


def configured(connection: Connection | None) -> Config:
    """Where Alembic finds the steps."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
