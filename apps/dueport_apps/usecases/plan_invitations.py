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
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.services import Deliveries
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.invitations import InvitationState
from dueport_ports import (
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
SAMPLE_TOKEN = "sample"  # noqa: S105 - the token of links in previews; it admits to nothing.
LOST_MAIL = frozenset(
    {MailState.FAILED, MailState.UNCONFIRMED, MailState.BOUNCED, MailState.CANCELLED}
)


class InviteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do: to whom, and how."""

    kind: CampaignKind = CampaignKind.INVITE
    selection: Selection
    options: InviteOptions = InviteOptions()


class PlannedMail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail that would be sent."""

    account: Account
    email: str
    to_name: str
    username: str = ""
    present: StoredInvitation | None = None
    """The invitation of this address that there is already."""


class AlreadyIn(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who needs no mail of this kind, and why."""

    account_no: str
    account_name: str
    email: str = ""
    state: InvitationState
    words: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsal's three lists. Every selected account is in at least one of them."""

    will: tuple[PlannedMail, ...] = ()
    cannot: tuple[CampaignRefusal, ...] = ()
    already: tuple[AlreadyIn, ...] = ()


class _Target(msgspec.Struct, frozen=True):
    email: str
    contact: Contact
    present: StoredInvitation | None


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
        if options.second_check in (UsernameSource.EMAIL, UsernameSource.RANDOM):
            fields["second_check"] = "Choose a field that the mail itself does not show."
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
        taken: set[str] = set()
        after = ""
        while True:
            candidates = await uow.invitations.candidates(order.selection, after, PAGE)
            if not candidates:
                return
            if order.options.delivery == "credentials":
                wanted = sorted({name for one in candidates for name in _possible_names(one)})
                taken |= {name.lower() for name in await uow.users.taken_usernames(wanted)}
            yield self._page(candidates, order, taken)
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
        reminder: bool = False,
        expires_in_days: int | None = None,
        username: str = "",
        taken: frozenset[str] = frozenset(),
    ) -> InviteContent | Skipped:
        """Return what the mail to this address says; with the sample token its links lead nowhere."""
        days = self._policies.invite.expires_in_days if expires_in_days is None else expires_in_days
        return self._deliveries.named(f"invite_{options.delivery}").prepare(
            InviteRequest(
                account=account,
                email=email,
                register_url=self._addresses.register(token),
                decline_url=self._addresses.decline(token),
                sign_in_url=self._addresses.sign_in,
                expires_in_days=days,
                username_source=options.username,
                username=username,
                taken_usernames=taken,
                language=options.language,
                reminder=reminder,
                second_check=options.second_check,
            )
        )

    def _page(self, candidates: list[InviteCandidate], order: InviteOrder, taken: set[str]) -> Plan:
        will: list[PlannedMail] = []
        cannot: list[CampaignRefusal] = []
        already: list[AlreadyIn] = []
        for candidate in candidates:
            decided = self._in_already(candidate, order)
            if decided is not None:
                already.append(decided)
                continue
            for target in self._targets(candidate, order):
                outcome = self._try(candidate, target, order, taken)
                if isinstance(outcome, PlannedMail):
                    will.append(outcome)
                else:
                    cannot.append(outcome)
        return Plan(will=tuple(will), cannot=tuple(cannot), already=tuple(already))

    def _in_already(self, candidate: InviteCandidate, order: InviteOrder) -> AlreadyIn | None:
        """Return why this customer needs no such mail, or None where one may be sent."""
        if order.options.additional_login:
            row = _row_of(candidate, order.options.address)
            alive = (InvitationState.PENDING, InvitationState.ACCEPTED)
            if row is not None and row.invitation.state in alive:
                return _already(candidate, row)
            return None
        if candidate.has_login:
            return AlreadyIn(
                account_no=candidate.account.account_no,
                account_name=candidate.account.name,
                state=InvitationState.ACCEPTED,
                words="already has a login and cannot be invited again",
            )
        match order.kind:
            case CampaignKind.INVITE:
                return _invited_before(candidate, order.options)
            case CampaignKind.RESEND:
                return self._not_to_be_resent(candidate, order)
            case CampaignKind.NUDGE:
                return self._not_to_be_reminded(candidate, order)

    def _not_to_be_resent(self, candidate: InviteCandidate, order: InviteOrder) -> AlreadyIn | None:
        rows = _chosen(candidate, order)
        if not rows or any(may_resend(row, order.options.confirm_declined) for row in rows):
            return None
        return _already(candidate, rows[0])

    def _not_to_be_reminded(
        self, candidate: InviteCandidate, order: InviteOrder
    ) -> AlreadyIn | None:
        rows = _chosen(candidate, order)
        if not rows or any(self._may_remind(row, order.options) for row in rows):
            return None
        return _already(candidate, rows[0])

    def _may_remind(self, row: InvitationRow, options: InviteOptions) -> bool:
        invitation = row.invitation
        now = self._clock.now()
        since = max(invitation.invited_at, invitation.nudged_at or invitation.invited_at)
        return (
            invitation.state is InvitationState.PENDING
            and now < invitation.expires_at
            and row.mail_state not in (MailState.QUEUED, MailState.SENDING)
            and since <= now - datetime.timedelta(days=options.pending_days)
        )

    def _targets(self, candidate: InviteCandidate, order: InviteOrder) -> Iterator[_Target]:
        """Yield the addresses that this account's mails would go to."""
        account, options = candidate.account, order.options
        if order.kind is CampaignKind.NUDGE:
            for row in _chosen(candidate, order):
                if self._may_remind(row, options):
                    yield _target(candidate, row.invitation.email)
            return
        if options.recipient is InviteRecipient.OTHER:
            yield _target(candidate, options.address.strip())
            return
        if order.kind is CampaignKind.RESEND:
            again = [
                row
                for row in _chosen(candidate, order)
                if may_resend(row, options.confirm_declined)
            ]
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
        self, candidate: InviteCandidate, target: _Target, order: InviteOrder, taken: set[str]
    ) -> PlannedMail | CampaignRefusal:
        account, options = candidate.account, order.options
        if order.kind is not CampaignKind.INVITE and not _chosen(candidate, order):
            return _refusal(candidate, target, "was never invited; invite first", "")
        on_file = options.recipient is not InviteRecipient.OTHER
        if problem := check_email(target.email):
            return _refusal(candidate, target, f"{problem}; fix it in the ERP", "email")
        if target.email.lower() in candidate.bounced:
            where = "correct it in the ERP" if on_file else "use another one"
            return _refusal(candidate, target, f"mail to this address came back; {where}", "email")
        present = target.present
        promised = ""
        if order.kind is not CampaignKind.INVITE and present is not None:
            # What the invitation promised stays: delivery, language, question and user name.
            promised, options = present.username, options_of(present, options)
        own = present.username.lower() if present else ""
        busy = frozenset(
            name
            for name in _possible_names(candidate, target.email)
            if name in taken and name != own
        )
        content = self.content(
            account,
            target.email,
            options,
            reminder=order.kind is CampaignKind.NUDGE,
            username=promised,
            taken=busy,
        )
        if isinstance(content, Skipped):
            return _refusal(candidate, target, content.reason, content.field)
        username = content.credential.username if content.credential else ""
        if username and username.lower() != own:
            if username.lower() in taken:
                reason = f"the user name “{username}” is already in use"
                return _refusal(candidate, target, reason, options.username.value)
            taken.add(username.lower())
        return PlannedMail(
            account=account,
            email=target.email,
            to_name=target.contact.name.strip() or account.name,
            username=username,
            present=present,
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


def _invited_before(candidate: InviteCandidate, options: InviteOptions) -> AlreadyIn | None:
    for state in (
        InvitationState.PENDING,
        InvitationState.ACCEPTED,
        InvitationState.DECLINED,
        InvitationState.EXPIRED,
    ):
        for row in candidate.invitations:
            if row.invitation.state is not state:
                continue
            if state is InvitationState.ACCEPTED:
                continue  # Somebody registered, and their access was switched off since.
            if state is InvitationState.DECLINED and options.confirm_declined:
                continue
            return _already(candidate, row)
    return None


def _already(candidate: InviteCandidate, row: InvitationRow) -> AlreadyIn:
    invitation = row.invitation
    words = {
        InvitationState.PENDING: "is pending and waits for the customer",
        InvitationState.EXPIRED: "is expired; use Resend",
        InvitationState.DECLINED: "was declined; confirm that you want to invite again",
        InvitationState.REVOKED: "was revoked; use Invite",
        InvitationState.ACCEPTED: "is accepted",
    }[invitation.state]
    return AlreadyIn(
        account_no=candidate.account.account_no,
        account_name=candidate.account.name,
        email=invitation.email,
        state=invitation.state,
        words=f"was already invited: the invitation to {invitation.email} {words}",
    )


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
    row = _row_of(candidate, email)
    contacts = candidate.account.contacts
    contact = next(
        (one for one in contacts if one.email.strip().lower() == email.lower()), Contact()
    )
    return _Target(email, contact, row.invitation if row else None)


def _refusal(
    candidate: InviteCandidate, target: _Target, reason: str, field: str
) -> CampaignRefusal:
    return CampaignRefusal(
        campaign_id="",
        account_no=candidate.account.account_no,
        account_name=candidate.account.name,
        email=target.email,
        reason=reason,
        field=field,
    )


def _possible_names(candidate: InviteCandidate, email: str = "") -> set[str]:
    """Every text of the record that could become a user name, in lower case."""
    account = candidate.account
    names = {account.account_no, _digits(account.ship_to_zip)[:5], email}
    for contact in account.contacts:
        names |= {contact.email.strip(), _digits(contact.phone)[-10:]}
        names |= set(contact.name.replace(",", " ").split())
    return {name.lower() for name in names if name}


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())
