"""Campaigns by the API: what was sent, to whom, how far it is; and the brakes."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.steer_campaign import SteerCampaign
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.api.invite_bodies import (
    campaign_answer,
    campaign_body,
    campaign_mail_body,
    refusal_body,
)
from dueport_apps.web.api.invite_shapes import (
    CampaignBody,
    CampaignMailPageBody,
    CampaignPageBody,
    RefusalPageBody,
)
from dueport_apps.web.api.shapes import After, Limit
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.people import operator_of

AnyRequest = Request[Any, Any, Any]
# The framework keeps the name ``state`` for itself.
InState = Annotated[MailState | None, QueryParameter(name="state")]


@get("/campaigns", guards=[operator_required("view")], summary="List campaigns")
async def campaigns(
    uow: NamedDependency[UnitOfWorkFactory], after: After = None, limit: Limit = 50
) -> CampaignPageBody:
    """Campaigns, newest first, each with how many of its mails are in each state."""
    async with uow() as unit:
        rows, following = await unit.campaigns.rows(after, limit)
    return CampaignPageBody(
        items=[campaign_body(row.campaign, row.progress) for row in rows], next=following
    )


@get("/campaigns/{campaign_id:str}", guards=[operator_required("view")], summary="One campaign")
async def campaign(
    campaign_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> CampaignBody:
    """One campaign and its progress."""
    async with uow() as unit:
        return await campaign_answer(unit, campaign_id)


@get(
    "/campaigns/{campaign_id:str}/mails",
    guards=[operator_required("view")],
    summary="A campaign's mails",
)
async def mails(
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    in_state: InState = None,
    after: After = None,
    limit: Limit = 50,
) -> CampaignMailPageBody:
    """Every recipient with what became of the mail, in the mail server's words; or those in one
    state. `unconfirmed` may have arrived: it is never repeated by itself."""
    async with uow() as unit:
        await unit.campaigns.get(campaign_id)
        found, following = await unit.campaigns.mails(campaign_id, in_state, after, limit)
    return CampaignMailPageBody(items=[campaign_mail_body(one) for one in found], next=following)


@get(
    "/campaigns/{campaign_id:str}/refusals",
    guards=[operator_required("view")],
    summary="Who got no mail",
)
async def refusals(
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    needs_none: FromQuery[bool] = False,
    after: After = None,
    limit: Limit = 50,
) -> RefusalPageBody:
    """Selected customers who could not be mailed, each with the reason and the field to mend in the
    ERP; with `needs_none` those who needed no mail, such as those who have registered."""
    async with uow() as unit:
        await unit.campaigns.get(campaign_id)
        found, following = await unit.campaigns.refusals(
            campaign_id, after, limit, needs_none=needs_none
        )
    return RefusalPageBody(items=[refusal_body(one) for one in found], next=following)


@post(
    "/campaigns/{campaign_id:str}/pause",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Pause a campaign",
)
async def pause(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
    uow: NamedDependency[UnitOfWorkFactory],
) -> CampaignBody:
    """Hold what is not under way; pausing twice is harmless."""
    await steer_campaign.pause(campaign_id, operator_of(request))
    async with uow() as unit:
        return await campaign_answer(unit, campaign_id)


@post(
    "/campaigns/{campaign_id:str}/resume",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Go on with a campaign",
)
async def resume(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
    uow: NamedDependency[UnitOfWorkFactory],
) -> CampaignBody:
    """Send the rest of a paused campaign; resuming twice is harmless."""
    await steer_campaign.resume(campaign_id, operator_of(request))
    async with uow() as unit:
        return await campaign_answer(unit, campaign_id)


@post(
    "/campaigns/{campaign_id:str}/cancel",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Cancel a campaign",
)
async def cancel(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
    uow: NamedDependency[UnitOfWorkFactory],
) -> CampaignBody:
    """Take back the unsent mails; what has left cannot be taken back. Cancelling twice is harmless."""
    await steer_campaign.cancel(campaign_id, operator_of(request))
    async with uow() as unit:
        return await campaign_answer(unit, campaign_id)
