"""Portal access of a customer's people: switched off at once, and on again."""

from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.usecases.steer_invitation import DisableAccess
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.campaign_paths import account_path
from dueport_apps.web.operator.pages import AnyRequest, see_other
from dueport_apps.web.people import operator_of, session_of
from dueport_core.errors import Conflict, NotFound


@post("/operator/customers/{account_no:str}/access/disable", guards=[operator_required("invite")])
async def disable(
    request: AnyRequest,
    account_no: FromPath[str],
    disable_access: NamedDependency[DisableAccess],
) -> Response[Any]:
    """Disable one person, or everybody of the customer with their open invitations."""
    form = await request.form()
    session = session_of(request)
    person = str(form.get("user_id", ""))
    try:
        number = await disable_access(account_no, operator_of(request), user_id=person)
    except (Conflict, NotFound) as error:
        session.flash(error.message, "warning")
    else:
        whose = "access is" if number == 1 else "accesses are"
        session.flash(
            f"{number} {whose} disabled. Open sessions and links ended with it.", "success"
        )
    return see_other(account_path(account_no))


@post("/operator/customers/{account_no:str}/access/restore", guards=[operator_required("invite")])
async def restore(
    request: AnyRequest,
    account_no: FromPath[str],
    disable_access: NamedDependency[DisableAccess],
) -> Response[Any]:
    """Switch one person's access on again."""
    form = await request.form()
    session = session_of(request)
    try:
        await disable_access.restore(account_no, str(form.get("user_id", "")), operator_of(request))
    except (Conflict, NotFound) as error:
        session.flash(error.message, "warning")
    else:
        session.flash("The access is restored; the password is as it was.", "success")
    return see_other(account_path(account_no))
