"""What the invite dialog shows: how to invite, who would get it, and the mail itself."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from litestar.di import NamedDependency

from dueport_apps.usecases.campaigns import RehearseInvitations, order_of
from dueport_apps.usecases.invite_records import Campaign, CampaignKind, Selection
from dueport_apps.usecases.plan_invitations import Plan
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.preview_invitation import InvitationPreview, PreviewInvitation
from dueport_apps.usecases.records import AccountFilter
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.operator.campaign_paths import account_path, campaign_path, edit_path
from dueport_apps.web.operator.invite_form import InviteForm, form_of
from dueport_apps.web.operator.pages import address
from dueport_apps.web.operator.words import SOURCE_WORDS
from dueport_core.errors import Invalid, NotFound
from dueport_core.invitations import InvitationState

LIST_ROWS = 50
LIST_ROWS_MAX = 2_000
"""More than so many rows are a file, not a page."""

ListName = Literal["will", "cannot", "already"]

NOUNS: Mapping[CampaignKind, tuple[str, str]] = {
    CampaignKind.INVITE: ("invitation", "invitations"),
    CampaignKind.RESEND: ("new link", "new links"),
    CampaignKind.NUDGE: ("reminder", "reminders"),
}


class RehearsedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One customer in one of the three lists."""

    account_no: str
    account_name: str
    email: str
    words: str
    state: str = ""
    """The badge of those who are in already."""
    field: str = ""
    """What has to be mended, of those who cannot be mailed."""


class RehearsedList(msgspec.Struct, frozen=True, kw_only=True):
    name: ListName
    title: str
    total: int
    rows: tuple[RehearsedRow, ...]
    all_url: str
    """Where the whole list is shown; empty where it is, or would be too long for a page."""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "what would happen if I pressed Send"."""

    lists: tuple[RehearsedList, ...]
    open: ListName
    customers: int
    mails: int
    send_label: str
    preview: InvitationPreview | None
    preview_choices: tuple[tuple[str, str], ...]
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
        open: str = "",
        whole: str = "",
        preview_of: str = "",
    ) -> InviteDialog:
        """Return the dialog. Fields that were typed wrongly stay as they are, beside what is wrong;
        then there is nothing to rehearse."""
        plan: Plan | None = None
        errors = dict(errors or {})
        if not errors and not hint:
            try:
                plan = await self._rehearse(order_of(campaign))
            except Invalid as error:
                errors = error.fields or {"": error.message}
            except NotFound as error:
                message = message or error.message
        rehearsal = (
            None if plan is None else await self._rehearsal(campaign, plan, open, whole, preview_of)
        )
        one, is_known = await self._only_account(campaign.selection)
        declined = plan is not None and any(
            row.state is InvitationState.DECLINED for row in plan.already
        )
        return InviteDialog(
            campaign=campaign,
            path=campaign_path(campaign.campaign_id),
            form=form if form is not None else _as_typed(form_of(campaign.options)),
            errors=errors,
            message=message,
            hint=hint,
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
        self, campaign: Campaign, plan: Plan, open: str, whole: str, preview_of: str
    ) -> Rehearsal:
        lists = tuple(
            _list(name, title, rows, campaign.campaign_id, whole)
            for name, title, rows in rehearsed(plan, campaign.kind)
        )
        preview: InvitationPreview | None = None
        numbers = {mail.account.account_no for mail in plan.will}
        if plan.will:
            wanted = preview_of if preview_of in numbers else plan.will[0].account.account_no
            preview = await preview_one(self._preview, campaign, wanted)
        choices = {
            mail.account.account_no: f"{mail.account.name} ({mail.account.account_no})"
            for mail in plan.will[:LIST_ROWS]
        }
        if preview is not None:
            choices.setdefault(preview.account_no, f"{preview.account_name} ({preview.account_no})")
        first: ListName = next((one.name for one in lists if one.total), "will")
        full: dict[str, ListName] = {one.name: one.name for one in lists if one.total}
        single, several = NOUNS[campaign.kind]
        mails = len(plan.will)
        return Rehearsal(
            lists=lists,
            open=full.get(whole or open, first),
            customers=len(
                numbers
                | {one.account_no for one in plan.cannot}
                | {one.account_no for one in plan.already}
            ),
            mails=mails,
            send_label=f"Send {mails:,} {single if mails == 1 else several}",
            preview=preview,
            preview_choices=tuple(choices.items()),
            mail_url=address(
                f"{edit_path(campaign.campaign_id)}/mail",
                account=preview.account_no if preview else "",
                # The browser must not show an earlier mail again when the options have changed.
                v=f"{hash(campaign.options) & 0xFFFFFFFF:x}",
            ),
        )

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
            ("primary", "Where it went before", "An address that the ERP has changed is replaced.")
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
                    "Also where somebody is invited or registered already.",
                )
            )
        return tuple(choices)


async def preview_one(
    preview: PreviewInvitation, campaign: Campaign, account_no: str
) -> InvitationPreview | None:
    """Return the mail to one of the selected customers, or None where they would get none."""
    order = order_of(campaign)
    only = msgspec.structs.replace(
        order.selection, account_nos=(account_no,), matching=None, excluded=()
    )
    try:
        return await preview(msgspec.structs.replace(order, selection=only), account_no)
    except Invalid:
        return None


def rehearsed(
    plan: Plan, kind: CampaignKind
) -> tuple[tuple[ListName, str, tuple[RehearsedRow, ...]], ...]:
    """Return the three lists by name and title."""
    done = {
        CampaignKind.INVITE: "Already invited or registered",
        CampaignKind.RESEND: "Need no new link",
        CampaignKind.NUDGE: "Need no reminder",
    }[kind]
    will = tuple(
        RehearsedRow(
            account_no=mail.account.account_no,
            account_name=mail.account.name,
            email=mail.email,
            words=f"User name {mail.username}" if mail.username else "",
        )
        for mail in plan.will
    )
    cannot = tuple(
        RehearsedRow(
            account_no=one.account_no,
            account_name=one.account_name,
            email=one.email,
            words=one.reason,
            field=FIELD_WORDS.get(one.field, one.field.replace("_", " ").capitalize()),
        )
        for one in plan.cannot
    )
    already = tuple(
        RehearsedRow(
            account_no=one.account_no,
            account_name=one.account_name,
            email=one.email,
            words=one.words,
            state=one.state.value,
        )
        for one in plan.already
    )
    return (
        ("will", "Will get it", will),
        ("cannot", "Cannot", cannot),
        ("already", done, already),
    )


FIELD_WORDS: Mapping[str, str] = {source.value: words for source, words in SOURCE_WORDS.items()}


def _list(
    name: ListName, title: str, rows: Sequence[RehearsedRow], campaign_id: str, whole: str
) -> RehearsedList:
    longest = LIST_ROWS_MAX if whole == name else LIST_ROWS
    offers = LIST_ROWS < len(rows) <= LIST_ROWS_MAX and whole != name
    return RehearsedList(
        name=name,
        title=title,
        total=len(rows),
        rows=tuple(rows[:longest]),
        all_url=address(edit_path(campaign_id), whole=name) if offers else "",
    )


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
