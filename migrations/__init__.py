"""One Alembic history for PostgreSQL and SQLite."""
