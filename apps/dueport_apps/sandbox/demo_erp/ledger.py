"""What was imported, one JSON line per file, only ever added to.

A line that is written is the import; everything else (open amounts, the delivery, the file's move
to the imported ones) follows from it and is done again after a crash.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dueport_apps.sandbox.demo_erp.records import Imported


class Ledger:
    """The file behind the list of imports."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.imports = list(self._read())

    def add(self, imported: Imported) -> None:
        """Write an import down for good."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(imported) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.imports.append(imported)

    def _read(self) -> Iterator[Imported]:
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole, end, rest = content.rpartition(b"\n")
        if rest:
            # The last line was cut off while it was written, so its file was not imported.
            self._path.write_bytes(whole + end)
        for line in whole.splitlines():
            yield msgspec.json.decode(line, type=Imported)
