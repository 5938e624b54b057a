"""Where a mail server drops bounced mail: a Maildir, or a plain folder of ``.eml`` files.

Files are renamed and never deleted: what was read lies in ``done`` afterwards, what was not
understood in ``unread``. A rename either happens or does not, so several workers may look at once.
"""

import asyncio
import hashlib
import time
from pathlib import Path

FILES_MAX = 500
"""How many files one look takes; the next one takes the rest."""
SETTLED_S = 5.0
"""A file of a plain folder may still be written; a Maildir's ``new`` and ``cur`` hold whole ones."""


class ReportFile:
    """One waiting file."""

    def __init__(self, path: Path, folder: Path, bytes_max: int) -> None:
        self._path = path
        self._folder = folder
        self._bytes_max = bytes_max
        self._digest = ""

    @property
    def name(self) -> str:
        return self._path.name

    async def read(self) -> bytes | None:
        """Return the content, cut after the largest report that is read; None where it is gone."""
        return await asyncio.to_thread(self._read)

    async def put_away(self, *, understood: bool) -> None:
        """Move it to ``done`` or ``unread``, under a name that no other content has."""
        await asyncio.to_thread(self._put_away, "done" if understood else "unread")

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                content = file.read(self._bytes_max + 1)
        except FileNotFoundError:
            return None
        self._digest = hashlib.sha256(content).hexdigest()[:16]
        return content

    def _put_away(self, shelf: str) -> None:
        target = self._folder / shelf
        target.mkdir(exist_ok=True)
        try:
            self._path.rename(target / f"{self._digest}-{self._path.name}")
        except FileNotFoundError:
            # Another worker has read the same file and was faster.
            return


class BounceFiles:
    """The folder; it may appear later than the configuration that names it."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max

    async def waiting(self) -> list[ReportFile]:
        """Return the waiting files, oldest first."""
        return await asyncio.to_thread(self._waiting)

    def _waiting(self) -> list[ReportFile]:
        found: list[tuple[float, Path]] = []
        shelves = [self._folder / name for name in ("new", "cur")]
        is_maildir = all(shelf.is_dir() for shelf in shelves)
        settled = time.time() - SETTLED_S
        for shelf in shelves if is_maildir else [self._folder]:
            if not shelf.is_dir():
                continue
            for path in shelf.iterdir():
                if path.name.startswith(".") or path.is_symlink() or not path.is_file():
                    continue
                try:
                    changed = path.stat().st_mtime
                except FileNotFoundError:
                    continue
                if is_maildir or (path.suffix.lower() == ".eml" and changed <= settled):
                    found.append((changed, path))
        found.sort()
        return [ReportFile(path, self._folder, self._bytes_max) for _, path in found[:FILES_MAX]]
