"""What background work exists, in which queue it runs and which use case does it.

A job carries identifiers only. It may run twice: every effect is guarded by a unique key of ours.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

QUEUES = ("mail", "webhooks", "posting", "schedule")

Handler = Callable[[Mapping[str, str]], Awaitable[object]]


class JobKind(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    queue: str
    every: str = ""
    """A cron expression in UTC for work that also runs by itself."""
    serial: bool = False
    """One at a time over all workers, such as ERP posting."""
    at_start: bool = False
    """Also when a worker starts: somebody may have died over it."""


JOB_KINDS: tuple[JobKind, ...] = (
    JobKind(name="send_mail", queue="mail", every="* * * * *", at_start=True),
    JobKind(name="mail_password_reset", queue="mail"),
    JobKind(name="mail_sign_up", queue="mail"),
    JobKind(name="process_event", queue="webhooks"),
    JobKind(name="process_leftover_events", queue="webhooks", every="*/5 * * * *"),
    JobKind(name="resolve_attempts", queue="webhooks", every="* * * * *", serial=True),
    JobKind(name="poll_feed", queue="schedule"),
    JobKind(name="poll_processors", queue="schedule", every="*/5 * * * *", serial=True),
    JobKind(name="import_settlements", queue="schedule"),
    JobKind(name="import_all_settlements", queue="schedule", every="*/15 * * * *", serial=True),
    JobKind(name="post_settlement", queue="posting", serial=True),
    JobKind(name="sync_erp", queue="posting", every="*/15 * * * *", serial=True),
    JobKind(name="refresh_figures", queue="schedule", every="*/10 * * * *", serial=True),
    JobKind(name="expire_invitations", queue="schedule", every="*/10 * * * *", serial=True),
    JobKind(name="revoke_moved_invitations", queue="schedule", every="20 * * * *", serial=True),
    JobKind(name="remind_pending", queue="schedule", every="0 15 * * *", serial=True),
    JobKind(name="read_bounces", queue="schedule", every="*/5 * * * *", serial=True),
    JobKind(name="clean_up", queue="schedule", every="40 8 * * *", serial=True),
)

BY_NAME: Mapping[str, JobKind] = {kind.name: kind for kind in JOB_KINDS}
