"""What the last accepted delivery looked like, and the deliveries that are refused against it.

A full delivery says by absence that a document is paid. So one that is suddenly much smaller, or
older than the last, or changed under a batch that was already taken, is stopped until a person
has looked at it.
"""

import datetime
import hashlib
from pathlib import Path
from typing import Final

import msgspec

from dueport_core.errors import Conflict, Invalid, Misconfigured, Unavailable
from dueport_core.money import decimal_text, parse_cents
from dueport_ports.files.drops import Drop

FALL_PERCENT: Final = 30
SMALLEST_GUARDED: Final = 10
"""Below this many open documents a fall says nothing: three of nine may well have been paid."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery that was last pulled to its end."""

    open_documents: int
    open_amount_cents: int
    accepted_at: datetime.datetime
    batch: str = ""
    generated_at: datetime.datetime | None = None
    manifest_digest: str = ""


class DeliveryGuard:
    """Remembers the last accepted delivery in a file of the plugin's own folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> Accepted | None:
        """Return the last accepted delivery, or None before the first."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Accepted)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise Misconfigured(
                f"{self._path} cannot be read ({error}); delete it to accept any delivery next"
            ) from error

    def accept(
        self, drop: Drop, open_documents: int, open_amount_cents: int, now: datetime.datetime
    ) -> None:
        """Remember a delivery whose last page was handed over."""
        manifest = drop.manifest
        accepted = Accepted(
            open_documents=open_documents,
            open_amount_cents=open_amount_cents,
            accepted_at=now,
            batch=manifest.batch if manifest else "",
            generated_at=manifest.generated_at if manifest else None,
            manifest_digest=_digest(drop),
        )
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.json.encode(accepted))
            temporary.replace(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error}") from error

    def check(
        self,
        drop: Drop,
        open_documents: int,
        open_amount_cents: int,
        *,
        confirmed: int | None,
        option: str,
    ) -> None:
        """Refuse a delivery that cannot be what it seems.

        Raises Conflict naming ``option`` when the number of open documents fell by more than
        30 % and ``confirmed`` is not the new number; Misconfigured when the manifest's totals
        are not met, when it is older than the last one, or when a batch was changed.
        """
        _check_totals(drop, open_documents, open_amount_cents)
        last = self.last()
        if last is None:
            return
        manifest = drop.manifest
        if manifest and last.generated_at and manifest.generated_at < last.generated_at:
            raise Misconfigured(
                f"the delivery of {manifest.generated_at.isoformat()} is older than the last one, "
                f"of {last.generated_at.isoformat()}; deliver the current files"
            )
        if manifest and manifest.batch == last.batch and _digest(drop) != last.manifest_digest:
            raise Misconfigured(
                f"the batch {manifest.batch} was already taken and its manifest has changed since; "
                "deliver it under a new batch name"
            )
        floor = last.open_documents * (100 - FALL_PERCENT)
        if (
            last.open_documents >= SMALLEST_GUARDED
            and open_documents * 100 < floor
            and confirmed != open_documents
        ):
            raise Conflict(
                f"the open documents fell from {last.open_documents} to {open_documents} "
                f"({decimal_text(last.open_amount_cents)} to {decimal_text(open_amount_cents)}), "
                f"more than {FALL_PERCENT} %; if that is right, set {option} = {open_documents}"
            )


def _check_totals(drop: Drop, open_documents: int, open_amount_cents: int) -> None:
    if drop.manifest is None:
        return
    totals = drop.manifest.totals
    if totals.open_documents is not None and totals.open_documents != open_documents:
        raise Misconfigured(
            f"the manifest names {totals.open_documents} open documents and the files hold "
            f"{open_documents}"
        )
    if totals.open_amount is not None:
        try:
            told = parse_cents(totals.open_amount)
        except Invalid as error:
            raise Misconfigured(f"the manifest's open amount: {error}") from error
        if told != open_amount_cents:
            raise Misconfigured(
                f"the manifest names an open amount of {decimal_text(told)} and the files hold "
                f"{decimal_text(open_amount_cents)}"
            )


def _digest(drop: Drop) -> str:
    if drop.manifest is None:
        return ""
    return hashlib.sha256(msgspec.json.encode(drop.manifest, order="deterministic")).hexdigest()
