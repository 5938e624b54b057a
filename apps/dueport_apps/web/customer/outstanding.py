"""Outstanding: what the account owes, job by job, and the selection that is to be paid."""

from typing import Any, Literal
from urllib.parse import quote

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Response

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.quote_payment import QuotePayment, QuotePaymentCommand
from dueport_apps.usecases.show_outstanding import OutstandingQuery, ShowOutstanding
from dueport_apps.web.customer.outstanding_view import (
    everything_payable,
    outstanding_page,
    page_freshness,
)
from dueport_apps.web.customer.pages import AnyRequest, may_pay, see_other, show
from dueport_apps.web.http.errors import kind_of
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import customer_permitted, customer_required
from dueport_apps.web.http.redirects import LONGEST
from dueport_apps.web.people import customer_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, Unavailable
from dueport_core.statements import StatementView
from dueport_ports import Clock


class SelectionForm(msgspec.Struct, frozen=True, kw_only=True):
    """The ticked documents, or the statement as a whole. There is no field for an amount."""

    document_refs: tuple[str, ...] = ()
    view: StatementView = StatementView.ALL
    pick: Literal["", "statement"] = ""


SEPARATOR = "~"


@get("/outstanding", guards=[customer_required])
async def outstanding(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    show_outstanding: NamedDependency[ShowOutstanding],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    view: FromQuery[str] = "all",
    select: FromQuery[str] = "",
    ticked: FromQuery[str] = "",
) -> Response[Any]:
    """Show what is owed. `ticked` brings a selection back; documents of others mean nothing here."""
    return await _page(
        request,
        templates,
        show_outstanding,
        policies,
        clock,
        view=_view(view),
        select=select,
        selected=tuple(ticked.split(SEPARATOR)),
    )


def page_as_ticked(posted: FormMultiDict) -> str:
    """Return the page with the selection that was posted, for somebody who has to sign in first."""
    view = f"/outstanding?view={_view(str(posted.get('view', ''))).value}"
    refs = [quote(str(one), safe="") for one in posted.getall("document_refs", [])]
    page = f"{view}&ticked={SEPARATOR.join(refs)}" if refs else view
    return page if len(page) <= LONGEST else view


@post("/pay", guards=[customer_permitted("pay")], opt={"page": page_as_ticked})
async def select_to_pay(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    show_outstanding: NamedDependency[ShowOutstanding],
    quote_payment: NamedDependency[QuotePayment],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Price the selection, keep the price, and lead on to the choice of a method."""
    form = bind(await request.form(), SelectionForm)
    who = customer_of(request)
    selected, view = form.document_refs, form.view
    if form.pick == "statement":
        view = StatementView.CURRENT_STATEMENT
        shown = await show_outstanding(OutstandingQuery(account_no=who.account_no, view=view))
        selected = everything_payable(shown)
    try:
        quote = await quote_payment(QuotePaymentCommand(by=who, selected=selected, view=view))
    except (Invalid, Conflict, Unavailable) as error:
        return await _page(
            request,
            templates,
            show_outstanding,
            policies,
            clock,
            view=view,
            selected=selected,
            problem=error.message,
            status=kind_of(error).status,
        )
    return see_other(f"/pay/{quote.quote_id}")


async def _page(
    request: AnyRequest,
    templates: Templates,
    show_outstanding: ShowOutstanding,
    policies: Policies,
    clock: Clock,
    *,
    view: StatementView,
    select: str = "",
    selected: tuple[str, ...] = (),
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    who = customer_of(request)
    shown = await show_outstanding(OutstandingQuery(account_no=who.account_no, view=view))
    return show(
        request,
        templates,
        "outstanding",
        status=status,
        freshness=page_freshness(shown),
        outstanding=outstanding_page(
            shown, policies.bounds, clock.today(), selected=frozenset(selected), select=select
        ),
        may_pay=may_pay(request),
        problem=problem,
    )


def _view(text: str) -> StatementView:
    """Take a view from an address; an unknown one shows everything."""
    return StatementView(text) if text in set(StatementView) else StatementView.ALL
