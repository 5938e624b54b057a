"""The sandbox's memory: plain JSON objects in named tables, with ids drawn from a seed.

The same seed and the same calls give the same ids and the same objects. A world can be written to
one JSON file and read back, so that a demonstration starts again where it stopped.
"""

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

JsonObject = dict[str, Any]
Table = dict[str, JsonObject]

FILE_NAME: Final = "sandbox.json"
FILE_FORMAT: Final = 1
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class World:
    """Tables of JSON objects and the counter that every id is derived from.

    `table("stripe.charges")` is a dict from id to object, kept in order of creation; whatever is
    put into a table must be JSON, because that is how it is saved. Call `touch()` after changing
    an object in place, or nothing is saved for it.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.drawn = 0
        self.tables: dict[str, Table] = {}
        self.changes = 0

    def table(self, name: str) -> Table:
        """Return the table of that name, empty when nothing was put into it yet."""
        return self.tables.setdefault(name, {})

    def touch(self) -> None:
        """Say that something changed, so that it is saved."""
        self.changes += 1

    def new_id(self, prefix: str, length: int = 24) -> str:
        """Return `prefix` and `length` letters and digits, fixed by the seed and the count."""
        self.touch()
        return prefix + self._letters(length)

    def draw(self, below: int) -> int:
        """Return the next number of the seeded sequence, 0 <= number < below."""
        self.drawn += 1
        digest = hashlib.sha256(f"{self.seed}:{self.drawn}".encode()).digest()
        return int.from_bytes(digest[:16]) % below

    def _letters(self, length: int) -> str:
        number = self.draw(1 << 127)
        letters = []
        for _ in range(length):
            if number == 0:
                number = self.draw(1 << 127)
            number, index = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[index])
        return "".join(letters)

    def reset(self) -> None:
        """Forget everything and draw the same ids again."""
        self.drawn = 0
        self.tables.clear()
        self.touch()

    def save(self, folder: Path, now: datetime) -> None:
        """Write the world and its instant into one file of `folder`, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FILE_FORMAT,
            "seed": self.seed,
            "drawn": self.drawn,
            "now": now.isoformat(),
            "tables": self.tables,
        }
        draft = folder / f"{FILE_NAME}.{os.getpid()}"
        draft.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
        draft.replace(folder / FILE_NAME)

    def load(self, folder: Path) -> datetime | None:
        """Read a saved world from `folder`; return its instant, or None when there is none."""
        path = folder / FILE_NAME
        if not path.exists():
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FILE_FORMAT:
            raise ValueError(f"{path} was written by another version; remove it to start afresh")
        self.seed = document["seed"]
        self.drawn = document["drawn"]
        self.tables = document["tables"]
        return datetime.fromisoformat(document["now"])
