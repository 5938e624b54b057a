"""From a body to the order that the rehearsal shows and the campaign carries out."""

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    InviteOptions,
    InviteRecipient,
    Selection,
)
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFilter
from dueport_apps.web.api.invite_shapes import InviteBody, MatchingBody, SecondCheckChoice
from dueport_core.credentials import UsernameSource
from dueport_core.errors import Invalid

_SEND_TO = {
    "primary": InviteRecipient.PRIMARY,
    "contacts": InviteRecipient.CONTACTS,
    "address": InviteRecipient.OTHER,
}
_WAYS = "account_no, account_nos, all and matching"


def order_of(body: InviteBody, policies: Policies) -> InviteOrder:
    """Return what the body orders, with the dealer's policies where it says nothing.

    Raises Invalid for a selection that is none or more than one, and for fields that contradict
    each other.
    """
    invite = policies.invite
    return InviteOrder(
        kind=CampaignKind(body.kind),
        selection=_selection(body),
        options=InviteOptions(
            delivery=body.delivery or invite.delivery,
            username=body.username_from or invite.username,
            second_check=_second_check(body.second_check, invite.second_check),
            recipient=_recipient(body),
            address=body.address.strip(),
            language=body.language or invite.language,
            additional_login=body.additional_login,
            confirm_declined=body.confirm_declined,
        ),
    )


def _selection(body: InviteBody) -> Selection:
    ways = [
        name
        for name, given in (
            ("account_no", body.account_no is not None),
            ("account_nos", body.account_nos is not None),
            ("all", body.all),
            ("matching", body.matching is not None),
        )
        if given
    ]
    if len(ways) > 1:
        raise _refusal("account_nos", f"Choose one of {_WAYS}, not {' and '.join(ways)}.")
    if not ways:
        raise _refusal("account_nos", f"Say who is invited: one of {_WAYS}. Nothing was sent.")
    if body.all or body.matching is not None:
        matching = body.matching or MatchingBody()
        return Selection(
            matching=AccountFilter(
                text=matching.q,
                active_only=matching.active,
                invitation=matching.invitation,
                past_due_only=matching.past_due,
                email_problem=matching.email_problem,
            ),
            excluded=tuple(body.excluded),
        )
    if body.excluded:
        raise _refusal("excluded", "Only all and matching can leave accounts out.")
    named = [body.account_no] if body.account_no is not None else body.account_nos or []
    numbers = tuple(dict.fromkeys(number.strip() for number in named if number.strip()))
    if not numbers:
        raise _refusal("account_nos", "Nobody is selected. Name at least one account.")
    return Selection(account_nos=numbers)


def _recipient(body: InviteBody) -> InviteRecipient:
    if body.address.strip() and body.send_to != "address":
        raise _refusal("address", "An address of its own is for send_to: address.")
    return _SEND_TO[body.send_to]


def _second_check(
    chosen: SecondCheckChoice | None, policy: UsernameSource | None
) -> UsernameSource | None:
    if chosen is None:
        return policy
    return None if chosen == "none" else UsernameSource(chosen)


def _refusal(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, {field: sentence})
