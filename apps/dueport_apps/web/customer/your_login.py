"""Your login: name, e-mail and accounts, the language of the mails, and another password."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from dueport_apps.usecases.change_name import NAME_MAX, ChangeName
from dueport_apps.usecases.change_password import (
    ChangeLanguage,
    ChangePassword,
    ChangePasswordCommand,
)
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Language
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.accounts import linked_accounts
from dueport_apps.web.customer.pages import AnyRequest, browser_of, refused, see_other, show
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.guards import customer_required
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Invalid, TooManyTries
from dueport_core.passwords import MAX_LENGTH

PAGE = "/your-login"
LANGUAGES: Mapping[Language, str] = {"en": "English", "es": "Español"}


class PasswordForm(msgspec.Struct, frozen=True, kw_only=True):
    old_password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)]
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""
    password_again: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""


class NameForm(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(max_length=NAME_MAX)]


class LanguageForm(msgspec.Struct, frozen=True, kw_only=True):
    language: Language


@get("/your-login", guards=[customer_required])
async def your_login(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
    reads: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    context = await _context(request, policies, reads)
    return show(request, templates, "your_login", errors={}, warning="", **context)


@post("/your-login/password", guards=[customer_required])
async def change_own_password(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
    reads: NamedDependency[UnitOfWorkFactory],
    change_password: NamedDependency[ChangePassword],
) -> Response[Any]:
    """Change the password; this session goes on under a new token, all others end."""
    session = session_of(request)
    assert session.principal is not None
    assert session.record is not None
    try:
        form = bind(await request.form(), PasswordForm)
        ended = await change_password(
            ChangePasswordCommand(
                user_id=session.principal.user_id,
                old_password=form.old_password,
                password=form.password,
                password_again=form.password_again,
                session=session.record.token_hash,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except (Invalid, TooManyTries) as error:
        context = await _context(request, policies, reads)
        return refused(request, templates, "your_login", error, **context)
    await session.rotate()
    others = " You are signed out everywhere else." if ended else ""
    session.flash(f"Your password is changed.{others}", "success")
    return see_other(PAGE)


@post("/your-login/language", guards=[customer_required])
async def choose_language(
    request: AnyRequest, change_language: NamedDependency[ChangeLanguage]
) -> Response[Any]:
    session = session_of(request)
    assert session.principal is not None
    form = bind(await request.form(), LanguageForm)
    await change_language(session.principal.user_id, form.language)
    session.flash(f"Your mails will be in {LANGUAGES[form.language]}.", "success")
    return see_other(PAGE)


@post("/your-login/name", guards=[customer_required])
async def choose_name(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
    reads: NamedDependency[UnitOfWorkFactory],
    change_name: NamedDependency[ChangeName],
) -> Response[Any]:
    """Change how colleagues and the dealer see this person."""
    session = session_of(request)
    assert session.principal is not None
    posted = await request.form()
    try:
        form = bind(posted, NameForm)
        await change_name(session.principal.user_id, form.name, client_ip(request))
    except Invalid as error:
        context = await _context(request, policies, reads)
        typed_name = typed(posted, NameForm).get("name", "")
        return refused(request, templates, "your_login", error, **{**context, "name": typed_name})
    session.flash("Your name is changed.", "success")
    return see_other(PAGE)


async def _context(
    request: AnyRequest, policies: Policies, reads: UnitOfWorkFactory
) -> dict[str, Any]:
    principal = session_of(request).principal
    assert principal is not None
    async with reads() as unit:
        user = await unit.users.get(principal.user_id)
        accounts = await linked_accounts(request, unit)
    return {
        "user": user,
        "name": user.name,
        "accounts": accounts,
        "languages": LANGUAGES.items(),
        "minimum_length": policies.logins.password_min_length,
    }
