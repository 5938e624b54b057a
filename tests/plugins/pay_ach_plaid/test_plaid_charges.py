"""What is asked of Plaid, and what its decisions and refusals mean."""

import datetime
from typing import Any

import msgspec
import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    Accepted,
    ActionRequired,
    DeclineCode,
    DeclinedAttempt,
    Instrument,
    InstrumentVerification,
    Misconfigured,
    PayerRef,
    PaymentMethodKind,
    RejectedAttempt,
    Secret,
    Unknown,
)
from dueport_ports.testing.context import PlainSecretBox
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.plugins.pay_ach_plaid.plaid_world import PlaidWorld, account_of, item_of

AUTHORIZE = "POST /transfer/authorization/create"
CREATE = "POST /transfer/create"
GET = "POST /transfer/get"
LIST = "POST /transfer/list"


def sent(world: PlaidWorld, path: str) -> list[dict[str, Any]]:
    """Return the bodies of the calls of one path."""
    return [body for one, body in world.requests if one == path]


# What is asked.


async def test_a_business_is_debited_with_ccd_and_a_person_with_web(world: PlaidWorld) -> None:
    for username, holder, ach_class in (
        ("user_business", "business", "ccd"),
        ("user_good", "person", "web"),
    ):
        instrument = await world.bank(username)
        assert instrument.holder == holder
        await world.plaid.submit(await new_attempt(world, instrument))
        assert sent(world, "/transfer/authorization/create")[-1]["ach_class"] == ach_class


async def test_an_unknown_holder_is_taken_for_a_person_unless_the_dealer_says_otherwise(
    world: PlaidWorld,
) -> None:
    instrument = msgspec.structs.replace(await world.bank(), holder="unknown")
    await world.plaid.submit(await new_attempt(world, instrument))
    assert sent(world, "/transfer/authorization/create")[-1]["ach_class"] == "web"
    other = world.another(unknown_holder_class="ccd")
    assert isinstance(await other.submit(await new_attempt(world, instrument)), Accepted)
    assert world.table("transfers")[-1]["ach_class"] == "ccd"
    await other.close()


@pytest.mark.parametrize(
    ("total_cents", "text"),
    [(5, "0.05"), (100, "1.00"), (128_801, "1288.01"), (10_000_010, "100000.10")],
)
async def test_the_amount_is_text_with_two_digits(
    world: PlaidWorld, total_cents: int, text: str
) -> None:
    await world.paid(total_cents)
    assert sent(world, "/transfer/authorization/create")[-1]["amount"] == text
    assert sent(world, "/transfer/create")[-1]["amount"] == text
    assert world.table("transfers")[-1]["amount_cents"] == total_cents


async def test_the_debit_carries_ids_and_no_names(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank(), account_ref="HÖF100")
    await world.plaid.submit(attempt)
    body = sent(world, "/transfer/create")[-1]
    assert body["metadata"] == {
        "attempt_id": attempt.attempt_id,
        "payment_id": attempt.payment_id,
        "deployment": "dueport",
    }
    assert body["description"] == "INVOICE"
    asked = sent(world, "/transfer/authorization/create")[-1]
    assert asked["idempotency_key"] == attempt.attempt_id
    assert asked["user"] == {"legal_name": "Hofmann Framing LLC"}
    assert asked["network"] == "ach"


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Retry 1", "Retry 1"),
        ("STATEMENT MARCH", "STATEMENT"),
        ("Überfällig", "berfllig"),
        ("ä", "INVOICE"),
    ],
)
async def test_the_description_is_at_most_ten_ascii_characters(
    world: PlaidWorld, description: str, shown: str
) -> None:
    await world.plaid.submit(await new_attempt(world, await world.bank(), description=description))
    assert world.table("transfers")[-1]["description"] == shown


async def test_same_day_ach_is_asked_for_where_the_dealer_wants_it(world: PlaidWorld) -> None:
    other = world.another(same_day=True)
    await other.submit(await new_attempt(world, await world.bank()))
    assert world.table("transfers")[-1]["network"] == "same-day-ach"
    await other.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": PaymentMethodKind.CARD},
        {"currency": "CAD"},
        {"total_cents": 0},
        {"attempt_id": "x" * 51},
        {"payer": PayerRef(payer_id="1", name=" ", email="")},
    ],
)
async def test_what_cannot_be_a_debit_never_reaches_plaid(
    world: PlaidWorld, changes: dict[str, Any]
) -> None:
    attempt = msgspec.structs.replace(await new_attempt(world, await world.bank()), **changes)
    before = len(world.requests)
    assert isinstance(await world.plaid.submit(attempt), RejectedAttempt)
    assert len(world.requests) == before


# What Plaid decides.


@pytest.mark.parametrize(
    ("rationale", "code", "retry"),
    [
        ("NSF", DeclineCode.INSUFFICIENT_FUNDS, "later"),
        ("RISK", DeclineCode.FRAUD_SUSPECTED, "other_instrument"),
        ("TRANSFER_LIMIT_REACHED", DeclineCode.LIMIT_EXCEEDED, "later"),
        ("FRAUD", DeclineCode.FRAUD_SUSPECTED, "never"),
        ("NEXT_YEARS_REASON", DeclineCode.UNKNOWN, "other_instrument"),
    ],
)
async def test_a_declined_debit_is_not_made_and_says_why(
    world: PlaidWorld, rationale: str, code: DeclineCode, retry: Any
) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.decide("declined", rationale_code=rationale)
    answer = await world.plaid.submit(attempt)
    assert answer == DeclinedAttempt(code=code, raw_code=rationale, retry=retry)
    assert world.table("transfers") == []


async def test_a_smaller_amount_than_ours_is_not_debited(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank(), 48_213)
    await world.decide("approved", authorised_cents=48_212)
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, DeclinedAttempt), answer
    assert (answer.code, answer.raw_code) == (DeclineCode.LIMIT_EXCEEDED, "PARTIALLY_AUTHORISED")
    assert world.table("transfers") == []
    [authorization] = world.table("authorizations")
    assert authorization["cancelled"], "a decision that is not used is taken back"


@pytest.mark.parametrize(
    ("rationale", "code"),
    [
        ("MANUALLY_VERIFIED_ITEM", DeclineCode.LIMIT_EXCEEDED),
        ("MIGRATED_ACCOUNT_ITEM", DeclineCode.LIMIT_EXCEEDED),
        ("ITEM_LOGIN_REQUIRED", DeclineCode.AUTHENTICATION_REQUIRED),
        ("ERROR", DeclineCode.BANK_UNREACHABLE),
    ],
)
async def test_an_approval_without_a_check_counts_up_to_the_dealers_limit(
    world: PlaidWorld, rationale: str, code: DeclineCode
) -> None:
    instrument = await world.bank()
    await world.decide("approved", rationale_code=rationale, times=2)
    within = await world.plaid.submit(await new_attempt(world, instrument, 100_000))
    assert isinstance(within, Accepted), within
    above = await world.plaid.submit(await new_attempt(world, instrument, 100_001))
    assert isinstance(above, DeclinedAttempt), above
    assert (above.code, above.raw_code) == (code, rationale)
    assert [one["amount_cents"] for one in world.table("transfers")] == [100_000]


async def test_an_account_verified_by_hand_is_unassessed_too(world: PlaidWorld) -> None:
    instrument = await world.bank("user_manual")
    assert instrument.verification is InstrumentVerification.VERIFIED
    answer = await world.plaid.submit(await new_attempt(world, instrument, 100_001))
    assert isinstance(answer, DeclinedAttempt), answer


async def test_a_decision_of_next_year_moves_no_money(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    world.arm_kind(FaultKind.UNKNOWN_ENUM, AUTHORIZE, path="authorization.decision")
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "unknown_decision"
    assert world.table("transfers") == []


async def test_a_dead_sign_in_asks_the_customer_and_the_same_attempt_is_then_charged_once(
    world: PlaidWorld,
) -> None:
    instrument = await world.instrument(Behaviour.ACTION_REQUIRED)
    attempt = await new_attempt(world, instrument)
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    assert (answer.kind, answer.processor_ref) == ("relink", "")
    [token] = [one for one in world.table("link_tokens") if one["authorization_id"]]
    assert answer.bootstrap == {"link_token": token["id"], "mode": "action"}
    assert await world.charges(attempt) == 0
    await world.link(answer.bootstrap["link_token"])
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1


async def test_a_relink_whose_token_got_lost_is_unknown(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    world.arm_kind(FaultKind.CUT_AFTER, "POST /link/token/create")
    assert isinstance(await world.plaid.submit(attempt), Unknown)
    assert isinstance(await world.plaid.submit(attempt), ActionRequired)


# What Plaid refuses.


async def test_an_account_that_returned_a_debit_as_closed_is_blocked(world: PlaidWorld) -> None:
    instrument = await world.bank()
    first = await world.plaid.submit(await new_attempt(world, instrument))
    assert isinstance(first, Accepted)
    await world.advance(datetime.timedelta(days=2))
    await world.control(f"/transfers/{first.processor_ref}/return", code="R02")
    answer = await world.plaid.submit(await new_attempt(world, instrument))
    assert isinstance(answer, DeclinedAttempt), answer
    assert (answer.code, answer.retry) == (DeclineCode.DEBIT_BLOCKED, "other_instrument")


async def test_a_removed_bank_needs_another_instrument(world: PlaidWorld) -> None:
    instrument = await world.bank()
    await world.plaid.remove_instrument(instrument)
    answer = await world.plaid.submit(await new_attempt(world, instrument))
    assert isinstance(answer, DeclinedAttempt), answer
    assert answer.code is DeclineCode.AUTHORIZATION_REVOKED


async def test_micro_deposits_under_way_cannot_pay(world: PlaidWorld) -> None:
    instrument = await world.bank("user_pending")
    answer = await world.plaid.submit(await new_attempt(world, instrument))
    assert isinstance(answer, DeclinedAttempt), answer
    assert (answer.raw_code, answer.retry) == ("VERIFICATION_PENDING", "later")
    failed = msgspec.structs.replace(instrument, verification=InstrumentVerification.FAILED)
    answer = await world.plaid.submit(await new_attempt(world, failed))
    assert isinstance(answer, DeclinedAttempt)
    assert answer.retry == "other_instrument"


async def test_wrong_keys_are_named_without_being_shown(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    stranger = world.another(secret=Secret("canary-secret"))
    with pytest.raises(Misconfigured, match="INVALID_API_KEYS") as caught:
        await stranger.submit(attempt)
    assert "canary" not in str(caught.value)
    assert not (await stranger.health()).ok
    await stranger.close()


async def test_a_request_that_plaid_calls_wrong_is_rejected(world: PlaidWorld) -> None:
    other = world.another(ledger_id="not-a-ledger")
    answer = await other.submit(await new_attempt(world, await world.bank()))
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "NOT_FOUND"
    await other.close()


async def test_an_instrument_of_another_environment_or_key_is_misconfigured(
    world: PlaidWorld,
) -> None:
    instrument = await world.bank()
    box = PlainSecretBox()
    for token in (box.seal("access-production-1"), "sealed-by-somebody-else"):
        ref = msgspec.json.encode({"item_id": "i", "account_id": "a", "sealed_token": token})
        other = msgspec.structs.replace(instrument, instrument_ref=ref.decode())
        with pytest.raises(Misconfigured):
            await world.plaid.submit(await new_attempt(world, other))
    other = msgspec.structs.replace(instrument, instrument_ref="pm_card_visa")
    with pytest.raises(Misconfigured, match="not linked through Plaid"):
        await world.plaid.submit(await new_attempt(world, other))


def test_the_reference_names_the_item_and_hides_the_token(instrument: Instrument) -> None:
    assert "access-" not in instrument.instrument_ref
    assert item_of(instrument)
    assert account_of(instrument)


@pytest.fixture
async def instrument(world: PlaidWorld) -> Instrument:
    return await world.bank()
