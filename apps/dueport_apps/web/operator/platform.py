"""The platform itself: plugins, the audit log, and the keys of the operator API."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.plugin_loader import PluginCatalog, PluginStatus
from dueport_apps.settings import Settings
from dueport_apps.usecases.api_keys import (
    IssueApiKey,
    IssueApiKeyCommand,
    IssuedApiKey,
    RevokeApiKey,
)
from dueport_apps.usecases.records import Permission
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import StepUpNeeded, operator_required, step_up_required
from dueport_apps.web.operator.pages import (
    AnyRequest,
    address,
    names_of_staff,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Forbidden, Invalid

AUDIT_PATH = "/operator/audit"
AUDIT_PAGE_ROWS = 100
KEYS_PATH = "/operator/api-keys"
BEGUN = "api_key_begun"
"""What a person filled in for a new key, kept with the session while a code is asked for."""
PERMISSION_WORDS = {
    Permission.VIEW: "See everything",
    Permission.INVITE: "Invite customers",
    Permission.MANAGE_PAYMENTS: "Manage payments",
    Permission.POST: "Post and resolve settlements",
    Permission.SYNC: "Read the ERP and payouts",
    Permission.ADMINISTER: "Administer operators and keys",
}


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(max_length=80)]
    permissions: list[Permission]


@get("/operator/plugins", guards=[operator_required("view")], sync_to_thread=False)
def plugins(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    catalog: NamedDependency[PluginCatalog],
    settings: NamedDependency[SkipValidation[Settings]],
) -> Response[Any]:
    """List what the configuration names: on, or off with the reason."""
    return show(request, templates, "plugins", statuses=plugin_statuses(catalog, settings))


@get("/operator/audit", guards=[operator_required("view")])
async def audit_log(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """List what was done, newest first, to everything or to one subject."""
    subject = wanted(request, "subject")
    text = wanted(request, "before", 19)
    before = int(text) if text.isascii() and text.isdigit() else None
    async with uow() as unit:
        entries = await unit.audit.page(before, AUDIT_PAGE_ROWS + 1, subject=subject)
    shown = entries[:AUDIT_PAGE_ROWS]
    context: dict[str, Any] = {
        "entries": shown,
        "more_url": address(AUDIT_PATH, subject=subject, before=shown[-1].number)
        if len(entries) > AUDIT_PAGE_ROWS
        else "",
    }
    if wants_rows(request):
        return show_rows(request, templates, "audit/rows", **context)
    return show(
        request,
        templates,
        "audit/list",
        subject=subject,
        first_url=address(AUDIT_PATH, subject=subject) if before is not None else "",
        **context,
    )


@post("/operator/audit/verify", guards=[operator_required("view")])
async def verify_audit_log(
    request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory]
) -> Response[Any]:
    """Compute the chain again from its beginning; nothing is written."""
    async with uow() as unit:
        broken_at = await unit.audit.verify()
    if broken_at is None:
        session_of(request).flash(
            "The chain is intact: no entry was changed or removed.", "success"
        )
    else:
        session_of(request).flash(
            f"The chain is broken at entry {broken_at}: it, or one before it, was changed behind "
            "Dueport's back. Compare with your backups.",
            "danger",
        )
    return see_other(AUDIT_PATH)


@get("/operator/api-keys", guards=[operator_required("administer")])
async def api_keys(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """List the keys and offer a new one, filled in as it was before a code was asked for."""
    session = session_of(request)
    begun = session.data.get(BEGUN, {})
    if begun:
        await session.save({name: kept for name, kept in session.data.items() if name != BEGUN})
    return await _keys_page(
        request,
        templates,
        uow,
        name=begun.get("name", ""),
        ticked=frozenset(begun.get("permissions", ())),
    )


@post(
    "/operator/api-keys",
    guards=[operator_required("administer")],
    opt={"page": "/operator/api-keys"},
)
async def issue_key(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    issue_api_key: NamedDependency[IssueApiKey],
) -> Response[Any]:
    """Issue a key and show it with this very answer, because it is stored nowhere.

    A fresh code is asked for only once the form is whole, and what was filled in is kept for the
    way back.
    """
    posted = await request.form()
    try:
        form = bind(posted, KeyForm)
        command = IssueApiKeyCommand(
            name=form.name, permissions=frozenset(form.permissions), by=operator_of(request)
        )
        issue_api_key.check(command)
    except (Invalid, Forbidden) as error:
        errors = error.fields if isinstance(error, Invalid) else {"": error.message}
        return await _keys_page(
            request,
            templates,
            uow,
            errors=errors,
            name=str(posted.get("name", "")),
            ticked=frozenset(str(one) for one in posted.getall("permissions", [])),
        )
    session = session_of(request)
    if not session.stepped_up():
        begun = {"name": form.name, "permissions": sorted(form.permissions)}
        await session.save({**session.data, BEGUN: begun})
        raise StepUpNeeded("Confirm who you are to continue.")
    return await _keys_page(request, templates, uow, issued=await issue_api_key(command))


@post(
    "/operator/api-keys/{key_id:str}/revoke",
    guards=[operator_required("administer"), step_up_required],
    opt={"page": "/operator/api-keys"},
)
async def revoke_key(
    request: AnyRequest, key_id: FromPath[str], revoke_api_key: NamedDependency[RevokeApiKey]
) -> Response[Any]:
    """Revoke a key; whoever uses it is refused from now on."""
    await revoke_api_key(key_id, operator_of(request))
    session_of(request).flash("The key is revoked.", "success")
    return see_other(KEYS_PATH)


def plugin_statuses(catalog: PluginCatalog, settings: Settings) -> list[PluginStatus]:
    """Return every plugin that the configuration names, those that are not installed too."""
    found = {status.name: status for status in catalog.statuses}
    return [
        found.get(name)
        or PluginStatus(name=name, distribution="", version="", off="it is not installed")
        for name in sorted(settings.wanted_plugins.keys() | found.keys())
    ]


async def _keys_page(
    request: AnyRequest,
    templates: Templates,
    uow: UnitOfWorkFactory,
    *,
    issued: IssuedApiKey | None = None,
    errors: dict[str, str] | None = None,
    name: str = "",
    ticked: frozenset[str] = frozenset(),
) -> Response[Any]:
    async with uow() as unit:
        keys = await unit.api_keys.all()
        staff = await names_of_staff(unit)
    return show(
        request,
        templates,
        "api_keys",
        status=422 if errors else 200,
        keys=keys,
        staff=staff,
        permissions=PERMISSION_WORDS,
        issued=issued,
        errors=errors or {},
        name=name,
        ticked=ticked,
    )
