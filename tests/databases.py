"""Databases for tests: one server for the session, cloned from templates that are made once."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dueport_apps.storage.embedded_postgres import EmbeddedPostgres


class TestDatabases:
    """Makes each template once per session and hands out copies of it.

    A copy takes milliseconds where migrating takes most of a second, so every test module can have
    a database of its own and no two see each other's rows.
    """

    __test__ = False

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._templates: set[str] = set()
        self._numbers = itertools.count(1)

    def template(self, name: str, prepare: Callable[[str], object]) -> str:
        """Return the template's name; the first call makes it with `prepare(url)`.

        `prepare` must have closed its connections when it returns, because a database in use
        cannot be copied.
        """
        if name not in self._templates:
            prepare(self._server.create_database(name))
            self._templates.add(name)
        return name

    @contextmanager
    def copy(self, template: str | None = None) -> Iterator[str]:
        """Lend the URL of a fresh copy of a template (or of nothing), dropped afterwards."""
        name = f"{template or 'empty'}_{next(self._numbers)}"
        url = self._server.create_database(name, template)
        try:
            yield url
        finally:
            self._server.drop_database(name)
