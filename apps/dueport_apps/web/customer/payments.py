"""Payments: the history, one payment from confirmation to receipt, and what may still be done."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from dueport_apps.adapters.secret_box import FernetBox
from dueport_apps.usecases.abandon_payment import AbandonPayment, AbandonPaymentCommand
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.collect_method import BeginCollect
from dueport_apps.usecases.payment_records import PaymentFilter, StoredAttempt
from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.receipts import ResendReceipt, ShowReceipt
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.requote_payment import RequotePayment, RequotePaymentCommand
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.customer.bank_action import ensure_script
from dueport_apps.web.customer.collect_shelf import shelf_of
from dueport_apps.web.customer.collecting import allow_script
from dueport_apps.web.customer.pages import AnyRequest, may_pay, see_other, show
from dueport_apps.web.customer.payment_view import history_row, payment_view
from dueport_apps.web.http.guards import customer_permitted, customer_required
from dueport_apps.web.http.htmx import wants_fragment
from dueport_apps.web.people import customer_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound, PortError, Unavailable
from dueport_core.payments import Payment, PaymentState
from dueport_ports import PaymentMethodKind, SecretBox

PAGE = 20
PAYING = [customer_permitted("pay")]
NO_ANSWER = "The bank does not answer at the moment. Try again in a few minutes."


class BankAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer's bank asks for: a page to go to, or a step in the processor's script."""

    redirect_url: str
    vendor_url: str
    processor: str
    bootstrap: str


@get("/payments", guards=[customer_required])
async def history(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    after: FromQuery[str] = "",
) -> Response[Any]:
    """List the account's payments, newest first; htmx asks for the rows alone."""
    who = customer_of(request)
    async with uow() as unit:
        rows, next_page = await unit.payments.rows(
            PaymentFilter(account_no=who.account_no), after or None, PAGE
        )
    context: dict[str, Any] = {
        "rows": tuple(history_row(row) for row in rows),
        "next_url": f"/payments?after={next_page}" if next_page else "",
    }
    if wants_fragment(request):
        return templates.fragment(request, "customer/payment_rows.html", **context)
    return show(request, templates, "payments", after=after, **context)


@get("/payments/{payment_id:str}", guards=[customer_required])
async def detail(
    request: AnyRequest,
    payment_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    box: NamedDependency[FernetBox],
) -> Response[Any]:
    """Show one payment, from the confirmation after submitting it to its receipt."""
    who = customer_of(request)
    async with uow() as unit:
        payment = await _own_payment(unit, payment_id, who)
        events = await unit.payments.events(payment_id)
        attempts = await unit.payments.attempts(payment_id)
        jobs = {job.job_no: job.name for job in await unit.accounts.jobs(who.account_no)}
        mandate = await unit.payments.mandate(payment_id)
    return show(
        request,
        templates,
        "payment",
        view=payment_view(payment, jobs, events, attempts),
        action=_bank_action(request, box, payment, attempts),
        mandate=mandate,
        may_pay=may_pay(request),
    )


@post("/payments/{payment_id:str}/refresh", guards=PAYING)
async def refresh(
    request: AnyRequest,
    payment_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    process_event: NamedDependency[ProcessEvent],
) -> Response[Any]:
    """Read the payment at its processor again, for example after the payer has confirmed it."""
    async with uow() as unit:
        payment = await _own_payment(unit, payment_id, customer_of(request))
    if payment.processor_ref is not None:
        try:
            await process_event.payment(payment.processor, payment.processor_ref)
        except (PortError, Conflict):
            session_of(request).flash(NO_ANSWER, "warning")
    return see_other(f"/payments/{payment_id}")


@post("/payments/{payment_id:str}/confirm", guards=PAYING)
async def confirm_with_bank(
    request: AnyRequest,
    payment_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    addresses: NamedDependency[PortalAddresses],
    box: NamedDependency[FernetBox],
    begin_collect: NamedDependency[BeginCollect],
) -> Response[Any]:
    """Fetch the processor's script for a confirmation that was begun in another session."""
    async with uow() as unit:
        payment = await _own_payment(unit, payment_id, customer_of(request))
    if payment.state is PaymentState.REQUIRES_ACTION:
        try:
            await ensure_script(request, box, begin_collect, addresses, payment)
        except PortError:
            session_of(request).flash(NO_ANSWER, "warning")
    return see_other(f"/payments/{payment_id}")


@post("/payments/{payment_id:str}/cancel", guards=PAYING)
async def cancel(
    request: AnyRequest,
    payment_id: FromPath[str],
    abandon_payment: NamedDependency[AbandonPayment],
) -> Response[Any]:
    """Give up a payment that waits for a confirmation, so that its documents are free again."""
    try:
        await abandon_payment(AbandonPaymentCommand(by=customer_of(request), payment_id=payment_id))
    except PortError:
        session_of(request).flash(NO_ANSWER, "warning")
    return see_other(f"/payments/{payment_id}")


@post("/payments/{payment_id:str}/again", guards=PAYING)
async def pay_again(
    request: AnyRequest,
    payment_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    requote_payment: NamedDependency[RequotePayment],
) -> Response[Any]:
    """Price the same selection anew for another method, after a payment did not go through."""
    who = customer_of(request)
    async with uow() as unit:
        payment = await _own_payment(unit, payment_id, who)
    try:
        requoted = await requote_payment(
            RequotePaymentCommand(by=who, quote_id=payment.quote_id, instrument_id="")
        )
    except (Conflict, Invalid, Unavailable, NotFound) as error:
        session_of(request).flash(error.message, "warning")
        return see_other("/outstanding")
    return see_other(f"/pay/{requoted.quote.quote_id}")


@get("/payments/{payment_id:str}/receipt", guards=[customer_required])
async def receipt(
    request: AnyRequest, payment_id: FromPath[str], receipts: NamedDependency[ShowReceipt]
) -> Response[Any]:
    """Download the receipt as PDF."""
    file = await receipts(payment_id, customer_of(request).account_no)
    return Response(
        file.content,
        media_type=file.media_type,
        headers={"content-disposition": f'attachment; filename="{file.name}"'},
    )


@post("/payments/{payment_id:str}/receipt/resend", guards=[customer_required])
async def resend(
    request: AnyRequest,
    payment_id: FromPath[str],
    resend_receipt: NamedDependency[ResendReceipt],
) -> Response[Any]:
    """Mail the receipt once more to whoever asks."""
    session = session_of(request)
    try:
        address = await resend_receipt(payment_id, customer_of(request))
    except Conflict as error:
        session.flash(error.message, "warning")
    else:
        session.flash(f"The receipt is on its way to {address}.")
    return see_other(f"/payments/{payment_id}")


async def _own_payment(unit: UnitOfWork, payment_id: str, who: Principal) -> Payment:
    """Return a payment of the account that is open; any other does not exist."""
    payment = await unit.payments.get(payment_id)
    if payment.account_no != who.account_no:
        raise NotFound("There is no such payment.")
    return payment


def _bank_action(
    request: AnyRequest, box: SecretBox, payment: Payment, attempts: list[StoredAttempt]
) -> BankAction | None:
    """Return the step that the bank waits for, where this session can show it."""
    if payment.state is not PaymentState.REQUIRES_ACTION or not attempts:
        return None
    action = dict(attempts[-1].action)
    action.pop("kind", None)
    redirect_url = str(action.pop("redirect_url", ""))
    script = shelf_of(request, box).scripts.get(payment.processor)
    if script is None and not redirect_url:
        return None
    if script is not None:
        allow_script(request, script, bank=payment.method is PaymentMethodKind.ACH)
    return BankAction(
        redirect_url=redirect_url,
        vendor_url=script.vendor_url if script else "",
        processor=payment.processor,
        bootstrap=msgspec.json.encode(action).decode(),
    )
