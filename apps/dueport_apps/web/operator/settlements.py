"""Settlements: each payout proved to the cent, posted once per category, and resolved."""

import functools
import io
import zipfile
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.usecases.post_settlement import (
    MarkPosted,
    PostSettlement,
    PostSettlementCommand,
    ResolveSettlement,
)
from dueport_apps.usecases.process_leftovers import ImportAllSettlements
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required, step_up_required
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
from dueport_apps.web.operator.settlement_view import settlement_page
from dueport_apps.web.operator.words import (
    CATEGORY_WORDS,
    LINE_WORDS,
    POSTING_COLOURS,
    POSTING_WORDS,
    SETTLEMENT_COLOURS,
    ledger_words,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, DueportError, PortError
from dueport_core.postings import PostingState
from dueport_core.settlements import SettlementState

PATH = "/operator/settlements"
PROBLEMS_SHOWN = 3


@get("/operator/settlements", guards=[operator_required("view")])
async def payouts(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    catalog: NamedDependency[PluginCatalog],
) -> Response[Any]:
    """List payouts, newest first."""
    after = cursor(request)
    async with uow() as unit:
        rows, following = await unit.settlements.rows(after, PAGE_ROWS)
    context: dict[str, Any] = {
        "rows": rows,
        "title_of": catalog.title,
        "categories": CATEGORY_WORDS,
        "colours": SETTLEMENT_COLOURS,
        "posting_colours": POSTING_COLOURS,
        "posting_words": POSTING_WORDS,
        "more_url": address(PATH, after=following) if following else "",
    }
    if wants_rows(request):
        return show_rows(request, templates, "settlements/rows", **context)
    return show(request, templates, "settlements/list", first_url=PATH if after else "", **context)


@post("/operator/settlements/read", guards=[operator_required("sync")])
async def read_payouts(
    request: AnyRequest, import_all_settlements: NamedDependency[ImportAllSettlements]
) -> Response[Any]:
    """Read every processor's recent payouts now; what went wrong is told in its words."""
    problems = await import_all_settlements()
    session = session_of(request)
    for problem in problems[:PROBLEMS_SHOWN]:
        session.flash(problem, "warning")
    if len(problems) > PROBLEMS_SHOWN:
        session.flash(f"There are {len(problems) - PROBLEMS_SHOWN} more problems.", "warning")
    if not problems:
        session.flash("The payouts were read; this list is up to date.", "success")
    return see_other(PATH)


@get("/operator/settlements/{settlement_id:str}", guards=[operator_required("view")])
async def detail(
    request: AnyRequest,
    settlement_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    catalog: NamedDependency[PluginCatalog],
) -> Response[Any]:
    """Show one payout: the proof, its lines, its posting, its journal."""
    async with uow() as unit:
        view = await settlement_page(unit, settlement_id)
    return show(
        request,
        templates,
        "settlements/detail",
        view=view,
        stepped_up=session_of(request).stepped_up(),
        categories=CATEGORY_WORDS,
        colours=SETTLEMENT_COLOURS,
        posting_colours=POSTING_COLOURS,
        posting_words=POSTING_WORDS,
        lines_words=LINE_WORDS,
        title_of=catalog.title,
        ledger_words=functools.partial(ledger_words, title_of=catalog.title),
    )


@post(
    "/operator/settlements/{settlement_id:str}/post",
    guards=[operator_required("post"), step_up_required],
)
async def post_to_erp(
    request: AnyRequest,
    settlement_id: FromPath[str],
    post_settlement: NamedDependency[PostSettlement],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Post what is not posted yet; every category says for itself what became of it."""
    session = session_of(request)
    try:
        settlement = await post_settlement(
            PostSettlementCommand(settlement_id=settlement_id, by=operator_of(request))
        )
    except (Conflict, PortError) as error:
        return _refused(request, settlement_id, error)
    if settlement.state in (SettlementState.POSTED, SettlementState.RESOLVED):
        session.flash("The settlement is posted.", "success")
        return see_other(f"{PATH}/{settlement_id}")
    async with uow() as unit:
        postings = await unit.postings.of_settlement(settlement_id)
    for posting in postings:
        if posting.state is not PostingState.POSTED:
            words = f"{CATEGORY_WORDS[posting.category]}: {POSTING_WORDS[posting.state].lower()}"
            session.flash(f"{words}. {posting.reason}".strip(), "warning")
    return see_other(f"{PATH}/{settlement_id}")


@post("/operator/settlements/{settlement_id:str}/mark", guards=[operator_required("post")])
async def mark_as_posted(
    request: AnyRequest,
    settlement_id: FromPath[str],
    mark_posted: NamedDependency[MarkPosted],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Record that a person imported the files by hand."""
    async with uow() as unit:
        await unit.settlements.get(settlement_id)
    try:
        await mark_posted(settlement_id, operator_of(request))
    except (Conflict, PortError) as error:
        return _refused(request, settlement_id, error)
    session_of(request).flash("Marked as posted by hand.", "success")
    return see_other(f"{PATH}/{settlement_id}")


@post(
    "/operator/settlements/{settlement_id:str}/resolve",
    guards=[operator_required("post"), step_up_required],
)
async def resolve(
    request: AnyRequest,
    settlement_id: FromPath[str],
    resolve_settlement: NamedDependency[ResolveSettlement],
) -> Response[Any]:
    """Close the settlement; what stands in the way is named."""
    try:
        await resolve_settlement(settlement_id, operator_of(request))
    except Conflict as error:
        return _refused(request, settlement_id, error)
    session_of(request).flash("The settlement is resolved.", "success")
    return see_other(f"{PATH}/{settlement_id}")


@get("/operator/settlements/{settlement_id:str}/files", guards=[operator_required("post")])
async def files(
    settlement_id: FromPath[str],
    post_settlement: NamedDependency[PostSettlement],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[bytes]:
    """Send what a person can import instead: one file as it is, several as an archive."""
    async with uow() as unit:
        settlement = await unit.settlements.get(settlement_id)
    rendered = await post_settlement.render(settlement_id)
    if not rendered:
        raise Conflict("This settlement has nothing to post, so there are no files.")
    if len(rendered) == 1:
        return download(rendered[0].content, rendered[0].media_type, rendered[0].name)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in rendered:
            packed.writestr(file.name, file.content)
    name = f"settlement-{settlement.head.settlement_ref}.zip"
    return download(archive.getvalue(), "application/zip", name)


def _refused(request: AnyRequest, settlement_id: str, error: DueportError) -> Response[Any]:
    session_of(request).flash(error.message, "danger")
    return see_other(f"{PATH}/{settlement_id}")
