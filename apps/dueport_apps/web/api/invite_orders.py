"""From a body to the order that the rehearsal shows and the campaign carries out, and from its
refusals to the names that the body has."""

import contextlib
from collections.abc import AsyncIterator

from dueport_apps.usecases.campaigns import RehearseInvitations
from dueport_apps.usecases.declined_customers import leaves_out_declined
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
from dueport_apps.web.http.wrong_values import WHOLE_BODY
from dueport_core.credentials import UsernameSource
from dueport_core.errors import Conflict, Invalid

_SEND_TO = {
    "primary": InviteRecipient.PRIMARY,
    "contacts": InviteRecipient.CONTACTS,
    "address": InviteRecipient.OTHER,
}
_WAYS = "account_no, account_nos, all and matching"
_SENT_NAMES = {"recipient": "send_to", "selection": "account_nos"}
CONFIRM_DECLINED = "To invite a customer who declined again, send `confirm_declined: true`."


def order_of(body: InviteBody, policies: Policies) -> InviteOrder:
    """Return what the body orders, with the dealer's policies where it says nothing.

    Raises Invalid for a selection that is none or more than one, and for fields that contradict
    each other.
    """
    invite = policies.invite
    selection = _selection(body)
    _refuse_contradictions(body, body.delivery or invite.delivery)
    return InviteOrder(
        kind=CampaignKind(body.kind),
        selection=selection,
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


@contextlib.asynccontextmanager
async def as_sent(order: InviteOrder, rehearse: RehearseInvitations) -> AsyncIterator[None]:
    """Let refusals of the block name the body's own fields, and say how to confirm that customers
    who declined are invited again."""
    try:
        yield
    except Invalid as error:
        fields = {_SENT_NAMES.get(name, name): words for name, words in error.fields.items()}
        if fields or not await leaves_out_declined(rehearse, order):
            raise Invalid(error.message, fields) from error
        raise Invalid(f"{error.message} {CONFIRM_DECLINED}") from error
    except Conflict as error:
        if not await leaves_out_declined(rehearse, order):
            raise
        raise Conflict(f"{error.message} {CONFIRM_DECLINED}") from error


def _refuse_contradictions(body: InviteBody, delivery: str) -> None:
    """Refuse what would be ignored: whoever sends it expects something else to happen."""
    chosen = "is" if body.delivery else "is the dealer's policy:"
    if body.username_from is not None and delivery == "link":
        raise _refusal(
            "username_from",
            f"username_from is for delivery: credentials, and delivery {chosen} link, where "
            "customers sign in with their e-mail address.",
        )
    if body.second_check not in (None, "none") and delivery == "credentials":
        raise _refusal(
            "second_check",
            f"second_check is for delivery: link, and delivery {chosen} credentials, where nothing "
            "is asked for beside the password.",
        )
    if body.kind == "resend" and body.send_to == "contacts":
        raise _refusal(
            "send_to",
            "A new link goes where the invitation went; use send_to: address for another one.",
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
        sentence = f"Choose one of {_WAYS}, not {' and '.join(ways)}."
        raise Invalid(sentence, dict.fromkeys(ways, sentence))
    if not ways:
        raise _refusal(WHOLE_BODY, f"Say who is invited: one of {_WAYS}. Nothing was sent.")
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
        raise _refusal(ways[0], "Nobody is selected. Name at least one account.")
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
