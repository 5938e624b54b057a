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
from dueport_core.accounts import Account, Contact, check_email, email_fault
from dueport_core.credentials import SECRET_LIFETIME_S
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
    state: str
    """The badge: accepted where this person can sign in, whatever happened to the link since."""
    by: str
    bounced: BouncedAddress | None
    waits: bool
    """Its first mail has not left yet."""
    password_until: datetime.datetime | None
    """How long the mailed password is good, where one was mailed."""
    password_over: bool
    disabled_at: datetime.datetime | None
    restored_at: datetime.datetime | None
    """When this person's access was last switched off, and on again since."""
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
    email_fault: str
    """The same without the address, for a place that shows the address beside it."""
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
    events = await uow.invitations.events(account_no)
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
    fault = row.email_fault
    if mark and not problem:
        problem = f"mail to {mark.address} came back"
        fault = "mail to this address came back"
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
        email_fault=fault,
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
        invitations=tuple(_line(one, staff, bounced, now, row, logins, events) for one in invited),
        timeline=_timeline(events, await uow.mail.of_account(account_no)),
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
            problem=email_fault(contact.email) or "",
        )


def _job_words(job_no: str, names: Mapping[str, str]) -> str:
    name = names.get(job_no, "")
    if job_no == "0":
        return name or "Master job"
    return f"{job_no} {name}".strip()


def _offer(row: AccountRow, problem: str, policies: Policies) -> str:
    """Say what the button offers: the first invitation, one to an address that works, or one for
    somebody else of the same customer."""
    if row.invitation is None and not row.has_login and not row.access_off:
        return "other" if problem else "invite"
    return "additional" if policies.logins.per_customer == "many" else ""


def _line(
    row: InvitationRow,
    staff: Mapping[str, str],
    bounced: Mapping[str, BouncedAddress],
    now: datetime.datetime,
    account: AccountRow,
    logins: Sequence[Login],
    events: Sequence[InvitationEvent],
) -> InvitationLine:
    invitation = row.invitation
    email = invitation.email.lower()
    enters = any(one.user.email.lower() == email and _may_sign_in(one) for one in logins)
    disabled_at = _last(events, "access_disabled", email)
    restored_at = _last(events, "access_restored", email)
    if disabled_at is None or (restored_at is not None and restored_at < disabled_at):
        restored_at = None
    reminded = invitation.nudged_at is not None and invitation.nudged_at >= invitation.invited_at
    until = _password_until(row)
    live = invitation.state is InvitationState.PENDING and now < invitation.expires_at
    waits = row.mail_state in (MailState.QUEUED, MailState.SENDING)
    again = may_resend(row, confirm_declined=False)
    return InvitationLine(
        row=row,
        state=InvitationState.ACCEPTED.value if enters else invitation.state.value,
        by=staff.get(invitation.created_by, "somebody who has left"),
        bounced=bounced.get(email),
        waits=waits and not reminded,
        password_until=until,
        password_over=until is not None and until <= now,
        disabled_at=disabled_at,
        restored_at=restored_at,
        may_resend=again,
        may_remind=live and not waits and not again,
        may_revoke=invitation.state is InvitationState.PENDING,
        may_copy=live,
        may_invite_again=invitation.state in (InvitationState.DECLINED, InvitationState.REVOKED)
        and not account.has_login
        and not account.access_off,
    )


def _may_sign_in(login: Login) -> bool:
    return login.user.active and login.link.disabled_at is None


def _last(events: Sequence[InvitationEvent], kind: str, email: str) -> datetime.datetime | None:
    return max(
        (one.at for one in events if one.kind == kind and one.detail.lower() == email),
        default=None,
    )


def _password_until(row: InvitationRow) -> datetime.datetime | None:
    """Return how long the password in the last mail is good; None where none has left."""
    invitation = row.invitation
    mailed = row.mail_at if row.mail_state is MailState.SENT else None
    if invitation.delivery != "invite_credentials" or mailed is None:
        return None
    return min(mailed + datetime.timedelta(seconds=SECRET_LIFETIME_S), invitation.expires_at)


def _timeline(events: Sequence[InvitationEvent], mails: Sequence[MailDelivery]) -> tuple[Step, ...]:
    """Put together what happened to the invitations and what became of each mail, newest last."""
    steps = [_step(event) for event in events]
    returned = {event.invitation_id for event in events if event.kind == "bounced"}
    for mail in mails:
        # That it came back is a step of its own; that it had been sent stays true.
        came_back = mail.state is MailState.BOUNCED and mail.invitation_id in returned
        state = MailState.SENT if came_back else mail.state
        steps.append(
            Step(
                at=mail.sent_at or mail.created_at,
                words="Reminder" if mail.kind == "invite_reminder" else "E-mail",
                badge=MAIL_WORDS[state],
                colour=MAIL_COLOURS[state],
                detail=_mail_detail(mail, state),
            )
        )
    return tuple(sorted(steps, key=lambda step: step.at))


def _step(event: InvitationEvent) -> Step:
    words = EVENT_WORDS[event.kind]
    if event.actor:
        # Who registered is the news itself; everything else was done by somebody.
        words += f": {event.actor}" if event.kind == "accepted" else f" by {event.actor}"
    returned = event.kind == "bounced"
    return Step(
        at=event.at,
        words=words,
        badge=MAIL_WORDS[MailState.BOUNCED] if returned else "",
        colour=MAIL_COLOURS[MailState.BOUNCED] if returned else "grey",
        detail=event.detail,
    )


def _mail_detail(mail: MailDelivery, state: MailState) -> str:
    if state is MailState.SENT:
        return f"to {mail.to_address}"
    said = " ".join(part for part in (str(mail.code or ""), mail.reason) if part)
    return f"to {mail.to_address}: {said}" if said else f"to {mail.to_address}"
