"""A delivery of files into a folder: what belongs to it, and whether it is complete.

A file that is read while it is still being copied looks like a dealer whose customers all paid.
So a folder is read only when it says that it is complete: by a manifest with row counts and
checksums, by a ``_DONE`` mark, or by lying still for a while.
"""

import datetime
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from dueport_core.errors import Misconfigured, Unavailable

MANIFEST_NAME: Final = "manifest.json"
DONE_NAME: Final = "_DONE"

Completeness = Literal["stable", "done", "manifest"]


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    rows: int
    """Data rows, the header not counted."""
    sha256: str


class ManifestTotals(msgspec.Struct, frozen=True, kw_only=True):
    open_documents: int | None = None
    open_amount: str | None = None
    """Dollars as text, credits subtracted."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``: what the sender says was delivered."""

    batch: str
    generated_at: datetime.datetime
    files: tuple[ManifestFile, ...]
    full: bool = True
    totals: ManifestTotals = ManifestTotals()


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """A complete delivery."""

    paths: Mapping[str, Path]
    """File name to where it lies; the manifest and the mark are not among them."""
    signature: str
    """Changes when any file does."""
    as_of: datetime.datetime
    """When the data was exported: the manifest's word, else the oldest file's time."""
    manifest: Manifest | None


def complete_drop(
    folder: Path, completeness: Completeness, stable_s: int, now: datetime.datetime
) -> Drop:
    """Look at a folder and return what lies in it, provided that the delivery is complete.

    Raises Unavailable with the seconds to wait while files are still arriving, and Misconfigured
    where the folder is missing or its manifest cannot be read. Reads no file but the manifest.
    """
    try:
        found = {
            entry.name: entry.stat()
            for entry in os.scandir(folder)
            if entry.is_file()
            and not entry.name.startswith((".", "~"))
            and not _is_ours(entry.name)
        }
    except OSError as error:
        raise Misconfigured(f"the folder {folder} cannot be read: {error.strerror}") from error
    marks = {name: found.pop(name) for name in (MANIFEST_NAME, DONE_NAME) if name in found}
    newest = max((stat.st_mtime for stat in found.values()), default=0.0)
    mark = {"manifest": MANIFEST_NAME, "done": DONE_NAME, "stable": ""}[completeness]
    if mark:
        if mark not in marks:
            raise Unavailable(f"{folder} has no {mark} yet", max(stable_s, 1))
        if marks[mark].st_mtime < newest:
            raise Unavailable(
                f"a file in {folder} is newer than {mark}; the mark is written last",
                max(stable_s, 1),
            )
    age_s = now.timestamp() - newest
    if completeness == "stable" and found and age_s < stable_s:
        raise Unavailable(
            f"a file in {folder} changed {max(age_s, 0):.0f} s ago; it is read when it has lain "
            f"still for {stable_s} s",
            max(1, min(stable_s, int(stable_s - age_s) + 1)),
        )
    manifest = _manifest(folder / MANIFEST_NAME) if MANIFEST_NAME in marks else None
    digest = hashlib.sha256()
    for name, stat in sorted((*found.items(), *marks.items())):
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    oldest = min((stat.st_mtime for stat in found.values()), default=now.timestamp())
    return Drop(
        paths={name: folder / name for name in sorted(found)},
        signature=digest.hexdigest(),
        as_of=manifest.generated_at
        if manifest
        else datetime.datetime.fromtimestamp(oldest, datetime.UTC),
        manifest=manifest,
    )


def read_files(drop: Drop, names: Iterable[str]) -> dict[str, bytes]:
    """Read files of a drop, and hold them against its manifest.

    Raises Unavailable when a file changes while it is read, and Misconfigured when a file is not
    what the manifest says it is (its row count is checked by whoever parses it).
    """
    contents: dict[str, bytes] = {}
    told = {file.name: file for file in drop.manifest.files} if drop.manifest else {}
    for name in names:
        path = drop.paths[name]
        try:
            before = path.stat()
            content = path.read_bytes()
            after = path.stat()
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}", 60) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(
            content
        ) != after.st_size:
            raise Unavailable(f"{path} changed while it was read", 10)
        if drop.manifest:
            if name not in told:
                raise Misconfigured(f"{name} is not in {MANIFEST_NAME}; the delivery is not whole")
            if hashlib.sha256(content).hexdigest() != told[name].sha256.lower():
                raise Misconfigured(
                    f"{name} does not match its checksum in {MANIFEST_NAME}; deliver it again"
                )
        contents[name] = content
    return contents


def _is_ours(name: str) -> bool:
    """A mapping may lie beside the files; editing it is no delivery."""
    return name.casefold().endswith(".toml")


def _manifest(path: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error
    if manifest.generated_at.tzinfo is None:
        raise Misconfigured(f"{path}: generated_at needs a time zone, such as 2026-03-31T05:00:00Z")
    if not manifest.full:
        raise Misconfigured(f"{path}: only full deliveries are read; full is false")
    return manifest
