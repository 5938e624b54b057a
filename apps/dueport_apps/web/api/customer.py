"""What a customer's programs may do: look at what is owed, price it, pay it, keep the receipts.

Every call acts for the account that is open in the session; nothing of another account exists.
"""

import datetime
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.payment_records import PaymentFilter
from dueport_apps.usecases.quote_payment import QuotePayment, QuotePaymentCommand
from dueport_apps.usecases.receipts import ShowReceipt
from dueport_apps.usecases.show_outstanding import OutstandingQuery, ShowOutstanding
from dueport_apps.usecases.submit_payment import SubmitPayment, SubmitPaymentCommand
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.api.bodies import (
    method_body,
    outstanding_body,
    payment_body,
    payment_detail,
    quote_body,
    statement_body,
)
from dueport_apps.web.api.shapes import (
    After,
    Limit,
    LinkedAccountBody,
    MeBody,
    MethodBody,
    OutstandingBody,
    PayBody,
    PaymentDetailBody,
    PaymentPageBody,
    QuoteBody,
    QuoteRequestBody,
    StatementBody,
)
from dueport_apps.web.http.guards import customer_permitted, customer_required
from dueport_apps.web.people import customer_of, session_of
from dueport_core.errors import NotFound
from dueport_core.statements import StatementView

AnyRequest = Request[Any, Any, Any]


@get("/me", guards=[customer_required], summary="Who is signed in")
async def me(request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory]) -> MeBody:
    """The login, its accounts, and the token that calls which change something must carry."""
    session = session_of(request)
    assert session.principal is not None
    opened = str(session.data.get("account_no", ""))
    async with uow() as unit:
        links = await unit.users.links(session.principal.user_id)
        accounts = [
            LinkedAccountBody(
                account_no=link.account_no,
                name=(await unit.accounts.get(link.account_no)).name,
                role=link.role,
                is_open=link.account_no == opened,
            )
            for link in links
        ]
    return MeBody(
        user_id=session.principal.user_id,
        name=session.principal.name,
        email=session.principal.email,
        permissions=sorted(session.principal.permissions),
        accounts=accounts,
        csrf_token=session.csrf_token(),
    )


@get("/outstanding", guards=[customer_permitted("see")], summary="What is owed, by job")
async def outstanding(
    request: AnyRequest,
    show_outstanding: NamedDependency[ShowOutstanding],
    view: FromQuery[StatementView] = StatementView.ALL,
) -> OutstandingBody:
    """Open documents in one of the three views; without statements every view is `all`."""
    account_no = customer_of(request).account_no
    return outstanding_body(
        await show_outstanding(OutstandingQuery(account_no=account_no, view=view))
    )


@post(
    "/quotes",
    guards=[customer_permitted("pay")],
    opt={"idempotency": "optional"},
    summary="Price a selection",
)
async def quote(
    request: AnyRequest,
    data: JSONBody[QuoteRequestBody],
    quote_payment: NamedDependency[QuotePayment],
) -> QuoteBody:
    """Price documents for fifteen minutes. What the quote says is what will be charged."""
    made = await quote_payment(
        QuotePaymentCommand(
            by=customer_of(request),
            selected=tuple(data.documents),
            view=data.view,
            method=data.method,
            instrument_id=data.instrument_id,
            amounts=data.amounts_cents,
        )
    )
    return quote_body(made)


@post(
    "/payments",
    guards=[customer_permitted("pay")],
    opt={"idempotency": "required"},
    summary="Pay a quote",
)
async def pay(
    request: AnyRequest,
    data: JSONBody[PayBody],
    submit_payment: NamedDependency[SubmitPayment],
    addresses: NamedDependency[PortalAddresses],
    uow: NamedDependency[UnitOfWorkFactory],
) -> PaymentDetailBody:
    """Charge exactly what was quoted, once. A payment in `requires_action` is finished by its
    payer on the payment's page."""
    payment = await submit_payment(
        SubmitPaymentCommand(
            by=customer_of(request),
            quote_id=data.quote_id,
            accept_mandate=data.accept_mandate,
            return_url=addresses.payment("{payment_id}"),
        )
    )
    async with uow() as unit:
        return await _detail(unit, payment.payment_id, payment.account_no)


@get("/payments", guards=[customer_permitted("see")], summary="Payments of the account")
async def payments(
    request: AnyRequest,
    uow: NamedDependency[UnitOfWorkFactory],
    from_on: FromQuery[datetime.date | None] = None,
    to_on: FromQuery[datetime.date | None] = None,
    after: After = None,
    limit: Limit = 50,
) -> PaymentPageBody:
    """The account's payments, newest first."""
    wanted = PaymentFilter(account_no=customer_of(request).account_no, from_on=from_on, to_on=to_on)
    async with uow() as unit:
        rows, following = await unit.payments.rows(wanted, after, limit)
    return PaymentPageBody(items=[payment_body(row) for row in rows], next=following)


@get("/payments/{payment_id:str}", guards=[customer_permitted("see")], summary="One payment")
async def payment(
    request: AnyRequest, payment_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> PaymentDetailBody:
    """One payment of the account with its lines, credits and stages."""
    async with uow() as unit:
        return await _detail(unit, payment_id, customer_of(request).account_no)


@get(
    "/payments/{payment_id:str}/receipt",
    guards=[customer_permitted("see")],
    summary="A payment's receipt",
)
async def receipt(
    request: AnyRequest, payment_id: FromPath[str], receipts: NamedDependency[ShowReceipt]
) -> Response[bytes]:
    """The receipt as PDF."""
    file = await receipts(payment_id, customer_of(request).account_no)
    return Response(
        file.content,
        media_type=file.media_type,
        headers={"content-disposition": f'attachment; filename="{file.name}"'},
    )


@get("/methods", guards=[customer_permitted("see")], summary="Kept payment methods")
async def methods(request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory]) -> list[MethodBody]:
    """Cards and bank accounts that the person asked to keep for this account."""
    who = customer_of(request)
    async with uow() as unit:
        kept = await unit.instruments.kept(who.principal_id, who.account_no)
    return [method_body(stored) for stored in kept]


@get("/statements", guards=[customer_permitted("see")], summary="Statements")
async def statements(
    request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory], limit: Limit = 24
) -> list[StatementBody]:
    """The account's statements, newest first."""
    async with uow() as unit:
        found = await unit.statements.of_account(customer_of(request).account_no, limit)
    return [statement_body(statement) for statement in found]


async def _detail(uow: UnitOfWork, payment_id: str, account_no: str) -> PaymentDetailBody:
    found = await uow.payments.get(payment_id)
    if found.account_no != account_no:
        raise NotFound("There is no such payment.")
    return await payment_detail(uow, found)
