"""What is due is sent once, in its order and at its pace, whatever goes wrong with one mail."""

import asyncio
import datetime
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dependency_injector import providers
from sqlalchemy import text

from dueport_apps.usecases import send_mail as module
from dueport_apps.usecases.mail_progress import TRIES_MAX, SentMail
from dueport_apps.usecases.mail_records import MailDelivery, MailState
from dueport_apps.usecases.mails import SignInNotice
from dueport_apps.usecases.send_mail import SendMail
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import EmailResult, EmailSender, OutgoingEmail, SendProgress, Unavailable
from tests.databases import TestDatabases
from tests.world import World, account, open_world

CONNECTIONS = 8


class Connections(EmailSender):
    """Sends over eight connections at a time, as fast as the progress lets it."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.upset_by = ""
        self.before_taking: Callable[[OutgoingEmail], object] = lambda _: None

    async def send(
        self, messages: Sequence[OutgoingEmail], *, progress: SendProgress | None = None
    ) -> list[EmailResult]:
        assert progress is not None
        waiting = iter(messages)
        results: dict[str, EmailResult] = {}

        async def work() -> None:
            for message in waiting:
                if message.to_address == self.upset_by:
                    raise LookupError("this mail has no answer")
                result = EmailResult(message_id=message.message_id, state="withdrawn")
                if await progress.begin(message):
                    found = self.before_taking(message)
                    if asyncio.iscoroutine(found):
                        await found
                    self.taken.append(message.to_address)
                    result = EmailResult(
                        message_id=message.message_id, state="sent", code=250, reason="taken"
                    )
                results[message.message_id] = result
                await progress.done(result)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(work())
        return [results[message.message_id] for message in messages]

    async def probe(self) -> str:
        return "ready"


@asynccontextmanager
async def book(world: World, customers: int) -> AsyncIterator[World]:
    world.erp.put(
        *[
            account(f"{10_000 + one}", f"Customer {one}", f"ap{one}@example.com")
            for one in range(customers)
        ]
    )
    await world.sync()
    world.queue.waiting.clear()
    try:
        yield world
    finally:
        await world.container.presence().close()


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer with sixty customers."""
    async with open_world(test_databases, tmp_path) as world, book(world, 60):
        yield world


@pytest.fixture
async def paced_world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """The same dealer, whose mail server takes sixty mails a minute."""
    async with (
        open_world(test_databases, tmp_path, mail={"max_per_minute": 60}) as world,
        book(world, 60),
    ):
        yield world


def connect(world: World) -> Connections:
    sender = Connections()
    world.container.sender.override(providers.Object(sender))
    return sender


def another_worker(
    world: World,
    *,
    statements: UnitOfWorkFactory | None = None,
    unseal: Callable[[MailDelivery], OutgoingEmail] | None = None,
) -> SendMail:
    container = world.container
    return SendMail(
        container.uow(),
        statements or container.reads(),
        container.sender(),
        unseal or container.mailroom().unseal,
        container.compose_invitations(),
        container.presence(),
        container.clock(),
        max_per_minute=container.settings().config.mail.max_per_minute,
    )


async def states(world: World) -> Counter[MailState]:
    async with world.container.uow()() as uow:
        return Counter(dict(await uow.mail.counts()))


async def queue_notice(world: World, number: int) -> None:
    async with world.container.uow()() as uow:
        await world.container.mailroom().queue(
            uow,
            kind="sign_in_notice",
            subject_ref=f"test:{number}",
            to_address=f"notice{number}@example.com",
            to_name="Ana Ruiz",
            message=SignInNotice(
                happened_at=world.clock.now(), login="ana", device="Firefox", reset_url="http://x/"
            ),
        )
        await uow.commit()


async def test_a_mail_is_on_record_as_begun_before_the_server_gets_it(world: World) -> None:
    sender = connect(world)
    recorded: list[bool] = []

    async def look(message: OutgoingEmail) -> None:
        async with world.container.reads()() as uow:
            begun = await uow.connection.execute(  # type: ignore[attr-defined]  # As it is stored.
                text("SELECT handed_at IS NOT NULL FROM mail_delivery WHERE to_address = :to"),
                {"to": message.to_address},
            )
            recorded.append(begun.scalar_one())

    sender.before_taking = look
    await world.start_campaign()
    assert await world.container.send_mail()() == SentMail(sent=60)
    assert recorded == [True] * 60


async def test_connections_share_the_transactions_that_record_their_mails(world: World) -> None:
    connect(world)
    commits = 0

    @asynccontextmanager
    async def counting() -> AsyncIterator[UnitOfWork]:
        nonlocal commits
        async with world.container.reads()() as uow:
            record = uow.mail.record

            async def counted(*arguments: object) -> frozenset[str]:
                nonlocal commits
                commits += 1
                return await record(*arguments)  # type: ignore[arg-type]  # Passed on as they came.

            uow.mail.record = counted  # type: ignore[method-assign, assignment]  # The point of this test.
            yield uow

    await world.start_campaign()
    assert await another_worker(world, statements=counting)() == SentMail(sent=60)
    assert commits <= 60 // CONNECTIONS + 4


async def test_a_receipt_leaves_before_the_rest_of_a_campaign(world: World) -> None:
    await world.start_campaign()
    await queue_notice(world, 1)
    await world.run_jobs()
    assert world.mail.sent[0].to_address == "notice1@example.com"
    assert len(world.mail.sent) == 61


async def test_a_mail_that_upsets_the_sender_fails_and_the_others_leave(world: World) -> None:
    sender = connect(world)
    sender.upset_by = "ap7@example.com"
    await world.start_campaign()
    assert await world.container.send_mail()() == SentMail(sent=59, failed=1)
    assert Counter(sender.taken) == Counter(f"ap{one}@example.com" for one in range(60) if one != 7)
    async with world.container.uow()() as uow:
        (mail,) = await uow.mail.of_account("10007")
    assert (mail.state, mail.tries) == (MailState.FAILED, 1)
    assert mail.reason.startswith("The mail could not be sent: ")


async def test_a_mail_that_cannot_be_read_fails_and_the_others_leave(world: World) -> None:
    for number in range(3):
        await queue_notice(world, number)

    def unseal(delivery: MailDelivery) -> OutgoingEmail:
        if delivery.to_address == "notice1@example.com":
            raise ValueError("the seal is broken")
        return world.container.mailroom().unseal(delivery)

    worker = another_worker(world, unseal=unseal)
    assert await worker() == SentMail(sent=2, failed=1)
    async with world.container.uow()() as uow:
        (mail,) = await uow.mail.of_subject("test:1")
    assert (mail.state, mail.reason) == (
        MailState.FAILED,
        "The mail could not be read: the seal is broken",
    )


async def test_an_invitation_that_cannot_be_written_fails_and_the_others_leave(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = world.container.mailroom().compose

    def poisoned(delivery: MailDelivery, **facts: object) -> OutgoingEmail:
        if delivery.to_address == "ap7@example.com":
            raise ZeroDivisionError("nobody expected this")
        return compose(delivery, **facts)  # type: ignore[arg-type]  # Passed on as they came.

    monkeypatch.setattr(world.container.mailroom(), "compose", poisoned)
    await world.start_campaign()
    assert await world.container.send_mail()() == SentMail(sent=59, failed=1)
    async with world.container.uow()() as uow:
        (mail,) = await uow.mail.of_account("10007")
    assert mail.reason == "The mail could not be written: nobody expected this"


async def test_a_temporary_refusal_is_tried_eight_times_at_growing_distances(world: World) -> None:
    world.mail.refuse("ap7@example.com", 451, "4.7.1 not now")
    await world.start_campaign("10007")
    waits = []
    for tries in range(1, TRIES_MAX):
        assert await world.container.send_mail()() == SentMail(retried=1)
        async with world.container.uow()() as uow:
            (mail,) = await uow.mail.of_account("10007")
        assert (mail.state, mail.tries, mail.reason) == (MailState.QUEUED, tries, "4.7.1 not now")
        waits.append(int((mail.due_at - world.clock.now()).total_seconds()))
        world.clock.advance(mail.due_at - world.clock.now())
    assert waits == [30, 60, 120, 240, 480, 960, 1920]
    assert await world.container.send_mail()() == SentMail(failed=1)
    assert await world.container.send_mail()() == SentMail()


async def test_a_server_that_is_away_is_greeted_before_anything_is_written_for_it(
    world: World,
) -> None:
    world.mail.is_down = True
    await world.start_campaign()
    assert await world.container.send_mail()() == SentMail(retried=60)
    due = []
    for _ in range(6):
        async with world.container.uow()() as uow:
            (mail,) = await uow.mail.of_account("10007")
        assert (mail.state, mail.tries) == (MailState.QUEUED, 0)
        assert mail.reason == "the mail server cannot be reached"
        due.append(mail.due_at)
        world.clock.advance(datetime.timedelta(hours=1))
        assert await world.container.send_mail()() == SentMail()
    # Mails are left alone after the first refusal, and so no link is made in vain.
    assert len(set(due)) == 1
    async with world.container.reads()() as uow:
        tokens = await uow.connection.scalar(  # type: ignore[attr-defined]  # As it is stored.
            text("SELECT count(*) FROM invitation_token WHERE kind = 'link'")
        )
    assert tokens == 60
    world.mail.is_down = False
    world.clock.advance(datetime.timedelta(hours=1))
    assert await world.container.send_mail()() == SentMail(sent=60)


async def test_a_mail_of_no_invitation_is_given_up_after_five_days_without_a_server(
    world: World,
) -> None:
    world.mail.is_down = True
    await queue_notice(world, 1)
    world.clock.advance(datetime.timedelta(days=5, minutes=1))
    assert await world.container.send_mail()() == SentMail(failed=1)
    async with world.container.uow()() as uow:
        (mail,) = await uow.mail.of_subject("test:1")
    assert (mail.state, mail.reason) == (MailState.FAILED, "the mail server cannot be reached")


async def test_all_workers_together_keep_to_the_pace(
    paced_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time stands still here, so a worker that waits for its turn soon gives up.
    monkeypatch.setattr(module, "RUN_S", 0.2)
    monkeypatch.setattr(module, "NAP_S", 0.01)
    await paced_world.start_campaign()
    workers = [paced_world.container.send_mail(), another_worker(paced_world)]

    async def send_together() -> int:
        return sum(count.sent for count in await asyncio.gather(*(worker() for worker in workers)))

    sent = []
    for _ in range(20):
        # On a busy machine both may give up before the one that may send has got to it.
        tries = [await send_together()]
        while not any(tries) and len(tries) < 50:
            tries.append(await send_together())
        sent.append(sum(tries) + await send_together())
        paced_world.clock.advance(datetime.timedelta(seconds=1))
    assert sent == [1] * 20
    assert await states(paced_world) >= Counter({MailState.SENT: 20, MailState.QUEUED: 40})
    waiting = [job for job in paced_world.queue.waiting if job.kind == "send_mail"]
    assert waiting


async def test_calls_at_the_same_time_send_every_mail_once(world: World) -> None:
    sender = connect(world)
    await world.start_campaign()
    workers = [world.container.send_mail(), another_worker(world), another_worker(world)]
    counts = await asyncio.gather(*(worker() for worker in (*workers, *workers)))
    assert sum(count.sent for count in counts) == 60
    assert set(Counter(sender.taken).values()) == {1}


async def test_what_was_claimed_when_the_database_went_away_is_sent_by_the_next_run(
    world: World,
) -> None:
    sender = connect(world)
    broken = False

    @asynccontextmanager
    async def breaking() -> AsyncIterator[UnitOfWork]:
        async with world.container.reads()() as uow:
            record = uow.mail.record

            async def failing(*arguments: object) -> frozenset[str]:
                if broken:
                    raise Unavailable("The database does not answer: it fell")
                return await record(*arguments)  # type: ignore[arg-type]  # Passed on as they came.

            uow.mail.record = failing  # type: ignore[method-assign, assignment]  # The point of this test.
            yield uow

    def fall(message: OutgoingEmail) -> None:
        nonlocal broken
        broken = len(sender.taken) >= 20

    sender.before_taking = fall
    await world.start_campaign()
    worker = another_worker(world, statements=breaking)
    with pytest.raises((Unavailable, ExceptionGroup)):
        await worker()
    broken = False
    sender.before_taking = lambda _: None
    again = await worker()
    counts = await states(world)
    assert counts[MailState.SENT] + counts[MailState.UNCONFIRMED] == 60
    assert counts[MailState.UNCONFIRMED] <= CONNECTIONS
    assert again.unconfirmed == counts[MailState.UNCONFIRMED]
    assert set(Counter(sender.taken).values()) == {1}
