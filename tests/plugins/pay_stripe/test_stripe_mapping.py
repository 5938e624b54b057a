"""Stripe's words in ours, checked against Stripe's own specification and sample objects."""

import json
from typing import Any

import msgspec
import pytest

from dueport_pay_stripe import wire
from dueport_pay_stripe.mapping import STATES, decline_of, instrument_of, snapshot_of, state_of
from dueport_pay_stripe.processor import DISPUTE_PHASES, dispute_snapshot, phase_of
from dueport_pay_stripe.settlements import category_of, head_of, is_own_row, line_of
from dueport_pay_stripe.webhooks import FEED_EVENTS, WEBHOOK_EVENTS
from dueport_ports import (
    DeclineCode,
    DisputePhase,
    Funding,
    ProcessorState,
    SettlementLineCategory,
)
from tests.sandbox.stripe.contract import SpecificationContract
from tests.shared import shared_path

READERS: dict[str, type[msgspec.Struct]] = {
    "account": wire.StripeAccount,
    "balance_transaction": wire.BalanceTransaction,
    "charge": wire.Charge,
    "confirmation_token": wire.ConfirmationToken,
    "customer": wire.Customer,
    "dispute": wire.Dispute,
    "event": wire.Event,
    "payment_intent": wire.PaymentIntent,
    "payment_method": wire.PaymentMethod,
    "payout": wire.Payout,
    "refund": wire.Refund,
    "setup_intent": wire.SetupIntent,
    "webhook_endpoint": wire.WebhookEndpoint,
}
STRANGE_FIELDS = {
    "source": {"id": "card_1", "object": "card"},
    "order": None,
    "destination": None,
    "electronic_commerce_indicator": "05",
    "a_field_of_next_year": [{"deep": True}],
}


def intent(**facts: Any) -> wire.PaymentIntent:
    base: dict[str, Any] = {"id": "pi_1", "status": "succeeded", "amount": 48_213}
    return msgspec.convert(base | facts, wire.PaymentIntent)


def row(**facts: Any) -> wire.BalanceTransaction:
    base: dict[str, Any] = {"id": "txn_1", "amount": 1000, "net": 941, "fee": 59, "created": 1}
    return msgspec.convert(base | facts, wire.BalanceTransaction)


def enum_of(specification: SpecificationContract, schema: str, field: str) -> list[str]:
    found: list[str] = specification.spec["components"]["schemas"][schema]["properties"][field][
        "enum"
    ]
    return found


@pytest.mark.parametrize("kind", READERS)
def test_stripes_own_sample_objects_are_read(kind: str) -> None:
    samples = json.loads(shared_path("specs/stripe.fixtures.json").read_text())["resources"]
    read = msgspec.convert(samples[kind], READERS[kind], strict=False)
    assert getattr(read, "id", samples[kind]["id"]) == samples[kind]["id"]


@pytest.mark.parametrize("kind", READERS)
def test_fields_that_no_specification_declares_are_tolerated(kind: str) -> None:
    samples = json.loads(shared_path("specs/stripe.fixtures.json").read_text())["resources"]
    strange = {k: v for k, v in STRANGE_FIELDS.items() if k not in samples[kind]}
    assert msgspec.convert(samples[kind] | strange, READERS[kind], strict=False)


def test_every_official_status_of_a_payment_has_a_state(
    specification: SpecificationContract,
) -> None:
    assert set(STATES) == set(enum_of(specification, "payment_intent", "status"))


def test_a_status_of_next_year_is_unrecognized() -> None:
    assert state_of(intent(status="requires_moon_phase")) is ProcessorState.UNRECOGNIZED


def test_a_payment_is_available_only_when_its_row_is() -> None:
    pending = {"id": "ch_1", "balance_transaction": msgspec.to_builtins(row(status="pending"))}
    available = {"id": "ch_1", "balance_transaction": msgspec.to_builtins(row(status="available"))}
    assert state_of(intent(latest_charge=pending)) is ProcessorState.SUCCEEDED
    assert state_of(intent(latest_charge=available)) is ProcessorState.AVAILABLE


def test_a_fee_that_is_not_known_yet_is_none_and_never_zero() -> None:
    for charge in (None, "ch_1", {"id": "ch_1"}, {"id": "ch_1", "balance_transaction": "txn_1"}):
        snapshot = snapshot_of(intent(latest_charge=charge), "dueport", disputed=False)
        assert snapshot.fee_cents is None


def test_a_partial_capture_reports_what_was_really_taken() -> None:
    taken = snapshot_of(intent(amount_received=40_000), "dueport", disputed=False)
    assert taken.amount_cents == 40_000
    waiting = snapshot_of(intent(status="processing"), "dueport", disputed=False)
    assert waiting.amount_cents == 48_213


def test_a_payment_of_another_program_on_the_account_has_no_attempt_of_ours() -> None:
    theirs = {"attempt_id": "A1", "deployment": "another"}
    assert snapshot_of(intent(metadata=theirs), "dueport", disputed=False).attempt_id == ""
    ours = theirs | {"deployment": "dueport"}
    assert snapshot_of(intent(metadata=ours), "dueport", disputed=False).attempt_id == "A1"


@pytest.mark.parametrize(
    ("error", "code", "raw"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds", 0),
        ({"code": "card_declined", "decline_code": "generic_decline"}, "card_declined", 0),
        ({"code": "expired_card", "decline_code": "expired_card"}, "expired", 0),
        ({"code": "incorrect_cvc"}, "incorrect_data", "incorrect_cvc"),
        ({"code": "card_declined", "decline_code": "code_of_2031"}, "card_declined", 0),
        ({"code": "code_of_2031"}, "unknown", "code_of_2031"),
        ({}, "unknown", "unknown"),
    ],
)
def test_a_decline_keeps_stripes_word_beside_ours(
    error: dict[str, str], code: str, raw: str | int
) -> None:
    found, said, retry = decline_of(msgspec.convert(error, wire.LastError))
    assert found is DeclineCode(code)
    assert said == (raw or error["decline_code"])
    assert retry in ("never", "other_instrument", "later", "same")


def test_a_funding_that_nobody_knows_is_unknown_and_so_never_surcharged() -> None:
    for funding, expected in (
        ("credit", Funding.CREDIT),
        ("layaway", Funding.UNKNOWN),
        (None, Funding.UNKNOWN),
    ):
        card = {
            "brand": "visa",
            "last4": "4242",
            "funding": funding,
            "exp_month": 4,
            "exp_year": 2031,
        }
        method = msgspec.convert({"id": "pm_1", "type": "card", "card": card}, wire.PaymentMethod)
        instrument = instrument_of("pm_1", method, reusable=True)
        assert instrument.card is not None
        assert instrument.card.funding is expected
        assert (instrument.label, instrument.expires) == ("Visa •••• 4242", "04/31")


def test_every_official_status_of_a_dispute_has_a_phase(
    specification: SpecificationContract,
) -> None:
    official = enum_of(specification, "dispute", "status")
    assert set(official) <= set(DISPUTE_PHASES)
    assert DISPUTE_PHASES["appeal_needs_response"] is DisputePhase.OPEN


def test_a_dispute_status_of_next_year_is_judged_by_whether_money_moved() -> None:
    moved = wire.Dispute(
        id="du_1", amount=1000, status="new", balance_transactions=[row(amount=-1000)]
    )
    asked = wire.Dispute(id="du_1", amount=1000, status="new")
    assert phase_of(moved) is DisputePhase.OPEN
    assert phase_of(asked) is DisputePhase.INQUIRY


def test_a_won_dispute_keeps_its_fee() -> None:
    rows = [row(amount=-1000, fee=1500, net=-2500), row(amount=1000, fee=0, net=1000)]
    won = wire.Dispute(id="du_1", amount=1000, status="won", balance_transactions=rows)
    assert dispute_snapshot(won).fee_cents == 1500


def test_every_official_type_of_row_is_classified_or_left_to_a_person(
    specification: SpecificationContract,
) -> None:
    official = enum_of(specification, "balance_transaction", "type")
    left = {t for t in official if category_of(row(type=t)) is SettlementLineCategory.UNALLOCATED}
    # What belongs to Stripe's products for platforms, card issuing and lending.
    assert left == {
        "advance", "advance_funding", "anticipation_repayment", "application_fee_refund",
        "climate_order_purchase", "climate_order_refund", "connect_collection_transfer",
        "contribution", "fee_credit_funding", "inbound_transfer", "inbound_transfer_reversal",
        "issuing_authorization_hold", "issuing_authorization_release", "issuing_dispute",
        "issuing_transaction", "obligation_outbound", "obligation_reversal_inbound",
        "payment_reversal", "payment_unreconciled", "payout",
        "stripe_balance_payment_debit", "stripe_balance_payment_debit_reversal", "tax_fund",
        "transfer", "transfer_cancel", "transfer_failure", "transfer_refund",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "category", "expected"),
    [
        ("adjustment", "dispute", "dispute"),
        ("adjustment", "dispute_reversal", "dispute_reversal"),
        ("adjustment", "other_adjustment", "adjustment"),
        ("adjustment", "", "adjustment"),
        ("stripe_fee", "fee", "fee"),
        ("tax_fee", "tax", "fee"),
        ("payment_failure_refund", "charge_failure", "return"),
        ("refund_failure", "refund_failure", "refund_failure"),
        ("payout_failure", "payout_reversal", "prior_settlement"),
        ("payout_minimum_balance_hold", "payout_minimum_balance_hold", "reserve_hold"),
        ("topup", "topup", "topup"),
        ("charge", "a_category_of_2031", "foreign"),
        ("a_type_of_2031", "a_category_of_2031", "unallocated"),
    ],
)
def test_a_row_is_classified_by_its_category_then_by_its_type(
    kind: str, category: str, expected: str
) -> None:
    line = line_of(row(type=kind, reporting_category=category, description="refund"), "dueport")
    assert line.category is SettlementLineCategory(expected)
    assert line.raw_type == (category or kind)


def test_a_reserve_is_a_hold_or_a_release_by_its_sign() -> None:
    held = row(type="reserve_transaction", reporting_category="risk_reserved_funds", net=-5)
    freed = row(type="reserve_transaction", reporting_category="risk_reserved_funds", net=5)
    assert category_of(held) is SettlementLineCategory.RESERVE_HOLD
    assert category_of(freed) is SettlementLineCategory.RESERVE_RELEASE


def test_only_the_payouts_own_row_is_left_out() -> None:
    assert is_own_row(row(type="payout", source="po_1"), "po_1")
    assert is_own_row(row(type="payout", source={"id": "po_1", "object": "payout"}), "po_1")
    assert not is_own_row(row(type="payout", source="po_0"), "po_1")
    assert not is_own_row(row(type="payout_failure", source="po_1"), "po_1")


def test_a_payout_status_of_next_year_stays_pending_and_says_so() -> None:
    payout = wire.Payout(id="po_1", amount=-5, created=1, status="teleported", automatic=True)
    head = head_of(payout)
    assert (head.state, head.lines, head.amount_cents) == ("pending", "partial", -5)
    assert "teleported" in head.failure


def test_every_event_we_ask_for_is_an_official_one(specification: SpecificationContract) -> None:
    operation = specification.spec["paths"]["/v1/webhook_endpoints"]["post"]
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    official = schema["properties"]["enabled_events"]["items"]["enum"]
    assert set(WEBHOOK_EVENTS) <= set(official)
    assert len(FEED_EVENTS) <= 20, "Stripe lists events of at most 20 types"
    assert len(set(WEBHOOK_EVENTS)) == len(WEBHOOK_EVENTS)
