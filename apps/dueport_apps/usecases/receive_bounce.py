"""Mail that came back: a delivery status notification marks the address that it is about.

Anybody can send such a notification, so it counts only when it names a mail of ours by its
Message-ID and, beside it, the address that this mail went to. Reading one again changes nothing.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec
import structlog

from dueport_apps.usecases.invite_records import ENHANCED_STATUS, InvitationEvent
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.records import SYSTEM, Principal, audit
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import Clock, Invalid

REPORT_BYTES_MAX = 1_000_000
"""A notification returns a few lines, or the mail that we sent; nothing larger is one."""
REASON_MAX = 500
"""How much of a server's words is kept; they are a stranger's text."""

BounceOutcome = Literal["marked", "known", "delayed", "ignored"]

_REPLY = re.compile(r"([2-5][0-9]{2})[ -](?=\S)")
_OURS = re.compile(r"<([0-9a-z]{26})@[^<>@\s]+>")

log = structlog.get_logger(__name__)


class ReportedRecipient(Protocol):
    """One address of a notification."""

    @property
    def address(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def diagnostic(self) -> str: ...
    @property
    def permanent(self) -> bool: ...


class BounceReport(Protocol):
    """A delivery status notification."""

    @property
    def original_message_id(self) -> str: ...
    @property
    def recipients(self) -> Sequence[ReportedRecipient]: ...


ReadBounce = Callable[[bytes], BounceReport]
"""Reads a notification; raises Invalid, which says why, for a message that is none."""


class BouncedRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """What one address of a notification came to."""

    address: str
    outcome: BounceOutcome
    account_no: str = ""
    """The account whose invitation came back."""
    reason: str = ""
    """The server's words where the address was marked, else why it was not."""


class BounceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a notification came to, address by address."""

    recipients: tuple[BouncedRecipient, ...]

    @property
    def marked(self) -> int:
        return sum(one.outcome == "marked" for one in self.recipients)


class ReceiveBounce:
    """Take in one notification."""

    def __init__(self, uow: UnitOfWorkFactory, read: ReadBounce, clock: Clock) -> None:
        self._uow = uow
        self._read = read
        self._clock = clock

    async def __call__(self, raw: bytes, by: Principal) -> BounceResult:
        """Mark the mails that came back for good, and their addresses.

        A delay is only reported: the server goes on trying. A notification about a mail that we did
        not send, or did not send to that address, is ignored with its reason. Raises Invalid for
        what is no such notification.
        """
        report = self._read(raw)
        async with self._uow() as uow:
            recipients = [
                await self._recipient(uow, report.original_message_id, one, by)
                for one in report.recipients
            ]
            await uow.commit()
        return BounceResult(recipients=tuple(recipients))

    async def _recipient(
        self, uow: UnitOfWork, message_id: str, reported: ReportedRecipient, by: Principal
    ) -> BouncedRecipient:
        address = reported.address.strip()
        ours = _OURS.fullmatch(message_id.strip().lower())
        if ours is None:
            return _ignored(address, "The report does not name a mail of ours.")
        if reported.action.lower() == "delayed":
            return BouncedRecipient(
                address=address,
                outcome="delayed",
                reason="The mail server goes on trying; nothing was marked.",
            )
        if not reported.permanent:
            return _ignored(
                address,
                f"The report says “{reported.action}”, which is no failure that lasts.",
            )
        now = self._clock.now()
        code, reason = _reply(reported)
        delivery = await uow.mail.bounced(ours[1].upper(), address, now, code, reason)
        if delivery is None:
            if await uow.bounces.of([address]):
                return BouncedRecipient(
                    address=address, outcome="known", reason="This address was marked before."
                )
            return _ignored(address, "No mail that we sent to this address has that Message-ID.")
        await uow.bounces.mark(delivery.to_address, now, reason)
        account_no = await self._record(uow, delivery, reason)
        await uow.audit.append(
            audit(
                by,
                now,
                "mail.bounced",
                f"account:{account_no}" if account_no else f"address:{address.lower()}",
                delivery=delivery.delivery_id,
                address=delivery.to_address,
                reason=reason,
            )
        )
        return BouncedRecipient(
            address=address, outcome="marked", account_no=account_no, reason=reason
        )

    async def _record(self, uow: UnitOfWork, delivery: MailDelivery, reason: str) -> str:
        """Put it on the timeline of the invited account, and return its number."""
        if not delivery.invitation_id:
            return ""
        invitation = await uow.invitations.get(delivery.invitation_id)
        await uow.invitations.add_events(
            [
                InvitationEvent(
                    account_no=invitation.account_no,
                    invitation_id=invitation.invitation_id,
                    at=self._clock.now(),
                    kind="bounced",
                    detail=f"{delivery.to_address}: {reason}",
                )
            ]
        )
        return invitation.account_no


class WaitingReport(Protocol):
    """A file of the bounce folder."""

    @property
    def name(self) -> str: ...

    async def read(self) -> bytes | None:
        """Return the content; None where somebody else has taken it."""
        ...

    async def put_away(self, *, understood: bool) -> None:
        """Move it out of the way; harmless where it has been moved already."""
        ...


class BounceFolder(Protocol):
    async def waiting(self) -> Sequence[WaitingReport]:
        """Return what waits to be read, oldest first, no more than one run should take."""
        ...


class FolderReading(msgspec.Struct, frozen=True, kw_only=True):
    """What one look into the folder came to."""

    files: int = 0
    marked: int = 0
    unread: int = 0
    """Files that are no delivery status notification; they are kept for a person."""


class ReadBounces:
    """Take in what the mail server has put into the folder."""

    def __init__(self, folder: BounceFolder | None, receive: ReceiveBounce) -> None:
        self._folder = folder
        self._receive = receive

    @property
    def configured(self) -> bool:
        return self._folder is not None

    async def __call__(self, by: Principal = SYSTEM) -> FolderReading:
        """Read every waiting file once and move it away; without a folder there is nothing to do.

        A file is moved after its effect is stored, so a crash in between reads it again, which
        changes nothing; so do two workers that read the same file.
        """
        done = FolderReading()
        if self._folder is None:
            return done
        for report in await self._folder.waiting():
            raw = await report.read()
            if raw is None:
                continue
            marked = await self._take(report, raw, by)
            done = FolderReading(
                files=done.files + 1,
                marked=done.marked + (marked or 0),
                unread=done.unread + (marked is None),
            )
        return done

    async def _take(self, report: WaitingReport, raw: bytes, by: Principal) -> int | None:
        """Return how many addresses one file has marked; None for a file that is no report."""
        try:
            result = await self._receive(raw, by)
        except Invalid as error:
            log.warning("bounce report not understood", file=report.name, reason=error.message)
            await report.put_away(understood=False)
            return None
        await report.put_away(understood=True)
        outcomes = [one.outcome for one in result.recipients]
        log.info("bounce report read", file=report.name, outcomes=outcomes)
        return result.marked


def _reply(reported: ReportedRecipient) -> tuple[int, str]:
    """Return the reply code of the server that refused, 0 where it is not told, and its words, with
    the enhanced status once."""
    words = " ".join(reported.diagnostic.split())
    code = 0
    if reply := _REPLY.match(words):
        code, words = int(reply[1]), words[reply.end() :]
    if ENHANCED_STATUS.search(words) is None:
        words = f"{reported.status} {words}".strip()
    return code, words[:REASON_MAX] or "returned without a reason"


def _ignored(address: str, reason: str) -> BouncedRecipient:
    return BouncedRecipient(address=address, outcome="ignored", reason=reason)
