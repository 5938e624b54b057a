"""The Customers Dashboard with its selection, and the account detail view with Invite."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast, get_args

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.campaigns import DraftCampaign
from dueport_apps.usecases.enrolment_codes import EnrolmentCodes
from dueport_apps.usecases.invite_records import CampaignKind, InviteOptions, Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFilter, AccountSort
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.account_view import TABS, account_page
from dueport_apps.web.operator.campaign_paths import CUSTOMERS, edit_path
from dueport_apps.web.operator.list_memory import RememberedQuery
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    balances_as_of,
    chosen,
    cursor,
    may,
    see_other,
    show,
    show_rows,
    wants_rows,
)
from dueport_apps.web.operator.selection import Badge, posted_selection
from dueport_apps.web.operator.words import (
    MAIL_COLOURS,
    MAIL_WORDS,
    STATUS_WORDS,
    fix_words,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Column, Templates
from dueport_core.errors import Invalid, NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

PATH = CUSTOMERS
DIRECTIONS = frozenset({"asc", "desc"})
SORTS: frozenset[str] = frozenset(get_args(AccountSort))
INVITATION_CHOICES: Mapping[str, str] = {
    "": "Any invitation",
    "none": "Not invited",
    **{
        state.value: state.value.capitalize()
        for state in InvitationState
        # A customer whose invitation was taken back counts as not invited.
        if state is not InvitationState.REVOKED
    },
}
SORT_WORDS: Mapping[str, str] = {
    "priority": "Collection Priority",
    "name": "account name",
    "account_no": "account number",
    "outstanding": "outstanding balance",
    "current": "current balance",
    "past_due": "past due balance",
    "credits": "credits",
    "weighted_days": "weighted days overdue",
}
ACTIONS: Mapping[str, CampaignKind] = {
    "invite": CampaignKind.INVITE,
    "resend": CampaignKind.RESEND,
    "remind": CampaignKind.NUDGE,
}
FIRST_RECIPIENTS = frozenset({"other", "additional"})
"""What the dialog of one customer may begin with, instead of the address on file."""
_ASCENDING_FIRST = frozenset({"name", "account_no", "credits"})
"""Names begin with A, and the largest credit is the most negative amount."""


class ListQuery:
    """What the dashboard is asked for, and the addresses that change one thing of it."""

    def __init__(self, query: RememberedQuery) -> None:
        self.text = query.text("q")
        self.invitation: Badge = query.choice("invitation", frozenset(INVITATION_CHOICES))  # type: ignore[assignment]  # The choices are exactly the literal's.
        self.active = query.text("active") == "1"
        self.past_due = query.text("past_due") == "1"
        self.email_problem = query.text("email_problem") == "1"
        self.sort: AccountSort = query.choice("sort", SORTS, "priority")  # type: ignore[assignment]  # The choices are exactly the literal's.
        direction = query.choice("dir", DIRECTIONS)
        # One field chooses both, where there are no headings to press.
        wanted, _, turn = query.text("order").partition("-")
        if wanted in SORTS and turn in DIRECTIONS:
            self.sort, direction = cast(AccountSort, wanted), turn
        self.descending = (direction or self._first_direction(self.sort)) == "desc"

    @property
    def filter(self) -> AccountFilter:
        return AccountFilter(
            text=self.text,
            active_only=self.active,
            invitation=self.invitation,
            past_due_only=self.past_due,
            email_problem=self.email_problem,
        )

    @property
    def is_filtered(self) -> bool:
        return any(self.filters.values())

    @property
    def filters(self) -> dict[str, str]:
        """Who is shown, as the parts of an address and of the form that acts on all of them."""
        return {
            "q": self.text,
            "invitation": self.invitation,
            "active": "1" if self.active else "",
            "past_due": "1" if self.past_due else "",
            "email_problem": "1" if self.email_problem else "",
        }

    def action(self, number: int) -> tuple[str, str] | None:
        """Return what can be done for everybody who is shown, and its words; None where there is
        nothing to do by mail."""
        if not number or self.email_problem or self.invitation == InvitationState.ACCEPTED.value:
            return None
        all_of_them = "this customer" if number == 1 else f"all {number:,} that match"
        match self.invitation:
            case InvitationState.PENDING.value:
                return "remind", f"Remind {all_of_them}"
            case InvitationState.EXPIRED.value:
                return "resend", f"Send new link{'' if number == 1 else 's'} to {all_of_them}"
            case _:
                return "invite", f"Invite {all_of_them}" if self.is_filtered else "Invite all"

    def orders(self) -> list[tuple[str, str]]:
        """Return the orders that the list can have, as a choice with its words."""
        choices = []
        for sort in ("priority", "outstanding", "past_due", "current", "credits", "weighted_days"):
            choices.append((f"{sort}-{self._first_direction(sort)}", SORT_WORDS[sort]))
        choices.append(("name-asc", SORT_WORDS["name"]))
        if self.order not in dict(choices):
            choices.append((self.order, f"{SORT_WORDS[self.sort]}, {self.direction_words}"))
        return choices

    @property
    def direction_words(self) -> str:
        if self.sort in ("name", "account_no"):
            return "Z to A" if self.descending else "A to Z"
        return "highest first" if self.descending else "lowest first"

    @property
    def order(self) -> str:
        return f"{self.sort}-{self.direction}"

    @property
    def direction(self) -> str:
        return "desc" if self.descending else "asc"

    def parts(self) -> dict[str, str]:
        """Return the parts of the address that bring this list back."""
        default = self.sort == "priority" and self.descending
        return {
            **self.filters,
            "sort": "" if default else self.sort,
            "dir": "" if default else self.direction,
        }

    def url(self, **changes: object) -> str:
        """Return the list's address with changes; one without a query would mean "as last time"."""
        return address(PATH, **{"sort": self.sort, "dir": self.direction, **self._set(), **changes})

    def column(self, label: str, sort: str = "", *, numeric: bool = False) -> Column:
        """Return a column; one that can be sorted by turns round when it is the present order."""
        if not sort:
            return Column(label=label, numeric=numeric)
        turned = "asc" if self.descending else "desc"
        direction = turned if sort == self.sort else self._first_direction(sort)
        present = "descending" if self.descending else "ascending"
        return Column(
            label=label,
            numeric=numeric,
            sort_url=self.url(sort=sort, dir=direction),
            sorted=present if sort == self.sort else "",
        )

    def _set(self) -> dict[str, str]:
        return {name: value for name, value in self.parts().items() if value}

    @staticmethod
    def _first_direction(sort: str) -> str:
        return "asc" if sort in _ASCENDING_FIRST else "desc"


@get("/operator/customers", guards=[operator_required("view")])
async def dashboard(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    uow: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Show accounts by Collection Priority, or as the operator last looked at them."""
    remembered = RememberedQuery(request, settings, "customers")
    query = ListQuery(remembered)
    after = cursor(request)
    async with uow() as unit:
        rows, following = await unit.accounts.rows(
            query.filter, query.sort, query.descending, after, PAGE_ROWS
        )
        if wants_rows(request):
            return show_rows(
                request,
                templates,
                "customers/rows",
                may_invite=may(request, "invite"),
                **_list_context(query, rows, following, policies),
            )
        totals = await unit.accounts.totals(query.filter)
        freshness = await balances_as_of(unit, clock, policies)
    may_invite = may(request, "invite")
    response = show(
        request,
        templates,
        "customers/list",
        may_invite=may_invite,
        selection_key=_selection_key(request),
        freshness=freshness,
        totals=totals,
        columns=(
            *([Column(label="Select", tick=True)] if may_invite else []),
            query.column("Account", "name"),
            query.column("Collection Priority", "priority", numeric=True),
            query.column("Outstanding", "outstanding", numeric=True),
            query.column("Current", "current", numeric=True),
            query.column("Past Due", "past_due", numeric=True),
            query.column("Credits", "credits", numeric=True),
            query.column("Weighted days", "weighted_days", numeric=True),
            query.column("Ageing"),
            query.column("Invitation"),
            query.column("Has Login"),
        ),
        invitation_choices=INVITATION_CHOICES,
        sort_words=SORT_WORDS,
        action=query.action(totals.accounts),
        first_url=query.url() if after else "",
        never_read=freshness is None,
        **_list_context(query, rows, following, policies),
    )
    remembered.remember(response, **query.parts())
    return response


def _list_context(
    query: ListQuery, rows: object, following: str | None, policies: Policies
) -> dict[str, Any]:
    return {
        "query": query,
        "status_words": STATUS_WORDS,
        "fix_words": fix_words,
        "rows": rows,
        "labels": policies.bounds.labels(),
        "more_url": query.url(after=following) if following else "",
    }


@get("/operator/customers/{account_no:str}", guards=[operator_required("view")])
async def detail(
    request: AnyRequest,
    account_no: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
    enrolment_codes: NamedDependency[EnrolmentCodes],
) -> Response[Any]:
    """Show one account: figures, contacts, documents, invitation, logins, what happened."""
    tab = chosen(request, "tab", TABS) or "invoices"
    after = cursor(request)
    async with uow() as unit:
        view = await account_page(
            unit, account_no, tab, after, clock.now(), clock.today(), policies
        )
        freshness = await balances_as_of(unit, clock, policies)
    code = None
    if policies.signup.enrolment_codes and may(request, "invite"):
        code = await enrolment_codes.of_account(account_no)
    return show(
        request,
        templates,
        "customers/detail",
        code=code,
        mail_words=MAIL_WORDS,
        mail_colours=MAIL_COLOURS,
        status_words=STATUS_WORDS,
        fix_words=fix_words,
        freshness=freshness,
        view=view,
        tabs=TABS,
        labels=policies.bounds.labels(),
    )


@post(
    "/operator/campaigns",
    guards=[operator_required("invite")],
    opt={"page": "/operator/customers"},
)
async def act_on_selection(
    request: AnyRequest,
    draft_campaign: NamedDependency[DraftCampaign],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Make a draft for those who are ticked, or for all who match, and open its dialog."""
    form = await request.form()
    kind = ACTIONS.get(str(form.get("action", "")), CampaignKind.INVITE)
    try:
        order = InviteOrder(
            kind=kind, selection=posted_selection(form), options=usual_options(policies)
        )
        campaign = await draft_campaign(order, operator_of(request))
    except (Invalid, NotFound) as error:
        session_of(request).flash(error.message, "danger")
        return see_other(PATH)
    return see_other(edit_path(campaign.campaign_id))


@post("/operator/customers/{account_no:str}/invite", guards=[operator_required("invite")])
async def invite(
    request: AnyRequest,
    account_no: FromPath[str],
    draft_campaign: NamedDependency[DraftCampaign],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Make a draft for this account and open its dialog; nothing is sent yet."""
    form = await request.form()
    order = InviteOrder(
        kind=CampaignKind.INVITE,
        selection=Selection(account_nos=(account_no,)),
        options=usual_options(policies),
    )
    campaign = await draft_campaign(order, operator_of(request))
    to = str(form.get("to", ""))
    return see_other(
        address(edit_path(campaign.campaign_id), to=to if to in FIRST_RECIPIENTS else "")
    )


def usual_options(policies: Policies) -> InviteOptions:
    """Return how the dealer usually invites."""
    usual = policies.invite
    return InviteOptions(
        delivery=usual.delivery,
        username=usual.username,
        second_check=usual.second_check if usual.delivery == "link" else None,
        language=usual.language,
    )


def _selection_key(request: AnyRequest) -> str:
    """Name this sign-in, so that what one person ticked never shows up for the next one."""
    record = session_of(request).record
    known = f"{record.user_id} {record.created_at.isoformat()}" if record else "key"
    return hashlib.sha256(known.encode()).hexdigest()[:16]
