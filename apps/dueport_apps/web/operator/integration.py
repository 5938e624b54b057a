"""Integration: what the ERP connector can do, how its runs went, and whether webhooks come in."""

import datetime
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import StoredProblem, SyncRun
from dueport_apps.usecases.request_sync import RequestSync, is_under_way
from dueport_apps.usecases.services import Erp, Processors
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.pages import (
    AnyRequest,
    address,
    balances_as_of,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.spreadsheets import csv_file
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, NotFound
from dueport_ports import Clock, Deletes, Entity, ErpCapabilities, Idempotency, SyncShape

PATH = "/operator/integration"
RUNS_SHOWN = 12
RUNS_KEPT_IN_REACH = 500
PROBLEM_ROWS = 100
PROBLEMS_PER_READ = 1000

GRADE_COLOURS = {"refused": "red", "warning": "amber", "ignored": "grey"}
RUN_COLOURS = {"running": "amber", "done": "green", "failed": "red"}

_SHAPES = {
    SyncShape.SNAPSHOT: "read as a whole every time",
    SyncShape.CURSOR: "only what changed is read",
    SyncShape.PER_ACCOUNT: "read account by account",
}
_DELETES = {
    Deletes.EXPLICIT: "Deleted documents are reported one by one.",
    Deletes.ABSENT_FROM_SNAPSHOT: "What a complete read no longer holds counts as deleted.",
    Deletes.NEVER: "Deletions are not reported.",
}
_REPEATS = {
    Idempotency.NATIVE_KEY: "The ERP itself refuses to take a posting twice.",
    Idempotency.LOOKUP_BY_REF: "Before a posting is repeated, the ERP is asked whether it has it.",
    Idempotency.NONE: "A posting whose answer was lost needs a person before it is repeated.",
}


class WebhookLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one processor's notifications come in."""

    processor: str
    last_at: datetime.datetime | None
    parked: int


@get("/operator/integration", guards=[operator_required("view")])
async def overview(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    erp: NamedDependency[SkipValidation[Erp]],
    processors: NamedDependency[SkipValidation[Processors]],
    clock: NamedDependency[SkipValidation[Clock]],
    policies: NamedDependency[Policies],
    catalog: NamedDependency[PluginCatalog],
) -> Response[Any]:
    """Show the ERP connector, its last runs and the processors' webhooks."""
    async with uow() as unit:
        runs = await unit.mirror.runs(RUNS_SHOWN)
        freshness = await balances_as_of(unit, clock, policies)
        documents, open_cents = await unit.mirror.open_totals()
        webhooks = [
            WebhookLine(processor=name, last_at=last_at, parked=parked)
            for name in processors.all()
            for last_at, parked in [await unit.events.health(name)]
        ]
    return show(
        request,
        templates,
        "integration/overview",
        freshness=freshness,
        erp_name=erp.name,
        title_of=catalog.title,
        capabilities=capability_words(erp.connector.capabilities()),
        runs=runs,
        run_colours=RUN_COLOURS,
        under_way=bool(runs) and is_under_way(runs[0], clock.now()),
        documents=documents,
        open_cents=open_cents,
        webhooks=webhooks,
    )


@post("/operator/integration/sync", guards=[operator_required("sync")])
async def sync_now(
    request: AnyRequest, request_sync: NamedDependency[RequestSync]
) -> Response[Any]:
    """Ask for the ERP to be read; refused while a run is under way."""
    session = session_of(request)
    try:
        await request_sync(operator_of(request))
    except Conflict as error:
        session.flash(error.message, "warning")
    else:
        session.flash("The ERP will be read in a moment. Reload this page to follow it.", "success")
    return see_other(PATH)


@get("/operator/integration/runs/{run_id:str}", guards=[operator_required("view")])
async def run_detail(
    request: AnyRequest,
    run_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    catalog: NamedDependency[PluginCatalog],
) -> Response[Any]:
    """Show one run with the rows that did not load as they stand."""
    text = wanted(request, "after", 19)
    after = int(text) if text.isascii() and text.isdigit() else 0
    async with uow() as unit:
        run = await find_run(unit, run_id)
        problems = await unit.mirror.problems(run_id, after, PROBLEM_ROWS + 1)
    shown = problems[:PROBLEM_ROWS]
    path = f"{PATH}/runs/{run_id}"
    context: dict[str, Any] = {
        "problems": shown,
        "grade_colours": GRADE_COLOURS,
        "more_url": address(path, after=shown[-1].problem_id)
        if len(problems) > PROBLEM_ROWS
        else "",
    }
    if wants_rows(request):
        return show_rows(request, templates, "integration/problem_rows", **context)
    return show(
        request,
        templates,
        "integration/run",
        run=run,
        title_of=catalog.title,
        run_colours=RUN_COLOURS,
        first_url=path if after else "",
        **context,
    )


@get("/operator/integration/runs/{run_id:str}/problems.csv", guards=[operator_required("view")])
async def problems_csv(
    run_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> Response[bytes]:
    """Send every problem of a run as CSV, for whoever corrects the data."""
    found: list[StoredProblem] = []
    async with uow() as unit:
        await find_run(unit, run_id)
        while True:
            after = found[-1].problem_id if found else 0
            page = await unit.mirror.problems(run_id, after, PROBLEMS_PER_READ)
            found += page
            if len(page) < PROBLEMS_PER_READ:
                break
    return csv_file(
        f"problems-{run_id}.csv",
        ("grade", "entity", "source", "line", "column", "value", "reason", "proposal"),
        (
            (
                one.problem.grade.value,
                one.entity,
                one.problem.source,
                one.problem.line,
                one.problem.column,
                one.problem.value,
                one.problem.reason,
                one.problem.proposal,
            )
            for one in found
        ),
    )


async def find_run(uow: UnitOfWork, run_id: str) -> SyncRun:
    """Return a run; raises NotFound for one that is unknown or too long ago to be listed."""
    for run in await uow.mirror.runs(RUNS_KEPT_IN_REACH):
        if run.run_id == run_id:
            return run
    raise NotFound("There is no such run.")


def capability_words(can: ErpCapabilities) -> list[str]:
    """Say in sentences what a connector can and cannot do."""
    read = [
        f"{entity.value} ({_SHAPES[can.entities[entity]]})"
        for entity in Entity
        if entity in can.entities
    ]
    posting = {
        frozenset(): "It is read only: settlements cannot be posted, only downloaded as files.",
        frozenset({"api"}): "Settlements are posted directly.",
        frozenset({"file"}): "Settlements are posted as files that a person imports.",
    }.get(can.posting, "Settlements are posted directly, or as files that a person imports.")
    sentences = [f"Reads {', '.join(read)}.", _DELETES[can.deletes], posting]
    if can.posting:
        sentences.append(_REPEATS[can.idempotency])
    if can.live_account:
        sentences.append("Reads an account afresh before its customer pays.")
    if not can.takes_discount:
        sentences.append("Does not take statement discounts with a receipt.")
    if not can.consumes_credits:
        sentences.append("Does not apply credits by itself; they are listed for a person.")
    if not can.journal_entries:
        sentences.append("Does not take journal entries; fees are booked in the ERP by a person.")
    return sentences
