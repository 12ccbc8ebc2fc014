"""Alembic migrations of the schemas app, ingest and audit: additive and reversible."""
