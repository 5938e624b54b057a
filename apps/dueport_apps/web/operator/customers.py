"""The Customers Dashboard, and the account detail view with Invite."""

from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.invite_customer import InviteCustomer, InviteCustomerCommand
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFilter, AccountSort
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.account_view import TABS, account_page
from dueport_apps.web.operator.list_memory import RememberedQuery
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    balances_as_of,
    chosen,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Column, Templates
from dueport_core.errors import Conflict, Invalid
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

PATH = "/operator/customers"
SORTS: frozenset[str] = frozenset(get_args(AccountSort))
INVITATION_CHOICES: Mapping[str, str] = {
    "": "Any invitation",
    "none": "Not invited",
    **{state.value: state.value.capitalize() for state in InvitationState},
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
_ASCENDING_FIRST = frozenset({"name", "account_no", "credits"})
"""Names begin with A, and the largest credit is the most negative amount."""


class ListQuery:
    """What the dashboard is asked for, and the addresses that change one thing of it."""

    def __init__(self, query: RememberedQuery) -> None:
        self.text = query.text("q")
        self.invitation = query.choice("invitation", frozenset(INVITATION_CHOICES))
        self.active = query.text("active") == "1"
        self.past_due = query.text("past_due") == "1"
        self.sort: AccountSort = query.choice("sort", SORTS, "priority")  # type: ignore[assignment]  # The choices are exactly the literal's.
        direction = query.choice("dir", frozenset({"asc", "desc"}))
        self.descending = (direction or self._first_direction(self.sort)) == "desc"

    @property
    def filter(self) -> AccountFilter:
        return AccountFilter(
            text=self.text,
            active_only=self.active,
            invitation=self.invitation,
            past_due_only=self.past_due,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.invitation or self.active or self.past_due)

    @property
    def direction(self) -> str:
        return "desc" if self.descending else "asc"

    def parts(self) -> dict[str, str]:
        """Return the parts of the address that bring this list back."""
        default = self.sort == "priority" and self.descending
        return {
            "q": self.text,
            "invitation": self.invitation,
            "active": "1" if self.active else "",
            "past_due": "1" if self.past_due else "",
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
    after = wanted(request, "after", 400) or None
    async with uow() as unit:
        rows, following = await unit.accounts.rows(
            query.filter, query.sort, query.descending, after, PAGE_ROWS
        )
        if wants_rows(request):
            return show_rows(
                request,
                templates,
                "customers/rows",
                **_list_context(query, rows, following, policies),
            )
        totals = await unit.accounts.totals(query.filter)
        freshness = await balances_as_of(unit, clock, policies)
    response = show(
        request,
        templates,
        "customers/list",
        freshness=freshness,
        totals=totals,
        columns=(
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
) -> Response[Any]:
    """Show one account: figures, contacts, documents, invitation, logins, what happened."""
    tab = chosen(request, "tab", TABS) or "invoices"
    after = wanted(request, "after", 400) or None
    async with uow() as unit:
        view = await account_page(unit, account_no, tab, after, clock.today(), policies)
        freshness = await balances_as_of(unit, clock, policies)
    return show(
        request,
        templates,
        "customers/detail",
        freshness=freshness,
        view=view,
        tabs=TABS,
        labels=policies.bounds.labels(),
    )


@post("/operator/customers/{account_no:str}/invite", guards=[operator_required("invite")])
async def invite(
    request: AnyRequest,
    account_no: FromPath[str],
    invite_customer: NamedDependency[InviteCustomer],
) -> Response[Any]:
    """Invite the account; a refusal is told on its page in the use case's words."""
    session = session_of(request)
    try:
        invitation = await invite_customer(
            InviteCustomerCommand(account_no=account_no, by=operator_of(request))
        )
    except (Conflict, Invalid) as error:
        session.flash(error.message, "danger")
    else:
        session.flash(f"The invitation to {invitation.email} is on its way.", "success")
    return see_other(account_path(account_no))


def account_path(account_no: str) -> str:
    """Return the address of an account's page."""
    return f"{PATH}/{quote(account_no, safe='')}"
