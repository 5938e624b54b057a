"""The contract of a payment processor, as tests that every plugin passes unchanged.

Subclass `ProcessorContract` in a test module and give it a `world` fixture::

    class TestAcme(ProcessorContract):
        @pytest.fixture
        async def world(self) -> AsyncIterator[ProcessorWorld]:
            yield AcmeWorld(...)

Tests may be added; overriding one of the contract is refused, because a promise that one plugin
may waive is worth nothing to the platform.
"""

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound, PortError, Unavailable
from dueport_core.settlements import SettlementLine
from dueport_ports.processor import (
    Accepted,
    ActionRequired,
    AttemptResult,
    Cancelling,
    ChangeFeed,
    CollectMode,
    DeclinedAttempt,
    HttpNotification,
    Instruments,
    ProcessorState,
    Refunding,
    RefundRequest,
    Settling,
    Unknown,
)
from dueport_ports.testing.processor_steps import (
    PAID,
    ability,
    accepted,
    approved_attempt,
    behaving,
    certain_lookup,
    collect_request,
    drained,
    error_of,
    heads,
    leaked,
    signals_about,
    some_notification,
    states_after,
    story,
)
from dueport_ports.testing.processor_world import (
    Behaviour,
    Call,
    Fault,
    ProcessorWorld,
    new_attempt,
)
from dueport_ports.testing.sealed import SealedContract

__all__ = ["Behaviour", "Call", "Fault", "ProcessorContract", "ProcessorWorld", "new_attempt"]

LOST_ANSWERS = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.STATUS_429, Fault.STATUS_500)
REFUSALS = (Fault.STATUS_429, Fault.STATUS_500)


class ProcessorContract(SealedContract, contract=True):
    """What the platform relies on, whoever moves the money."""

    # One attempt is one charge.

    async def test_the_same_attempt_twice_is_one_charge_and_one_answer(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        first = accepted(await world.processor.submit(attempt))
        second = accepted(await world.processor.submit(attempt))
        assert second.processor_ref == first.processor_ref
        assert await world.charges(attempt) == 1

    async def test_the_same_attempt_from_five_places_at_once_is_one_charge(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        answers = await asyncio.gather(*(world.processor.submit(attempt) for _ in range(5)))
        assert all(isinstance(answer, Accepted | Unknown) for answer in answers), answers
        last = accepted(await world.processor.submit(attempt))
        refs = {answer.processor_ref for answer in answers if isinstance(answer, Accepted)}
        assert refs <= {last.processor_ref}
        assert await world.charges(attempt) == 1

    async def test_two_attempts_are_two_charges(self, world: ProcessorWorld) -> None:
        first, second = await approved_attempt(world), await approved_attempt(world)
        first_ref = accepted(await world.processor.submit(first)).processor_ref
        second_ref = accepted(await world.processor.submit(second)).processor_ref
        assert first_ref != second_ref
        assert await world.charges(first) == await world.charges(second) == 1

    async def test_a_cut_before_the_effect_is_unknown_then_absent_then_charged_once(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
        assert isinstance(await world.processor.submit(attempt), Unknown)
        assert await certain_lookup(world, attempt) is None
        assert await world.charges(attempt) == 0
        accepted(await world.processor.submit(attempt))
        assert await world.charges(attempt) == 1

    async def test_a_cut_after_the_commit_is_unknown_then_found_and_charged_once(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        await world.arm(Fault.CUT_AFTER, Call.SUBMIT)
        assert isinstance(await world.processor.submit(attempt), Unknown)
        found = accepted(await certain_lookup(world, attempt))
        again = accepted(await world.processor.submit(attempt))
        assert again.processor_ref == found.processor_ref
        assert await world.charges(attempt) == 1

    @pytest.mark.parametrize("fault", REFUSALS)
    async def test_a_refused_charge_is_never_called_failed_and_repeats_safely(
        self, world: ProcessorWorld, fault: Fault
    ) -> None:
        attempt = await approved_attempt(world)
        await world.arm(fault, Call.SUBMIT)
        try:
            answer: AttemptResult | None = await world.processor.submit(attempt)
        except Unavailable:
            answer = None
        assert answer is None or isinstance(answer, Unknown), answer
        accepted(await world.processor.submit(attempt))
        assert await world.charges(attempt) == 1

    async def test_a_slow_answer_is_one_charge(self, world: ProcessorWorld) -> None:
        attempt = await approved_attempt(world)
        await world.arm(Fault.SLOW, Call.SUBMIT)
        slow, quick = await asyncio.gather(
            world.processor.submit(attempt), world.processor.submit(attempt)
        )
        assert isinstance(slow, Accepted | Unknown), slow
        assert isinstance(quick, Accepted | Unknown), quick
        accepted(await world.processor.submit(attempt))
        assert await world.charges(attempt) == 1

    async def test_a_call_given_up_half_way_is_found_or_absent_and_charged_once(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        await world.arm(Fault.SLOW, Call.SUBMIT)
        call = asyncio.create_task(world.processor.submit(attempt))
        await asyncio.sleep(0.02)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        # The vendor goes on with what it was sent; a SLOW answer is done by then.
        await asyncio.sleep(0.5)
        await world.disarm()
        found = await certain_lookup(world, attempt)
        again = accepted(await world.processor.submit(attempt))
        assert found is None or accepted(found).processor_ref == again.processor_ref
        assert await world.charges(attempt) == 1

    async def test_an_attempt_older_than_its_key_is_never_charged_again(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        lifetime_h = world.processor.capabilities().key_lifetime_h
        await world.advance(datetime.timedelta(hours=lifetime_h + 2))
        again = await world.processor.submit(attempt)
        if isinstance(again, Accepted):
            assert again.processor_ref == ref
        assert accepted(await certain_lookup(world, attempt)).processor_ref == ref
        assert await world.charges(attempt) == 1

    # No is an answer too.

    async def test_a_decline_moves_no_money_and_stays_a_decline(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await new_attempt(world, await behaving(world, Behaviour.DECLINED))
        first = await world.processor.submit(attempt)
        assert isinstance(first, DeclinedAttempt), first
        second = await world.processor.submit(attempt)
        assert isinstance(second, DeclinedAttempt), second
        assert (second.code, second.raw_code) == (first.code, first.raw_code)
        assert await world.charges(attempt) == 0
        if first.processor_ref:
            snapshot = await world.processor.fetch(first.processor_ref)
            assert snapshot.state in (ProcessorState.FAILED, ProcessorState.CANCELED)

    async def test_a_declined_attempt_is_not_found_charged(self, world: ProcessorWorld) -> None:
        attempt = await new_attempt(world, await behaving(world, Behaviour.DECLINED))
        await world.processor.submit(attempt)
        found = await certain_lookup(world, attempt)
        assert found is None or isinstance(found, DeclinedAttempt), found

    async def test_an_action_is_asked_of_the_customer_before_money_moves(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await new_attempt(world, await behaving(world, Behaviour.ACTION_REQUIRED))
        answer = await world.processor.submit(attempt)
        assert isinstance(answer, ActionRequired), answer
        msgspec.json.encode(answer.bootstrap)
        assert answer.bootstrap or answer.redirect_url
        assert await world.charges(attempt) == 0

    # Reading tells the truth or says that it cannot.

    async def test_an_attempt_never_sent_is_absent(self, world: ProcessorWorld) -> None:
        sent, unsent = await approved_attempt(world), await approved_attempt(world)
        await world.processor.submit(sent)
        assert await certain_lookup(world, unsent) is None

    @pytest.mark.parametrize("fault", LOST_ANSWERS)
    async def test_a_lookup_that_got_no_answer_never_says_absent(
        self, world: ProcessorWorld, fault: Fault
    ) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        await world.arm(fault, Call.LOOKUP)
        try:
            found = await world.processor.lookup(attempt)
        except Unavailable:
            found = Unknown(retry_after_s=0)
        assert isinstance(found, Unknown | Accepted), found
        await world.disarm()
        assert accepted(await certain_lookup(world, attempt)).processor_ref == ref

    async def test_fetch_reports_the_amount_and_the_attempt(self, world: ProcessorWorld) -> None:
        attempt = await approved_attempt(world, total_cents=128_801)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        snapshot = await world.processor.fetch(ref)
        assert snapshot.processor_ref == ref
        assert snapshot.attempt_id == attempt.attempt_id
        assert snapshot.amount_cents == 128_801
        assert snapshot.currency == attempt.currency
        assert (snapshot.refunded_cents, snapshot.disputed, snapshot.live) == (0, False, False)

    async def test_a_reference_of_somebody_else_is_not_found(self, world: ProcessorWorld) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        with pytest.raises(NotFound):
            await world.processor.fetch(ref[:-4] + "zzzz")

    @pytest.mark.parametrize("fault", LOST_ANSWERS)
    async def test_a_read_without_an_answer_is_unavailable(
        self, world: ProcessorWorld, fault: Fault
    ) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        await world.arm(fault, Call.FETCH)
        with pytest.raises(Unavailable) as caught:
            await world.processor.fetch(ref)
        if fault is Fault.STATUS_429:
            assert caught.value.retry_after_s is not None
        await world.disarm()
        assert (await world.processor.fetch(ref)).processor_ref == ref

    async def test_a_state_nobody_knows_is_reported_as_unrecognized(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        await world.arm(Fault.UNKNOWN_ENUM, Call.FETCH)
        snapshot = await world.processor.fetch(ref)
        assert snapshot.state is ProcessorState.UNRECOGNIZED
        assert snapshot.raw_state
        assert snapshot.amount_cents == attempt.total_cents

    async def test_an_answer_to_a_charge_that_nobody_understands_is_not_an_error(
        self, world: ProcessorWorld
    ) -> None:
        attempt = await approved_attempt(world)
        await world.arm(Fault.UNKNOWN_ENUM, Call.SUBMIT)
        answer = await world.processor.submit(attempt)
        if isinstance(answer, Accepted):
            assert answer.state is ProcessorState.UNRECOGNIZED
        else:
            assert isinstance(answer, Unknown), answer
        await world.disarm()
        accepted(await certain_lookup(world, attempt))
        assert await world.charges(attempt) == 1

    # Notifications are hints, and only the vendor's.

    async def test_a_notification_names_the_payment_it_is_about(
        self, world: ProcessorWorld
    ) -> None:
        await world.notifications()
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        signals = await signals_about(world, ref)
        assert any(signal.ref == ref for signal in signals), signals
        assert all(signal.dedupe_key for signal in signals)

    async def test_the_same_notification_twice_has_the_same_keys(
        self, world: ProcessorWorld
    ) -> None:
        notification = await some_notification(world)
        first = await world.processor.receive(notification)
        second = await world.processor.receive(notification)
        assert [s.dedupe_key for s in first.signals] == [s.dedupe_key for s in second.signals]
        assert 200 <= first.ack_status < 300

    async def test_notifications_in_any_order_end_in_the_same_payment(
        self, world: ProcessorWorld
    ) -> None:
        await world.notifications()
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        came = [*await world.notifications()]
        await world.advance(datetime.timedelta(seconds=60))
        came += await world.notifications()
        forwards = await states_after(world, ref, came)
        backwards = await states_after(world, ref, [*reversed(came), *came])
        assert forwards == backwards == await world.processor.fetch(ref)

    async def test_a_forged_notification_is_refused(self, world: ProcessorWorld) -> None:
        genuine = await some_notification(world)
        altered = HttpNotification(headers=genuine.headers, body=genuine.body + b" ")
        unsigned = HttpNotification(headers={}, body=genuine.body)
        nonsense = HttpNotification(
            headers=dict.fromkeys(genuine.headers, "t=now,v1=é"), body=genuine.body
        )
        foreign = await world.sign(genuine.body, world.clock.now(), genuine=False)
        for forged in (altered, unsigned, nonsense, foreign):
            with pytest.raises(Forbidden):
                await world.processor.receive(forged)

    async def test_a_stale_or_a_future_notification_is_refused(self, world: ProcessorWorld) -> None:
        body = (await some_notification(world)).body
        now = world.clock.now()
        fresh = await world.sign(body, now - datetime.timedelta(seconds=30))
        assert (await world.processor.receive(fresh)).signals
        for seconds in (-600, 120, 86_400):
            wrong = await world.sign(body, now + datetime.timedelta(seconds=seconds))
            with pytest.raises(Forbidden):
                await world.processor.receive(wrong)

    async def test_the_change_feed_names_a_payment_whose_notification_was_lost(
        self, world: ProcessorWorld
    ) -> None:
        feed = ability(world, ChangeFeed)  # type: ignore[type-abstract]  # Asked for by class.
        _, cursor = await drained(feed, None)
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        await world.advance(datetime.timedelta(seconds=60))
        signals, cursor = await drained(feed, cursor)
        assert any(signal.ref == ref for signal in signals), signals
        keys = {signal.dedupe_key for signal in signals}
        later, _ = await drained(feed, cursor)
        assert not keys & {signal.dedupe_key for signal in later}

    # Settlements add up.

    async def test_settlement_lines_add_up_to_what_was_paid_out(
        self, world: ProcessorWorld
    ) -> None:
        settling = ability(world, Settling)  # type: ignore[type-abstract]  # Asked for by class.
        started_at = world.clock.now()
        attempts = [await approved_attempt(world, total_cents=c) for c in (125_050, 89_925)]
        refs = {accepted(await world.processor.submit(a)).processor_ref for a in attempts}
        await world.settle()
        settled: dict[str | None, SettlementLine] = {}
        for head in await heads(settling, started_at):
            lines = [line async for line in settling.settlement_lines(head.settlement_ref)]
            if head.lines != "complete":
                continue
            assert sum(line.net_cents for line in lines) == head.amount_cents, head
            for line in lines:
                assert line.net_cents == line.gross_cents - line.fee_cents, line
            assert len({line.line_ref for line in lines}) == len(lines)
            settled |= {line.payment_ref: line for line in lines}
        assert refs <= set(settled), "a payment that was paid out is on no settlement"
        assert sorted(settled[ref].gross_cents for ref in refs) == [89_925, 125_050]

    async def test_settlements_come_oldest_first_and_only_since_then(
        self, world: ProcessorWorld
    ) -> None:
        settling = ability(world, Settling)  # type: ignore[type-abstract]  # Asked for by class.
        started_at = world.clock.now()
        for _ in range(2):
            await world.processor.submit(await approved_attempt(world))
            await world.settle()
        found = await heads(settling, started_at)
        instants = [head.created_at for head in found]
        assert len(found) >= 2
        assert instants == sorted(instants)
        assert await heads(settling, world.clock.now() + datetime.timedelta(days=1)) == []

    # What only some can do.

    async def test_the_same_refund_twice_gives_back_once(self, world: ProcessorWorld) -> None:
        refunding = ability(world, Refunding)  # type: ignore[type-abstract]  # Asked for by class.
        attempt = await approved_attempt(world, total_cents=60_000)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        if (await world.processor.fetch(ref)).state not in PAID:
            await world.settle()
        request = RefundRequest(
            refund_id=attempt.attempt_id[::-1], processor_ref=ref, amount_cents=15_000
        )
        first = await refunding.refund(request)
        second = await refunding.refund(request)
        assert first.refund_ref == second.refund_ref
        assert (first.amount_cents, first.processor_ref) == (15_000, ref)
        assert (await refunding.fetch_refund(first.refund_ref)).amount_cents == 15_000
        assert (await world.processor.fetch(ref)).refunded_cents == 15_000

    async def test_a_finished_payment_cannot_be_cancelled(self, world: ProcessorWorld) -> None:
        cancelling = ability(world, Cancelling)  # type: ignore[type-abstract]  # As above.
        ref = accepted(await world.processor.submit(await approved_attempt(world))).processor_ref
        if (await world.processor.fetch(ref)).state not in PAID:
            await world.settle()
        with pytest.raises(Conflict):
            await cancelling.cancel(ref)
        assert (await world.processor.fetch(ref)).state in PAID

    async def test_forgetting_an_instrument_twice_is_harmless(self, world: ProcessorWorld) -> None:
        keeping = ability(world, Instruments)  # type: ignore[type-abstract]  # As above.
        instrument = await behaving(world, Behaviour.APPROVED)
        await keeping.remove_instrument(instrument)
        error = await error_of(keeping.remove_instrument(instrument))
        assert error is None, error

    # In the browser.

    async def test_a_collect_session_is_complete_and_public(self, world: ProcessorWorld) -> None:
        session = await world.processor.begin_collect(await collect_request(world))
        modes = world.processor.capabilities().collect_modes
        assert session.session_ref
        assert session.mode in modes
        if session.mode is CollectMode.REDIRECT:
            assert session.redirect_url.startswith("http")
        if session.mode is CollectMode.SCRIPT:
            assert session.script is not None
            assert session.script.vendor_url.startswith("http")
            assert "DueportCollect" in session.script.adapter
            assert ".style" not in session.script.adapter, "the pages allow no inline styles"
        shown = msgspec.json.encode(session.bootstrap).decode()
        assert not leaked(world, shown)

    async def test_a_browser_payload_from_elsewhere_is_refused(self, world: ProcessorWorld) -> None:
        session = await world.processor.begin_collect(await collect_request(world))
        for payload in (b"", b"{}", b"[1]", b"\xff\x00", b'{"confirmation_token": "4242"}'):
            with pytest.raises(Invalid):
                await world.processor.finish_collect(session.session_ref, payload)

    # The rest of its manners.

    async def test_what_it_can_do_does_not_change(self, world: ProcessorWorld) -> None:
        capabilities = world.processor.capabilities()
        assert world.kind in capabilities.methods
        assert capabilities == world.processor.capabilities()
        if capabilities.idempotency != "lookup_only":
            assert capabilities.key_lifetime_h > 0

    async def test_health_is_said_in_a_sentence(self, world: ProcessorWorld) -> None:
        health = await world.processor.health()
        assert health.ok, health.detail
        assert health.detail

    async def test_only_port_errors_escape_from_a_broken_line(self, world: ProcessorWorld) -> None:
        attempt = await approved_attempt(world)
        ref = accepted(await world.processor.submit(attempt)).processor_ref
        reads: dict[Call, Callable[[], Awaitable[object]]] = {
            Call.FETCH: lambda: world.processor.fetch(ref),
            Call.LOOKUP: lambda: world.processor.lookup(attempt),
            Call.SUBMIT: lambda: world.processor.submit(attempt),
        }
        for call, read in reads.items():
            for fault in (*LOST_ANSWERS, Fault.UNKNOWN_ENUM):
                await world.arm(fault, call)
                error = await error_of(read())
                await world.disarm()
                assert error is None or isinstance(error, PortError), (call, fault, error)

    async def test_no_secret_reaches_a_log_a_repr_or_an_error(
        self, world: ProcessorWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        attempt = await approved_attempt(world)
        said = [repr(world.processor), repr(attempt)]
        said.append(repr(await world.processor.begin_collect(await collect_request(world))))
        said.append(repr(answer := accepted(await world.processor.submit(attempt))))
        said.append(repr(await world.processor.fetch(answer.processor_ref)))
        if Behaviour.DECLINED in world.behaviours:
            declined = await new_attempt(world, await world.instrument(Behaviour.DECLINED))
            said.append(repr(await world.processor.submit(declined)))
        for fault in LOST_ANSWERS:
            await world.arm(fault, Call.FETCH)
            said.append(story(await error_of(world.processor.fetch(answer.processor_ref))))
            await world.disarm()
        unsigned = HttpNotification(headers={}, body=b"{}")
        said.append(story(await error_of(world.processor.receive(unsigned))))
        assert not leaked(world, *said), "a secret is in a repr or an error"
        assert not leaked(world, caplog.text), "a secret is in the log"
