"""What use cases ask of the database: one unit of work, one repository per aggregate.

These are Protocols because only we implement them. A unit of work is one transaction: nothing
is visible to others before ``commit``, leaving the block without it rolls back, and no call to
the outside is made while one is open. Work for later is enqueued in the same transaction as
the write that needs it.

Errors: ``NotFound`` for an unknown key, ``Conflict`` for a lost race or a broken unique rule
(with a message fit for people), everything else is a defect.
"""

import datetime
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from dueport_apps.usecases.invite_records import (
    Login,
)
from dueport_apps.usecases.invite_repositories import (
    BounceRepository,
    CampaignRepository,
    EnrolmentRepository,
    InvitationRepository,
)
from dueport_apps.usecases.records import (
    AccountFigures,
    AccountFilter,
    AccountLink,
    AccountRow,
    AccountSort,
    ApiKey,
    AuditEntry,
    CollectRecord,
    InboundEvent,
    MailDelivery,
    MailOutcome,
    MailState,
    MandateRecord,
    OneTimeToken,
    Operator,
    PaymentEvent,
    PaymentFilter,
    PaymentRow,
    PortalUser,
    Reserved,
    SettlementRow,
    StoreCounts,
    StoredAttempt,
    StoredAuditEntry,
    StoredInstrument,
    StoredLine,
    StoredPosting,
    StoredProblem,
    StoredSettlement,
    SyncRun,
    Totals,
)
from dueport_core.accounts import Account, Job
from dueport_core.journal import JournalEntry
from dueport_core.open_items import OpenItem
from dueport_core.payments import Payment
from dueport_core.postings import PostingCategory
from dueport_core.quotes import PaymentQuote
from dueport_core.statements import Statement
from dueport_ports import Entity, Record, RowProblem


class AccountRepository(Protocol):
    async def get(self, account_no: str) -> Account: ...

    async def find(self, account_no: str) -> Account | None: ...

    async def many(self, account_nos: Sequence[str]) -> dict[str, Account]:
        """Return those that exist, by number."""
        ...

    async def jobs(self, account_no: str) -> list[Job]: ...

    async def lock(self, account_no: str) -> None:
        """Hold the account's row until commit: payments of one account are decided one by one."""
        ...

    async def rows(
        self,
        filter: AccountFilter,
        sort: AccountSort,
        descending: bool,
        after: str | None,
        limit: int,
    ) -> tuple[list[AccountRow], str | None]:
        """Return one keyset page and the cursor of the next, None on the last. ``after`` is
        opaque; a cursor that was tampered with raises Invalid."""
        ...

    async def row(self, account_no: str) -> AccountRow: ...

    async def totals(self, filter: AccountFilter) -> Totals: ...

    async def with_email(self, email: str) -> list[Account]:
        """Return the accounts that have this address for any contact, case-insensitively, in the
        order of their numbers; those that are gone from the ERP are not among them."""
        ...

    async def numbers_after(self, account_no: str, limit: int) -> list[str]:
        """Return account numbers in order after the given one, for walks over all accounts."""
        ...

    async def figures(self, account_nos: Sequence[str]) -> dict[str, AccountFigures]: ...

    async def save_figures(self, figures: Sequence[AccountFigures]) -> None: ...

    async def stale_figures(self, today: datetime.date, limit: int) -> list[str]:
        """Return accounts whose figures were computed before today, or whose data changed since."""
        ...


class OpenItemRepository(Protocol):
    async def of_account(self, account_no: str, *, released_only: bool = True) -> list[OpenItem]:
        """Return the account's items with an open amount, oldest due date first."""
        ...

    async def of_accounts(self, account_nos: Sequence[str]) -> dict[str, list[OpenItem]]: ...

    async def by_refs(self, account_no: str, document_refs: Sequence[str]) -> list[OpenItem]:
        """Return the named documents of this account only, open or not."""
        ...

    async def reserved(self, account_no: str) -> dict[str, Reserved]:
        """Return what is in flight or settled but not yet seen in the ERP, by document."""
        ...

    async def applied(self, account_nos: Sequence[str]) -> dict[str, int]:
        """Return, by document, what is settled and not yet seen in the ERP."""
        ...


class StatementRepository(Protocol):
    async def current(self, account_no: str) -> Statement | None: ...

    async def of_account(self, account_no: str, limit: int = 24) -> list[Statement]: ...


class MirrorRepository(Protocol):
    """The ERP's data as last pulled. Pages are upserted by natural key; a content hash decides
    inserted, updated or unchanged, and touched accounts are marked for new figures."""

    async def start_run(self, run: SyncRun) -> None:
        """Record the run; raises Conflict while another run of this source is under way and
        younger than two hours (an older one is marked failed)."""
        ...

    async def cursor(self, entity: Entity) -> str | None: ...

    async def store_page(
        self, run_id: str, entity: Entity, records: Sequence[Record], cursor: str | None
    ) -> StoreCounts:
        """Upsert the records and save the cursor. Jobs, documents and statements of an account
        that is not mirrored raise Invalid naming it."""
        ...

    async def store_account(
        self, account: Account, items: Sequence[OpenItem], statement: Statement | None
    ) -> bool:
        """Replace one account's data with what was just read live: upsert its items, close those
        that are absent. True when any amount or item changed."""
        ...

    async def keep(self, run_id: str, entity: Entity, keys: Sequence[str]) -> None:
        """Count these rows as seen by the run, so that its snapshot leaves them as they are."""
        ...

    async def finish_snapshot(self, run_id: str, entity: Entity) -> int:
        """Close documents (open amount 0) and mark other rows gone that this run did not see."""
        ...

    async def add_problems(
        self, run_id: str, entity: Entity, problems: Sequence[RowProblem]
    ) -> None: ...

    async def finish_run(self, run: SyncRun) -> None: ...

    async def last_run(self) -> SyncRun | None:
        """Return the newest run of whatever state."""
        ...

    async def last_good_run(self) -> SyncRun | None: ...

    async def runs(self, limit: int) -> list[SyncRun]: ...

    async def problems(self, run_id: str, after: int, limit: int) -> list[StoredProblem]: ...

    async def known_accounts(self, account_nos: Sequence[str]) -> frozenset[str]: ...

    async def open_totals(self) -> tuple[int, int]:
        """Return how many documents are open and their signed sum in cents."""
        ...


class SessionRepository(Protocol):
    async def end(self, portal: str, user_id: str, *, but: bytes = b"") -> int:
        """End the person's sessions, except the one with this token hash; return how many."""
        ...


class UserRepository(Protocol):
    async def add(self, user: PortalUser) -> None:
        """Insert; raises Conflict if e-mail or username is taken (case-insensitive)."""
        ...

    async def get(self, user_id: str) -> PortalUser: ...

    async def by_login(self, login: str) -> PortalUser | None:
        """Find by e-mail or username, case-insensitively."""
        ...

    async def save(self, user: PortalUser) -> None: ...

    async def link(self, link: AccountLink) -> None:
        """Link user and account; linking again is harmless, and switches a disabled link on."""
        ...

    async def links(self, user_id: str) -> list[AccountLink]:
        """Return the links that are switched on."""
        ...

    async def logins(self, account_no: str) -> list[Login]:
        """Return everybody who was ever linked to the account, disabled links included."""
        ...

    async def set_disabled(
        self, user_id: str, account_no: str, at: datetime.datetime | None
    ) -> bool:
        """Switch a link off, or on again with None; False where nothing changed."""
        ...

    async def of_account(self, account_no: str) -> list[PortalUser]:
        """Return who can sign in for the account now."""
        ...

    async def taken_usernames(self, candidates: Sequence[str]) -> frozenset[str]: ...


class OperatorRepository(Protocol):
    async def add(self, operator: Operator) -> None: ...

    async def get(self, operator_id: str) -> Operator: ...

    async def by_email(self, email: str) -> Operator | None: ...

    async def save(self, operator: Operator) -> None: ...

    async def use_totp_step(self, operator_id: str, step: int) -> bool:
        """Record the step if it is newer than the last; False means the code was used already."""
        ...

    async def all(self) -> list[Operator]: ...

    async def add_recovery_codes(self, operator_id: str, hashes: Sequence[bytes]) -> None:
        """Replace the operator's recovery codes."""
        ...

    async def use_recovery_code(self, operator_id: str, code_hash: bytes) -> bool: ...


class TokenRepository(Protocol):
    async def add(self, token: OneTimeToken) -> None: ...

    async def find(self, token_hash: bytes, purpose: str) -> OneTimeToken | None: ...

    async def use(self, token_hash: bytes, purpose: str, now: datetime.datetime) -> OneTimeToken:
        """Consume; raises NotFound if unknown, used, expired or of another purpose."""
        ...

    async def void(self, purpose: str, subject_id: str, now: datetime.datetime) -> None: ...


class ThrottleRepository(Protocol):
    """Counts failures per key (account or address); the caller decides what follows."""

    async def failures(
        self, key: str, since: datetime.datetime
    ) -> tuple[int, datetime.datetime | None]:
        """Return how many failures since then and when the last one was."""
        ...

    async def record(self, key: str, at: datetime.datetime) -> None: ...

    async def clear(self, key: str) -> None: ...


class ApiKeyRepository(Protocol):
    async def add(self, key: ApiKey) -> None: ...

    async def by_hash(self, token_hash: bytes) -> ApiKey | None:
        """Return the key unless it is revoked."""
        ...

    async def all(self) -> list[ApiKey]: ...

    async def revoke(self, key_id: str, at: datetime.datetime) -> None: ...


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


class MailRepository(Protocol):
    """Deliveries. A worker claims some under its owner number, which it holds an advisory lock on
    for as long as it lives: a number whose lock is free belongs to nobody who is alive."""

    async def queue(self, delivery: MailDelivery) -> bool:
        """Insert; False when (kind, subject_ref, to_address) was queued before."""
        ...

    async def queue_all(self, deliveries: Sequence[MailDelivery]) -> None:
        """Insert many; those that were queued before are left as they are."""
        ...

    async def claim(self, limit: int, owner: int, now: datetime.datetime) -> list[MailDelivery]:
        """Move due mails to ``sending`` for this owner, skipping those others hold and those of
        paused campaigns. Mails of no campaign come first: a receipt never waits for a campaign."""
        ...

    async def take_turns(
        self, wanted: int, per_minute: int, now: datetime.datetime
    ) -> tuple[int, datetime.datetime]:
        """Return how many mails may be sent now under the rate that all workers share, and when to
        ask again."""
        ...

    async def begin(
        self, delivery_ids: Sequence[str], owner: int, now: datetime.datetime
    ) -> frozenset[str]:
        """Mark these as being handed over; return those that may be: not taken back meanwhile."""
        ...

    async def finish(
        self, outcomes: Sequence[MailOutcome], owner: int, now: datetime.datetime
    ) -> int:
        """Record outcomes of this owner's claims; a sent or failed mail loses its sealed content.
        Return how many were still its claims."""
        ...

    async def record(
        self,
        outcomes: Sequence[MailOutcome],
        beginning: Sequence[str],
        owner: int,
        now: datetime.datetime,
    ) -> frozenset[str]:
        """Do what ``finish`` and ``begin`` do, in one statement; return what ``begin`` returns."""
        ...

    async def recover(self) -> tuple[int, int]:
        """Put the claims of dead workers back: queued again where no server can have seen the mail,
        else unconfirmed. Return how many of each."""
        ...

    async def bounced(
        self, delivery_id: str, to_address: str, now: datetime.datetime, reason: str
    ) -> MailDelivery | None:
        """Mark a sent (or unconfirmed) mail to this address as returned; None where there is none."""
        ...

    async def of_subject(self, subject_ref: str) -> list[MailDelivery]: ...

    async def of_account(self, account_no: str) -> list[MailDelivery]:
        """Return the mails of the account's invitations, oldest first."""
        ...

    async def counts(self) -> Mapping[MailState, int]: ...


class AuditRepository(Protocol):
    async def append(self, entry: AuditEntry) -> None:
        """Add to the hash chain. There is no other write."""
        ...

    async def page(
        self, before: int | None, limit: int, *, subject: str = ""
    ) -> list[StoredAuditEntry]:
        """Newest first."""
        ...

    async def verify(self) -> int | None:
        """Return the number of the first entry whose hash does not follow, or None."""
        ...


class WorkQueue(Protocol):
    async def enqueue(
        self,
        kind: str,
        ids: Mapping[str, str] | None = None,
        *,
        key: str = "",
        not_before: datetime.datetime | None = None,
    ) -> None:
        """Ask for background work, in this transaction. With a key, at most one such job waits
        at a time. A job may run twice; its effects are guarded by unique keys."""
        ...


class UnitOfWork(Protocol):
    """One transaction over everything."""

    @property
    def accounts(self) -> AccountRepository: ...
    @property
    def items(self) -> OpenItemRepository: ...
    @property
    def statements(self) -> StatementRepository: ...
    @property
    def mirror(self) -> MirrorRepository: ...
    @property
    def invitations(self) -> InvitationRepository: ...
    @property
    def campaigns(self) -> CampaignRepository: ...
    @property
    def bounces(self) -> BounceRepository: ...
    @property
    def enrolments(self) -> EnrolmentRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def operators(self) -> OperatorRepository: ...
    @property
    def tokens(self) -> TokenRepository: ...
    @property
    def throttle(self) -> ThrottleRepository: ...
    @property
    def api_keys(self) -> ApiKeyRepository: ...
    @property
    def quotes(self) -> QuoteRepository: ...
    @property
    def payments(self) -> PaymentRepository: ...
    @property
    def instruments(self) -> InstrumentRepository: ...
    @property
    def events(self) -> InboundEventRepository: ...
    @property
    def settlements(self) -> SettlementRepository: ...
    @property
    def journal(self) -> JournalRepository: ...
    @property
    def postings(self) -> PostingRepository: ...
    @property
    def mail(self) -> MailRepository: ...
    @property
    def audit(self) -> AuditRepository: ...
    @property
    def work(self) -> WorkQueue: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


@runtime_checkable
class UnitOfWorkFactory(Protocol):
    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
