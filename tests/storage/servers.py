"""What the tests of the embedded database share."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url


@contextmanager
def data_folder_for_tests() -> Iterator[Path]:
    """Lend a short path that does not exist yet and that every account may reach."""
    parent = Path(tempfile.mkdtemp(prefix="dueport-"))
    parent.chmod(0o711)
    try:
        yield parent / "data"
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a plain connection that commits each statement."""
    address = make_url(url)
    return psycopg.connect(
        host=str(address.query["host"]),
        port=int(str(address.query["port"])),
        user=address.username,
        dbname=address.database,
        autocommit=True,
    )


def postmaster_id(data_folder: Path) -> int:
    """The process id of the server that runs over this data folder."""
    note = (data_folder / "cluster" / "postmaster.pid").read_text()
    return int(note.splitlines()[0])
