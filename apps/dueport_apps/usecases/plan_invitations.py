"""Who would be mailed, who cannot be, and who needs no mail: decided in one place.

The rehearsal shows this decision and the start of a campaign carries it out, so what was shown is
what happens, unless the ERP or somebody else changed the facts in between.
"""

import datetime
from collections.abc import AsyncIterator, Iterator

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignRefusal,
    InvitationRow,
    InviteCandidate,
    InviteOptions,
    InviteRecipient,
    LeftOutKind,
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.plan_reasons import (
    FAILED_MAIL,
    AlreadyIn,
    Reminder,
    not_reminded,
    refusal,
    registered,
    reminder_of,
    standing,
)
from dueport_apps.usecases.planned_names import ALWAYS_FREE, PlannedNames, possible_names
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.services import Deliveries
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.accounts import AccountStatus, email_fault
from dueport_core.invitations import InvitationState
from dueport_ports import (
    SECOND_CHECKS,
    Account,
    Clock,
    Contact,
    Invalid,
    InviteContent,
    InviteRequest,
    NotFound,
    Skipped,
    UsernameSource,
    check_email,
)

PAGE = 250
LOST_MAIL = FAILED_MAIL | {MailState.CANCELLED}
SAMPLE_TOKEN = "sample"  # noqa: S105 - the token of links in previews; it admits to nothing.


class InviteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do: to whom, and how."""

    kind: CampaignKind = CampaignKind.INVITE
    selection: Selection
    options: InviteOptions = InviteOptions()


class MailFailure(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last mail to an address, where it did not arrive for certain."""

    state: MailState
    code: int
    words: str
    """The server's."""
    at: datetime.datetime | None


class PlannedMail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail that would be sent."""

    account: Account
    email: str
    to_name: str
    username: str = ""
    present: StoredInvitation | None = None
    """The invitation of this address that there is already."""
    last_failure: MailFailure | None = None
    """Set where the last mail to this address did not arrive, so that it may not again."""

    @property
    def erp_status(self) -> AccountStatus:
        """Whether the dealer still trades with the customer."""
        return self.account.status


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsal's three lists. Every selected account is in at least one of them."""

    will: tuple[PlannedMail, ...] = ()
    cannot: tuple[CampaignRefusal, ...] = ()
    already: tuple[AlreadyIn, ...] = ()


class _Target(msgspec.Struct, frozen=True):
    email: str
    contact: Contact
    row: InvitationRow | None

    @property
    def present(self) -> StoredInvitation | None:
        return self.row.invitation if self.row else None


class InvitePlanner:
    """Decides for each selected account; stores and sends nothing."""

    def __init__(
        self, deliveries: Deliveries, policies: Policies, addresses: PortalAddresses, clock: Clock
    ) -> None:
        self._deliveries = deliveries
        self._policies = policies
        self._addresses = addresses
        self._clock = clock

    async def check(self, uow: UnitOfWork, order: InviteOrder) -> None:
        """Refuse an order that makes no sense: raises Invalid with a message per field, NotFound
        for accounts that do not exist."""
        options, selection = order.options, order.selection
        fields: dict[str, str] = {}
        if selection.matching is None and not selection.account_nos:
            fields["selection"] = "Nobody is selected. Tick at least one customer."
        if options.recipient is InviteRecipient.OTHER and (problem := check_email(options.address)):
            fields["address"] = f"{problem.capitalize()}; type the address that gets the mail."
        if options.recipient is InviteRecipient.CUSTOMER:
            fields["recipient"] = "Choose the primary e-mail, all contacts or another address."
        if options.second_check is not None and options.second_check not in SECOND_CHECKS:
            fields["second_check"] = (
                "Choose the phone number or the ship-to ZIP code; the mail itself shows the rest."
            )
        if self._policies.logins.per_customer == "one":
            if options.recipient is InviteRecipient.CONTACTS:
                fields["recipient"] = (
                    "Each customer has one login here, on the primary e-mail; all contacts cannot "
                    "be invited."
                )
            if options.additional_login:
                fields["additional_login"] = "Each customer has one login here."
        if fields:
            raise Invalid("; ".join(fields.values()), fields)
        if missing := await uow.invitations.unknown(selection.account_nos):
            named = ", ".join(missing[:5]) + (" and more" if len(missing) > 5 else "")
            raise NotFound(f"There is no account {named}. Nothing was sent.")

    async def pages(self, uow: UnitOfWork, order: InviteOrder) -> AsyncIterator[Plan]:
        """Yield the plan in pages of accounts, so that a whole book needs little memory."""
        names = PlannedNames()
        after = ""
        while True:
            candidates = await uow.invitations.candidates(order.selection, after, PAGE)
            if not candidates:
                return
            if order.options.delivery == "credentials":
                wanted = sorted({name for one in candidates for name in possible_names(one)})
                names.in_use(await uow.users.taken_usernames(wanted))
            yield self._page(candidates, order, names)
            after = candidates[-1].account.account_no
            if len(candidates) < PAGE:
                return

    async def whole(self, uow: UnitOfWork, order: InviteOrder) -> Plan:
        """Return the whole plan."""
        pages = [page async for page in self.pages(uow, order)]
        return Plan(
            will=tuple(mail for page in pages for mail in page.will),
            cannot=tuple(refusal for page in pages for refusal in page.cannot),
            already=tuple(one for page in pages for one in page.already),
        )

    def content(
        self,
        account: Account,
        email: str,
        options: InviteOptions,
        *,
        token: str = SAMPLE_TOKEN,
        decline_token: str = SAMPLE_TOKEN,
        reminder: bool = False,
        expires_at: datetime.datetime | None = None,
        username: str = "",
        taken: frozenset[str] = frozenset(),
    ) -> InviteContent | Skipped:
        """Return what the mail to this address says; with the sample token its links lead nowhere."""
        return self._deliveries.named(f"invite_{options.delivery}").prepare(
            InviteRequest(
                account=account,
                email=email,
                register_url=self._addresses.register(token),
                decline_url=self._addresses.decline(decline_token),
                sign_in_url=self._addresses.sign_in,
                expires_at=expires_at
                or self._clock.now() + self._policies.lifetime_of(options.delivery),
                username_source=options.username,
                username=username,
                taken_usernames=taken,
                language=options.language,
                reminder=reminder,
                second_check=options.second_check,
            )
        )

    def _page(
        self, candidates: list[InviteCandidate], order: InviteOrder, names: PlannedNames
    ) -> Plan:
        will: list[PlannedMail] = []
        cannot: list[CampaignRefusal] = []
        already: list[AlreadyIn] = []
        for candidate in candidates:
            for outcome in self._decide(candidate, order, names):
                match outcome:
                    case PlannedMail():
                        will.append(outcome)
                    case CampaignRefusal():
                        cannot.append(outcome)
                    case AlreadyIn():
                        already.append(outcome)
        return Plan(will=tuple(will), cannot=tuple(cannot), already=tuple(already))

    def _decide(
        self, candidate: InviteCandidate, order: InviteOrder, names: PlannedNames
    ) -> Iterator[PlannedMail | CampaignRefusal | AlreadyIn]:
        """Yield what becomes of a customer: one thing at least, one for each address."""
        rows = _chosen(candidate, order)
        if _is_switched_off(candidate, order, rows):
            yield refusal(
                candidate,
                candidate.account.primary_email or "",
                LeftOutKind.ACCESS_OFF,
                "portal access is switched off",
                "restore it on the account",
            )
        elif (decided := _in_already(candidate, order, rows)) is not None:
            yield decided
        elif order.kind is not CampaignKind.INVITE and not rows:
            email = candidate.account.primary_email or ""
            kind = LeftOutKind.NEVER_INVITED
            yield refusal(candidate, email, kind, "was never invited", "invite first")
        elif order.kind is CampaignKind.NUDGE:
            yield from self._remind(candidate, order, rows, names)
        else:
            for target in self._targets(candidate, order, rows):
                yield self._try(candidate, target, order, names)

    def _remind(
        self,
        candidate: InviteCandidate,
        order: InviteOrder,
        rows: list[InvitationRow],
        names: PlannedNames,
    ) -> Iterator[PlannedMail | CampaignRefusal | AlreadyIn]:
        days = order.options.pending_days
        found = [(row, reminder_of(row, self._clock.now(), days)) for row in rows]
        pending = [(row, reminder) for row, reminder in found if reminder is not Reminder.OVER]
        # Answers of other people of the customer are told only where nobody is left to remind.
        for row, reminder in pending or found[:1]:
            if reminder is Reminder.DUE:
                target = _target(candidate, row.invitation.email)
                yield self._try(candidate, target, order, names)
            else:
                yield not_reminded(candidate, row, reminder, days)

    def _targets(
        self, candidate: InviteCandidate, order: InviteOrder, rows: list[InvitationRow]
    ) -> Iterator[_Target]:
        """Yield the addresses that this account's invitations would go to."""
        account, options = candidate.account, order.options
        if options.recipient is InviteRecipient.OTHER:
            yield _target(candidate, options.address.strip())
            return
        if order.kind is CampaignKind.RESEND:
            again = [row for row in rows if may_resend(row, options.confirm_declined)]
            # What went to the address on file goes to the one that is on file now.
            moved = {
                row.invitation.email
                if row.invitation.recipient is not InviteRecipient.PRIMARY
                else (account.primary_email or "")
                for row in again
            }
            for email in sorted(moved) or [account.primary_email or ""]:
                yield _target(candidate, email)
            return
        if options.recipient is InviteRecipient.CONTACTS:
            emails = dict.fromkeys(
                contact.email.strip() for contact in account.contacts if contact.email.strip()
            )
            for email in emails or [""]:
                yield _target(candidate, email)
            return
        yield _target(candidate, (account.primary_email or "").strip())

    def _try(
        self,
        candidate: InviteCandidate,
        target: _Target,
        order: InviteOrder,
        names: PlannedNames,
    ) -> PlannedMail | CampaignRefusal:
        account, options, present = candidate.account, order.options, target.present
        if refused := _bad_address(candidate, target, options):
            return refused
        promised = ""
        if order.kind is not CampaignKind.INVITE and present is not None:
            # What the invitation promised stays: delivery, language, question and username.
            promised, options = present.username, options_of(present, options)
        own = present.username.lower() if present else ""
        busy = names.busy(candidate, target.email, own)

        def prepare(taken: frozenset[str]) -> InviteContent | Skipped:
            return self.content(
                account,
                target.email,
                options,
                reminder=order.kind is CampaignKind.NUDGE,
                username=promised,
                taken=taken,
            )

        content = prepare(busy)
        skipped = content if isinstance(content, Skipped) else None
        if skipped is not None and busy:
            # Whether another person's name is all that stands in the way, only the delivery knows.
            content = prepare(frozenset())
        username = _username(content)
        kept = not username or username.lower() == own
        if not kept and (collision := names.collision(username, account.account_no)):
            return refusal(candidate, target.email, *collision, ALWAYS_FREE)
        if skipped is not None:
            return _skipped(candidate, target, skipped)
        if username:
            names.give(username, account.account_no)
        return PlannedMail(
            account=account,
            email=target.email,
            to_name=target.contact.name.strip() or account.name,
            username=username,
            present=present,
            last_failure=_last_failure(target.row),
        )


def options_of(invitation: StoredInvitation, options: InviteOptions) -> InviteOptions:
    """Return the options with what the invitation itself has decided before."""
    return msgspec.structs.replace(
        options,
        delivery="credentials" if invitation.delivery == "invite_credentials" else "link",
        language=invitation.language,
        second_check=invitation.second_check,
    )


def may_resend(row: InvitationRow, confirm_declined: bool) -> bool:
    """Whether a new link may be sent: it expired, or nobody can say that the mail arrived."""
    match row.invitation.state:
        case InvitationState.EXPIRED:
            return True
        case InvitationState.DECLINED:
            return confirm_declined
        case InvitationState.PENDING:
            return row.mail_state in LOST_MAIL
        case _:
            return False


def _is_switched_off(
    candidate: InviteCandidate, order: InviteOrder, rows: list[InvitationRow]
) -> bool:
    """Whether an operator has switched the customer's access off; a person who is invited by name
    beside those who had it, or was since, is not meant by that."""
    one_more = order.options.additional_login and order.options.recipient is InviteRecipient.OTHER
    invited_since = any(row.invitation.state is InvitationState.PENDING for row in rows)
    return candidate.access_off and not one_more and not invited_since


def _in_already(
    candidate: InviteCandidate, order: InviteOrder, rows: list[InvitationRow]
) -> AlreadyIn | None:
    """Return why this customer needs no such mail, or None where one may be sent."""
    options = order.options
    if options.additional_login:
        row = _row_of(candidate, options.address)
        alive = (InvitationState.PENDING, InvitationState.ACCEPTED)
        if row is not None and row.invitation.state in alive:
            return standing(candidate, row, order.kind)
        return None
    if candidate.has_login:
        return registered(candidate)
    if order.kind is CampaignKind.INVITE:
        return _invited_before(candidate, options)
    again = order.kind is CampaignKind.RESEND
    if again and rows and not any(may_resend(row, options.confirm_declined) for row in rows):
        return standing(candidate, rows[0], order.kind)
    return None


def _invited_before(candidate: InviteCandidate, options: InviteOptions) -> AlreadyIn | None:
    # An accepted one is of somebody whose access was switched off since.
    for state in (InvitationState.PENDING, InvitationState.DECLINED, InvitationState.EXPIRED):
        if state is InvitationState.DECLINED and options.confirm_declined:
            continue
        for row in candidate.invitations:
            if row.invitation.state is state:
                return standing(candidate, row, CampaignKind.INVITE)
    return None


def _chosen(candidate: InviteCandidate, order: InviteOrder) -> list[InvitationRow]:
    only = order.selection.invitation_ids
    return [
        row for row in candidate.invitations if not only or row.invitation.invitation_id in only
    ]


def _row_of(candidate: InviteCandidate, email: str) -> InvitationRow | None:
    wanted = email.strip().lower()
    return next(
        (row for row in candidate.invitations if row.invitation.email.lower() == wanted), None
    )


def _target(candidate: InviteCandidate, email: str) -> _Target:
    contact = candidate.account.contact_of(email) or Contact()
    return _Target(email, contact, _row_of(candidate, email))


def _bad_address(
    candidate: InviteCandidate, target: _Target, options: InviteOptions
) -> CampaignRefusal | None:
    """Return why no mail can go to the address, or None."""
    fault = email_fault(target.email)
    if fault is not None:
        kind = LeftOutKind.MALFORMED_EMAIL if target.email else LeftOutKind.NO_EMAIL
        told = check_email(target.email) or ""
        advice = "fix it in the ERP"
        return refusal(candidate, target.email, kind, fault, advice, field="email", told=told)
    if target.email.lower() not in candidate.bounced:
        return None
    typed = options.recipient is InviteRecipient.OTHER
    return refusal(
        candidate,
        target.email,
        LeftOutKind.BOUNCED_EMAIL,
        "mail to this address came back",
        "use another one" if typed else "correct it in the ERP",
        field="email",
    )


def _skipped(candidate: InviteCandidate, target: _Target, skipped: Skipped) -> CampaignRefusal:
    problem, _, advice = skipped.reason.partition("; ")
    fields = {source.value for source in UsernameSource}
    kind = LeftOutKind.MISSING_FIELD if skipped.field in fields else LeftOutKind.OTHER
    return refusal(candidate, target.email, kind, problem, advice, field=skipped.field)


def _username(content: InviteContent | Skipped) -> str:
    if isinstance(content, Skipped) or content.credential is None:
        return ""
    return content.credential.username


def _last_failure(row: InvitationRow | None) -> MailFailure | None:
    if row is None or row.mail_state not in FAILED_MAIL or row.mail_state is None:
        return None
    return MailFailure(
        state=row.mail_state, code=row.mail_code, words=row.mail_reason, at=row.mail_at
    )
