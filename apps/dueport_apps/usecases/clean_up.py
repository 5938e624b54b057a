"""Drop what nobody can come back to: dead sessions, remembered answers, forgotten drafts, and links
that ended so long ago that nobody asks why."""

import datetime
from typing import Protocol

import msgspec

from dueport_apps.usecases.campaigns import DRAFT_LIFETIME
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock

SESSION_LIFETIME = datetime.timedelta(days=1)
"""Longer than any session lasts: 12 hours since sign-in at the most."""
ANSWER_LIFETIME = datetime.timedelta(days=1)
"""How long an Idempotency-Key is remembered."""
ENDED_LINK_LIFETIME = datetime.timedelta(days=90)
"""How long a link that was used, declined, replaced or withdrawn can say so; then it is unknown."""


class IdleSessions(Protocol):
    async def delete_idle(self, before: datetime.datetime) -> int: ...


class OldAnswers(Protocol):
    async def delete_old(self, before: datetime.datetime) -> int: ...


class CleanedUp(msgspec.Struct, frozen=True, kw_only=True):
    sessions: int
    answers: int
    drafts: int
    links: int


class CleanUp:
    def __init__(
        self, uow: UnitOfWorkFactory, sessions: IdleSessions, answers: OldAnswers, clock: Clock
    ) -> None:
        self._uow = uow
        self._sessions = sessions
        self._answers = answers
        self._clock = clock

    async def __call__(self) -> CleanedUp:
        """Delete what is over; return how many rows of each kind. Repeating is harmless."""
        now = self._clock.now()
        sessions = await self._sessions.delete_idle(now - SESSION_LIFETIME)
        answers = await self._answers.delete_old(now - ANSWER_LIFETIME)
        async with self._uow() as uow:
            drafts = await uow.campaigns.delete_drafts(now - DRAFT_LIFETIME)
            links = await uow.invitations.delete_ended(now - ENDED_LINK_LIFETIME)
            await uow.commit()
        return CleanedUp(sessions=sessions, answers=answers, drafts=drafts, links=links)
