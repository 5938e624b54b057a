"""Which use case does which job."""

from collections.abc import Awaitable, Callable, Mapping

from dueport_apps.container import Container
from dueport_apps.jobs.kinds import Handler
from dueport_apps.usecases.post_settlement import PostSettlementCommand
from dueport_apps.usecases.records import SYSTEM
from dueport_apps.usecases.sync_erp import SyncErpCommand


def job_handlers(container: Container) -> Mapping[str, Handler]:
    """Return a handler per job kind; use cases are asked for when a job runs."""

    async def process_event(ids: Mapping[str, str]) -> object:
        return await container.process_event()(int(ids["event_id"]))

    async def poll_feed(ids: Mapping[str, str]) -> object:
        return await container.poll_feed()(ids["processor"])

    async def import_settlements(ids: Mapping[str, str]) -> object:
        return await container.import_settlements()(ids["processor"])

    async def post_settlement(ids: Mapping[str, str]) -> object:
        return await container.post_settlement()(
            PostSettlementCommand(settlement_id=ids["settlement_id"], by=SYSTEM)
        )

    async def sync_erp(ids: Mapping[str, str]) -> object:
        return await container.sync_erp()(SyncErpCommand(by=SYSTEM))

    async def refresh_figures(ids: Mapping[str, str]) -> object:
        refresh = container.refresh_figures()
        if "account_no" in ids:
            await refresh.account(ids["account_no"])
            return None
        return await refresh()

    async def revoke_moved_invitations(ids: Mapping[str, str]) -> object:
        return await container.revoke_moved_invitations()(SYSTEM)

    async def remind_pending(ids: Mapping[str, str]) -> object:
        return await container.remind_pending()(SYSTEM)

    async def mail_password_reset(ids: Mapping[str, str]) -> object:
        return await container.mail_password_reset()(ids["login"], ids["request_id"])

    async def mail_sign_up(ids: Mapping[str, str]) -> object:
        return await container.mail_sign_up()(ids["email"], ids["request_id"])

    return {
        "send_mail": _plain(container.send_mail),
        "mail_password_reset": mail_password_reset,
        "mail_sign_up": mail_sign_up,
        "process_event": process_event,
        "process_leftover_events": _plain(container.process_leftovers),
        "resolve_attempts": _plain(container.resolve_attempts),
        "poll_feed": poll_feed,
        "poll_processors": _plain(container.poll_everything),
        "import_settlements": import_settlements,
        "import_all_settlements": _plain(container.import_all_settlements),
        "post_settlement": post_settlement,
        "sync_erp": sync_erp,
        "refresh_figures": refresh_figures,
        "expire_invitations": _plain(container.expire_invitations),
        "revoke_moved_invitations": revoke_moved_invitations,
        "remind_pending": remind_pending,
        "read_bounces": _plain(container.read_bounces),
        "clean_up": _plain(container.clean_up),
    }


def _plain(provider: Callable[[], Callable[[], Awaitable[object]]]) -> Handler:
    async def run(ids: Mapping[str, str]) -> object:
        return await provider()()

    return run
