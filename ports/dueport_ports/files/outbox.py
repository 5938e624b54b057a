"""Postings as files in a folder, each written exactly once.

A journal entry is the commit point: it is written, with the digest of what it stands for, after
every file has been staged and before the first one is published. A rename publishes a file and
takes it out of the stage in one act, so after any crash it is known which files have been seen by
a person. The same key with the same content has no second effect, even when somebody has already
taken the file away; with other content it is refused.
"""

import contextlib
import datetime
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from dueport_core.errors import Rejected, Unavailable
from dueport_ports.erp import NamedFile

_STAGE: Final = ".staging"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One batch that reached the outbox."""

    key: str
    digest: str
    files: tuple[str, ...]
    written_at: datetime.datetime
    stage: str
    """Where its files lay before they were published."""
    receipt_keys: tuple[str, ...] = ()


class Outbox:
    """Files for a person to import, and the journal that remembers them.

    ``folder`` is where the person looks; ``journal`` is ours and must survive as long as a key
    may come again. The folder's staging area lies inside it, so that a rename is atomic.
    """

    def __init__(self, folder: Path, journal: Path, now: Callable[[], datetime.datetime]) -> None:
        self._folder = folder
        self._journal = journal
        self._now = now

    def find(self, key: str) -> OutboxEntry | None:
        """Return a batch that arrived; None only when none of its files was ever published.

        Publishes what a crash left staged.
        """
        try:
            entry = self._read(key)
        except FileNotFoundError:
            return None
        self._publish(entry)
        return entry

    def write(
        self, key: str, content_of_batch: bytes, files: Sequence[NamedFile], receipts: Sequence[str]
    ) -> tuple[OutboxEntry, bool]:
        """Publish a batch once. Returns its entry, and whether this call was the one that did.

        ``content_of_batch`` is what the key stands for. Raises Rejected when the key came before
        with other content, and Unavailable when the folder cannot be written; after that,
        ``find`` says whether the batch arrived.
        """
        digest = hashlib.sha256(content_of_batch).hexdigest()
        known = self.find(key)
        if known is not None:
            return _same(known, digest), False
        entry = OutboxEntry(
            key=key,
            digest=digest,
            files=tuple(file.name for file in files),
            written_at=self._now(),
            stage=f"{_name_of(key)}-{secrets.token_hex(4)}",
            receipt_keys=tuple(receipts),
        )
        try:
            stage = self._folder / _STAGE / entry.stage
            stage.mkdir(parents=True)
            for file in files:
                _write_durably(stage / file.name, file.content)
            _sync_folder(stage)
            won = self._commit(entry)
        except OSError as error:
            raise Unavailable(f"the outbox {self._folder} cannot be written: {error}") from error
        if not won:
            # Another process committed the same key a moment ago; its files are the ones.
            shutil.rmtree(stage, ignore_errors=True)
            return _same(self._read(key), digest), False
        self._publish(entry)
        return entry, True

    def _read(self, key: str) -> OutboxEntry:
        path = self._journal / f"{_name_of(key)}.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=OutboxEntry)
        except FileNotFoundError:
            raise
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"the posting journal {path} cannot be read: {error}") from error

    def _commit(self, entry: OutboxEntry) -> bool:
        """Write the entry if there is none; False when somebody else was first."""
        self._journal.mkdir(parents=True, exist_ok=True)
        path = self._journal / f"{_name_of(entry.key)}.json"
        temporary = self._journal / f"{entry.stage}.tmp"
        _write_durably(temporary, msgspec.json.encode(entry))
        try:
            # A link is made whole or not at all, and never over another one.
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        _sync_folder(self._journal)
        return True

    def _publish(self, entry: OutboxEntry) -> None:
        stage = self._folder / _STAGE / entry.stage
        if not stage.is_dir():
            return
        try:
            for name in entry.files:
                # What is no longer staged has been published before.
                with contextlib.suppress(FileNotFoundError):
                    (stage / name).replace(self._folder / name)
            _sync_folder(self._folder)
        except OSError as error:
            raise Unavailable(f"the outbox {self._folder} cannot be written: {error}") from error
        shutil.rmtree(stage, ignore_errors=True)


def _same(entry: OutboxEntry, digest: str) -> OutboxEntry:
    if entry.digest != digest:
        raise Rejected(
            f"the batch {entry.key} was written before with other content; "
            "a changed posting needs a key of its own",
            "key_reused",
        )
    return entry


def file_safe(text: str) -> str:
    """Return text as part of a file name: letters, digits, dot, dash and underscore."""
    return _UNSAFE.sub("-", text).strip(".-") or "none"


def short_digest(text: str) -> str:
    """Return eight characters that tell two keys apart in file names."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name_of(key: str) -> str:
    return f"{file_safe(key)[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make names durable, where the system can open a folder."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
