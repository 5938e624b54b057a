"""The operator portal's routes, as one router."""

from collections.abc import Sequence

from litestar import Router
from litestar.middleware import ASGIMiddleware

from dueport_apps.web.http.guards import StepUpNeeded
from dueport_apps.web.operator import (
    customers,
    integration,
    payments,
    platform,
    setting_up,
    settlements,
    signing_in,
)


def create_operator_router(middleware: Sequence[ASGIMiddleware]) -> Router:
    """Return the portal's pages behind the middleware of the operator portal."""
    return Router(
        "/",
        route_handlers=[
            signing_in.start,
            signing_in.sign_in_page,
            signing_in.sign_in,
            signing_in.second_factor_page,
            signing_in.second_factor,
            signing_in.sign_out,
            signing_in.confirm_page,
            signing_in.confirm,
            setting_up.take_token,
            setting_up.setup_page,
            setting_up.set_up,
            customers.dashboard,
            customers.detail,
            customers.invite,
            payments.incoming,
            payments.detail,
            payments.receipt,
            payments.check_now,
            settlements.payouts,
            settlements.read_payouts,
            settlements.detail,
            settlements.post_to_erp,
            settlements.mark_as_posted,
            settlements.resolve,
            settlements.files,
            integration.overview,
            integration.sync_now,
            integration.run_detail,
            integration.problems_csv,
            platform.plugins,
            platform.audit_log,
            platform.verify_audit_log,
            platform.api_keys,
            platform.issue_key,
            platform.revoke_key,
        ],
        middleware=list(middleware),
        exception_handlers={StepUpNeeded: signing_in.ask_for_code},
        include_in_schema=False,
    )
