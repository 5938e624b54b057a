"""What is printed for customers who do not have the mail: enrolment codes and the announcement."""

from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Response

from dueport_apps.usecases.announce import Announce
from dueport_apps.usecases.enrolment_codes import EnrolmentCodes
from dueport_apps.usecases.records import Language
from dueport_apps.web.api.invite_shapes import (
    CodeBody,
    CodePageBody,
    RenewedCodeBody,
)
from dueport_apps.web.api.shapes import Limit
from dueport_apps.web.http.guards import operator_required, step_up_required
from dueport_apps.web.people import operator_of

AnyRequest = Request[Any, Any, Any]
Format = Literal["pdf", "text", "html"]
AccountNumber = Annotated[str, QueryParameter(max_length=64)]
AfterAccount = Annotated[
    str, QueryParameter(max_length=64, description="The cursor `next` of the page before this one.")
]


@get(
    "/enrolment-codes",
    guards=[operator_required("invite"), step_up_required],
    summary="List enrolment codes",
)
async def enrolment_codes(
    request: AnyRequest,
    enrolment_codes: NamedDependency[EnrolmentCodes],
    after: AfterAccount = "",
    limit: Limit = 50,
) -> CodePageBody:
    """The codes of all accounts that nobody can sign in for, to be printed on their statements. With
    the account number, a code opens the registration: treat the list like a password. Each page that
    is taken is recorded in the audit log."""
    found = await enrolment_codes.export(after, limit, operator_of(request))
    following = found[-1][0].account_no if len(found) == limit else None
    items = [
        CodeBody(account_no=account.account_no, account_name=account.name, code=code)
        for account, code in found
    ]
    return CodePageBody(items=items, next=following)


@post(
    "/enrolment-codes/{account_no:str}/renew",
    guards=[operator_required("invite"), step_up_required],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Make a new enrolment code",
)
async def renew_code(
    request: AnyRequest,
    account_no: FromPath[str],
    enrolment_codes: NamedDependency[EnrolmentCodes],
) -> RenewedCodeBody:
    """A new code for one account: the old one is void, and a lock after wrong codes is lifted."""
    code = await enrolment_codes.renew(account_no, operator_of(request))
    return RenewedCodeBody(account_no=account_no, code=code)


@get(
    "/announcement",
    guards=[operator_required("invite")],
    opt={"raw_answer": ("application/pdf", "text/plain", "text/html")},
    summary="The announcement",
)
async def announcement(
    announce: NamedDependency[Announce],
    form: Annotated[Format, QueryParameter(name="format")] = "pdf",
    account_no: AccountNumber = "",
    language: FromQuery[Language | None] = None,
) -> Response[bytes]:
    """Tells customers that the portal exists and how they get in: a letter as PDF, or its words as
    text or HTML for a mailer of your own. With an account it is addressed to that customer, with
    the enrolment code where the dealer uses codes."""
    if form == "pdf":
        content = await announce.letter([account_no] if account_no else [], language)
        return Response(
            content,
            media_type="application/pdf",
            headers={"content-disposition": 'attachment; filename="announcement.pdf"'},
        )
    written = await announce.text(account_no, language)
    text, kind = (written.text, "text/plain") if form == "text" else (written.html, "text/html")
    return Response(
        text.encode(),
        media_type=f"{kind}; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="announcement"'},
    )
