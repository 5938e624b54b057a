"""From a priced selection to a payment: choose a method, look at the total, pay."""

import contextlib
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Response

from dueport_apps.adapters.secret_box import FernetBox
from dueport_apps.settings import Settings
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.collect_method import BeginCollect
from dueport_apps.usecases.mandates import mandate_text
from dueport_apps.usecases.offer_methods import OfferMethods
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.requote_payment import (
    RequotePayment,
    RequotePaymentCommand,
    own_quote,
)
from dueport_apps.usecases.submit_payment import SubmitPayment, SubmitPaymentCommand
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.customer.bank_action import ensure_script
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.customer.quote_view import Difference, differences, quote_view
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import customer_permitted
from dueport_apps.web.people import customer_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, PortError, Unavailable
from dueport_core.payments import PaymentState
from dueport_core.quotes import PaymentQuote
from dueport_ports import Clock, PaymentMethodKind

PAYING = [customer_permitted("pay")]


class KeptForm(msgspec.Struct, frozen=True, kw_only=True):
    instrument_id: str


class SubmitForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is charged stands in the quote; the form only says yes."""

    accept_mandate: bool = False


@get("/pay/{quote_id:str}", guards=PAYING)
async def choose_method(
    request: AnyRequest,
    quote_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    offer_methods: NamedDependency[OfferMethods],
    was: FromQuery[str] = "",
) -> Response[Any]:
    """Show what is paid and what each way to pay comes to."""
    who = customer_of(request)
    async with uow() as unit:
        quote, _ = await own_quote(unit, quote_id, who)
        paid = await unit.payments.by_quote(quote_id)
        jobs = await _job_names(unit, who)
        changes = await _changes(unit, who, was, quote)
    if paid is not None:
        return see_other(f"/payments/{paid.payment_id}")
    offers = await offer_methods(who, quote_id)
    return show(
        request,
        templates,
        "choose_method",
        view=quote_view(quote, jobs),
        offers=offers,
        changes=changes,
        was=was,
    )


@post("/pay/{quote_id:str}/method", guards=PAYING)
async def use_kept_method(
    request: AnyRequest,
    quote_id: FromPath[str],
    requote_payment: NamedDependency[RequotePayment],
) -> Response[Any]:
    """Price the selection for a saved method."""
    form = bind(await request.form(), KeptForm)
    return await _requoted(
        request, requote_payment, quote_id, instrument_id=form.instrument_id, tell=False
    )


@post("/pay/{quote_id:str}/renew", guards=PAYING)
async def renew(
    request: AnyRequest,
    quote_id: FromPath[str],
    requote_payment: NamedDependency[RequotePayment],
) -> Response[Any]:
    """Replace a preview that no longer holds."""
    return await _requoted(request, requote_payment, quote_id)


@get("/pay/{quote_id:str}/review", guards=PAYING)
async def review(
    request: AnyRequest,
    quote_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    was: FromQuery[str] = "",
) -> Response[Any]:
    """Show everything that one press of the button will do."""
    return await _review_page(request, templates, uow, settings, clock, quote_id, was=was)


@post("/pay/{quote_id:str}/review", guards=PAYING, opt={"idempotency": "required"})
async def submit(
    request: AnyRequest,
    quote_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    addresses: NamedDependency[PortalAddresses],
    box: NamedDependency[FernetBox],
    submit_payment: NamedDependency[SubmitPayment],
    requote_payment: NamedDependency[RequotePayment],
    begin_collect: NamedDependency[BeginCollect],
) -> Response[Any]:
    """Charge what the preview says, or show a new preview with what has changed."""
    form = bind(await request.form(), SubmitForm)
    who = customer_of(request)
    async with uow() as unit:
        await own_quote(unit, quote_id, who)
    try:
        payment = await submit_payment(
            SubmitPaymentCommand(
                by=who,
                quote_id=quote_id,
                accept_mandate=form.accept_mandate,
                return_url=addresses.payment("{payment_id}"),
            )
        )
    except Conflict:
        return await _requoted(request, requote_payment, quote_id)
    except Invalid as error:
        return await _review_page(
            request, templates, uow, settings, clock, quote_id, errors=error.fields, status=422
        )
    if payment.state is PaymentState.REQUIRES_ACTION:
        # Without the script the payment's page offers to ask for it again.
        with contextlib.suppress(PortError):
            await ensure_script(request, box, begin_collect, addresses, payment)
    return see_other(f"/payments/{payment.payment_id}")


async def _review_page(
    request: AnyRequest,
    templates: Templates,
    uow: UnitOfWorkFactory,
    settings: Settings,
    clock: Clock,
    quote_id: str,
    *,
    was: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response[Any]:
    who = customer_of(request)
    async with uow() as unit:
        quote, instrument_id = await own_quote(unit, quote_id, who)
        paid = await unit.payments.by_quote(quote_id)
        if paid is not None:
            return see_other(f"/payments/{paid.payment_id}")
        if not instrument_id:
            return see_other(f"/pay/{quote_id}")
        stored = await unit.instruments.get(instrument_id, who.account_no)
        jobs = await _job_names(unit, who)
        changes = await _changes(unit, who, was, quote)
    is_ach = stored.instrument.kind is PaymentMethodKind.ACH
    return show(
        request,
        templates,
        "review",
        status=status,
        view=quote_view(quote, jobs),
        instrument=stored.instrument,
        kept=stored.kept,
        mandate=mandate_text(
            dealer_name=settings.config.dealer.name,
            instrument=stored.instrument,
            total_cents=quote.total_cents,
            today=clock.today(),
        )
        if is_ach
        else "",
        expires_in_s=max(0, int((quote.expires_at - clock.now()).total_seconds())),
        changes=changes,
        was=was,
        errors=errors or {},
    )


async def _requoted(
    request: AnyRequest,
    requote_payment: RequotePayment,
    quote_id: str,
    *,
    instrument_id: str | None = None,
    tell: bool = True,
) -> Response[Any]:
    """Make a new preview and lead to it; where nothing is left to pay, lead to what is owed."""
    command = RequotePaymentCommand(
        by=customer_of(request), quote_id=quote_id, instrument_id=instrument_id
    )
    try:
        fresh = (await requote_payment(command)).quote
    except (Conflict, Invalid, Unavailable) as error:
        session_of(request).flash(f"Nothing was charged. {error.message}", "warning")
        return see_other("/outstanding")
    step = "/review" if fresh.method is not None else ""
    query = f"?was={quote_id}" if tell else ""
    return see_other(f"/pay/{fresh.quote_id}{step}{query}")


async def _changes(
    unit: UnitOfWork, who: Principal, was: str, quote: PaymentQuote
) -> tuple[Difference, ...]:
    """Compare with the preview that this one replaces, where the address names one."""
    if not was:
        return ()
    before, _ = await own_quote(unit, was, who)
    return differences(before, quote)


async def _job_names(unit: UnitOfWork, who: Principal) -> dict[str, str]:
    return {job.job_no: job.name for job in await unit.accounts.jobs(who.account_no)}
