"""How money goes wrong at Stripe, and what the plugin makes of it."""

import asyncio
import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_pay_stripe.plugin import build
from dueport_pay_stripe.settings import API_VERSION
from dueport_ports import (
    Accepted,
    ActionRequired,
    Conflict,
    DeclineCode,
    DeclinedAttempt,
    DisputePhase,
    Misconfigured,
    NotFound,
    PaymentMethodKind,
    ProcessorState,
    RefundRequest,
    RefundState,
    Rejected,
    RejectedAttempt,
    Secret,
    Unavailable,
    Unknown,
)
from dueport_ports.testing.context import plugin_context
from dueport_ports.testing.processor import Behaviour, Call, Fault, new_attempt
from tests.patience import until
from tests.plugins.pay_stripe.stripe_world import StripeWorld, new_settings, stripe_world
from tests.sandbox.stripe.contract import SpecificationContract

CREATE = "POST /v1/payment_intents"
CANCEL = "POST /v1/payment_intents/*/cancel"


async def paid(world: StripeWorld, total_cents: int = 48_213, **changes: Any) -> str:
    """Charge a good card and return the payment's reference."""
    instrument = await world.instrument(Behaviour.APPROVED)
    answer = await world.stripe.submit(await new_attempt(world, instrument, total_cents, **changes))
    assert isinstance(answer, Accepted), answer
    return answer.processor_ref


async def saved_card(world: StripeWorld, name: str = "pm_card_visa") -> Any:
    """Pay once with a card and keep it, as a customer does who ticks the box."""
    instrument = await world.card(name, save=True)
    attempt = await new_attempt(world, instrument, save=True)
    answer = await world.stripe.submit(attempt)
    if isinstance(answer, ActionRequired):
        url = f"{world.sandbox.stripe_url}/challenge/{answer.processor_ref}"
        form = {"client_secret": answer.bootstrap["client_secret"], "outcome": "complete"}
        assert (await world.http.post(url, data=form)).is_success
    return await world.stripe.refresh_instrument(instrument)


# The request.


async def test_the_idempotency_key_is_the_attempt_and_the_metadata_holds_ids_only(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    await world.stripe.submit(attempt)
    assert attempt.attempt_id in world.sandbox.frame.world.table("stripe.idempotency")
    [intent] = world.table("payment_intents")
    assert intent["metadata"] == {
        "attempt_id": attempt.attempt_id,
        "payment_id": attempt.payment_id,
        "deployment": "dueport",
        "fee_cents": "0",
        "account_ref": "HOF100",
    }
    assert "Hofmann" not in str(intent)


async def test_every_call_names_the_pinned_api_version(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    processor = build(new_settings(url), plugin_context(tmp_path))
    with pytest.raises(Misconfigured, match="secret_key"):
        await processor.fetch("pi_1")
    await processor.close()
    server.close()
    assert f"stripe-version: {API_VERSION}".encode() in heard[0].lower()


async def test_a_suffix_for_the_statement_is_sent(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    async with stripe_world(specification, tmp_path, statement_suffix="INVOICES") as world:
        await paid(world)
        assert world.table("payment_intents")[0]["statement_descriptor_suffix"] == "INVOICES"


async def test_the_sdk_repeats_a_lost_call_under_the_same_key(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    async with stripe_world(specification, tmp_path, network_retries=2) as world:
        attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
        world.arm_kind(FaultKind.CUT_AFTER, CREATE)
        answer = await world.stripe.submit(attempt)
        assert isinstance(answer, Accepted), answer
        assert await world.charges(attempt) == 1


async def test_a_timeout_after_the_commit_leaves_the_payment_unknown_not_failed(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    async with stripe_world(specification, tmp_path, timeout_s=1.5) as world:
        attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
        world.arm_kind(FaultKind.SLOW, CREATE, seconds=2.0)
        assert isinstance(await world.stripe.submit(attempt), Unknown)

        async def is_found() -> bool:
            return isinstance(await world.stripe.lookup(attempt), Accepted)

        await until(is_found, "the charge that was committed late")
        assert await world.charges(attempt) == 1


async def test_a_bank_account_is_not_charged_as_a_card(world: StripeWorld) -> None:
    attempt = await new_attempt(
        world, await world.instrument(Behaviour.APPROVED), kind=PaymentMethodKind.ACH
    )
    assert isinstance(await world.stripe.submit(attempt), RejectedAttempt)
    assert world.table("payment_intents") == []


async def test_an_amount_in_a_currency_that_may_have_no_cents_is_not_sent(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED), currency="JPY")
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "currency_not_supported"
    assert world.table("payment_intents") == []


# No, not now, nobody knows.


@pytest.mark.parametrize("kind", [FaultKind.LOCK, FaultKind.HTML, FaultKind.SERVER_ERROR])
async def test_a_lock_a_gateways_page_and_a_server_error_leave_it_unknown(
    world: StripeWorld, kind: FaultKind
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    world.arm_kind(kind, CREATE)
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, Unknown), answer
    assert answer.retry_after_s > 0
    assert isinstance(await world.stripe.submit(attempt), Accepted)


async def test_an_answer_to_a_charge_that_cannot_be_read_leaves_it_unknown(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    world.arm_kind(FaultKind.MISSING_FIELD, CREATE, path="status")
    assert isinstance(await world.stripe.submit(attempt), Unknown)
    assert isinstance(await world.stripe.lookup(attempt), Accepted)


async def test_a_request_that_stripe_finds_wrong_is_rejected_with_its_code(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED), 49)
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "amount_too_small"


async def test_a_refused_key_is_misconfigured_and_not_repeated_in_the_message(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    wrong = Secret("sk_test_not_the_key_canary")
    async with stripe_world(specification, tmp_path) as world:
        attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
        async with stripe_world(specification, tmp_path, secret_key=wrong) as stranger:
            with pytest.raises(Misconfigured, match="secret_key") as caught:
                await stranger.stripe.submit(attempt)
            assert "canary" not in str(caught.value)


async def test_the_same_key_with_another_amount_finds_the_first_charge_instead_of_a_second(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    first = await world.stripe.submit(attempt)
    changed = msgspec.structs.replace(attempt, total_cents=99_999)
    assert await world.stripe.submit(changed) == first
    assert await world.charges(attempt) == 1


async def test_a_declined_payment_is_cancelled_before_it_is_called_failed(
    world: StripeWorld,
) -> None:
    instrument = await world.card("pm_card_visa_chargeDeclinedInsufficientFunds")
    answer = await world.stripe.submit(await new_attempt(world, instrument))
    assert isinstance(answer, DeclinedAttempt), answer
    assert (answer.code, answer.raw_code) == (
        DeclineCode.INSUFFICIENT_FUNDS,
        "insufficient_funds",
    )
    [intent] = world.table("payment_intents")
    assert (intent["id"], intent["status"]) == (answer.processor_ref, "canceled")
    snapshot = await world.stripe.fetch(answer.processor_ref)
    assert snapshot.state is ProcessorState.FAILED
    assert snapshot.failure_code is DeclineCode.INSUFFICIENT_FUNDS


async def test_a_decline_whose_cancelling_got_no_answer_is_unknown_until_looked_up(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.DECLINED))
    world.arm_kind(FaultKind.CUT_BEFORE, CANCEL)
    assert isinstance(await world.stripe.submit(attempt), Unknown)
    assert world.table("payment_intents")[0]["status"] == "requires_payment_method"
    found = await world.stripe.lookup(attempt)
    assert isinstance(found, DeclinedAttempt), found
    assert world.table("payment_intents")[0]["status"] == "canceled"


async def test_another_tab_that_completes_a_declined_payment_wins(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.DECLINED))
    world.arm_kind(FaultKind.CUT_BEFORE, CANCEL)
    await world.stripe.submit(attempt)
    [intent] = world.table("payment_intents")
    await world.post(f"/v1/payment_intents/{intent['id']}/confirm", payment_method="pm_card_visa")
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, Accepted), answer
    assert (await world.stripe.fetch(answer.processor_ref)).state is ProcessorState.SUCCEEDED


async def test_a_second_card_needs_a_new_attempt_because_the_decline_is_replayed(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.DECLINED))
    await world.stripe.submit(attempt)
    assert isinstance(await world.stripe.submit(attempt), DeclinedAttempt)
    other = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    assert isinstance(await world.stripe.submit(other), Accepted)


# The customer must act.


async def test_a_customer_who_authenticates_has_paid(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    assert answer.kind == "authenticate"
    assert answer.bootstrap["client_secret"].startswith(answer.processor_ref)
    waiting = await world.stripe.fetch(answer.processor_ref)
    assert waiting.state is ProcessorState.ACTION_REQUIRED
    await challenge(world, answer, "complete")
    assert (await world.stripe.fetch(answer.processor_ref)).state is ProcessorState.SUCCEEDED
    assert isinstance(await world.stripe.lookup(attempt), Accepted)


async def test_a_customer_who_fails_to_authenticate_may_try_the_same_card_again(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    await challenge(world, answer, "fail")
    found = await world.stripe.lookup(attempt)
    assert isinstance(found, DeclinedAttempt), found
    assert (found.code, found.retry) == (DeclineCode.AUTHENTICATION_REQUIRED, "same")
    assert world.table("payment_intents")[0]["status"] == "canceled"


async def test_a_payment_nobody_authenticates_can_be_cancelled(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    for _ in range(2):
        assert (await world.stripe.cancel(answer.processor_ref)).state is ProcessorState.CANCELED
    assert isinstance(await world.stripe.lookup(attempt), DeclinedAttempt)


async def test_an_automatic_payment_that_needs_the_cardholder_asks_for_them(
    world: StripeWorld,
) -> None:
    kept = await saved_card(world, "pm_card_authenticationRequiredAlways")
    attempt = await new_attempt(world, kept, present=False, return_url="")
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    assert answer.bootstrap["payment_method"] == kept.instrument_ref
    assert answer.bootstrap["client_secret"]
    # It waits: neither a look-up nor a read may end it.
    assert isinstance(await world.stripe.lookup(attempt), ActionRequired)
    snapshot = await world.stripe.fetch(answer.processor_ref)
    assert snapshot.state is ProcessorState.ACTION_REQUIRED


async def challenge(world: StripeWorld, answer: ActionRequired, outcome: str) -> None:
    """Answer the bank's question in its page."""
    url = f"{world.sandbox.stripe_url}/challenge/{answer.processor_ref}"
    form = {"client_secret": answer.bootstrap["client_secret"], "outcome": outcome}
    assert (await world.http.post(url, data=form)).is_success


# Saved cards.


async def test_a_card_saved_while_paying_can_be_charged_when_nobody_is_there(
    world: StripeWorld,
) -> None:
    kept = await saved_card(world)
    assert kept.reusable
    assert kept.instrument_ref.startswith("pm_")
    attempt = await new_attempt(world, kept, 12_500, present=False)
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, Accepted), answer
    [*_, intent] = world.table("payment_intents")
    assert (intent["amount"], intent["payment_method"]) == (12_500, kept.instrument_ref)


async def test_a_card_used_once_is_not_kept(world: StripeWorld) -> None:
    instrument = await world.instrument(Behaviour.APPROVED)
    await world.stripe.submit(await new_attempt(world, instrument))
    again = await world.stripe.refresh_instrument(instrument)
    assert not again.reusable


# Looking up.


async def test_a_lookup_reads_every_page(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    first = await world.stripe.submit(attempt)
    customer = world.table("payment_intents")[0]["customer"] or ""
    more = {"customer": customer} if customer else {}
    for _ in range(101):
        await world.post("/v1/payment_intents", amount="5000", currency="usd", **more)
    assert await world.stripe.lookup(attempt) == first


async def test_the_same_attempt_of_another_deployment_is_not_ours(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    form = {
        "amount": "48213",
        "currency": "usd",
        "metadata[attempt_id]": attempt.attempt_id,
        "metadata[deployment]": "another",
    }
    await world.post("/v1/payment_intents", **form)
    await world.advance(datetime.timedelta(minutes=3))
    assert await world.stripe.lookup(attempt) is None


async def test_a_lookup_is_not_certain_while_a_try_may_be_on_its_way(world: StripeWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    early = await world.stripe.lookup(attempt)
    assert isinstance(early, Unknown), early
    await world.advance(datetime.timedelta(seconds=early.retry_after_s))
    assert await world.stripe.lookup(attempt) is None


async def test_a_lookup_leaves_a_payment_alone_that_is_being_confirmed(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    form = {
        "amount": "48213",
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "metadata[attempt_id]": attempt.attempt_id,
        "metadata[deployment]": "dueport",
    }
    await world.post("/v1/payment_intents", **form)
    unfiltered = msgspec.structs.replace(
        attempt, payer=msgspec.structs.replace(attempt.payer, processor_customer_ref="")
    )
    assert isinstance(await world.stripe.lookup(unfiltered), Unknown)
    assert world.table("payment_intents")[0]["status"] == "requires_confirmation"
    await world.advance(datetime.timedelta(minutes=3))
    assert isinstance(await world.stripe.lookup(unfiltered), DeclinedAttempt)
    assert world.table("payment_intents")[0]["status"] == "canceled"


async def test_an_attempt_older_than_its_key_that_never_arrived_is_not_sent_any_more(
    world: StripeWorld,
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    await world.advance(datetime.timedelta(hours=24))
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "attempt_too_old"
    assert world.table("payment_intents") == []


# Reading.


async def test_the_fee_is_unknown_until_stripe_has_booked_the_charge(world: StripeWorld) -> None:
    ref = await paid(world)
    charge = world.table("charges")[0]["id"]
    world.arm_kind(FaultKind.BALANCE_TRANSACTION_NULL, charge, times=2)
    for _ in range(2):
        early = await world.stripe.fetch(ref)
        assert (early.state, early.fee_cents) == (ProcessorState.SUCCEEDED, None)
    later = await world.stripe.fetch(ref)
    assert later.fee_cents == (48_213 * 290 + 5_000) // 10_000 + 30
    assert later.expected_available_on is not None


async def test_money_is_available_when_stripe_says_so(world: StripeWorld) -> None:
    ref = await paid(world)
    assert (await world.stripe.fetch(ref)).state is ProcessorState.SUCCEEDED
    await world.settle()
    assert (await world.stripe.fetch(ref)).state is ProcessorState.AVAILABLE


async def test_a_read_says_how_long_to_wait_after_a_429(world: StripeWorld) -> None:
    ref = await paid(world)
    await world.arm(Fault.STATUS_429, Call.FETCH)
    with pytest.raises(Unavailable) as caught:
        await world.stripe.fetch(ref)
    assert caught.value.retry_after_s


# Refunds and disputes.


async def test_a_refund_is_one_even_after_stripe_has_forgotten_its_key(
    world: StripeWorld,
) -> None:
    ref = await paid(world)
    request = RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=10_000)
    first = await world.stripe.refund(request)
    await world.advance(datetime.timedelta(hours=30))
    assert (await world.stripe.refund(request)).refund_ref == first.refund_ref
    assert len(world.table("refunds")) == 1


async def test_a_refund_whose_answer_was_lost_is_repeated_safely(world: StripeWorld) -> None:
    ref = await paid(world)
    request = RefundRequest(
        refund_id="R1", processor_ref=ref, amount_cents=10_000, reason="duplicate"
    )
    world.arm_kind(FaultKind.CUT_AFTER, "POST /v1/refunds")
    with pytest.raises(Unavailable):
        await world.stripe.refund(request)
    assert (await world.stripe.refund(request)).state is RefundState.SUCCEEDED
    assert [refund["reason"] for refund in world.table("refunds")] == ["duplicate"]


async def test_more_than_was_paid_is_not_refunded(world: StripeWorld) -> None:
    ref = await paid(world)
    with pytest.raises(Rejected, match="greater than unrefunded"):
        await world.stripe.refund(
            RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=48_214)
        )
    full = RefundRequest(refund_id="R2", processor_ref=ref, amount_cents=48_213)
    await world.stripe.refund(full)
    with pytest.raises(Rejected) as caught:
        await world.stripe.refund(msgspec.structs.replace(full, refund_id="R3"))
    assert caught.value.code == "charge_already_refunded"
    with pytest.raises(NotFound):
        await world.stripe.fetch_refund("re_unknown")


async def test_a_refund_that_comes_back_later_is_failed_and_no_longer_counted(
    world: StripeWorld,
) -> None:
    ref = await paid(world)
    made = await world.stripe.refund(
        RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=10_000)
    )
    await world.control(f"/refunds/{made.refund_ref}/fail")
    failed = await world.stripe.fetch_refund(made.refund_ref)
    assert failed.state is RefundState.FAILED
    assert failed.failure_reason
    assert (await world.stripe.fetch(ref)).refunded_cents == 0


async def test_an_inquiry_moves_no_money_and_is_no_dispute_of_the_payment(
    world: StripeWorld,
) -> None:
    ref = await paid(world)
    asked = await world.control("/disputes", payment_intent=ref, reason="inquiry")
    dispute = await world.stripe.fetch_dispute(asked["id"])
    assert (dispute.phase, dispute.fee_cents) == (DisputePhase.INQUIRY, 0)
    assert dispute.processor_ref == ref
    assert not (await world.stripe.fetch(ref)).disputed


@pytest.mark.parametrize(("outcome", "phase"), [("win", "won"), ("lose", "lost")])
async def test_a_dispute_holds_the_money_and_keeps_its_fee_when_won(
    world: StripeWorld, outcome: str, phase: str
) -> None:
    ref = await paid(world)
    opened = await world.control("/disputes", payment_intent=ref)
    dispute = await world.stripe.fetch_dispute(opened["id"])
    assert (dispute.phase, dispute.fee_cents) == (DisputePhase.OPEN, 1500)
    assert dispute.respond_by is not None
    assert (await world.stripe.fetch(ref)).disputed
    with pytest.raises(Rejected) as caught:
        await world.stripe.refund(
            RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=100)
        )
    assert caught.value.code == "charge_disputed"
    await world.control(f"/disputes/{opened['id']}/{outcome}")
    closed = await world.stripe.fetch_dispute(opened["id"])
    assert (closed.phase, closed.fee_cents) == (DisputePhase(phase), 1500)
    assert (await world.stripe.fetch(ref)).disputed is (outcome == "lose")


async def test_a_paid_payment_is_not_cancelled(world: StripeWorld) -> None:
    ref = await paid(world)
    with pytest.raises(Conflict, match="succeeded"):
        await world.stripe.cancel(ref)
