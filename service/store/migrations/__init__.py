"""The history of the schema; Alembic runs it from `service.store.migrate`."""
