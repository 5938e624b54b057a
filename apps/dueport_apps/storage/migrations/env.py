"""How alembic reaches the database: the connection is handed over by `migrate.py`."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.sql.schema import SchemaItem

from dueport_apps.storage.tables import metadata


def _ours(
    item: SchemaItem, name: str | None, kind: str, reflected: bool, compare_to: SchemaItem | None
) -> bool:
    """Leave out what other libraries keep in the same database: the queue and our record of it."""
    return not (kind == "table" and reflected and (name or "").startswith("procrastinate_"))


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own types into migrations as what they are in the database."""
    names = {"Instant": "sa.TIMESTAMP(timezone=True)", "Structured": "postgresql.JSONB()"}
    return names.get(type(item).__name__) or False if kind == "type" else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=_ours,
    render_item=_render,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
