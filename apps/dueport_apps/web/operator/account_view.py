"""What the account detail view shows, read in one unit of work."""

import datetime
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from dueport_apps.usecases.invite_records import (
    BouncedAddress,
    InvitationEvent,
    InvitationRow,
    Login,
)
from dueport_apps.usecases.mail_records import MailDelivery, MailState
from dueport_apps.usecases.payment_records import PaymentFilter, PaymentRow
from dueport_apps.usecases.plan_invitations import may_resend
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountRow, Reserved, StoredAuditEntry
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.operator.pages import PAGE_ROWS, names_of_staff
from dueport_apps.web.operator.words import EVENT_WORDS, KIND_WORDS, MAIL_COLOURS, MAIL_WORDS
from dueport_core.accounts import Account, Contact, check_email
from dueport_core.invitations import InvitationState
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.priority import FactorShare, PriorityBand, factors_of, priority_score

TABS: Mapping[str, str] = {
    "invoices": "Invoices",
    "debits": "Debit adjustments",
    "credits": "Credit adjustments",
    "payments": "Payments",
}
_KINDS: Mapping[str, frozenset[OpenItemKind]] = {
    "invoices": frozenset({OpenItemKind.INVOICE, OpenItemKind.BALANCE_FORWARD}),
    "debits": frozenset({OpenItemKind.DEBIT, OpenItemKind.FINANCE_CHARGE}),
    "credits": frozenset({OpenItemKind.CREDIT}),
}
AUDIT_ROWS = 10


class ContactLine(msgspec.Struct, frozen=True, kw_only=True):
    contact: Contact
    is_used: bool
    """Whether invitations go to this one."""
    problem: str


class DocumentLine(msgspec.Struct, frozen=True, kw_only=True):
    item: OpenItem
    kind: str
    job: str
    days_past_due: int
    reserved: Reserved | None


class InvitationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One invited address: its state, what became of its last mail, and what can be done."""

    row: InvitationRow
    by: str
    bounced: BouncedAddress | None
    may_resend: bool
    may_remind: bool
    may_revoke: bool
    may_copy: bool
    may_invite_again: bool
    """Declined or taken back: it takes the dialog."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline."""

    at: datetime.datetime
    words: str
    badge: str = ""
    colour: str = "grey"
    detail: str = ""


class Priority(msgspec.Struct, frozen=True, kw_only=True):
    score: int
    points: int
    band: PriorityBand
    shares: tuple[FactorShare, ...]


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    row: AccountRow
    priority: Priority
    contacts: tuple[ContactLine, ...]
    email: str
    email_problem: str
    offer: str
    """What the button above the page offers: ``invite``, ``other``, ``additional`` or nothing."""
    tab: str
    counts: dict[str, int]
    documents: tuple[DocumentLine, ...]
    documents_cents: int
    payments: tuple[PaymentRow, ...]
    next_payments: str
    later_page: bool
    invitations: tuple[InvitationLine, ...]
    timeline: tuple[Step, ...]
    logins: tuple[Login, ...]
    active_logins: int
    has_pending: bool
    entries: tuple[StoredAuditEntry, ...]


async def account_page(
    uow: UnitOfWork,
    account_no: str,
    tab: str,
    after: str | None,
    now: datetime.datetime,
    today: datetime.date,
    policies: Policies,
) -> AccountPage:
    """Read everything about one account; raises NotFound for an unknown number."""
    account = await uow.accounts.get(account_no)
    row = await uow.accounts.row(account_no)
    items = await uow.items.of_account(account_no, released_only=False)
    jobs = {job.job_no: job.name for job in await uow.accounts.jobs(account_no)}
    reserved = await uow.items.reserved(account_no)
    payments, following = await uow.payments.rows(
        PaymentFilter(account_no=account_no), after if tab == "payments" else None, PAGE_ROWS
    )
    invited = await uow.invitations.of_account(account_no)
    bounced = await uow.bounces.of(
        [row.invitation.email for row in invited] + [account.primary_email or ""]
    )
    staff = await names_of_staff(uow)
    logins = await uow.users.logins(account_no)
    score = priority_score(
        factors_of(
            [item for item in items if item.released],
            today,
            credit_limit_cents=account.credit_limit_cents,
        )
    )
    shown = [item for item in items if item.kind in _KINDS.get(tab, frozenset())]
    problem = check_email(account.primary_email) or ""
    mark = bounced.get((account.primary_email or "").lower())
    if mark and not problem:
        problem = f"mail to {mark.address} came back"
    return AccountPage(
        account=account,
        row=row,
        priority=Priority(
            score=score.score,
            points=score.points,
            band=score.band,
            shares=tuple(share for share in score.shares if share.points),
        ),
        contacts=tuple(_contacts(account)),
        email=account.primary_email or "",
        email_problem=problem,
        offer=_offer(row, problem, policies),
        tab=tab,
        counts={name: sum(item.kind in kinds for item in items) for name, kinds in _KINDS.items()},
        documents=tuple(
            DocumentLine(
                item=item,
                kind=KIND_WORDS[item.kind],
                job=_job_words(item.job_no, jobs),
                days_past_due=item.days_past_due(today),
                reserved=reserved.get(item.document_ref),
            )
            for item in shown
        ),
        documents_cents=sum(item.open_amount_cents for item in shown),
        payments=tuple(payments),
        next_payments=following or "",
        later_page=after is not None,
        invitations=tuple(_line(one, staff, bounced, now) for one in invited),
        timeline=_timeline(
            await uow.invitations.events(account_no), await uow.mail.of_account(account_no)
        ),
        logins=tuple(logins),
        active_logins=sum(login.link.disabled_at is None for login in logins),
        has_pending=any(one.invitation.state is InvitationState.PENDING for one in invited),
        entries=tuple(await uow.audit.page(None, AUDIT_ROWS, subject=f"account:{account_no}")),
    )


def _contacts(account: Account) -> Iterable[ContactLine]:
    for contact in account.contacts:
        yield ContactLine(
            contact=contact,
            is_used=contact is account.primary_contact,
            problem=check_email(contact.email) or "",
        )


def _job_words(job_no: str, names: Mapping[str, str]) -> str:
    name = names.get(job_no, "")
    if job_no == "0":
        return name or "Master job"
    return f"{job_no} {name}".strip()


def _offer(row: AccountRow, problem: str, policies: Policies) -> str:
    """Say what the button offers: the first invitation, one to an address that works, or one for
    somebody else of the same customer."""
    if row.invitation is None and not row.has_login:
        return "other" if problem else "invite"
    return "additional" if policies.logins.per_customer == "many" else ""


def _line(
    row: InvitationRow,
    staff: Mapping[str, str],
    bounced: Mapping[str, BouncedAddress],
    now: datetime.datetime,
) -> InvitationLine:
    invitation = row.invitation
    live = invitation.state is InvitationState.PENDING and now < invitation.expires_at
    waits = row.mail_state in (MailState.QUEUED, MailState.SENDING)
    again = may_resend(row, confirm_declined=False)
    return InvitationLine(
        row=row,
        by=staff.get(invitation.created_by, "somebody who has left"),
        bounced=bounced.get(invitation.email.lower()),
        may_resend=again,
        may_remind=live and not waits and not again,
        may_revoke=invitation.state is InvitationState.PENDING,
        may_copy=live,
        may_invite_again=invitation.state in (InvitationState.DECLINED, InvitationState.REVOKED),
    )


def _timeline(events: Sequence[InvitationEvent], mails: Sequence[MailDelivery]) -> tuple[Step, ...]:
    """Put together what happened to the invitations and what became of each mail, newest last."""
    steps = [
        Step(
            at=event.at,
            words=EVENT_WORDS[event.kind] + (f" by {event.actor}" if event.actor else ""),
            detail=event.detail,
        )
        for event in events
    ]
    steps += [
        Step(
            at=mail.sent_at or mail.created_at,
            words="Reminder" if mail.kind == "invite_reminder" else "E-mail",
            badge=MAIL_WORDS[mail.state],
            colour=MAIL_COLOURS[mail.state],
            detail=_mail_detail(mail),
        )
        for mail in mails
    ]
    return tuple(sorted(steps, key=lambda step: step.at))


def _mail_detail(mail: MailDelivery) -> str:
    if mail.state is MailState.SENT:
        return f"to {mail.to_address}"
    said = " ".join(part for part in (str(mail.code or ""), mail.reason) if part)
    return f"to {mail.to_address}: {said}" if said else f"to {mail.to_address}"
