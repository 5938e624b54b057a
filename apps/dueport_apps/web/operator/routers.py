"""The operator portal's routes, as one router."""

from collections.abc import Sequence

from litestar import Router
from litestar.di import Provide
from litestar.middleware import ASGIMiddleware

from dueport_apps.web.http.guards import StepUpNeeded
from dueport_apps.web.operator import (
    access,
    announcement,
    campaigns,
    customers,
    follow_up,
    integration,
    invite_dialog,
    payments,
    platform,
    setting_up,
    settlements,
    signing_in,
    steering,
)
from dueport_apps.web.operator.invite_view import dialog_builder
from dueport_apps.web.operator.live_progress import ProgressBoard


def create_operator_router(middleware: Sequence[ASGIMiddleware]) -> Router:
    """Return the portal's pages behind the middleware of the operator portal."""
    board = ProgressBoard()
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
            customers.act_on_selection,
            access.disable,
            access.restore,
            announcement.announcement,
            announcement.announcement_pdf,
            announcement.enrolment_codes_page,
            announcement.codes_csv,
            announcement.letters_pdf,
            announcement.account_letter,
            announcement.renew_code,
            campaigns.campaigns,
            campaigns.campaign_page,
            campaigns.progress,
            campaigns.pause,
            campaigns.resume,
            campaigns.cancel,
            campaigns.resend,
            campaigns.recipients_csv,
            campaigns.refusals_csv,
            invite_dialog.dialog,
            invite_dialog.change,
            invite_dialog.send,
            invite_dialog.send_test,
            invite_dialog.instead,
            invite_dialog.mail,
            invite_dialog.rehearsal_csv,
            follow_up.follow_up,
            follow_up.waiting,
            steering.remind,
            steering.resend,
            steering.copy_link,
            steering.revoke,
            steering.clear_mark,
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
        dependencies={
            "dialogs": Provide(dialog_builder, sync_to_thread=False),
            "progress_board": Provide(lambda: board, sync_to_thread=False),
        },
        middleware=list(middleware),
        exception_handlers={StepUpNeeded: signing_in.ask_for_code},
        include_in_schema=False,
    )
