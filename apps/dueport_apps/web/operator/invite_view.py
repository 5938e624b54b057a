"""What the invite dialog shows: how to invite, who would get it, and the mail itself."""

from collections.abc import Iterator, Mapping

import msgspec
from litestar.di import NamedDependency

from dueport_apps.usecases.campaigns import RehearseInvitations, order_of
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    InviteRecipient,
    LeftOutKind,
    Selection,
)
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.preview_invitation import InvitationPreview, PreviewInvitation
from dueport_apps.usecases.records import AccountFilter
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.operator.campaign_paths import account_path, campaign_path, edit_path
from dueport_apps.web.operator.invite_form import InviteForm, form_of
from dueport_apps.web.operator.pages import address
from dueport_apps.web.operator.rehearsed_lists import (
    NAME_TAKEN,
    Excerpt,
    ListName,
    Lists,
    RehearsedList,
    read_further,
    read_lists,
)
from dueport_core.errors import Invalid, NotFound

ALL_FROM_THE_BEGINNING = Excerpt()

NOUNS: Mapping[CampaignKind, tuple[str, str]] = {
    CampaignKind.INVITE: ("invitation", "invitations"),
    CampaignKind.RESEND: ("new link", "new links"),
    CampaignKind.NUDGE: ("reminder", "reminders"),
}


DETOURS: Mapping[CampaignKind, Mapping[CampaignKind, frozenset[LeftOutKind]]] = {
    CampaignKind.INVITE: {
        CampaignKind.NUDGE: frozenset({LeftOutKind.PENDING}),
        CampaignKind.RESEND: frozenset({LeftOutKind.EXPIRED}),
    },
    CampaignKind.RESEND: {
        CampaignKind.NUDGE: frozenset({LeftOutKind.PENDING}),
        CampaignKind.INVITE: frozenset({LeftOutKind.NEVER_INVITED, LeftOutKind.REVOKED}),
    },
    CampaignKind.NUDGE: {
        CampaignKind.RESEND: frozenset({LeftOutKind.EXPIRED, LeftOutKind.MAIL_NOT_ARRIVED}),
        CampaignKind.INVITE: frozenset({LeftOutKind.NEVER_INVITED, LeftOutKind.REVOKED}),
    },
}
"""What those want instead who are left out of a campaign: which kind, and whom it is for."""


class Detour(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the selected customers need another kind of mail than the one that is asked for."""

    kind: CampaignKind
    words: str
    label: str


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "what would happen if I pressed Send"."""

    lists: tuple[RehearsedList, ...]
    open: ListName
    customers: int
    mails: int
    summary: str
    send_label: str
    detours: tuple[Detour, ...]
    names_taken: bool
    """Somebody cannot have the user name that was chosen, because it is taken."""
    shared: str
    """The one address that mails for several customers would go to, or empty."""
    preview: InvitationPreview | None
    preview_key: str
    preview_choices: tuple[tuple[str, str], ...]
    """Key and label of each mail that can be looked at."""
    mail_url: str


class InviteDialog(msgspec.Struct, frozen=True, kw_only=True):
    campaign: Campaign
    path: str
    form: Mapping[str, object]
    """What the fields hold, as it was typed."""
    errors: Mapping[str, str]
    message: str
    """Why the last press did nothing, or empty."""
    hint: str
    """What to fill in before there is anything to rehearse, or empty."""
    one_address: str
    """The address that was confirmed to get the mails of several customers."""
    who: str
    title: str
    back_url: str
    back_words: str
    recipients: tuple[tuple[str, str, str], ...]
    """Value, label and explanation of each choice of who gets the mail."""
    offers_declined: bool
    rehearsal: Rehearsal | None


def dialog_builder(
    uow: NamedDependency[UnitOfWorkFactory],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    preview_invitation: NamedDependency[PreviewInvitation],
    policies: NamedDependency[Policies],
) -> "DialogBuilder":
    """Return the builder for one request."""
    return DialogBuilder(uow, rehearse_invitations, preview_invitation, policies)


class DialogBuilder:
    """Puts the dialog together from the draft, the rehearsal and the preview."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        rehearse: RehearseInvitations,
        preview: PreviewInvitation,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._rehearse = rehearse
        self._preview = preview
        self._policies = policies

    async def build(
        self,
        campaign: Campaign,
        *,
        form: Mapping[str, object] | None = None,
        errors: Mapping[str, str] | None = None,
        message: str = "",
        hint: str = "",
        excerpt: Excerpt = ALL_FROM_THE_BEGINNING,
        preview_of: str = "",
        one_address: str = "",
    ) -> InviteDialog:
        """Return the dialog. Fields that were typed wrongly stay as they are, beside what is wrong;
        then there is nothing to rehearse."""
        lists: Lists | None = None
        errors = dict(errors or {})
        if not errors and not hint:
            try:
                lists = await read_lists(
                    self._rehearse, campaign, excerpt, preview_parts(preview_of)
                )
            except Invalid as error:
                errors = error.fields or {"": error.message}
            except NotFound as error:
                message = message or error.message
        rehearsal = (
            None
            if lists is None
            else await self._rehearsal(campaign, lists, excerpt.name, preview_of)
        )
        one, is_known = await self._only_account(campaign.selection)
        declined = lists is not None and lists.declined
        return InviteDialog(
            campaign=campaign,
            path=campaign_path(campaign.campaign_id),
            form=form if form is not None else _as_typed(form_of(campaign.options)),
            errors=errors,
            message=message,
            hint=hint,
            one_address=one_address,
            who=_who(campaign.selection, one, rehearsal),
            title=_title(campaign.kind, one, rehearsal),
            back_url=account_path(campaign.selection.account_nos[0])
            if one
            else "/operator/customers",
            back_words=one or "Customers Dashboard",
            recipients=self._recipients(campaign, is_known),
            offers_declined=declined or campaign.options.confirm_declined,
            rehearsal=rehearsal,
        )

    async def _rehearsal(
        self, campaign: Campaign, found: Lists, open: ListName | None, preview_of: str
    ) -> Rehearsal:
        preview: InvitationPreview | None = None
        if found.will:
            number, _, email = found.will[0]
            wanted = preview_parts(preview_of) if found.chosen else (number, email)
            preview = await preview_one(self._preview, campaign, *wanted)
        choices = {
            f"{number} {email}": f"{name} ({number}), {email}" for number, name, email in found.will
        }
        key = ""
        if preview is not None:
            key = f"{preview.account_no} {preview.to_address}"
            number = preview.account_no
            choices.setdefault(key, f"{preview.account_name} ({number}), {preview.to_address}")
        full = [one.name for one in found.lists if one.total]
        single, several = NOUNS[campaign.kind]
        mails = next(one.total for one in found.lists if one.name == "will")
        options = campaign.options
        to_one = options.recipient is InviteRecipient.OTHER and found.mailed > 1
        return Rehearsal(
            lists=found.lists,
            open=open if open in full else next(iter(full), "will"),
            customers=found.customers,
            mails=mails,
            summary=_summary(found),
            send_label=f"Send {mails:,} {single if mails == 1 else several}" if mails else "Send",
            detours=tuple(_detours(campaign.kind, found)),
            names_taken=any(found.kinds.get(kind) for kind in NAME_TAKEN),
            shared=options.address if to_one else "",
            preview=preview,
            preview_key=key,
            preview_choices=tuple(choices.items()),
            mail_url=address(
                f"{edit_path(campaign.campaign_id)}/mail",
                account=preview.account_no if preview else "",
                to=preview.to_address if preview else "",
                # The browser must not show an earlier mail again when the options have changed.
                v=f"{hash(campaign.options) & 0xFFFFFFFF:x}",
            ),
        )

    async def further(self, campaign: Campaign, name: ListName, skip: int) -> RehearsedList:
        """Return further rows of one list; raises Invalid or NotFound as the rehearsal does."""
        return await read_further(self._rehearse, campaign, name, skip)

    async def _only_account(self, selection: Selection) -> tuple[str, bool]:
        """Return the name of the one customer that this is about, or nothing, and whether somebody
        of theirs is invited or registered already."""
        if selection.matching is not None or len(selection.account_nos) != 1:
            return "", False
        number = selection.account_nos[0]
        async with self._uow() as unit:
            account = await unit.accounts.find(number)
            is_known = bool(
                await unit.invitations.of_account(number) or await unit.users.logins(number)
            )
        return (account.name if account else "", is_known)

    def _recipients(self, campaign: Campaign, is_known: bool) -> tuple[tuple[str, str, str], ...]:
        again = campaign.kind is not CampaignKind.INVITE
        several = self._policies.logins.per_customer == "many"
        first = (
            (
                "primary",
                "Same address",
                "Or the new one, where the address has changed in the ERP.",
            )
            if again
            else ("primary", "Primary e-mail", "The address on file in the ERP.")
        )
        choices = [first]
        if several and not again:
            choices.append(("contacts", "All contacts", "Each contact gets a mail of their own."))
        choices.append(
            (
                "other",
                "Another address",
                "For this time only; the customer’s record stays as it is.",
            )
        )
        if is_known and several and not again:
            choices.append(
                (
                    "additional",
                    "One more person, at another address",
                    "Those who are invited or registered already stay so.",
                )
            )
        return tuple(choices)


async def preview_one(
    preview: PreviewInvitation, campaign: Campaign, account_no: str, email: str = ""
) -> InvitationPreview | None:
    """Return the mail to one of the selected customers, with an address to that contact of theirs,
    or None where they would get none."""
    order = order_of(campaign)
    only = msgspec.structs.replace(
        order.selection, account_nos=(account_no,), matching=None, excluded=()
    )
    try:
        return await preview(msgspec.structs.replace(order, selection=only), account_no, email)
    except Invalid:
        return None


def preview_parts(key: str) -> tuple[str, str]:
    """Return the account number and the address that a key of the preview's choices stands for."""
    number, _, email = key.rpartition(" ")
    return number, email


def _detours(kind: CampaignKind, found: Lists) -> Iterator[Detour]:
    for instead, kinds in DETOURS[kind].items():
        number = sum(found.kinds.get(one, 0) for one in kinds)
        if not number:
            continue
        one = number == 1
        words = {
            CampaignKind.NUDGE: f"{number:,} {'has' if one else 'have'} a link that works.",
            CampaignKind.RESEND: f"{number:,} {'needs' if one else 'need'} a new link.",
            CampaignKind.INVITE: f"{number:,} {'is' if one else 'are'} not invited.",
        }[instead]
        label = {
            CampaignKind.NUDGE: "Remind",
            CampaignKind.RESEND: "Send a new link to",
            CampaignKind.INVITE: "Invite",
        }[instead]
        yield Detour(kind=instead, words=words, label=f"{label} {'this one' if one else 'them'}")


def _summary(found: Lists) -> str:
    """Say in customers and mails what would happen."""
    mails, _, already = (one.total for one in found.lists)
    who = f"{found.mailed:,} {'customer' if found.mailed == 1 else 'customers'}"
    parts = []
    if mails:
        several = f"{mails:,} mails to {who}"
        parts.append(several if mails != found.mailed else f"{who} will get it")
    if found.mailed_not:
        noun = "customer" if found.mailed_not == 1 else "customers"
        parts.append(f"{found.mailed_not:,} {noun} cannot")
    if already:
        title = found.lists[2].title
        parts.append(f"{already:,} {title[:1].lower()}{title[1:]}")
    return "; ".join(parts) + "." if parts else ""


def _as_typed(form: InviteForm) -> dict[str, object]:
    values: dict[str, object] = msgspec.to_builtins(form)
    return values


def _title(kind: CampaignKind, one: str, rehearsal: Rehearsal | None) -> str:
    if one:
        whom = one
    elif rehearsal is None:
        whom = "customers"
    else:
        whom = f"{rehearsal.customers:,} customer{'' if rehearsal.customers == 1 else 's'}"
    return {
        CampaignKind.INVITE: f"Invite {whom}",
        CampaignKind.RESEND: f"Send {'a new link' if one else 'new links'} to {whom}",
        CampaignKind.NUDGE: f"Remind {whom}",
    }[kind]


def _who(selection: Selection, one: str, rehearsal: Rehearsal | None) -> str:
    """Say who was selected."""
    if one:
        return f"Account {selection.account_nos[0]}"
    if selection.matching is None:
        if rehearsal is not None:
            # The title says how many.
            return ""
        number = len(selection.account_nos)
        return f"{number:,} selected customer{'' if number == 1 else 's'}"
    words = filter_words(selection.matching)
    left_out = f", without {len(selection.excluded):,} unticked" if selection.excluded else ""
    return f"{words}{left_out}"


def filter_words(filter: AccountFilter) -> str:
    """Say in words whom a filter shows."""
    parts = []
    if filter.text:
        parts.append(f"matching “{filter.text}”")
    if filter.invitation:
        parts.append(
            "not invited" if filter.invitation == "none" else f"invitation {filter.invitation}"
        )
    if filter.past_due_only:
        parts.append("past due")
    if filter.active_only:
        parts.append("active")
    if filter.email_problem:
        parts.append("with an e-mail problem")
    return f"All customers: {', '.join(parts)}" if parts else "All customers"
