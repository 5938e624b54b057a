"""The unit of work on PostgreSQL: one connection, one transaction, every repository on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import tzinfo
from functools import cached_property

import psycopg.errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dueport_apps.storage.repositories.accounts import SqlAccounts
from dueport_apps.storage.repositories.api_keys import SqlApiKeys
from dueport_apps.storage.repositories.audit import SqlAudit
from dueport_apps.storage.repositories.bounces import SqlBounces
from dueport_apps.storage.repositories.campaigns import SqlCampaigns
from dueport_apps.storage.repositories.enrolments import SqlEnrolments
from dueport_apps.storage.repositories.events import SqlInboundEvents
from dueport_apps.storage.repositories.instruments import SqlInstruments
from dueport_apps.storage.repositories.invitations import SqlInvitations
from dueport_apps.storage.repositories.items import SqlOpenItems
from dueport_apps.storage.repositories.journal import SqlJournal
from dueport_apps.storage.repositories.mail import SqlMail
from dueport_apps.storage.repositories.mirror import SqlMirror
from dueport_apps.storage.repositories.operators import SqlOperators
from dueport_apps.storage.repositories.payments import SqlPayments
from dueport_apps.storage.repositories.postings import SqlPostings
from dueport_apps.storage.repositories.quotes import SqlQuotes
from dueport_apps.storage.repositories.sessions import SqlSessions
from dueport_apps.storage.repositories.settlements import SqlSettlements
from dueport_apps.storage.repositories.statements import SqlStatements
from dueport_apps.storage.repositories.throttle import SqlThrottle
from dueport_apps.storage.repositories.tokens import SqlTokens
from dueport_apps.storage.repositories.users import SqlUsers
from dueport_apps.usecases.unit_of_work import UnitOfWork, WorkQueue
from dueport_core.errors import Conflict, Unavailable
from dueport_ports import SecretBox

WorkQueueFactory = Callable[[AsyncConnection], WorkQueue]
"""Makes a queue that enqueues on this connection, inside its transaction."""

_LOST_RACES = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)


class SqlUnitOfWork:
    """One transaction over everything; repositories are made when they are first used."""

    def __init__(
        self,
        connection: AsyncConnection,
        work: WorkQueueFactory,
        secrets: SecretBox,
        zone: tzinfo,
    ) -> None:
        self.connection = connection
        self._work = work
        self._secrets = secrets
        self._zone = zone

    async def commit(self) -> None:
        """Make everything written so far visible and lasting."""
        await self.connection.commit()

    async def rollback(self) -> None:
        """Forget everything written since the last commit."""
        await self.connection.rollback()

    @cached_property
    def accounts(self) -> SqlAccounts:
        return SqlAccounts(self.connection)

    @cached_property
    def items(self) -> SqlOpenItems:
        return SqlOpenItems(self.connection)

    @cached_property
    def statements(self) -> SqlStatements:
        return SqlStatements(self.connection)

    @cached_property
    def mirror(self) -> SqlMirror:
        return SqlMirror(self.connection)

    @cached_property
    def invitations(self) -> SqlInvitations:
        return SqlInvitations(self.connection)

    @cached_property
    def campaigns(self) -> SqlCampaigns:
        return SqlCampaigns(self.connection)

    @cached_property
    def bounces(self) -> SqlBounces:
        return SqlBounces(self.connection)

    @cached_property
    def enrolments(self) -> SqlEnrolments:
        return SqlEnrolments(self.connection)

    @cached_property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self.connection)

    @cached_property
    def users(self) -> SqlUsers:
        return SqlUsers(self.connection)

    @cached_property
    def operators(self) -> SqlOperators:
        return SqlOperators(self.connection)

    @cached_property
    def tokens(self) -> SqlTokens:
        return SqlTokens(self.connection)

    @cached_property
    def throttle(self) -> SqlThrottle:
        return SqlThrottle(self.connection)

    @cached_property
    def api_keys(self) -> SqlApiKeys:
        return SqlApiKeys(self.connection)

    @cached_property
    def quotes(self) -> SqlQuotes:
        return SqlQuotes(self.connection)

    @cached_property
    def payments(self) -> SqlPayments:
        return SqlPayments(self.connection, self._secrets, self._zone)

    @cached_property
    def instruments(self) -> SqlInstruments:
        return SqlInstruments(self.connection, self._secrets)

    @cached_property
    def events(self) -> SqlInboundEvents:
        return SqlInboundEvents(self.connection)

    @cached_property
    def settlements(self) -> SqlSettlements:
        return SqlSettlements(self.connection)

    @cached_property
    def journal(self) -> SqlJournal:
        return SqlJournal(self.connection)

    @cached_property
    def postings(self) -> SqlPostings:
        return SqlPostings(self.connection)

    @cached_property
    def mail(self) -> SqlMail:
        return SqlMail(self.connection)

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self.connection)

    @cached_property
    def work(self) -> WorkQueue:
        return self._work(self.connection)


class SqlUnitOfWorkFactory:
    """Opens units of work on an engine.

    `zone` is the dealer's: lists that are filtered by day mean the dealer's days.
    """

    def __init__(
        self, engine: AsyncEngine, *, work: WorkQueueFactory, secrets: SecretBox, zone: tzinfo
    ) -> None:
        self._engine = engine
        self._work = work
        self._secrets = secrets
        self._zone = zone

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open one; leaving the block without a commit rolls back."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[UnitOfWork]:
        try:
            async with self._engine.connect() as connection:
                yield SqlUnitOfWork(connection, self._work, self._secrets, self._zone)
        except (OperationalError, InterfaceError) as error:
            raise _in_our_words(error) from error
        except TimeoutError as error:
            raise Unavailable(
                "Every database connection is busy; try again in a moment.", retry_after_s=5
            ) from error


def _in_our_words(error: DBAPIError) -> Conflict | Unavailable:
    if isinstance(error.orig, _LOST_RACES):
        return Conflict("Somebody else changed the same thing at the same moment; try again.")
    return Unavailable(f"The database does not answer: {error.orig}", retry_after_s=5)
