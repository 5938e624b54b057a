"""Sign up with the e-mail that the dealer has on file, where the dealer offers it."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.sign_up import CLOSED, RequestSignUp
from dueport_apps.web.customer.pages import AnyRequest, refused, see_other, show
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.people import client_ip
from dueport_apps.web.templating import Templates
from dueport_core.errors import Invalid, NotFound, TooManyTries


class SignUpForm(msgspec.Struct, frozen=True, kw_only=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]


@get("/sign-up", opt={"public": True}, sync_to_thread=False)
def sign_up_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    _refuse_unless_offered(policies)
    return show(
        request, templates, "sign_up", errors={}, warning="", email="", signup=policies.signup
    )


@post("/sign-up", opt={"public": True})
async def sign_up(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
    request_sign_up: NamedDependency[RequestSignUp],
) -> Response[Any]:
    """Leave a job behind, whoever it is about, and say the same to everybody."""
    posted = await request.form()
    try:
        form = bind(posted, SignUpForm)
        await request_sign_up(form.email, client_ip(request))
    except (Invalid, TooManyTries) as error:
        email = typed(posted, SignUpForm).get("email", "")
        return refused(request, templates, "sign_up", error, email=email, signup=policies.signup)
    return see_other("/sign-up/sent")


@get("/sign-up/sent", opt={"public": True}, sync_to_thread=False)
def sign_up_sent(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    _refuse_unless_offered(policies)
    return show(request, templates, "mail_on_its_way", about="sign_up")


def _refuse_unless_offered(policies: Policies) -> None:
    if not policies.signup.self_service:
        raise NotFound(CLOSED)
