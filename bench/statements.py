"""The statements that a piece of the application sends to PostgreSQL, recorded and sent again.

Sent again by psycopg alone they are the least that the same work could cost: no framework, no use
case, no mapping.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from sqlalchemy import event

from bench.measuring import own_cpu_s
from dueport_apps.storage.engine import Database, plain_url


class Recording(msgspec.Struct):
    """Statements with their parameters, in order, and how many transactions committed."""

    statements: list[tuple[str, Any]] = []
    commits: int = 0

    def writes(self) -> list[tuple[str, Any]]:
        """Return the statements that change something."""
        return [
            (statement, parameters)
            for statement, parameters in self.statements
            if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE", "WITH"))
        ]


@contextmanager
def recording(database: Database) -> Iterator[Recording]:
    """Note what is sent while the block runs."""
    found = Recording()

    def note(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        sets = parameters if many else [parameters]
        found.statements += [(statement, each) for each in sets]

    def count(connection: Any) -> None:
        found.commits += 1

    engines = (database.transactions.sync_engine, database.statements.sync_engine)
    listeners: list[tuple[Any, str, Callable[..., None]]] = [
        (engine, name, call)
        for engine in engines
        for name, call in (("before_cursor_execute", note), ("commit", count))
    ]
    for listener in listeners:
        event.listen(*listener)
    try:
        yield found
    finally:
        for listener in listeners:
            event.remove(*listener)


def replay_cpu_ms(
    url: str, rounds: Sequence[Sequence[tuple[str, Any]]], *, commit: bool = False
) -> float:
    """Send each round's statements in one transaction; return our processor time for a round."""
    with psycopg.connect(plain_url(url)) as connection:
        began = own_cpu_s()
        for statements in rounds:
            for statement, parameters in statements:
                cursor = connection.execute(statement, parameters)
                if cursor.description is not None:
                    cursor.fetchall()
            if commit:
                connection.commit()
            else:
                connection.rollback()
        return (own_cpu_s() - began) / len(rounds) * 1000
