"""What operators' programs may do: everything that the operator portal's pages do."""

import datetime
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.settings import Settings
from dueport_apps.usecases.payment_records import PaymentFilter
from dueport_apps.usecases.post_settlement import (
    PostSettlement,
    PostSettlementCommand,
    ResolveSettlement,
)
from dueport_apps.usecases.request_sync import RequestSync
from dueport_apps.usecases.settlement_proof import settlement_proof
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.api.bodies import (
    audit_body,
    payment_body,
    payment_detail,
    posting_bodies,
    proof_body,
    run_body,
    settlement_body,
    settlement_lines,
)
from dueport_apps.web.api.shapes import (
    After,
    AuditPageBody,
    Limit,
    PaymentDetailBody,
    PaymentPageBody,
    PluginBody,
    SettlementDetailBody,
    SettlementPageBody,
    SettlementRowBody,
    SyncAskedBody,
    SyncRunBody,
)
from dueport_apps.web.http.guards import operator_required, step_up_required
from dueport_apps.web.operator.platform import plugin_statuses
from dueport_apps.web.payment_status import STATUS_CHOICES
from dueport_apps.web.people import operator_of
from dueport_core.errors import Invalid

AnyRequest = Request[Any, Any, Any]
StatusWord = Literal[
    "", "pending", "settled", "posted", "terminated", "returned", "disputed", "refunded"
]
Text = Annotated[str, QueryParameter(max_length=200)]


@get("/payments", guards=[operator_required("view")], summary="List payments")
async def payments(
    uow: NamedDependency[UnitOfWorkFactory],
    q: Text = "",
    status: FromQuery[StatusWord] = "",
    account_no: Text = "",
    from_on: FromQuery[datetime.date | None] = None,
    to_on: FromQuery[datetime.date | None] = None,
    after: After = None,
    limit: Limit = 50,
) -> PaymentPageBody:
    """Payments, newest first. Days are the dealer's calendar days."""
    choice = STATUS_CHOICES[status]
    wanted = PaymentFilter(
        account_no=account_no,
        states=choice.states,
        posted=choice.posted,
        text=q,
        from_on=from_on,
        to_on=to_on,
    )
    async with uow() as unit:
        rows, following = await unit.payments.rows(wanted, after, limit)
    return PaymentPageBody(items=[payment_body(row) for row in rows], next=following)


@get("/payments/{payment_id:str}", guards=[operator_required("view")], summary="One payment")
async def payment(
    payment_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> PaymentDetailBody:
    """One payment with its lines, credits and stages."""
    async with uow() as unit:
        return await payment_detail(unit, await unit.payments.get(payment_id))


@get("/settlements", guards=[operator_required("view")], summary="List settlements")
async def settlements(
    uow: NamedDependency[UnitOfWorkFactory], after: After = None, limit: Limit = 50
) -> SettlementPageBody:
    """Payouts, newest first, with the posting state of each category."""
    async with uow() as unit:
        rows, following = await unit.settlements.rows(after, limit)
    return SettlementPageBody(
        items=[
            SettlementRowBody(
                settlement=settlement_body(row.settlement),
                payments=row.payments,
                fee_cents=row.fee_cents,
                postings={category.value: state for category, state in row.postings.items()},
            )
            for row in rows
        ],
        next=following,
    )


@get(
    "/settlements/{settlement_id:str}", guards=[operator_required("view")], summary="One settlement"
)
async def settlement(
    settlement_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> SettlementDetailBody:
    """One payout with its proof, its lines and its postings."""
    async with uow() as unit:
        return await _settlement_detail(unit, settlement_id)


@post(
    "/settlements/{settlement_id:str}/post",
    guards=[operator_required("post"), step_up_required],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Post a settlement",
)
async def post_to_erp(
    request: AnyRequest,
    settlement_id: FromPath[str],
    post_settlement: NamedDependency[PostSettlement],
    uow: NamedDependency[UnitOfWorkFactory],
) -> SettlementDetailBody:
    """Post what is not posted yet. A category whose outcome is not known stays `unknown`; calling
    again asks the ERP before anything is sent."""
    await post_settlement(
        PostSettlementCommand(settlement_id=settlement_id, by=operator_of(request))
    )
    async with uow() as unit:
        return await _settlement_detail(unit, settlement_id)


@post(
    "/settlements/{settlement_id:str}/resolve",
    guards=[operator_required("post"), step_up_required],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Resolve a settlement",
)
async def resolve(
    request: AnyRequest,
    settlement_id: FromPath[str],
    resolve_settlement: NamedDependency[ResolveSettlement],
    uow: NamedDependency[UnitOfWorkFactory],
) -> SettlementDetailBody:
    """Close a settlement that is posted and fully explained; resolving twice is harmless."""
    await resolve_settlement(settlement_id, operator_of(request))
    async with uow() as unit:
        return await _settlement_detail(unit, settlement_id)


@get("/audit", guards=[operator_required("view")], summary="The audit log")
async def audit_log(
    uow: NamedDependency[UnitOfWorkFactory],
    subject: Text = "",
    after: After = None,
    limit: Limit = 50,
) -> AuditPageBody:
    """Entries, newest first, of everything or of one subject such as `account:1042`."""
    before = _entry_number(after)
    async with uow() as unit:
        entries = await unit.audit.page(before, limit + 1, subject=subject)
    shown = entries[:limit]
    return AuditPageBody(
        items=[audit_body(stored) for stored in shown],
        next=str(shown[-1].number) if len(entries) > limit else None,
    )


@get("/plugins", guards=[operator_required("view")], summary="Plugins", sync_to_thread=False)
def plugins(
    catalog: NamedDependency[PluginCatalog], settings: NamedDependency[SkipValidation[Settings]]
) -> list[PluginBody]:
    """Every plugin that the configuration names: on, or off with the reason."""
    return [
        PluginBody(
            name=status.name,
            title=status.title or status.name,
            distribution=status.distribution,
            version=status.version,
            ports=list(status.ports),
            is_on=not status.off,
            off_reason=status.off,
        )
        for status in plugin_statuses(catalog, settings)
    ]


@get("/sync", guards=[operator_required("view")], summary="Runs of the ERP sync")
async def sync_runs(
    uow: NamedDependency[UnitOfWorkFactory], limit: Limit = 20
) -> list[SyncRunBody]:
    """The newest runs with what they stored and why one failed."""
    async with uow() as unit:
        return [run_body(run) for run in await unit.mirror.runs(limit)]


@post(
    "/sync",
    guards=[operator_required("sync")],
    opt={"idempotency": "optional"},
    status_code=202,
    summary="Read the ERP now",
)
async def sync_now(
    request: AnyRequest, request_sync: NamedDependency[RequestSync]
) -> SyncAskedBody:
    """Ask a worker to read the ERP; a conflict while a run is under way."""
    await request_sync(operator_of(request))
    return SyncAskedBody()


async def _settlement_detail(uow: UnitOfWork, settlement_id: str) -> SettlementDetailBody:
    stored = await uow.settlements.get(settlement_id)
    lines = await uow.settlements.lines(settlement_id)
    proof = settlement_proof([one.line for one in lines], stored.head.amount_cents)
    return SettlementDetailBody(
        settlement=settlement_body(stored),
        proof=proof_body(proof),
        lines=settlement_lines(lines),
        postings=posting_bodies(await uow.postings.of_settlement(settlement_id)),
    )


def _entry_number(after: str | None) -> int | None:
    """Read the audit log's cursor: the number of the entry before which the page begins."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Invalid("This page of the list does not exist; start again from the first page.")
    return int(after)
