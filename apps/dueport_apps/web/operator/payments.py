"""Incoming Payments: the list, one payment in full, its receipt, and "Check now"."""

import datetime
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.settings import Settings
from dueport_apps.usecases.payment_records import (
    MandateRecord,
    PaymentEvent,
    PaymentFilter,
    StoredAttempt,
)
from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.receipts import HAS_RECEIPT, ShowReceipt
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.settlement_records import StoredSettlement
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.account_view import AUDIT_ROWS
from dueport_apps.web.operator.list_memory import RememberedQuery
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    cursor,
    download,
    see_other,
    show,
    show_rows,
    wants_rows,
)
from dueport_apps.web.operator.words import KIND_WORDS, METHOD_WORDS, STAGE_WORDS
from dueport_apps.web.payment_status import STATUS_CHOICES, payment_row
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, NotFound, PortError
from dueport_core.payments import Payment, PaymentState
from dueport_core.postings import check_number
from dueport_core.settlements import SettlementState

PATH = "/operator/payments"


class ListQuery:
    """What the list is asked for; a date that is none is told and left out."""

    def __init__(self, query: RememberedQuery) -> None:
        self.text = query.text("q")
        self.status = query.choice("status", frozenset(STATUS_CHOICES))
        self.errors: dict[str, str] = {}
        self.from_text, from_on = self._day(query, "from")
        self.to_text, to_on = self._day(query, "to")
        if from_on and to_on and from_on > to_on:
            self.errors["to"] = "The last day lies before the first."
        choice = STATUS_CHOICES[self.status]
        self.filter = PaymentFilter(
            states=choice.states,
            posted=choice.posted,
            text=self.text,
            from_on=from_on,
            to_on=to_on,
        )

    @property
    def is_filtered(self) -> bool:
        return any(self.parts().values())

    def parts(self) -> dict[str, str]:
        """Return the parts of the address that bring this list back."""
        return {
            "q": self.text,
            "status": self.status,
            "from": self.from_text,
            "to": self.to_text,
        }

    def url(self, **changes: object) -> str:
        return address(PATH, **{**self.parts(), **changes})

    def _day(self, query: RememberedQuery, name: str) -> tuple[str, datetime.date | None]:
        text = query.text(name, 10)
        if not text:
            return "", None
        try:
            return text, datetime.date.fromisoformat(text)
        except ValueError:
            self.errors[name] = "Write a date such as 2026-01-31."
            return text, None


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True):
    """One payment with everything that is known about it."""

    payment: Payment
    badge: str
    account_name: str
    user: PortalUser
    events: tuple[PaymentEvent, ...]
    attempts: tuple[StoredAttempt, ...]
    mandate: MandateRecord | None
    settlement_id: str
    settlement_ref: str
    has_receipt: bool
    can_check: bool
    reverse_in_erp: str
    """The check number that must be reversed by hand, because the money came back after it was
    posted; else empty."""


@get("/operator/payments", guards=[operator_required("view")])
async def incoming(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """List payments, newest first."""
    remembered = RememberedQuery(request, settings, "payments")
    query = ListQuery(remembered)
    after = cursor(request)
    async with uow() as unit:
        rows, following = await unit.payments.rows(query.filter, after, PAGE_ROWS)
    context: dict[str, Any] = {
        "rows": rows,
        "methods": METHOD_WORDS,
        "more_url": query.url(after=following) if following else "",
    }
    if wants_rows(request):
        return show_rows(request, templates, "payments/rows", **context)
    response = show(
        request,
        templates,
        "payments/list",
        query=query,
        statuses=STATUS_CHOICES,
        first_url=(query.url() if query.is_filtered else address(PATH, all=True)) if after else "",
        status=422 if query.errors else 200,
        **context,
    )
    if not query.errors:
        remembered.remember(response, **query.parts())
    return response


@get("/operator/payments/{payment_id:str}", guards=[operator_required("view")])
async def detail(
    request: AnyRequest,
    payment_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    catalog: NamedDependency[PluginCatalog],
) -> Response[Any]:
    """Show one payment: amounts, stages, attempts, authorization."""
    async with uow() as unit:
        view = await _page(unit, payment_id)
        entries = await unit.audit.page(None, AUDIT_ROWS, subject=f"payment:{payment_id}")
    return show(
        request,
        templates,
        "payments/detail",
        view=view,
        entries=entries,
        methods=METHOD_WORDS,
        kinds=KIND_WORDS,
        stages=STAGE_WORDS,
        title_of=catalog.title,
    )


@get("/operator/payments/{payment_id:str}/receipt", guards=[operator_required("view")])
async def receipt(
    payment_id: FromPath[str], receipts: NamedDependency[ShowReceipt]
) -> Response[bytes]:
    """Send the receipt that the customer has."""
    file = await receipts(payment_id, None)
    return download(file.content, file.media_type, file.name)


@post("/operator/payments/{payment_id:str}/check", guards=[operator_required("manage_payments")])
async def check_now(
    request: AnyRequest,
    payment_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    process_event: NamedDependency[ProcessEvent],
) -> Response[Any]:
    """Ask the processor for the payment's state and take in the answer."""
    session = session_of(request)
    async with uow() as unit:
        before = await unit.payments.get(payment_id)
    if before.processor_ref is None:
        session.flash(
            "The processor has not named this payment yet; its answer is being looked up.", "info"
        )
        return see_other(f"{PATH}/{payment_id}")
    try:
        await process_event.payment(before.processor, before.processor_ref)
    except (PortError, Conflict, NotFound) as error:
        session.flash(f"The check found a problem: {error.message}", "danger")
        return see_other(f"{PATH}/{payment_id}")
    async with uow() as unit:
        now = await unit.payments.get(payment_id)
    if now.state is before.state:
        session.flash("Nothing has changed at the processor.", "info")
    else:
        session.flash(f"The processor reports: {STAGE_WORDS[now.state].lower()}.", "success")
    return see_other(f"{PATH}/{payment_id}")


async def _page(uow: UnitOfWork, payment_id: str) -> PaymentPage:
    payment = await uow.payments.get(payment_id)
    row = await payment_row(uow, payment)
    settlement = await uow.settlements.get(row.settlement_id) if row.settlement_id else None
    return PaymentPage(
        payment=payment,
        badge=row.badge.value,
        account_name=row.account_name,
        user=await uow.users.get(payment.portal_user_id),
        events=tuple(await uow.payments.events(payment_id)),
        attempts=tuple(await uow.payments.attempts(payment_id)),
        mandate=await uow.payments.mandate(payment_id),
        settlement_id=row.settlement_id,
        settlement_ref=settlement.head.settlement_ref if settlement else "",
        has_receipt=payment.state in HAS_RECEIPT,
        can_check=payment.processor_ref is not None,
        reverse_in_erp=_to_reverse(payment, settlement),
    )


def _to_reverse(payment: Payment, settlement: StoredSettlement | None) -> str:
    came_back = payment.state in (PaymentState.RETURNED, PaymentState.DISPUTED)
    posted = settlement is not None and settlement.state in (
        SettlementState.POSTED,
        SettlementState.RESOLVED,
    )
    return check_number(payment.payment_id) if came_back and posted else ""
