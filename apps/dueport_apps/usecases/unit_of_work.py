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

from dueport_apps.usecases.invite_repositories import (
    BounceRepository,
    CampaignRepository,
    EnrolmentRepository,
    InvitationRepository,
)
from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState
from dueport_apps.usecases.mirror_repositories import (
    AccountRepository,
    MirrorRepository,
    OpenItemRepository,
    StatementRepository,
)
from dueport_apps.usecases.payment_repositories import (
    InboundEventRepository,
    InstrumentRepository,
    JournalRepository,
    PaymentRepository,
    PostingRepository,
    QuoteRepository,
    SettlementRepository,
)
from dueport_apps.usecases.people_repositories import (
    ApiKeyRepository,
    OperatorRepository,
    SessionRepository,
    ThrottleRepository,
    TokenRepository,
    UserRepository,
)
from dueport_apps.usecases.records import AuditEntry, StoredAuditEntry


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
        self, delivery_id: str, to_address: str, now: datetime.datetime, code: int, reason: str
    ) -> MailDelivery | None:
        """Mark a sent (or unconfirmed) mail to this address as returned, with the reply code of the
        server that refused it, 0 where it is not known; None where there is none."""
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
