"""What will happen by itself: kept with the world, so that a saved sandbox carries on after a start.

The clock's own callbacks are not saved. Every entry here is written down first and put on the
clock second; after a start or a reset the entries that are left go onto the clock again.
"""

from collections.abc import Callable
from datetime import datetime

from dueport_apps.sandbox.plaid.records import Due
from dueport_apps.sandbox.plaid.world import PlaidWorld

Action = Callable[[Due], None]


class Agenda:
    """Plans named actions; an action checks for itself that it still makes sense."""

    def __init__(self, world: PlaidWorld) -> None:
        self._world = world
        self._actions: dict[str, Action] = {}

    def teach(self, name: str, action: Action) -> None:
        """Say what an entry of that name does."""
        self._actions[name] = action

    def plan(self, at: datetime, name: str, subject_id: str, detail: str = "") -> Due:
        """Have a taught action done to a subject at an instant; a second plan replaces the first."""
        due = Due(
            id=f"{name}:{subject_id}", at=at, action=name, subject_id=subject_id, detail=detail
        )
        self._world.dues.put(due)
        self._schedule(due)
        return due

    def planned(self, name: str, subject_id: str) -> bool:
        """Whether that action is still to come for that subject."""
        return self._world.dues.get(f"{name}:{subject_id}") is not None

    def resume(self) -> None:
        """Put everything that is still to come onto the clock again."""
        for due in self._world.dues:
            self._schedule(due)

    def _schedule(self, due: Due) -> None:
        async def act() -> None:
            if self._world.dues.get(due.id) == due:
                self._world.dues.remove(due.id)
                self._actions[due.action](due)

        self._world.frame.clock.schedule(due.at, f"plaid {due.action} {due.subject_id}", act)
