"""A dealer's week in virtual time, with everything going wrong that can, replayable from a seed.

One run lets customers pay, compete and click twice while requests are lost before and after they
take effect, webhooks come late, twice, shuffled, forged or never, the ERP is down, and the process
is killed at commits and calls. Then the faults end, everything is given time to heal, and the
invariants are checked on what the processor, the ERP, the mail server and our books then say.
"""

import datetime
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from dependency_injector import providers

from dueport_apps.jobs.handlers import job_handlers
from dueport_apps.usecases.post_settlement import PostSettlementCommand
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.submit_payment import SubmitPaymentCommand
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import DueportError
from dueport_core.quotes import PaymentQuote
from dueport_core.settlements import SettlementState
from dueport_ports import (
    EmailResult,
    HttpNotification,
    Instrument,
    OutgoingEmail,
    PaymentAttempt,
    PaymentSnapshot,
    PostingBatch,
    PostingResult,
    SendProgress,
    Unavailable,
)
from dueport_ports.testing.email import FakeEmailSender
from dueport_ports.testing.fake_processor import FakeProcessor
from dueport_ports.testing.fake_vendor import FakePayment
from dueport_ports.testing.fakes_erp import FakeErp
from tests.world import PROCESSOR, World, account, item

PATIENCE_DAYS = 8


class Crash(BaseException):
    """The process is killed here. No handler of ours may catch it."""


class Points:
    """Names every place where a process can die, counts them, and kills where it is told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.kill: Callable[[int, str], bool] = lambda number, name: False

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if self.kill(len(self.seen), name):
            raise Crash(name)


class CrashingUow:
    """Opens real units of work that can die before and after their commit."""

    def __init__(self, inner: UnitOfWorkFactory, points: Points) -> None:
        self._inner = inner
        self._points = points

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        async with self._inner() as uow:
            commit = uow.commit

            async def crashing_commit() -> None:
                self._points("commit.before")
                await commit()
                self._points("commit.after")

            uow.commit = crashing_commit  # type: ignore[method-assign]  # The point of this class.
            yield uow


class SimulatedProcessor(FakeProcessor):
    """Loses answers by chance, answers reads with old news, and dies with the process."""

    stale_share = 0.2

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__(simulation.clock, fault=simulation.processor_fault)
        self._simulation = simulation
        self._past: dict[str, list[PaymentSnapshot]] = {}

    def _charge(self, attempt: PaymentAttempt) -> FakePayment:
        payment = super()._charge(attempt)
        self._past[payment.ref] = [self._snapshot(payment)]
        return payment

    async def fetch(self, processor_ref: str) -> PaymentSnapshot:
        fresh = await super().fetch(processor_ref)
        past = self._past[processor_ref]
        if fresh != past[-1]:
            past.append(fresh)
        if self._simulation.chance("stale read", self.stale_share):
            return self._simulation.random.choice(past)
        return fresh

    def charges(self) -> list[PaymentAttempt]:
        """Every attempt that took money, returned since or not."""
        return [
            payment.attempt for payment in self._payments.values() if payment.fee_cents is not None
        ]

    @property
    def balance_cents(self) -> int:
        return sum(line.net_cents for line in self._balance)


class SimulatedErp(FakeErp):
    """Takes whatever is posted, also twice: it can be asked by key, and it guards nothing."""

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__(now=simulation.clock.now)
        self._simulation = simulation
        self.down = False

    async def post(self, batch: PostingBatch) -> PostingResult:
        self._meet("erp.post.before")
        known = self._batches.pop(batch.key, None)
        if known is not None:
            # A second posting under a known key is taken again: only asking first prevents it.
            for receipt in batch.receipts:
                self._taken.pop(receipt.key, None)
        result = await super().post(batch)
        self._meet("erp.post.after")
        return result

    async def posting_status(self, key: str) -> PostingResult | None:
        self._meet("erp.status")
        return await super().posting_status(key)

    def _meet(self, point: str) -> None:
        self._simulation.points(point)
        if self.down or self._simulation.chance(point, 0.15):
            raise Unavailable("the ERP does not answer")


class SimulatedMail(FakeEmailSender):
    """Takes mail and dies around it."""

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__()
        self._simulation = simulation

    async def send(
        self, messages: Sequence[OutgoingEmail], *, progress: SendProgress | None = None
    ) -> list[EmailResult]:
        self._simulation.points("mail.before")
        if self._simulation.chance("mail down", 0.1):
            raise Unavailable("the mail server does not answer")
        results = await super().send(messages, progress=progress)
        self._simulation.points("mail.after")
        return results


class Simulation(World):
    """One run. ``faults`` off gives the plain week, in which only named points are met."""

    def __init__(self, url: str, folder: Path, seed: int, *, faults: bool = True) -> None:
        self.random = random.Random(seed)
        self.faults = faults
        self.points = Points()
        super().__init__(url, folder)
        self.processor = SimulatedProcessor(self)
        self.erp = SimulatedErp(self)
        self.mail = SimulatedMail(self)
        self._override()
        for provider in (self.container.uow, self.container.reads):
            inner = provider()
            provider.override(providers.Object(CrashingUow(inner, self.points)))
        self.delayed: list[HttpNotification] = []
        self.crashes = 0

    def chance(self, what: str, share: float) -> bool:
        return self.faults and self.random.random() < share

    def processor_fault(self, point: str) -> Exception | None:
        self.points(f"processor.{point}")
        shares = {"submit.before": 0.15, "submit.after": 0.2, "lookup": 0.1, "fetch": 0.1}
        if self.chance(point, shares.get(point, 0.05)):
            return Unavailable(f"lost at {point}")
        return None

    async def prepare(self) -> None:
        """Seed the ERP, mirror it and register three people, without faults."""
        faults, self.faults = self.faults, False
        self.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            *(item(f"A-{n}", "1001", 10_000 + 777 * n, job_no=str(n % 3)) for n in range(6)),
            item("A-CR", "1001", -2_345, job_no="1"),
            *(item(f"B-{n}", "1002", 50_000 + n, job_no="0") for n in range(3)),
        )
        self.amounts = {found.document_ref: found.open_amount_cents for found in self.erp.items}
        await self.sync()
        self.people = [
            await self.customer("1001", "first@harbor.example"),
            await self.customer("1001", "second@harbor.example"),
            await self.customer("1002", "pay@mueller.example"),
        ]
        self.faults = faults
        self.points.seen.clear()

    async def survive(self, what: Callable[[], object]) -> object:
        """Do one thing as a process would: a kill ends it, a refusal is an answer."""
        try:
            result = what()
            if hasattr(result, "__await__"):
                return await result
        except Crash:
            self.crashes += 1
        except DueportError:
            return None
        else:
            return result
        return None

    async def run_one_job(self) -> bool:
        """Run a job; one whose process died is put back, as the queue does."""
        job = self.queue.take_due(self.clock.now())
        if job is None:
            return False
        try:
            await job_handlers(self.container)[job.kind](job.ids)
        except Crash:
            self.crashes += 1
            self.queue.waiting.append(job)
        except DueportError:
            self.queue.waiting.append(
                msgspec.structs.replace(
                    job, not_before=self.clock.now() + datetime.timedelta(seconds=60)
                )
            )
        return True

    async def buy(self) -> None:
        """Somebody pays something, sometimes twice, sometimes what another is paying."""
        who = self.random.choice(self.people)
        letter, count = ("A", 6) if who.account_no == "1001" else ("B", 3)
        wanted = self.random.sample(range(count), self.random.randint(1, 2))
        documents = [f"{letter}-{number}" for number in wanted]
        if letter == "A" and self.random.random() < 0.3:
            documents.append("A-CR")
        quote = await self.survive(
            lambda: self.quote(who, *documents, instrument=self.some_instrument())
        )
        if isinstance(quote, PaymentQuote):
            await self.submit_clicks(who, quote)

    async def submit_clicks(self, who: Principal, quote: PaymentQuote) -> None:
        command = SubmitPaymentCommand(by=who, quote_id=quote.quote_id, accept_mandate=True)
        for _ in range(2 if self.random.random() < 0.4 else 1):
            await self.survive(lambda: self.container.submit_payment()(command))

    def some_instrument(self) -> Instrument:
        pick = self.random.random()
        if pick < 0.5:
            return self.processor.card()
        if pick < 0.85:
            return self.processor.bank()
        return self.processor.bank(returned=self.random.choice(["R01", "R02", "R10"]))

    async def webhooks(self) -> None:
        """Deliver news late, twice, in any order, forged, or never."""
        fresh = list(self.processor.notifications())
        if not self.faults:
            for notification in fresh:
                await self.container.receive_webhook()(PROCESSOR, notification)
            return
        news = self.delayed + [n for n in fresh if self.random.random() > 0.25]
        news += [n for n in news if self.random.random() < 0.3]
        self.random.shuffle(news)
        half = len(news) // 2
        self.delayed = news[:half]
        for notification in news[half:]:
            if self.random.random() < 0.1:
                forged = msgspec.structs.replace(notification, body=notification.body + b" ")
                await self.survive(
                    lambda forged=forged: self.container.receive_webhook()(PROCESSOR, forged)
                )
            await self.survive(
                lambda real=notification: self.container.receive_webhook()(PROCESSOR, real)
            )

    async def post_everything(self) -> None:
        async with self.container.uow()() as uow:
            rows, _ = await uow.settlements.rows(None, 100)
        for row in rows:
            if row.settlement.state in (SettlementState.MATCHED, SettlementState.POSTING):
                command = PostSettlementCommand(
                    settlement_id=row.settlement.settlement_id, by=self.staff
                )
                await self.survive(
                    lambda command=command: self.container.post_settlement()(command)
                )

    async def week(self, steps: int = 14) -> None:
        """Let a random week happen."""
        steps_known: Mapping[str, Callable[[], object]] = {
            "buy": self.buy,
            "webhooks": self.webhooks,
            "jobs": self.run_one_job,
            "attempts": lambda: self.container.resolve_attempts()(),
            "poll": lambda: self.container.poll_everything()(),
            "payout": self.processor.pay_out,
            "settle": lambda: self.container.import_settlements()(PROCESSOR),
            "post": self.post_everything,
            "mail": lambda: self.container.send_mail()(),
            "wait": lambda: self.clock.advance(
                datetime.timedelta(minutes=self.random.choice([1, 30, 600, 2880]))
            ),
            "erp": self.toggle_erp,
        }
        weights = [5, 4, 4, 2, 2, 1, 2, 2, 2, 4, 1]
        names = self.random.choices(list(steps_known), weights, k=steps)
        # However the week went, money is paid out and posted before the faults end.
        for name in (*names, "wait", "payout", "settle", "post", "post", "mail"):
            await self.survive(steps_known[name])

    def toggle_erp(self) -> None:
        self.erp.down = self.faults and not self.erp.down

    async def plain_week(self) -> None:
        """A fixed course of everything once, for killing the process at each of its steps."""
        first, second, third = self.people
        quote = await self.survive(lambda: self.quote(first, "A-0", "A-CR"))
        if isinstance(quote, PaymentQuote):
            command = SubmitPaymentCommand(by=first, quote_id=quote.quote_id, accept_mandate=True)
            await self.survive(lambda: self.container.submit_payment()(command))
            await self.survive(lambda: self.container.submit_payment()(command))
        for who, document in ((second, "A-0"), (third, "B-1")):
            bank = self.processor.bank()
            quote = await self.survive(
                lambda who=who, document=document, bank=bank: self.quote(
                    who, document, instrument=bank
                )
            )
            if isinstance(quote, PaymentQuote):
                await self.submit_clicks(who, quote)
        await self.survive(self.webhooks)
        while await self.run_one_job():
            pass
        self.clock.advance(datetime.timedelta(days=5))
        await self.survive(self.webhooks)
        while await self.run_one_job():
            pass
        self.processor.pay_out()
        await self.survive(lambda: self.container.import_settlements()(PROCESSOR))
        await self.post_everything()
        await self.survive(lambda: self.container.send_mail()())

    async def heal(self) -> None:
        """End every fault and give the system time; nothing here repairs, it only waits."""
        self.faults = False
        self.points.kill = lambda number, name: False
        self.erp.down = False
        for _ in range(PATIENCE_DAYS):
            self.clock.advance(datetime.timedelta(days=1))
            await self.container.resolve_attempts()()
            await self.container.process_leftovers()()
            await self.container.poll_everything()()
            self.processor.pay_out()
            await self.container.import_settlements()(PROCESSOR)
            await self.post_everything()
            while await self.run_one_job():
                pass
            await self.container.send_mail()()

    def double_charges(self) -> Counter[str]:
        """Count the charges per payment of ours."""
        return Counter(attempt.payment_id for attempt in self.processor.charges())
