"""A whole deployment in one process: the real use cases on a real database, with the outside faked.

The fakes pass the same conformance suites as the plugins. Time stands still unless it is moved,
background work runs when a test says so, and the work queue is transactional like the real one:
a job appears when its unit of work commits, or never.
"""

import contextlib
import datetime
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyotp
from dependency_injector import providers
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.adapters.configured import ConfiguredErp, ConfiguredProcessors
from dueport_apps.container import build_container
from dueport_apps.jobs.handlers import job_handlers
from dueport_apps.settings import DealerConfig, Settings
from dueport_apps.storage.migrate import migrate
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.accept_invitation import AcceptInvitationCommand
from dueport_apps.usecases.invite_records import Campaign, CampaignKind, InviteOptions, Selection
from dueport_apps.usecases.payment_records import StoredInstrument
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.quote_payment import QuotePaymentCommand
from dueport_apps.usecases.records import (
    AccountFilter,
    AccountLink,
    Operator,
    OperatorRole,
    Permission,
    PortalUser,
    Principal,
)
from dueport_apps.usecases.submit_payment import SubmitPaymentCommand
from dueport_apps.usecases.sync_erp import SyncErpCommand
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.payments import Payment
from dueport_core.quotes import PaymentQuote
from dueport_core.statements import StatementView
from dueport_ports import Account, Contact, Instrument, PaymentMethodKind, Secret
from dueport_ports.testing.context import StillClock
from dueport_ports.testing.email import FakeEmailSender
from dueport_ports.testing.fake_processor import FakeProcessor
from dueport_ports.testing.fakes_erp import FakeErp
from tests.databases import TestDatabases

PROCESSOR = "fake_processor"
START = datetime.datetime(2026, 3, 31, 14, 0, tzinfo=datetime.UTC)
PASSWORD = "correct horse battery staple"


class QueuedJob(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    ids: dict[str, str]
    key: str
    not_before: datetime.datetime | None


class MemoryQueue:
    """Holds committed jobs in order; one waiting job per key."""

    def __init__(self) -> None:
        self.waiting: list[QueuedJob] = []

    def on(self, connection: AsyncConnection) -> "TransactionalQueue":
        return TransactionalQueue(self, connection)

    def add(self, job: QueuedJob) -> None:
        if job.key and any(waiting.key == job.key for waiting in self.waiting):
            return
        self.waiting.append(job)

    def take_due(self, now: datetime.datetime) -> QueuedJob | None:
        for job in self.waiting:
            if job.not_before is None or job.not_before <= now:
                self.waiting.remove(job)
                return job
        return None


class TransactionalQueue:
    """What a unit of work enqueues on: published at its commit, forgotten at its rollback."""

    def __init__(self, queue: MemoryQueue, connection: AsyncConnection) -> None:
        self._queue = queue
        self._staged: list[QueuedJob] = []
        sync_connection = connection.sync_connection
        assert sync_connection is not None
        event.listen(sync_connection, "commit", self._publish)
        event.listen(sync_connection, "rollback", self._forget)

    async def enqueue(
        self,
        kind: str,
        ids: Mapping[str, str] | None = None,
        *,
        key: str = "",
        not_before: datetime.datetime | None = None,
    ) -> None:
        self._staged.append(
            QueuedJob(kind=kind, ids=dict(ids or {}), key=key, not_before=not_before)
        )

    def _publish(self, _: object) -> None:
        for job in self._staged:
            self._queue.add(job)
        self._staged.clear()

    def _forget(self, _: object) -> None:
        self._staged.clear()


def fake_settings(folder: Path, **changes: Any) -> Settings:
    """Return the settings of a deployment whose plugins are replaced by fakes."""
    raw: dict[str, Any] = {
        "dealer": {
            "name": "Cedar Yard Supply",
            "reply_to": "ar@cedaryard.example",
            "phone": "(603) 555-0142",
        },
        "secret_key": {"env": "NOT_READ"},
        "erp": {"plugin": "fake_erp"},
        "web": {"base_url": "http://127.0.0.1:8400"},
        **changes,
    }
    return Settings(
        config=msgspec.convert(raw, DealerConfig),
        folder=folder,
        secret_key=Secret("a secret key for tests that is long enough"),
        database_url="embedded",
    )


class World:
    """The deployment and the handles to move it."""

    def __init__(self, url: str, folder: Path, **changes: Any) -> None:
        self.clock = StillClock(START)
        self.erp = FakeErp(now=self.clock.now)
        self.processor = FakeProcessor(self.clock)
        self.mail = FakeEmailSender()
        self.queue = MemoryQueue()
        self.settings = fake_settings(folder, **changes)
        self.container = build_container(self.settings, url)
        self._override()

    def _override(self) -> None:
        container = self.container
        container.clock.override(providers.Object(self.clock))
        container.erp.override(providers.Object(ConfiguredErp("fake_erp", self.erp)))
        container.sender.override(providers.Object(self.mail))
        methods = dict.fromkeys(PaymentMethodKind, PROCESSOR)
        container.processors.override(
            providers.Object(ConfiguredProcessors({PROCESSOR: self.processor}, methods))
        )
        container.uow.override(
            providers.Singleton(
                SqlUnitOfWorkFactory,
                container.database().transactions,
                work=self.queue.on,
                secrets=container.box(),
                zone=self.settings.zone,
            )
        )

    @property
    def system(self) -> Principal:
        return Principal(kind="system", principal_id="system", name="Dueport")

    @property
    def staff(self) -> Principal:
        return Principal(
            kind="operator",
            principal_id="operator-1",
            name="Olivia Operator",
            permissions=frozenset(Permission),
        )

    async def sync(self) -> None:
        """Mirror the ERP, and fail loudly when that failed."""
        run = await self.container.sync_erp()(SyncErpCommand(by=self.system))
        assert run.state == "done", run.failure
        await self.container.refresh_figures()()

    async def run_jobs(self, limit: int = 500) -> list[str]:
        """Run background work that is due until none is left; return what ran."""
        handlers = job_handlers(self.container)
        ran: list[str] = []
        while (job := self.queue.take_due(self.clock.now())) is not None:
            await handlers[job.kind](job.ids)
            ran.append(job.kind)
            assert len(ran) < limit, f"background work does not end: {ran[-10:]}"
        return ran

    async def deliver_webhooks(self) -> None:
        """Hand every notification that the processor has ready to the webhook's use case."""
        for notification in self.processor.notifications():
            await self.container.receive_webhook()(PROCESSOR, notification)

    async def customer(self, account_no: str, email: str = "ap@harbor.example") -> Principal:
        """Register somebody for an account, past the invitation."""
        async with self.container.uow()() as uow:
            user = PortalUser(
                user_id=self.container.ids().new(),
                email=email,
                username=email,
                name="Ana Ruiz",
                password_hash=await self.container.hasher().hash(PASSWORD),
                created_at=self.clock.now(),
            )
            await uow.users.add(user)
            await uow.users.link(
                AccountLink(user_id=user.user_id, account_no=account_no, linked_at=self.clock.now())
            )
            await uow.commit()
        return Principal(
            kind="customer", principal_id=user.user_id, name=user.name, account_no=account_no
        )

    async def operator(
        self, email: str = "olivia@cedaryard.example", role: OperatorRole = OperatorRole.ADMIN
    ) -> tuple[Operator, pyotp.TOTP]:
        """Add an operator who is set up, with their authenticator."""
        secret = self.container.factor().new_secret()
        operator = Operator(
            operator_id=self.container.ids().new(),
            email=email,
            name="Olivia Operator",
            role=role,
            password_hash=await self.container.hasher().hash(PASSWORD),
            totp_secret_sealed=self.container.factor().seal(secret),
            created_at=self.clock.now(),
        )
        async with self.container.uow()() as uow:
            await uow.operators.add(operator)
            await uow.commit()
        return operator, pyotp.TOTP(secret)

    async def instrument(self, who: Principal, instrument: Instrument) -> StoredInstrument:
        """Store a method for a customer, past its collection in a browser."""
        stored = StoredInstrument(
            instrument_id=self.container.ids().new(),
            user_id=who.principal_id,
            account_no=who.account_no,
            processor=PROCESSOR,
            processor_customer_ref="",
            instrument=instrument,
            kept=False,
            created_at=self.clock.now(),
        )
        async with self.container.uow()() as uow:
            await uow.instruments.add(stored)
            await uow.commit()
        return stored

    async def quote(
        self,
        who: Principal,
        *documents: str,
        instrument: Instrument | None = None,
        view: StatementView = StatementView.ALL,
        amounts: Mapping[str, int] | None = None,
    ) -> PaymentQuote:
        stored = await self.instrument(who, instrument or self.processor.card())
        return await self.container.quote_payment()(
            QuotePaymentCommand(
                by=who,
                selected=documents,
                view=view,
                instrument_id=stored.instrument_id,
                amounts=amounts or {},
            )
        )

    async def submit(self, who: Principal, quote: PaymentQuote) -> Payment:
        return await self.container.submit_payment()(
            SubmitPaymentCommand(by=who, quote_id=quote.quote_id, accept_mandate=True)
        )

    async def pay(
        self, who: Principal, *documents: str, instrument: Instrument | None = None
    ) -> Payment:
        return await self.submit(who, await self.quote(who, *documents, instrument=instrument))

    async def payment(self, payment_id: str) -> Payment:
        async with self.container.uow()() as uow:
            return await uow.payments.get(payment_id)

    async def balances(self) -> dict[str, int]:
        async with self.container.uow()() as uow:
            return await uow.journal.balances()

    async def invite(self, account_no: str, **options: Any) -> str:
        """Invite an account, send the mail and return the token of its link."""
        await self.start_campaign(account_no, **options)
        await self.run_jobs()
        return token_in(self.mail.sent[-1].text)

    async def start_campaign(
        self, *account_nos: str, kind: CampaignKind = CampaignKind.INVITE, **options: Any
    ) -> Campaign:
        """Record a campaign for these accounts, or for everybody where none is named."""
        selection = Selection(
            account_nos=account_nos, matching=None if account_nos else AccountFilter()
        )
        order = InviteOrder(kind=kind, selection=selection, options=InviteOptions(**options))
        return await self.container.start_campaign().at_once(order, self.staff)

    async def register(self, token: str, password: str = PASSWORD) -> PortalUser:
        return await self.container.accept_invitation()(
            AcceptInvitationCommand(
                token=token,
                password=password,
                password_again=password,
                accept_terms=True,
                link_account=True,
            )
        )

    async def close(self) -> None:
        await self.container.database().close()


def token_in(text: str) -> str:
    """Return the registration token of an invitation mail."""
    return text.split("/register/", 1)[1].split()[0]


def account(number: str, name: str, email: str = "", **changes: Any) -> Account:
    contacts = (Contact(name="Accounts Payable", email=email, is_primary=True),) if email else ()
    return Account(account_no=number, name=name, **{"contacts": contacts, **changes})


def item(
    ref: str,
    account_no: str,
    cents: int,
    *,
    job_no: str = "0",
    kind: OpenItemKind = OpenItemKind.INVOICE,
    due_in_days: int = 10,
    **changes: Any,
) -> OpenItem:
    """Return an open document of the fake ERP; a negative amount is a credit."""
    due_on = START.date() + datetime.timedelta(days=due_in_days)
    return OpenItem(
        document_ref=ref,
        account_no=account_no,
        job_no=job_no,
        kind=OpenItemKind.CREDIT if cents < 0 else kind,
        issued_on=due_on - datetime.timedelta(days=30),
        due_on=due_on,
        original_amount_cents=cents,
        open_amount_cents=cents,
        **changes,
    )


@contextlib.asynccontextmanager
async def open_world(
    databases: TestDatabases, folder: Path, **changes: Any
) -> AsyncIterator[World]:
    """Lend a world on a fresh, migrated database."""
    with databases.copy(databases.template("migrated", migrate)) as url:
        world = World(url, folder, **changes)
        try:
            yield world
        finally:
            await world.close()
