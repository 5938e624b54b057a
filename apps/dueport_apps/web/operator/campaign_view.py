"""What the pages of campaigns show: the lists of one, and what each campaign is called."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignMail,
    CampaignProgress,
    CampaignRefusal,
    CampaignRow,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.operator.campaign_paths import campaign_path
from dueport_apps.web.operator.pages import PAGE_ROWS, address
from dueport_apps.web.operator.words import CAMPAIGN_TITLES, MAIL_WORDS
from dueport_core.accounts import Account

REFUSALS: Final = "refusals"
"""The list of those who could not be mailed."""
UNNEEDED: Final = "unneeded"
"""The list of those who needed no such mail."""

CANNOT_WORDS: Final[Mapping[CampaignKind, str]] = {
    CampaignKind.INVITE: "Could not be mailed",
    CampaignKind.RESEND: "Could not be mailed",
    CampaignKind.NUDGE: "Could not be reminded",
}
UNNEEDED_WORDS: Final[Mapping[CampaignKind, str]] = {
    CampaignKind.INVITE: "Already invited or registered",
    CampaignKind.RESEND: "Needed no new link",
    CampaignKind.NUDGE: "Needed no reminder",
}


class StateTab(msgspec.Struct, frozen=True, kw_only=True):
    """One of the lists of a campaign."""

    key: str
    label: str
    count: int
    url: str


class NamedCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of campaigns."""

    title: str
    row: CampaignRow


async def listed(
    uow: UnitOfWork, campaign_id: str, list_name: str, after: str | None
) -> tuple[Sequence[CampaignMail | CampaignRefusal], str | None]:
    """Return one page of a campaign's list, all recipients where the name is no other's, and the
    cursor of the next."""
    if list_name in (REFUSALS, UNNEEDED):
        return await uow.campaigns.refusals(
            campaign_id, after, PAGE_ROWS, needs_none=list_name == UNNEEDED
        )
    return await uow.campaigns.mails(campaign_id, mail_state(list_name), after, PAGE_ROWS)


async def named(uow: UnitOfWork, rows: Sequence[CampaignRow]) -> list[NamedCampaign]:
    """Name these campaigns; one to a single customer is named after them."""
    numbers = {row.campaign.campaign_id: only_account(row.campaign) for row in rows}
    accounts = await uow.accounts.many([number for number in numbers.values() if number])
    return [
        NamedCampaign(
            title=title_of(row.campaign, accounts.get(numbers[row.campaign.campaign_id])),
            row=row,
        )
        for row in rows
    ]


def only_account(campaign: Campaign) -> str:
    """Return the number of the only customer whom a campaign is for; empty where it is for more."""
    numbers = campaign.selection.account_nos
    return numbers[0] if len(numbers) == 1 else ""


def title_of(campaign: Campaign, account: Account | None) -> str:
    """Name a campaign by what it sends and to whom."""
    number = campaign.recipients
    whom = account.name if account else f"{number:,} recipient{'' if number == 1 else 's'}"
    return f"{CAMPAIGN_TITLES[campaign.kind]} to {whom}"


def mail_state(list_name: str) -> MailState | None:
    """Return the state whose mails a list holds; None for the list of all."""
    return MailState(list_name) if list_name in {state.value for state in MailState} else None


def list_name(text: str) -> str:
    """Return which list was asked for; empty for that of all recipients."""
    return text if text in (REFUSALS, UNNEEDED) or mail_state(text) else ""


def tabs_of(
    campaign: Campaign, progress: CampaignProgress, chosen: str = ""
) -> tuple[StateTab, ...]:
    """Return the lists that hold something, in the order in which an operator asks for them; the
    one that is looked at stays when it runs empty."""
    path = campaign_path(campaign.campaign_id)
    counts = [(state, getattr(progress, state.value)) for state in MailState]
    some = [
        StateTab(
            key=state.value,
            label=MAIL_WORDS[state],
            count=count,
            url=address(path, state=state.value),
        )
        for state, count in counts
        if count or state.value == chosen
    ]
    everybody = StateTab(key="", label="All recipients", count=progress.total, url=path)
    left_out = [
        StateTab(key=key, label=words[campaign.kind], count=count, url=address(path, state=key))
        for key, words, count in (
            (REFUSALS, CANNOT_WORDS, campaign.cannot),
            (UNNEEDED, UNNEEDED_WORDS, campaign.already),
        )
        if count
    ]
    return (everybody, *(some if len(some) > 1 else []), *left_out)
