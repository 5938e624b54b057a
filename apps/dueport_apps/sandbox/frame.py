"""What every simulated vendor shares: settings, clock, world, faults, webhooks, and when to start.

A vendor's half is a function that takes the `SandboxFrame` and returns its routes. It keeps its
objects in `frame.world`, does later what is later through `frame.clock`, sends through
`frame.webhooks`, and rebuilds its scheduled work in an `on_start` callback, because callbacks are
not saved with the world.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from dueport_apps.sandbox.clock import VirtualClock
from dueport_apps.sandbox.faults import Faults
from dueport_apps.sandbox.state import World
from dueport_apps.sandbox.webhooks import Webhooks, WebhookTarget

START_AT: Final = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)
"""A Tuesday morning in New York."""


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sandbox is set up. The keys are made up; a live key is refused.

    `following` makes the virtual clock move with the wall; without it time stands still until it
    is advanced. `runs_by_itself` False leaves due work (webhooks above all) to `clock.run_due()`,
    which is what a simulation in one process wants. `data_folder` keeps the world across starts.
    """

    stripe_secret_key: str = "sk_test_dueport_sandbox"  # noqa: S105 - opens a simulation.
    stripe_publishable_key: str = "pk_test_dueport_sandbox"
    stripe_webhooks: tuple[WebhookTarget, ...] = ()
    plaid_client_id: str = "dueport-sandbox"
    plaid_secret: str = "dueport-sandbox-secret"  # noqa: S105 - opens a simulation.
    plaid_webhooks: tuple[WebhookTarget, ...] = ()
    base_url: str = "http://127.0.0.1:8420"
    seed: int = 1
    start_at: datetime = START_AT
    following: bool = False
    runs_by_itself: bool = True
    sign_at_wall_time: bool = True
    data_folder: Path | None = None
    log_requests: bool = False

    def __post_init__(self) -> None:
        for key in (self.stripe_secret_key, self.stripe_publishable_key):
            if "_live_" in key:
                raise ValueError("the sandbox takes test keys only; remove the live key from it")


@dataclass(kw_only=True)
class SandboxFrame:
    """The shared parts of one running sandbox."""

    settings: SandboxSettings
    clock: VirtualClock
    world: World
    faults: Faults
    webhooks: Webhooks
    on_start: list[Callable[[], None]] = field(default_factory=list)
    """Called at start, after a saved world was read, and after a reset: schedule what is due."""

    @classmethod
    def build(cls, settings: SandboxSettings) -> "SandboxFrame":
        """Return the parts of a new sandbox, reading the saved world where there is one."""
        world = World(settings.seed)
        saved_at = world.load(settings.data_folder) if settings.data_folder else None
        clock = VirtualClock(saved_at or settings.start_at, following=settings.following)
        faults = Faults()
        webhooks = Webhooks(clock, world, faults, sign_at_wall_time=settings.sign_at_wall_time)
        return cls(settings=settings, clock=clock, world=world, faults=faults, webhooks=webhooks)

    def start(self) -> None:
        """Let every vendor schedule what its saved objects still wait for."""
        for callback in self.on_start:
            callback()

    def reset(self) -> None:
        """Return to an empty world at the start instant, with no faults."""
        self.clock.reset(self.settings.start_at)
        self.world.reset()
        self.faults.clear()
        self.webhooks.reset()
        self.start()

    def save(self) -> None:
        """Write the world down, where a folder for it is set."""
        if self.settings.data_folder is not None:
            self.world.save(self.settings.data_folder, self.clock.now())
