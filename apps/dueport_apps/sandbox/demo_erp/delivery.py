"""Writes a delivery into the inbox: the files, and last of all the manifest that vouches for them."""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from dueport_apps.sandbox.demo_erp.books import ExportedFile
from dueport_apps.sandbox.demo_erp.money import amount_text

MANIFEST: Final = "manifest.json"


def deliver(
    inbox: Path,
    files: Iterable[ExportedFile],
    *,
    open_documents: int,
    open_cents: int,
    now: datetime.datetime,
) -> None:
    """Replace the inbox's files.

    The old manifest goes first and the new one comes last, so a reader finds either a whole
    delivery or none. A file whose content did not change is left alone.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / MANIFEST).unlink(missing_ok=True)
    listed = []
    for file in files:
        _replace(inbox / file.name, file.content)
        listed.append({"name": file.name, "rows": file.rows, "sha256": file.sha256})
    manifest = {
        "batch": f"{now:%Y%m%dT%H%M%S.%fZ}",
        "generated_at": now,
        "full": True,
        "files": listed,
        "totals": {"open_documents": open_documents, "open_amount": amount_text(open_cents)},
    }
    _replace(inbox / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place whole; a name that begins with a dot is no part of a delivery."""
    if path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)
