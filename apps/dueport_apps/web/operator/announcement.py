"""Telling customers about the portal: the announcement as text and letter, and enrolment codes."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.usecases.announce import Announce
from dueport_apps.usecases.enrolment_codes import EnrolmentCodes
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Language
from dueport_apps.web.http.guards import operator_required, step_up_required
from dueport_apps.web.operator.campaign_paths import account_path
from dueport_apps.web.operator.pages import AnyRequest, download, see_other, show, wanted
from dueport_apps.web.operator.spreadsheets import csv_file
from dueport_apps.web.operator.words import LANGUAGE_WORDS
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict

PDF = "application/pdf"
SWITCHED_OFF = "Enrollment codes are switched off. Switch them on in the dealer's configuration."


@get("/operator/announcement", guards=[operator_required("view")])
async def announcement(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    announce: NamedDependency[Announce],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Show the words of the announcement, with this dealer's own addresses."""
    language = _language(request, policies)
    return show(
        request,
        templates,
        "announcement/page",
        mail=await announce.text(language=language),
        language=language,
        language_words=LANGUAGE_WORDS,
        codes_on=policies.signup.enrolment_codes,
    )


@get("/operator/announcement.pdf", guards=[operator_required("view")])
async def announcement_pdf(
    request: AnyRequest,
    announce: NamedDependency[Announce],
    policies: NamedDependency[Policies],
) -> Response[bytes]:
    """Send the letter to everybody as PDF."""
    letter = await announce.letter(language=_language(request, policies))
    return download(letter, PDF, "announcement.pdf")


@get("/operator/enrolment-codes", guards=[operator_required("invite")], sync_to_thread=False)
def enrolment_codes_page(
    request: AnyRequest, templates: NamedDependency[Templates], policies: NamedDependency[Policies]
) -> Response[Any]:
    """Say what the codes are for, and offer all of them as a file and as letters."""
    return show(
        request,
        templates,
        "announcement/codes",
        codes_on=policies.signup.enrolment_codes,
        language_words=LANGUAGE_WORDS,
    )


@get(
    "/operator/enrolment-codes.csv",
    guards=[operator_required("invite"), step_up_required],
    opt={"page": "/operator/enrolment-codes"},
)
async def codes_csv(
    request: AnyRequest,
    enrolment_codes: NamedDependency[EnrolmentCodes],
    policies: NamedDependency[Policies],
) -> Response[bytes]:
    """Send the code of every customer whom nobody can sign in for, to be printed on statements."""
    _codes_are_on(policies)
    codes = await enrolment_codes.export_all(operator_of(request))
    return csv_file(
        "enrollment-codes.csv",
        ("account number", "name", "code"),
        ((account.account_no, account.name, code) for account, code in codes),
    )


@get(
    "/operator/enrolment-letters.pdf",
    guards=[operator_required("invite"), step_up_required],
    opt={"page": "/operator/enrolment-codes"},
)
async def letters_pdf(
    request: AnyRequest,
    announce: NamedDependency[Announce],
    policies: NamedDependency[Policies],
) -> Response[bytes]:
    """Send a letter with its code for every customer whom nobody can sign in for."""
    _codes_are_on(policies)
    letters, _ = await announce.letters_to_all(operator_of(request), _language(request, policies))
    return download(letters, PDF, "enrollment-letters.pdf")


@get("/operator/customers/{account_no:str}/announcement.pdf", guards=[operator_required("invite")])
async def account_letter(
    request: AnyRequest,
    account_no: FromPath[str],
    announce: NamedDependency[Announce],
    policies: NamedDependency[Policies],
) -> Response[bytes]:
    """Send one customer's letter, with the code where there are codes."""
    letter = await announce.letter([account_no], _language(request, policies))
    return download(letter, PDF, f"announcement-{account_no}.pdf")


@post("/operator/customers/{account_no:str}/enrolment-code", guards=[operator_required("invite")])
async def renew_code(
    request: AnyRequest,
    account_no: FromPath[str],
    enrolment_codes: NamedDependency[EnrolmentCodes],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Make a new code; the printed one is void."""
    _codes_are_on(policies)
    await enrolment_codes.renew(account_no, operator_of(request))
    session_of(request).flash("There is a new enrollment code; the old one is void.", "success")
    return see_other(f"{account_path(account_no)}#logins")


def _codes_are_on(policies: Policies) -> None:
    if not policies.signup.enrolment_codes:
        raise Conflict(SWITCHED_OFF)


def _language(request: AnyRequest, policies: Policies) -> Language:
    match wanted(request, "language", 2):
        case "en":
            return "en"
        case "es":
            return "es"
        case _:
            return policies.invite.language
