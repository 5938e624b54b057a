"""Select, quote, pay: what was previewed is charged once, or nothing is."""

import asyncio
import datetime

import msgspec
import pytest

from dueport_apps.usecases.submit_payment import QuoteOutdated
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.payments import PaymentState
from dueport_ports import DeclineCode, Unavailable
from tests.world import World, item


async def test_a_card_payment_settles_at_once_and_books_what_was_quoted(world: World) -> None:
    who = await world.customer("1001")
    quote = await world.quote(who, "INV-1", "INV-3")

    payment = await world.submit(who, quote)

    assert payment.state is PaymentState.SETTLED
    assert payment.total_cents == quote.total_cents == 100_000
    assert await world.balances() == {f"clearing:{payment.processor}": 100_000, "ar": -100_000}


async def test_the_receipt_is_mailed_once_with_the_transaction_id(world: World) -> None:
    who = await world.customer("1001")

    payment = await world.pay(who, "INV-1")
    await world.run_jobs()
    await world.deliver_webhooks()
    await world.run_jobs()

    mails = world.mail.to("ap@harbor.example")
    assert len(mails) == 1
    assert payment.payment_id in mails[0].text


async def test_credits_lower_the_charge_and_stay_in_the_books(world: World) -> None:
    who = await world.customer("1001")

    payment = await world.pay(who, "INV-1", "CR-1")

    assert payment.total_cents == 40_000 - 10_025
    assert sum((await world.balances()).values()) == 0


async def test_submitting_the_same_quote_twenty_times_at_once_is_one_charge(world: World) -> None:
    who = await world.customer("1001")
    quote = await world.quote(who, "INV-1")

    results = await asyncio.gather(
        *(world.submit(who, quote) for _ in range(20)), return_exceptions=True
    )

    payments = {result.payment_id for result in results if not isinstance(result, BaseException)}
    assert len(payments) == 1
    assert [result for result in results if isinstance(result, BaseException)] == []
    async with world.container.uow()() as uow:
        attempts = await uow.payments.attempts(payments.pop())
    assert [world.processor.charge_count(stored.attempt.attempt_id) for stored in attempts] == [1]


async def test_of_two_people_paying_the_same_invoice_the_second_is_told_who_pays(
    world: World,
) -> None:
    first = await world.customer("1001")
    second = await world.customer("1001", "second@harbor.example")
    quotes = [await world.quote(first, "INV-1", instrument=world.processor.bank())]
    quotes.append(await world.quote(second, "INV-1", instrument=world.processor.bank()))

    await world.submit(first, quotes[0])
    with pytest.raises(Conflict) as refusal:
        await world.submit(second, quotes[1])

    assert "INV-1" in str(refusal.value)


async def test_an_amount_that_changed_since_the_preview_is_not_charged(world: World) -> None:
    who = await world.customer("1001")
    quote = await world.quote(who, "INV-1")
    world.erp.put(item("INV-1", "1001", 39_000, job_no="12", due_in_days=-35))
    await world.sync()

    with pytest.raises(QuoteOutdated):
        await world.submit(who, quote)

    assert world.processor.notifications() == ()
    async with world.container.uow()() as uow:
        assert await uow.payments.by_quote(quote.quote_id) is None


async def test_a_preview_is_good_for_fifteen_minutes(world: World) -> None:
    who = await world.customer("1001")
    quote = await world.quote(who, "INV-1")
    world.clock.advance(datetime.timedelta(minutes=15))

    with pytest.raises(QuoteOutdated, match="15 minutes"):
        await world.submit(who, quote)


async def test_a_declined_card_frees_the_invoice_for_another_try(world: World) -> None:
    who = await world.customer("1001")
    declined = world.processor.card(declined=DeclineCode.INSUFFICIENT_FUNDS)

    failed = await world.pay(who, "INV-1", instrument=declined)
    paid = await world.pay(who, "INV-1")

    assert failed.state is PaymentState.FAILED
    assert failed.failure_code == "insufficient_funds"
    assert paid.state is PaymentState.SETTLED


async def test_a_timeout_leaves_the_payment_pending_not_failed(world: World) -> None:
    who = await world.customer("1001")
    world.processor.fault = lambda point: (
        Unavailable("no answer") if point == "submit.after" else None
    )

    payment = await world.pay(who, "INV-1")

    assert payment.state is PaymentState.PENDING
    with pytest.raises(Conflict):
        await world.quote(who, "INV-1")


async def test_a_charge_whose_answer_was_lost_is_found_again_and_stays_one(world: World) -> None:
    who = await world.customer("1001")
    world.processor.fault = lambda point: (
        Unavailable("no answer") if point == "submit.after" else None
    )
    payment = await world.pay(who, "INV-1")
    world.processor.fault = lambda point: None

    world.clock.advance(datetime.timedelta(minutes=5))
    await world.container.resolve_attempts()()

    found = await world.payment(payment.payment_id)
    assert found.state is PaymentState.SETTLED
    assert (await world.balances())["ar"] == -40_000


async def test_an_attempt_that_never_arrived_is_sent_again_under_its_own_key(world: World) -> None:
    who = await world.customer("1001")
    world.processor.fault = lambda point: (
        Unavailable("no way") if point == "submit.before" else None
    )
    payment = await world.pay(who, "INV-1")
    world.processor.fault = lambda point: None

    world.clock.advance(datetime.timedelta(minutes=5))
    await world.container.resolve_attempts()()

    assert (await world.payment(payment.payment_id)).state is PaymentState.SETTLED
    async with world.container.uow()() as uow:
        assert len(await uow.payments.attempts(payment.payment_id)) == 1


async def test_a_bank_payment_is_pending_until_the_bank_has_paid(world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    assert payment.state is PaymentState.PENDING
    await world.run_jobs()
    assert "paid" not in world.mail.sent[-1].subject.lower()

    world.clock.advance(datetime.timedelta(days=6))
    await world.container.poll_everything()()
    await world.run_jobs()

    assert (await world.payment(payment.payment_id)).state is PaymentState.SETTLED
    assert len(world.mail.sent) == 2


async def test_a_returned_debit_reopens_the_invoice_and_tells_the_customer(world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    world.clock.advance(datetime.timedelta(days=6))
    await world.container.poll_everything()()
    await world.run_jobs()

    settled = await world.payment(payment.payment_id)
    assert settled.processor_ref is not None
    world.processor.return_payment(settled.processor_ref, "R01")
    await world.deliver_webhooks()
    await world.run_jobs()

    returned = await world.payment(payment.payment_id)
    assert returned.state is PaymentState.RETURNED
    assert returned.failure_code == "R01"
    assert (await world.balances()).get("ar", 0) == 0
    assert "R01" in world.mail.sent[-1].text
    assert (await world.quote(who, "INV-2")).total_cents == 35_500


async def test_the_ach_authorization_must_be_accepted_and_is_kept_word_for_word(
    world: World,
) -> None:
    who = await world.customer("1001")
    quote = await world.quote(who, "INV-2", instrument=world.processor.bank())
    from dueport_apps.usecases.submit_payment import SubmitPaymentCommand

    with pytest.raises(Invalid):
        await world.container.submit_payment()(
            SubmitPaymentCommand(by=who, quote_id=quote.quote_id, accept_mandate=False)
        )
    payment = await world.submit(who, quote)

    async with world.container.uow()() as uow:
        mandate = await uow.payments.mandate(payment.payment_id)
    assert mandate is not None
    assert "I authorize Cedar Yard Supply" in mandate.text
    assert "$355.00" in mandate.text
    assert mandate.sec_code == "CCD"


async def test_nobody_can_pay_from_another_customers_quote_or_method(world: World) -> None:
    owner = await world.customer("1001")
    stranger = await world.customer("1002", "pay@mueller.example")
    quote = await world.quote(owner, "INV-1")

    with pytest.raises(NotFound):
        await world.submit(stranger, quote)


async def test_the_amount_is_exact_unless_the_dealer_allows_parts(world: World) -> None:
    who = await world.customer("1001")

    with pytest.raises(Invalid):
        await world.quote(who, "INV-1", amounts={"INV-1": 100})


async def test_news_about_another_amount_is_parked_and_changes_nothing(world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    held = world.processor._payments
    stored = next(iter(held.values()))
    stored.attempt = msgspec.structs.replace(stored.attempt, total_cents=1)

    await world.deliver_webhooks()
    await world.run_jobs()

    assert (await world.payment(payment.payment_id)).state is PaymentState.PENDING
    async with world.container.uow()() as uow:
        _, parked = await uow.events.health(payment.processor)
    assert parked >= 1
