"""How use cases reach payments, settlements, the journal and postings."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from dueport_apps.usecases.payment_records import (
    CollectRecord,
    InboundEvent,
    MandateRecord,
    PaymentEvent,
    PaymentFilter,
    PaymentRow,
    StoredAttempt,
    StoredInstrument,
)
from dueport_apps.usecases.settlement_records import (
    SettlementRow,
    StoredLine,
    StoredPosting,
    StoredSettlement,
)
from dueport_core.journal import JournalEntry
from dueport_core.payments import Payment
from dueport_core.postings import PostingCategory
from dueport_core.quotes import PaymentQuote


class QuoteRepository(Protocol):
    async def add(self, quote: PaymentQuote, instrument_id: str) -> None: ...

    async def get(self, quote_id: str, account_no: str) -> tuple[PaymentQuote, str]:
        """Return the quote of this account and its instrument id; NotFound for anybody else's."""
        ...


class PaymentRepository(Protocol):
    async def add(self, payment: Payment) -> None:
        """Insert; raises Conflict if the quote was already paid."""
        ...

    async def by_quote(self, quote_id: str) -> Payment | None: ...

    async def get(self, payment_id: str, *, for_update: bool = False) -> Payment: ...

    async def by_ref(
        self, processor: str, processor_ref: str, *, for_update: bool = False
    ) -> Payment | None: ...

    async def by_refs(self, processor: str, refs: Sequence[str]) -> dict[str, Payment]: ...

    async def save(self, payment: Payment) -> None:
        """Store with compare-and-set on ``version``: the row must hold ``payment.version - 1``.
        Raises Conflict otherwise."""
        ...

    async def rows(
        self, filter: PaymentFilter, after: str | None, limit: int
    ) -> tuple[list[PaymentRow], str | None]:
        """Newest first, keyset-paged."""
        ...

    async def add_event(self, event: PaymentEvent) -> None: ...

    async def events(self, payment_id: str) -> list[PaymentEvent]: ...

    async def add_attempt(self, attempt: StoredAttempt) -> None: ...

    async def attempt(self, attempt_id: str, *, for_update: bool = False) -> StoredAttempt: ...

    async def attempts(self, payment_id: str) -> list[StoredAttempt]: ...

    async def save_attempt(self, attempt: StoredAttempt) -> None: ...

    async def attempts_due(self, now: datetime.datetime, limit: int) -> list[StoredAttempt]:
        """Return attempts frozen, sent or unknown whose ``next_lookup_at`` has come."""
        ...

    async def in_flight(self, processor: str, after: str, limit: int) -> list[Payment]:
        """Return payments with a processor reference that are not in a final state, in the order
        of their ids after the given one, for polling page by page."""
        ...

    async def add_mandate(self, mandate: MandateRecord) -> None: ...

    async def mandate(self, payment_id: str) -> MandateRecord | None: ...

    async def reserve(self, payment: Payment, paid_by: str) -> None:
        """Reserve every line and credit of the payment; raises Conflict naming the document and
        who holds it. A database constraint decides between two that come at once."""
        ...

    async def release(self, payment_id: str) -> None:
        """Free the payment's documents; repeating is harmless."""
        ...

    async def apply(self, payment_id: str) -> None:
        """Turn held reservations into settled-not-yet-seen-in-the-ERP."""
        ...

    async def reopen(self, payment_id: str) -> None:
        """Undo ``apply`` after a return or dispute: the documents are owed again."""
        ...

    async def clear_seen(self) -> int:
        """Clear applied reservations whose document has dropped by the reserved amount in the
        mirror since the payment was made; return how many."""
        ...


class InstrumentRepository(Protocol):
    async def add(self, instrument: StoredInstrument) -> None: ...

    async def get(self, instrument_id: str, account_no: str) -> StoredInstrument: ...

    async def kept(self, user_id: str, account_no: str) -> list[StoredInstrument]: ...

    async def save(self, instrument: StoredInstrument) -> None: ...

    async def customer_ref(self, user_id: str, processor: str) -> str:
        """Return the processor's reference for this payer, or empty."""
        ...

    async def add_collect(self, record: CollectRecord) -> None: ...

    async def collect(
        self, collect_id: str, user_id: str, *, for_update: bool = False
    ) -> CollectRecord: ...

    async def save_collect(self, record: CollectRecord) -> None: ...


class InboundEventRepository(Protocol):
    async def add(
        self, processor: str, dedupe_key: str, kind: str, ref: str, at: datetime.datetime
    ) -> int | None:
        """Store once; return its id, or None when (processor, dedupe_key) is already there."""
        ...

    async def get(self, event_id: int, *, for_update: bool = False) -> InboundEvent: ...

    async def save(self, event: InboundEvent) -> None: ...

    async def unfinished(self, limit: int) -> list[InboundEvent]: ...

    async def feed_cursor(self, processor: str) -> str | None: ...

    async def save_feed_cursor(self, processor: str, cursor: str) -> None: ...

    async def health(self, processor: str) -> tuple[datetime.datetime | None, int]:
        """Return when the last webhook came in and how many events are parked."""
        ...


class SettlementRepository(Protocol):
    async def by_ref(
        self, processor: str, settlement_ref: str, *, for_update: bool = False
    ) -> StoredSettlement | None: ...

    async def get(self, settlement_id: str, *, for_update: bool = False) -> StoredSettlement: ...

    async def save(
        self, settlement: StoredSettlement, lines: Sequence[StoredLine] | None = None
    ) -> None:
        """Insert or compare-and-set on ``version`` (as payments); lines replace the stored ones
        only while nothing of the settlement is posted."""
        ...

    async def lines(self, settlement_id: str) -> list[StoredLine]: ...

    async def rows(
        self, after: str | None, limit: int
    ) -> tuple[list[SettlementRow], str | None]: ...

    async def newest_created_at(self, processor: str) -> datetime.datetime | None: ...

    async def of_payment(self, payment_id: str) -> str:
        """Return the settlement that paid this payment out, or empty."""
        ...


class JournalRepository(Protocol):
    async def add(self, entry: JournalEntry) -> bool:
        """Append; False when an entry of this source exists (a repeat is no second entry)."""
        ...

    async def of_source(self, source: str) -> JournalEntry | None: ...

    async def of_settlement(self, settlement_id: str) -> list[JournalEntry]:
        """Return the entries that this settlement's own lines have booked; an entry belongs to one
        settlement at most."""
        ...

    async def balances(self) -> dict[str, int]:
        """Return each ledger account's balance in cents; they add up to zero."""
        ...


class PostingRepository(Protocol):
    async def claim(self, posting: StoredPosting) -> bool:
        """Insert the claim; False when (settlement, category) is claimed already."""
        ...

    async def get(
        self, settlement_id: str, category: PostingCategory, *, for_update: bool = False
    ) -> StoredPosting | None: ...

    async def of_settlement(self, settlement_id: str) -> list[StoredPosting]: ...

    async def save(self, posting: StoredPosting) -> None:
        """Compare-and-set on ``version``, as payments."""
        ...
