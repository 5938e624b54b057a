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
    "begin_collect",
    "box",
    "catalog",
    "clock",
    "confirm_second_factor",
    "decline_invitation",
    "deliveries",
    "erp",
    "factor",
    "finish_collect",
    "import_all_settlements",
    "invite_customer",
    "issue_api_key",
    "mark_posted",
    "offer_methods",
    "open_invitation",
    "policies",
    "poll_everything",
    "post_settlement",
    "process_event",
    "processors",
    "quote_payment",
    "reads",
    "receipts",
    "receive_webhook",
    "request_sync",
    "requote_payment",
    "resend_receipt",
    "resolve_settlement",
    "revoke_api_key",
    "set_up_operator",
    "settings",
    "show_outstanding",
    "sign_in_customer",
    "sign_in_operator",
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
