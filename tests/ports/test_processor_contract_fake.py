"""What the fake processor lets a test of the platform arrange, and that it does so in order."""

import datetime

import msgspec
import pytest

from dueport_ports import (
    Accepted,
    ActionRequired,
    Conflict,
    DisputePhase,
    Forbidden,
    Instrument,
    NotFound,
    PaymentAttempt,
    PaymentMethodKind,
    ProcessorState,
    RefundRequest,
    RefundState,
    Rejected,
    RejectedAttempt,
    SettlementHead,
    SettlementLineCategory,
    Unavailable,
    Unknown,
)
from dueport_ports.testing.context import StillClock
from dueport_ports.testing.fake_processor import FakeProcessor
from dueport_ports.testing.processor_steps import collect_request
from dueport_ports.testing.processor_world import new_attempt
from tests.ports.test_processor_contract import FakeWorld

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
C = SettlementLineCategory


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def fake(clock: StillClock) -> FakeProcessor:
    return FakeProcessor(clock)


async def attempt_for(
    fake: FakeProcessor, instrument: Instrument, total_cents: int = 10_000
) -> PaymentAttempt:
    world = FakeWorld(instrument.kind)
    world.clock, world.processor = fake.clock, fake
    return await new_attempt(world, instrument, total_cents)


async def pay(fake: FakeProcessor, instrument: Instrument, total_cents: int = 10_000) -> str:
    answer = await fake.submit(await attempt_for(fake, instrument, total_cents))
    assert isinstance(answer, Accepted), answer
    return answer.processor_ref


async def state(fake: FakeProcessor, ref: str) -> str:
    return (await fake.fetch(ref)).state.value


def paid_out(fake: FakeProcessor) -> SettlementHead:
    head = fake.pay_out()
    assert head is not None
    return head


async def nets(fake: FakeProcessor, head: SettlementHead) -> dict[C, int]:
    return {
        line.category: line.net_cents async for line in fake.settlement_lines(head.settlement_ref)
    }


async def test_a_bank_debit_goes_through_the_network_as_the_clock_moves(
    fake: FakeProcessor, clock: StillClock
) -> None:
    ref = await pay(fake, fake.bank())
    seen = [await state(fake, ref)]
    for step in (6 * HOUR, 2 * DAY, 4 * DAY):
        clock.advance(step)
        seen.append(await state(fake, ref))
    assert seen == ["submitted", "in_network", "succeeded", "available"]
    assert (await fake.fetch(ref)).fee_cents == 80
    assert len(fake.notifications()) == 4


async def test_a_clock_that_jumps_reaches_the_same_state_as_one_that_walks(
    fake: FakeProcessor, clock: StillClock
) -> None:
    ref = await pay(fake, fake.bank(returned="R01"))
    clock.advance(30 * DAY)
    snapshot = await fake.fetch(ref)
    assert (snapshot.state, snapshot.return_code) == (ProcessorState.RETURNED, "R01")
    assert await nets(fake, paid_out(fake)) == {C.PAYMENT: 9_920, C.RETURN: -10_000}


async def test_a_debit_sent_back_before_it_succeeded_never_was_on_the_balance(
    fake: FakeProcessor, clock: StillClock
) -> None:
    ref = await pay(fake, fake.bank(returned="R03", return_after=1 * DAY))
    clock.advance(10 * DAY)
    assert await state(fake, ref) == "returned"
    assert fake.pay_out() is None


async def test_a_debit_can_come_back_long_after_it_was_paid_out(
    fake: FakeProcessor, clock: StillClock
) -> None:
    ref = await pay(fake, fake.bank())
    clock.advance(6 * DAY)
    assert paid_out(fake).amount_cents == 9_920
    clock.advance(50 * DAY)
    fake.return_payment(ref, "R10")
    later = paid_out(fake)
    assert later.amount_cents == -10_000
    assert (await fake.fetch(ref)).return_code == "R10"


async def test_a_bank_debit_can_be_cancelled_until_it_is_in_the_network(
    fake: FakeProcessor, clock: StillClock
) -> None:
    early, late = await pay(fake, fake.bank()), await pay(fake, fake.bank())
    assert (await fake.cancel(early)).state is ProcessorState.CANCELED
    assert (await fake.cancel(early)).state is ProcessorState.CANCELED
    clock.advance(7 * HOUR)
    with pytest.raises(Conflict):
        await fake.cancel(late)


async def test_a_customer_who_authenticates_has_paid(fake: FakeProcessor) -> None:
    attempt = await attempt_for(fake, fake.card(action=True))
    answer = await fake.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    assert fake.charge_count(attempt.attempt_id) == 0
    fake.complete_action(answer.processor_ref)
    assert await state(fake, answer.processor_ref) == "succeeded"
    assert isinstance(await fake.lookup(attempt), Accepted)
    assert fake.charge_count(attempt.attempt_id) == 1


async def test_a_dispute_takes_the_money_and_a_win_brings_it_back_without_the_fee(
    fake: FakeProcessor,
) -> None:
    ref = await pay(fake, fake.card())
    dispute_ref = fake.open_dispute(ref)
    assert (await fake.fetch(ref)).disputed
    assert (await fake.fetch_dispute(dispute_ref)).phase is DisputePhase.OPEN
    assert (await nets(fake, paid_out(fake)))[C.DISPUTE] == -11_500
    fake.close_dispute(dispute_ref, won=True)
    assert not (await fake.fetch(ref)).disputed
    assert await nets(fake, paid_out(fake)) == {C.DISPUTE_REVERSAL: 10_000}


async def test_an_inquiry_moves_no_money(fake: FakeProcessor) -> None:
    ref = await pay(fake, fake.card())
    before = paid_out(fake)
    dispute_ref = fake.open_dispute(ref, inquiry=True)
    assert (await fake.fetch_dispute(dispute_ref)).phase is DisputePhase.INQUIRY
    assert not (await fake.fetch(ref)).disputed
    assert fake.pay_out() is None
    assert before.amount_cents == 10_000 - 320


async def test_a_refund_may_come_back(fake: FakeProcessor) -> None:
    ref = await pay(fake, fake.card())
    made = await fake.refund(RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=4_000))
    fake.fail_refund(made.refund_ref)
    assert (await fake.fetch_refund(made.refund_ref)).state is RefundState.FAILED
    assert (await fake.fetch(ref)).refunded_cents == 0
    found = await nets(fake, paid_out(fake))
    assert found[C.REFUND] + found[C.REFUND_FAILURE] == 0
    with pytest.raises(Rejected):
        await fake.refund(RefundRequest(refund_id="R2", processor_ref=ref, amount_cents=10_001))


async def test_a_payout_that_fails_goes_out_with_the_next(fake: FakeProcessor) -> None:
    await pay(fake, fake.card())
    head = paid_out(fake)
    fake.fail_payout(head.settlement_ref)
    again = paid_out(fake)
    assert await nets(fake, again) == {C.PRIOR_SETTLEMENT: head.amount_cents}
    states = [h.state async for h in fake.settlements(fake.clock.now())]
    assert states == ["failed", "paid"]


async def test_an_attempt_whose_contents_changed_is_refused(fake: FakeProcessor) -> None:
    attempt = await attempt_for(fake, fake.card())
    await fake.submit(attempt)
    other = await attempt_for(fake, fake.card())
    answer = await fake.submit(msgspec.structs.replace(other, attempt_id=attempt.attempt_id))
    assert isinstance(answer, RejectedAttempt), answer


async def test_a_fault_is_met_at_the_point_that_it_names(clock: StillClock) -> None:
    points: list[str] = []

    def fault(point: str) -> Exception | None:
        points.append(point)
        return {"submit.after": TimeoutError(), "fetch": OSError("reset")}.get(point)

    fake = FakeProcessor(clock, fault=fault)
    attempt = await attempt_for(fake, fake.card())
    assert isinstance(await fake.submit(attempt), Unknown)
    assert fake.charge_count(attempt.attempt_id) == 1
    found = await fake.lookup(attempt)
    assert isinstance(found, Accepted), found
    with pytest.raises(Unavailable) as caught:
        await fake.fetch(found.processor_ref)
    assert isinstance(caught.value.__cause__, OSError)
    assert points == ["submit.before", "submit.after", "lookup", "fetch"]


async def test_the_same_story_is_told_twice_with_the_same_ids() -> None:
    stories = []
    for _ in range(2):
        fake = FakeProcessor(StillClock())
        await pay(fake, fake.card())
        await pay(fake, fake.bank())
        stories.append([notification.body for notification in fake.notifications()])
        paid_out(fake)
    assert stories[0] == stories[1]


async def test_a_notification_lost_and_repeated_is_still_one_signal(fake: FakeProcessor) -> None:
    ref = await pay(fake, fake.card())
    [lost] = fake.notifications()
    assert fake.notifications() == ()
    received = [await fake.receive(lost) for _ in range(2)]
    assert {n.signals[0].dedupe_key for n in received} == {received[0].signals[0].dedupe_key}
    assert received[0].signals[0].ref == ref
    with pytest.raises(Forbidden):
        await fake.receive(fake.sign(lost.body, fake.clock.now(), "another secret"))


async def test_what_does_not_exist_is_not_found(fake: FakeProcessor) -> None:
    for call in (
        fake.fetch("pay_9"),
        fake.fetch_refund("refund_9"),
        fake.fetch_dispute("dispute_9"),
        fake.refresh_instrument(FakeProcessor(fake.clock).card()),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(NotFound):
        [line async for line in fake.settlement_lines("payout_9")]


async def test_a_method_is_collected_by_its_reference(fake: FakeProcessor) -> None:
    card = fake.card()
    world = FakeWorld(PaymentMethodKind.CARD)
    session = await fake.begin_collect(await collect_request(world))
    payload = b'{"instrument_ref": "%s"}' % card.instrument_ref.encode()
    assert (await fake.finish_collect(session.session_ref, payload)).instrument == card
    assert await fake.refresh_instrument(card) == card
