"""What somebody sees who registers with the code on their statement, step by step."""

from typing import Any

from litestar.response import Response

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.prove_mailbox import LIFETIME, MailboxClaim
from dueport_apps.web.customer.pages import AnyRequest, refused, show
from dueport_apps.web.customer.tickets import EnrolmentTicket
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Forbidden, Invalid, TooManyTries

START = "/enrol"
EMAIL = "/enrol/email"
AGAIN = "/enrol/code"
FORM = "/enrol/register"
LINK = "/enrol/link"
SIGN_OUT = "/enrol/sign-out"

Refusal = Invalid | Forbidden | TooManyTries | Conflict


def turned_down(
    request: AnyRequest, templates: Templates, template: str, error: Refusal, **context: Any
) -> Response[Any]:
    """Show a page of these steps again: what is wrong per field, or one warning for the whole."""
    if not isinstance(error, Conflict):
        return refused(request, templates, template, error, **context)
    return show(
        request, templates, template, status=409, errors={}, warning=error.message, **context
    )


def email_context(ticket: EnrolmentTicket, email: str) -> dict[str, Any]:
    """Return what the page needs that asks for the address."""
    return {
        "action": EMAIL,
        "link": LINK,
        "back": START,
        "account_name": ticket.account_name,
        "account_no": ticket.account_no,
        "email": email,
    }


def form_context(
    policies: Policies, ticket: EnrolmentTicket, claim: MailboxClaim, values: dict[str, Any]
) -> dict[str, Any]:
    """Return what the page needs that asks for the mailed code, a name and a password."""
    return {
        "action": FORM,
        "again": AGAIN,
        "other_email": EMAIL,
        "link": LINK,
        "account_name": ticket.account_name,
        "account_no": ticket.account_no,
        "email": claim.email,
        "minutes": int(LIFETIME.total_seconds() // 60),
        "minimum_length": policies.logins.password_min_length,
        "terms": policies.terms,
        "values": values,
    }


def link_context(
    policies: Policies, ticket: EnrolmentTicket, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the page needs that links the account to a login."""
    known = ticket.claim.email if ticket.claim is not None and ticket.has_login else ""
    return {
        "action": LINK,
        "other": SIGN_OUT,
        "back": EMAIL if known else FORM,
        "back_words": "Use another e-mail address" if known else "Make a new login instead",
        "account_name": ticket.account_name,
        "account_no": ticket.account_no,
        "known_email": known,
        "terms": policies.terms,
        "values": {"login": known, **(values or {})},
    }
