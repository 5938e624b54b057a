"""The three lists of a rehearsal, read to the end or from somewhere in the middle.

A book of customers is rehearsed page by page and only the rows that are shown are kept, so a list
of any length costs the memory of one page of it.
"""

import collections
import contextlib
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from dueport_apps.usecases.campaigns import RehearseInvitations, order_of
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignRefusal,
    InviteRecipient,
    LeftOutKind,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.plan_invitations import MailFailure, Plan
from dueport_apps.usecases.plan_reasons import AlreadyIn
from dueport_apps.web.operator.campaign_paths import edit_path
from dueport_apps.web.operator.pages import address
from dueport_apps.web.operator.words import (
    FIELD_WORDS,
    LEFT_OUT_WORDS,
    STATUS_WORDS,
    left_out_badge,
)
from dueport_core.invitations import InvitationState

FIRST_ROWS = 50
NEXT_ROWS = 500

ListName = Literal["will", "cannot", "already"]
LIST_NAMES: Mapping[str, ListName] = {"will": "will", "cannot": "cannot", "already": "already"}
NAME_TAKEN = frozenset({LeftOutKind.USERNAME_SHARED, LeftOutKind.USERNAME_TAKEN})


class RehearsedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One customer in one of the three lists."""

    account_no: str
    account_name: str
    email: str
    words: str
    """The reason, as short as it may be beside the badges and the address."""
    reason: str = ""
    """The reason at length, for a file."""
    state: str = ""
    """The badge of those who are in already."""
    badge: str = ""
    badge_colour: str = ""
    """The badge of those who cannot be mailed."""
    field: str = ""
    """What has to be mended, of those who cannot be mailed."""
    status: str = ""
    """What the ERP says of a customer whom the dealer does not simply trade with."""
    failure: str = ""
    """What became of the last mail to this address, where it did not arrive for certain."""


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of which list are wanted beside the first ones of the others."""

    name: ListName | None = None
    skip: int = 0

    def of(self, name: ListName) -> tuple[int, int]:
        """Return the first row and the end of what is shown of this list."""
        if name != self.name or not self.skip:
            return 0, FIRST_ROWS
        return self.skip, self.skip + NEXT_ROWS


class RehearsedList(msgspec.Struct, frozen=True, kw_only=True):
    name: ListName
    title: str
    total: int
    """How many rows there are; in further rows, how many were counted so far."""
    skip: int
    rows: tuple[RehearsedRow, ...]
    next_rows: int
    """How many more can be shown at once; 0 at the end."""
    next_url: str
    first_url: str
    """The beginning of the list, where this is a later part of it."""

    @property
    def shown(self) -> int:
        return self.skip + len(self.rows)


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """The lists as they are shown, with what was counted on the way."""

    lists: tuple[RehearsedList, ...]
    customers: int
    mailed: int
    """Customers who would get a mail, or several."""
    mailed_not: int
    """Customers of whom no contact can be mailed."""
    declined: bool
    """Somebody declined, so that inviting them again needs a confirmation."""
    will: tuple[tuple[str, str, str], ...]
    """Number, name and address of the first mails."""
    chosen: bool
    """Whether the mail that was asked about would be sent."""
    kinds: Mapping[LeftOutKind, int]
    """How many are left out for which reason."""


async def read_lists(
    rehearse: RehearseInvitations,
    campaign: Campaign,
    excerpt: Excerpt,
    chosen: tuple[str, str] = ("", ""),
) -> Lists:
    """Rehearse to the end, keeping the rows that are shown; `chosen` is the number and the address
    of a mail to look out for. Raises Invalid and NotFound."""
    readers = _readers(campaign, excerpt)
    kinds: collections.Counter[LeftOutKind] = collections.Counter()
    will: list[tuple[str, str, str]] = []
    customers = mailed = mailed_not = 0
    found = declined = False
    async with contextlib.aclosing(rehearse.pages(order_of(campaign))) as pages:
        async for page in pages:
            _read(readers, page, campaign)
            kinds.update(kind for _, kind in _left_out(page))
            getting = {mail.account.account_no for mail in page.will}
            refused = {one.account_no for one in page.cannot} - getting
            customers += len(getting | refused | {one.account_no for one in page.already})
            mailed += len(getting)
            mailed_not += len(refused)
            declined = declined or any(
                one.state is InvitationState.DECLINED for one in page.already
            )
            for mail in page.will:
                found = found or (mail.account.account_no, mail.email) == chosen
                if len(will) < FIRST_ROWS:
                    will.append((mail.account.account_no, mail.account.name, mail.email))
    return Lists(
        lists=tuple(reader.shown(campaign) for reader in readers.values()),
        customers=customers,
        mailed=mailed,
        mailed_not=mailed_not,
        declined=declined,
        will=tuple(will),
        chosen=found,
        kinds=kinds,
    )


async def numbers_of(
    rehearse: RehearseInvitations, campaign: Campaign, kinds: frozenset[LeftOutKind]
) -> tuple[str, ...]:
    """Return the customers who are left out for one of these reasons."""
    numbers: dict[str, None] = {}
    async with contextlib.aclosing(rehearse.pages(order_of(campaign))) as pages:
        async for page in pages:
            numbers |= dict.fromkeys(no for no, kind in _left_out(page) if kind in kinds)
    return tuple(numbers)


async def read_further(
    rehearse: RehearseInvitations, campaign: Campaign, name: ListName, skip: int
) -> RehearsedList:
    """Rehearse as far as it takes to show further rows of one list, and to know what follows."""
    readers = _readers(campaign, Excerpt(name=name, skip=skip))
    reader = readers[name]
    async with contextlib.aclosing(rehearse.pages(order_of(campaign))) as pages:
        async for page in pages:
            _read(readers, page, campaign)
            if reader.total >= skip + 2 * NEXT_ROWS:
                break
    return reader.shown(campaign)


def _left_out(page: Plan) -> Iterator[tuple[str, LeftOutKind]]:
    """Yield the number and the reason of everybody who gets no mail."""
    yield from ((one.account_no, one.kind) for one in page.cannot)
    yield from ((one.account_no, one.kind) for one in page.already)


class _Reader:
    """Counts the rows of one list and keeps those between two places."""

    def __init__(self, name: ListName, title: str, start: int, end: int) -> None:
        self.total = 0
        self._name = name
        self._title = title
        self._start = start
        self._end = end
        self._rows: list[RehearsedRow] = []

    def take(self, rows: tuple[RehearsedRow, ...]) -> None:
        self._rows += rows[max(0, self._start - self.total) : max(0, self._end - self.total)]
        self.total += len(rows)

    def shown(self, campaign: Campaign) -> RehearsedList:
        path = edit_path(campaign.campaign_id)
        end = self._start + len(self._rows)
        left = max(0, self.total - end)
        return RehearsedList(
            name=self._name,
            title=self._title,
            total=self.total,
            skip=self._start,
            rows=tuple(self._rows),
            next_rows=min(left, NEXT_ROWS),
            next_url=address(path, list=self._name, skip=end) if left else "",
            first_url=address(path, list=self._name) if self._start else "",
        )


def _readers(campaign: Campaign, excerpt: Excerpt) -> dict[ListName, _Reader]:
    return {
        name: _Reader(name, title, *excerpt.of(name))
        for name, title, _ in rehearsed(Plan(), campaign)
    }


def _read(readers: Mapping[ListName, _Reader], page: Plan, campaign: Campaign) -> None:
    # All rows of a customer are on one page, so that counting page by page counts nobody twice.
    for name, _, rows in rehearsed(page, campaign):
        readers[name].take(rows)


def rehearsed(
    plan: Plan, campaign: Campaign
) -> tuple[tuple[ListName, str, tuple[RehearsedRow, ...]], ...]:
    """Return the three lists by name and title."""
    done = {
        CampaignKind.INVITE: "Already invited or registered",
        CampaignKind.RESEND: "Need no new link",
        CampaignKind.NUDGE: "Need no reminder",
    }[campaign.kind]
    typed = campaign.options.recipient is InviteRecipient.OTHER
    will = tuple(
        RehearsedRow(
            account_no=mail.account.account_no,
            account_name=mail.account.name,
            email=mail.email,
            words=f"Username {mail.username}" if mail.username else "",
            reason=f"Username {mail.username}" if mail.username else "",
            status=STATUS_WORDS.get(mail.erp_status.value, ""),
            failure=_failure_words(mail.last_failure) if mail.last_failure else "",
        )
        for mail in plan.will
    )
    return (
        ("will", "Will get it", will),
        ("cannot", "Cannot", tuple(_refused(one, typed) for one in plan.cannot)),
        ("already", done, tuple(_already(one) for one in plan.already)),
    )


def _refused(one: CampaignRefusal, typed: bool) -> RehearsedRow:
    badge, colour = left_out_badge(one.kind, one.field)
    if typed and one.kind is LeftOutKind.BOUNCED_EMAIL:
        # The address was typed here: the ERP has nothing to do with it.
        badge, colour = "Mail came back", "red"
    # Where the ERP is not the place to mend it, the advice says more than the badge once again.
    words = one.problem if one.field or not one.advice else one.advice
    return RehearsedRow(
        account_no=one.account_no,
        account_name=one.account_name,
        email=one.email,
        words=_capital(words or one.reason),
        reason=one.reason,
        badge=badge,
        badge_colour=colour,
        field=FIELD_WORDS.get(one.field, one.field.replace("_", " ").capitalize()),
    )


def _already(one: AlreadyIn) -> RehearsedRow:
    return RehearsedRow(
        account_no=one.account_no,
        account_name=one.account_name,
        email=one.email,
        words=LEFT_OUT_WORDS.get(one.kind) or _capital(one.words),
        reason=one.words,
        state=one.state.value,
        status=STATUS_WORDS.get(one.erp_status.value, ""),
    )


def _failure_words(failure: MailFailure) -> str:
    said = " ".join(part for part in (str(failure.code or ""), failure.words) if part)
    what = {
        MailState.FAILED: "Last mail refused",
        MailState.BOUNCED: "Last mail came back",
    }.get(failure.state, "Last mail may not have arrived")
    return f"{what}: {said}" if said else what


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
