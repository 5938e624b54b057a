"""What use cases ask of the database about inviting; the rest is in ``unit_of_work``."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from dueport_apps.usecases.invite_records import (
    BouncedAddress,
    BouncedRow,
    Campaign,
    CampaignMail,
    CampaignProgress,
    CampaignRefusal,
    CampaignRow,
    CampaignState,
    EndedLink,
    Enrolment,
    Funnel,
    InvitationEvent,
    InvitationFilter,
    InvitationRow,
    InvitationToken,
    InviteCandidate,
    LinkEnd,
    NextTry,
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_core.accounts import Account
from dueport_core.invitations import InvitationState


class InvitationRepository(Protocol):
    async def lock(self) -> None:
        """Hold the right to invite until commit: who is invited is decided by one at a time."""
        ...

    async def candidates(
        self, selection: Selection, after: str, limit: int
    ) -> list[InviteCandidate]:
        """Return the selected accounts (those that are not gone from the ERP) in order of their
        numbers after the given one, each with everything that decides whether it can be invited."""
        ...

    async def unknown(self, account_nos: Sequence[str]) -> list[str]:
        """Return which of these numbers name no account, or one that is gone."""
        ...

    async def put(self, invitations: Sequence[StoredInvitation]) -> None:
        """Insert, or replace the row of the same account and address; the caller has decided under
        ``lock`` that each move is legal. Raises Conflict when a promised user name is taken."""
        ...

    async def get(self, invitation_id: str, *, for_update: bool = False) -> StoredInvitation: ...

    async def find(self, account_no: str, email: str) -> StoredInvitation | None:
        """Return the invitation of this address, case-insensitively."""
        ...

    async def by_token(
        self, token_hash: bytes, *, to_decline: bool = False, for_update: bool = False
    ) -> StoredInvitation | None:
        """Return the invitation that a link's token admits to; an ended one admits to none. To
        decline it, the token for that will do as well."""
        ...

    async def ended(self, token_hash: bytes, *, to_decline: bool = False) -> EndedLink | None:
        """Return what became of a link that has ended; None for one that is good, and for one that
        was never issued or ended long ago."""
        ...

    async def decline_token(self, token_hash: bytes) -> InvitationToken | None:
        """Return a good token that can only decline, if this is one."""
        ...

    async def with_username(self, username: str) -> list[StoredInvitation]:
        """Return the credential invitations with this username that are pending or have expired,
        case-insensitively, the last invited first."""
        ...

    async def passwords(self, token_hashes: Sequence[bytes]) -> list[InvitationToken]:
        """Return those of these one-time passwords that there are and that have not ended."""
        ...

    async def by_ids(
        self, invitation_ids: Sequence[str], *, for_update: bool = False
    ) -> dict[str, StoredInvitation]: ...

    async def save(self, invitation: StoredInvitation, expected: InvitationState) -> None:
        """Compare-and-set on the state; raises Conflict when somebody else was faster."""
        ...

    async def add_tokens(self, tokens: Sequence[InvitationToken]) -> None: ...

    async def void_tokens(
        self, invitation_ids: Sequence[str], end: LinkEnd, at: datetime.datetime
    ) -> None:
        """Every link and one-time password of these invitations is dead, for this reason. Those
        that had ended for another one tell the new one too: the last word counts."""
        ...

    async def take_back(
        self, token_hashes: Sequence[bytes], end: LinkEnd, at: datetime.datetime
    ) -> None:
        """End these alone."""
        ...

    async def is_reachable(self, invitation_id: str) -> bool:
        """Whether a link or a one-time password of it is good."""
        ...

    async def delete_ended(self, before: datetime.datetime) -> int:
        """Forget links and one-time passwords that ended before then; return how many."""
        ...

    async def add_events(self, events: Sequence[InvitationEvent]) -> None: ...

    async def events(self, account_no: str) -> list[InvitationEvent]:
        """Return the account's timeline, oldest first."""
        ...

    async def of_account(self, account_no: str) -> list[InvitationRow]:
        """Return the account's invitations, newest first."""
        ...

    async def rows(
        self, filter: InvitationFilter, after: str | None, limit: int
    ) -> tuple[list[InvitationRow], str | None]:
        """Oldest first, keyset-paged."""
        ...

    async def count(self, filter: InvitationFilter) -> int: ...

    async def funnel(self) -> Funnel: ...

    async def overdue(self, now: datetime.datetime, limit: int) -> list[StoredInvitation]:
        """Return pending invitations past their expiry."""
        ...

    async def moved_away(self, limit: int) -> list[StoredInvitation]:
        """Return pending invitations to an address that the ERP does not hold for the account any
        more; those to an address that an operator typed are not among them."""
        ...


class CampaignRepository(Protocol):
    async def add(self, campaign: Campaign) -> None: ...

    async def get(self, campaign_id: str, *, for_update: bool = False) -> Campaign: ...

    async def save(self, campaign: Campaign, expected: CampaignState) -> None:
        """Compare-and-set on the state; raises Conflict when somebody else was faster."""
        ...

    async def rows(self, after: str | None, limit: int) -> tuple[list[CampaignRow], str | None]:
        """Newest first, without drafts."""
        ...

    async def progress(self, campaign_id: str) -> CampaignProgress: ...

    async def next_try(self, campaign_id: str, now: datetime.datetime) -> NextTry | None:
        """Return when the campaign's queued mails are tried again; None where one may go now, or
        none is queued."""
        ...

    async def add_refusals(self, refusals: Sequence[CampaignRefusal]) -> None: ...

    async def refusals(
        self, campaign_id: str, after: str | None, limit: int, *, needs_none: bool = False
    ) -> tuple[list[CampaignRefusal], str | None]:
        """Who could not be mailed, or who needed no mail."""
        ...

    async def mails(
        self, campaign_id: str, state: MailState | None, after: str | None, limit: int
    ) -> tuple[list[CampaignMail], str | None]:
        """The recipients in the order in which they were recorded; of one state, or all."""
        ...

    async def cancel_unsent(self, campaign_id: str) -> list[str]:
        """Take back the mails that no server has seen; return the invitations they were for."""
        ...

    async def end_finished(self, now: datetime.datetime) -> int:
        """Mark campaigns as done that have nothing left to send."""
        ...

    async def delete_drafts(self, older_than: datetime.datetime) -> int: ...


class BounceRepository(Protocol):
    """Addresses whose mail came back; nothing is sent there until somebody clears it."""

    async def mark(self, address: str, at: datetime.datetime, reason: str) -> None: ...

    async def clear(self, address: str) -> bool: ...

    async def of(self, addresses: Sequence[str]) -> dict[str, BouncedAddress]:
        """Return the marks of these addresses, by the address in lower case."""
        ...

    async def rows(self, after: str | None, limit: int) -> tuple[list[BouncedRow], str | None]:
        """Newest first, keyset-paged, each with the customers whom mail there was for."""
        ...

    async def count(self) -> int: ...


class EnrolmentRepository(Protocol):
    async def get(self, account_no: str, *, for_update: bool = False) -> Enrolment:
        """Return the account's enrolment, a fresh one where nothing is stored yet."""
        ...

    async def save(self, enrolment: Enrolment) -> None: ...

    async def page(self, after: str, limit: int) -> list[tuple[Account, Enrolment]]:
        """Return accounts that nobody had a login for, in order, for printing their codes; a code
        does not open access that was switched off."""
        ...
