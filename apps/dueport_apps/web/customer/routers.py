"""The customer portal's routes, as one router at the root."""

from collections.abc import Sequence

from litestar import Router
from litestar.middleware import ASGIMiddleware

from dueport_apps.web.customer import (
    collecting,
    invitations,
    outstanding,
    paying,
    payments,
    signing_in,
)


def create_customer_router(middleware: Sequence[ASGIMiddleware]) -> Router:
    """Return the portal's pages behind the middleware of the customer portal."""
    return Router(
        "/",
        route_handlers=[
            signing_in.start,
            signing_in.sign_in_page,
            signing_in.sign_in,
            signing_in.sign_out,
            signing_in.switch_account,
            signing_in.contact,
            invitations.take_token,
            invitations.registration_page,
            invitations.register,
            invitations.decline_page,
            invitations.decline,
            outstanding.outstanding,
            outstanding.select_to_pay,
            paying.choose_method,
            paying.use_kept_method,
            paying.renew,
            paying.review,
            paying.submit,
            collecting.begin,
            collecting.come_back,
            collecting.collect_page,
            collecting.finish,
            collecting.adapter,
            payments.history,
            payments.detail,
            payments.refresh,
            payments.confirm_with_bank,
            payments.pay_again,
            payments.cancel,
            payments.receipt,
            payments.resend,
        ],
        middleware=list(middleware),
        include_in_schema=False,
    )
