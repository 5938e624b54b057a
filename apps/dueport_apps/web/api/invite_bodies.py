"""From our own values about invitations to what the API answers."""

from collections.abc import Mapping, Sequence

from dueport_apps.usecases.access_changes import Access, access_change
from dueport_apps.usecases.invite_records import (
    BouncedRow,
    Campaign,
    CampaignMail,
    CampaignProgress,
    CampaignRefusal,
    Funnel,
    InvitationEvent,
    InvitationRow,
    InviteRecipient,
    Login,
)
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.plan_invitations import MailFailure, Plan
from dueport_apps.usecases.preview_invitation import InvitationPreview
from dueport_apps.usecases.receive_bounce import BounceResult
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.api.bodies import same
from dueport_apps.web.api.invite_shapes import (
    LISTED_MAX,
    AccessChangedBody,
    AlreadyBody,
    BouncedAccountBody,
    BouncedAddressBody,
    BouncedBody,
    BounceResultBody,
    CampaignBody,
    CampaignMailBody,
    CannotBody,
    FunnelBody,
    InvitationBody,
    LoginBody,
    MailFailureBody,
    PreviewBody,
    ProgressBody,
    RehearsalBody,
    SentToWord,
    StepBody,
    TimelineBody,
    WillBody,
)


def invitation_body(row: InvitationRow) -> InvitationBody:
    body: InvitationBody = same(
        row.invitation,
        InvitationBody,
        delivery=row.invitation.way,
        second_check=row.invitation.second_check or "none",
        account_name=row.account_name,
        mail_state=row.mail_state,
        mail_code=row.mail_code,
        mail_reason=row.mail_reason,
        mail_at=row.mail_at,
    )
    return body


def rehearsal_body(plan: Plan) -> RehearsalBody:
    return RehearsalBody(
        will_count=len(plan.will),
        cannot_count=len(plan.cannot),
        already_count=len(plan.already),
        will=[
            WillBody(
                account_no=mail.account.account_no,
                account_name=mail.account.name,
                email=mail.email,
                to_name=mail.to_name,
                username=mail.username,
                erp_status=mail.erp_status,
                last_failure=_failure_body(mail.last_failure),
            )
            for mail in plan.will[:LISTED_MAX]
        ],
        cannot=[refusal_body(refusal) for refusal in plan.cannot[:LISTED_MAX]],
        already=[same(one, AlreadyBody) for one in plan.already[:LISTED_MAX]],
    )


def _failure_body(failure: MailFailure | None) -> MailFailureBody | None:
    return None if failure is None else same(failure, MailFailureBody)


def refusal_body(refusal: CampaignRefusal) -> CannotBody:
    body: CannotBody = same(refusal, CannotBody)
    return body


def preview_body(preview: InvitationPreview) -> PreviewBody:
    mail = preview.mail
    body: PreviewBody = same(
        preview, PreviewBody, subject=mail.subject, text=mail.text, html=mail.html
    )
    return body


def campaign_body(campaign: Campaign, progress: CampaignProgress) -> CampaignBody:
    options = campaign.options
    body: CampaignBody = same(
        campaign,
        CampaignBody,
        delivery=options.delivery,
        send_to=_SENT_TO[options.recipient],
        language=options.language,
        progress=same(progress, ProgressBody),
    )
    return body


async def campaign_answer(uow: UnitOfWork, campaign_id: str) -> CampaignBody:
    """Return one campaign as it stands now; raises NotFound."""
    return campaign_body(
        await uow.campaigns.get(campaign_id), await uow.campaigns.progress(campaign_id)
    )


def campaign_mail_body(mail: CampaignMail) -> CampaignMailBody:
    body: CampaignMailBody = same(mail, CampaignMailBody)
    return body


def funnel_body(funnel: Funnel) -> FunnelBody:
    body: FunnelBody = same(funnel, FunnelBody)
    return body


def access_changed_body(before: Access, after: Access) -> AccessChangedBody:
    change = access_change(before, after)
    return AccessChangedBody(
        changed=change.number,
        logins_changed=len(change.logins),
        invitations_revoked=[invitation_body(row) for row in change.invitations],
        logins=login_bodies(after.logins),
    )


def login_bodies(logins: Sequence[Login]) -> list[LoginBody]:
    return [
        LoginBody(
            user_id=login.user.user_id,
            name=login.user.name,
            email=login.user.email,
            username=login.user.username,
            role=login.link.role,
            linked_at=login.link.linked_at,
            disabled_at=login.link.disabled_at,
        )
        for login in logins
    ]


def timeline_body(events: Sequence[InvitationEvent], mails: Sequence[MailDelivery]) -> TimelineBody:
    steps: list[StepBody] = [same(event, StepBody, **_NO_MAIL) for event in events]
    steps += [
        StepBody(
            at=mail.sent_at or mail.created_at,
            kind="mail",
            actor="",
            detail=mail.to_address,
            invitation_id=mail.invitation_id,
            mail_state=mail.state,
            mail_code=mail.code,
            mail_reason=mail.reason,
        )
        for mail in mails
    ]
    return TimelineBody(steps=sorted(steps, key=lambda step: step.at))


def bounce_body(result: BounceResult) -> BounceResultBody:
    return BounceResultBody(recipients=[same(one, BouncedBody) for one in result.recipients])


def bounced_address_body(row: BouncedRow) -> BouncedAddressBody:
    body: BouncedAddressBody = same(
        row.mark,
        BouncedAddressBody,
        accounts=[same(one, BouncedAccountBody) for one in row.accounts],
    )
    return body


_SENT_TO: Mapping[InviteRecipient, SentToWord] = {
    InviteRecipient.PRIMARY: "primary",
    InviteRecipient.CONTACTS: "contacts",
    InviteRecipient.OTHER: "address",
    InviteRecipient.CUSTOMER: "customer",
}
_NO_MAIL: dict[str, object] = {"mail_state": None, "mail_code": 0, "mail_reason": ""}
