"""What the account detail view shows, read in one unit of work."""

import datetime
from collections.abc import Iterable, Mapping

import msgspec

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import (
    AccountRow,
    MailDelivery,
    PaymentFilter,
    PaymentRow,
    PortalUser,
    Reserved,
    StoredAuditEntry,
    StoredInvitation,
)
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.operator.pages import PAGE_ROWS, names_of_staff
from dueport_apps.web.operator.words import KIND_WORDS
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
    """One invitation with what became of its mail."""

    invitation: StoredInvitation
    by: str
    mails: tuple[MailDelivery, ...]


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
    cannot_invite: str
    """Why Invite is not offered, or empty."""
    tab: str
    counts: dict[str, int]
    documents: tuple[DocumentLine, ...]
    documents_cents: int
    payments: tuple[PaymentRow, ...]
    next_payments: str
    later_page: bool
    invitations: tuple[InvitationLine, ...]
    logins: tuple[PortalUser, ...]
    entries: tuple[StoredAuditEntry, ...]


async def account_page(
    uow: UnitOfWork,
    account_no: str,
    tab: str,
    after: str | None,
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
    staff = await names_of_staff(uow)
    invitations = [
        InvitationLine(
            invitation=invitation,
            by=staff.get(invitation.created_by, "somebody who has left"),
            mails=tuple(await uow.mail.of_subject(f"invitation:{invitation.invitation_id}")),
        )
        for invitation in await uow.invitations.of_account(account_no)
    ]
    logins = await uow.users.of_account(account_no)
    score = priority_score(
        factors_of(
            [item for item in items if item.released],
            today,
            credit_limit_cents=account.credit_limit_cents,
        )
    )
    shown = [item for item in items if item.kind in _KINDS.get(tab, frozenset())]
    problem = check_email(account.primary_email) or ""
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
        cannot_invite=_cannot_invite(row.invitation, bool(logins), problem),
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
        invitations=tuple(invitations),
        logins=tuple(logins),
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


def _cannot_invite(state: InvitationState | None, has_login: bool, problem: str) -> str:
    """Say why the button is missing, in the order in which an operator would ask."""
    if has_login:
        return "This customer already has a login."
    if state is not None:
        return f"This customer was invited already; the invitation is {state.value}."
    if problem:
        return f"This customer cannot be invited: {problem}. Fix it in the ERP."
    return ""
