"""From the container to handlers: one closure per use case, and no injection anywhere else.

A handler names what it needs and annotates it ``NamedDependency[T]``; the closure asks the container
at every request, so a test that overrides a provider is seen by the running application.
"""

from litestar.di import Provide

from dueport_apps.container import Container

USE_CASES = (
    "abandon_payment",
    "accept_invitation",
    "add_operator",
    "addresses",
    "announce",
    "answer_second_check",
    "ask_for_link",
    "begin_collect",
    "box",
    "catalog",
    "change_language",
    "change_name",
    "change_password",
    "clear_bounce",
    "clock",
    "confirm_second_factor",
    "copy_invitation_link",
    "decline_invitation",
    "deliveries",
    "disable_access",
    "draft_campaign",
    "enrol",
    "enrolment_codes",
    "erp",
    "factor",
    "finish_collect",
    "import_all_settlements",
    "issue_api_key",
    "link_account",
    "mail_enrolment_code",
    "mailroom",
    "mark_posted",
    "offer_methods",
    "open_enrolment",
    "open_invitation",
    "policies",
    "poll_everything",
    "post_settlement",
    "preview_invitation",
    "process_event",
    "processors",
    "quote_payment",
    "reads",
    "receipts",
    "receive_bounce",
    "receive_webhook",
    "rehearse_invitations",
    "request_password_reset",
    "request_sign_up",
    "request_sync",
    "requote_payment",
    "resend_receipt",
    "reset_password",
    "resolve_settlement",
    "restore_access",
    "revoke_api_key",
    "revoke_invitation",
    "send_again",
    "set_up_operator",
    "settings",
    "show_outstanding",
    "sign_in_customer",
    "sign_in_operator",
    "start_campaign",
    "steer_campaign",
    "submit_payment",
    "sync_erp",
    "tokens",
    "uow",
)
"""The providers that handlers may ask for, by the names that they have in the container."""


def bridge(container: Container) -> dict[str, Provide]:
    """Return the dependencies of the application."""

    def closure(name: str) -> Provide:
        provider = getattr(container, name)
        return Provide(lambda: provider(), sync_to_thread=False)

    return {name: closure(name) for name in USE_CASES}
