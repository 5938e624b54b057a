"""Look at the exact mail before it is sent, or send it to oneself; no record changes by either."""

import msgspec

from dueport_apps.usecases.invite_records import CampaignKind
from dueport_apps.usecases.plan_invitations import (
    InviteOrder,
    InvitePlanner,
    PlannedMail,
    options_of,
)
from dueport_apps.usecases.plan_reasons import LeftOut
from dueport_apps.usecases.records import Language, Principal, audit
from dueport_apps.usecases.services import Ids, Mailroom, WrittenMail
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import Clock, Invalid, InviteContent, Skipped, check_email


class InvitationPreview(msgspec.Struct, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    to_address: str
    mail: WrittenMail


class PreviewInvitation:
    """Write the mail that one of the selected customers would get."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        planner: InvitePlanner,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._planner = planner
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock

    async def __call__(
        self, order: InviteOrder, account_no: str = "", email: str = ""
    ) -> InvitationPreview:
        """Return the mail to the named customer, or to the first who will get one; with an address,
        to that contact of theirs. Its links lead to a page that says it was a sample. Raises
        Invalid, which says why, when nobody would get a mail."""
        async with self._uow() as uow:
            await self._planner.check(uow, order)
            planned, content, language = await self._first(uow, order, account_no, email)
        return InvitationPreview(
            account_no=planned.account.account_no,
            account_name=planned.account.name,
            to_address=planned.email,
            mail=self._mailroom.write(content, language),
        )

    async def send_test(
        self,
        order: InviteOrder,
        to_address: str,
        by: Principal,
        account_no: str = "",
        email: str = "",
    ) -> InvitationPreview:
        """Mail the preview to somebody of the dealer's, marked as a test; no invitation is made and
        no record of the customer changes. Raises Invalid for an address that is none."""
        if problem := check_email(to_address):
            raise Invalid(f"The test was not sent: {problem}.", {"to_address": problem})
        now = self._clock.now()
        async with self._uow() as uow:
            await self._planner.check(uow, order)
            planned, content, language = await self._first(uow, order, account_no, email)
            await self._mailroom.queue(
                uow,
                kind="invite_test",
                subject_ref=f"test:{self._ids.new()}",
                to_address=to_address,
                to_name=by.name,
                message=content,
                language=language,
                test=True,
            )
            await uow.audit.append(audit(by, now, "invitation.tested", f"address:{to_address}"))
            await uow.commit()
        return InvitationPreview(
            account_no=planned.account.account_no,
            account_name=planned.account.name,
            to_address=to_address,
            mail=self._mailroom.write(content, language, test=True),
        )

    async def _first(
        self, uow: UnitOfWork, order: InviteOrder, account_no: str, email: str = ""
    ) -> tuple[PlannedMail, InviteContent, Language]:
        left_out = LeftOut(order.kind, order.options.pending_days)
        async for page in self._planner.pages(uow, order):
            left_out.take(
                [one for one in page.cannot if account_no in ("", one.account_no)],
                [one for one in page.already if account_no in ("", one.account_no)],
            )
            for planned in page.will:
                if account_no and planned.account.account_no != account_no:
                    continue
                if email and planned.email.lower() != email.lower():
                    continue
                options = order.options
                if order.kind is not CampaignKind.INVITE and planned.present is not None:
                    options = options_of(planned.present, options)
                content = self._planner.content(
                    planned.account,
                    planned.email,
                    options,
                    reminder=order.kind is CampaignKind.NUDGE,
                    username=planned.username,
                )
                if not isinstance(content, Skipped):
                    return planned, content, options.language
        raise Invalid(f"There is no mail to show: {left_out.why()}.")
