"""Paying by card through Stripe's SDK: what a customer's card does, and what the caller sees."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.stripe.calls import answer_the_bank, pay
from tests.sandbox.stripe.conftest import stripe_client


async def test_a_good_card_pays_and_the_fee_is_known_a_moment_later(
    client: stripe.StripeClient,
) -> None:
    intent = await pay(client, expand=["latest_charge"])
    assert intent.status == "succeeded"
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.balance_transaction is None
    again = await client.v1.payment_intents.retrieve_async(
        intent.id, {"expand": ["latest_charge.balance_transaction"]}
    )
    assert isinstance(again.latest_charge, stripe.Charge)
    row = again.latest_charge.balance_transaction
    assert isinstance(row, stripe.BalanceTransaction)
    assert (row.amount, row.fee, row.net) == (10_300, 329, 9_971)
    assert row.status == "pending"


async def test_the_known_fee_is_announced_as_a_change_of_the_charge(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    intent = await pay(client)
    await sandbox.frame.clock.advance(seconds=3)
    events = await client.v1.events.list_async({"type": "charge.updated"})
    (event,) = events.data
    assert event.data.object["id"] == intent.latest_charge
    assert event.data.object["balance_transaction"].startswith("txn_")


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
async def test_a_declined_card_answers_402_with_the_intent_open_for_another_card(
    client: stripe.StripeClient, method: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await pay(client, method)
    error: Any = declined.value.error
    assert declined.value.http_status == 402
    assert (error.code, error.decline_code) == (code, decline_code)
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.payment_method is None
    charge = await client.v1.charges.retrieve_async(error.charge)
    assert (charge.status, charge.paid, charge.balance_transaction) == ("failed", False, None)


async def test_a_card_that_saves_well_can_still_be_declined_when_charged(
    client: stripe.StripeClient,
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    method = await client.v1.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": customer.id}
    )
    assert method.customer == customer.id
    with pytest.raises(stripe.CardError):
        await pay(client, method.id, customer=customer.id, off_session=True)


async def test_a_card_that_is_bad_from_the_start_cannot_be_saved(
    client: stripe.StripeClient,
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    with pytest.raises(stripe.CardError):
        await client.v1.payment_methods.attach_async(
            "pm_card_chargeDeclined", {"customer": customer.id}
        )
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.setup_intents.create_async(
            {
                "customer": customer.id,
                "payment_method": "pm_card_chargeDeclined",
                "confirm": True,
                "return_url": "https://shop.example/saved",
            }
        )
    error: Any = refused.value.error
    assert error.setup_intent.last_setup_error.code == "card_declined"


async def test_an_absent_customer_cannot_answer_the_bank(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await pay(client, "pm_card_authenticationRequired", off_session=True)
    assert declined.value.code == "authentication_required"


async def test_a_present_customer_is_sent_to_the_bank_by_redirect(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    intent = await pay(
        client, "pm_card_threeDSecure2Required", return_url="https://shop.example/done"
    )
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    redirect = intent.next_action.redirect_to_url
    assert redirect is not None
    assert redirect.url is not None
    assert redirect.url.startswith(sandbox.base_url)


@pytest.mark.parametrize(
    ("method", "brand", "funding"),
    [
        ("pm_card_visa", "visa", "credit"),
        ("pm_card_visa_debit", "visa", "debit"),
        ("pm_card_mastercard", "mastercard", "credit"),
        ("pm_card_mastercard_prepaid", "mastercard", "prepaid"),
    ],
)
async def test_the_server_sees_a_cards_funding_before_it_charges(
    client: stripe.StripeClient, method: str, brand: str, funding: str
) -> None:
    made = await client.v1.test_helpers.confirmation_tokens.create_async(
        {"payment_method": method, "return_url": "https://shop.example/done"}
    )
    token = await client.v1.confirmation_tokens.retrieve_async(made.id)
    assert token.payment_method_preview is not None
    card = token.payment_method_preview.card
    assert card is not None
    assert (card.brand, card.funding) == (brand, funding)
    intent = await client.v1.payment_intents.create_async(
        {
            "amount": 5_000,
            "currency": "usd",
            "confirmation_token": token.id,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True},
            "return_url": "https://shop.example/done",
        }
    )
    assert intent.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already been used"):
        await client.v1.payment_intents.create_async(
            {
                "amount": 5_000,
                "currency": "usd",
                "confirmation_token": token.id,
                "confirm": True,
                "return_url": "https://shop.example/done",
            }
        )


async def test_a_card_set_up_with_the_bank_pays_later_without_its_owner(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    setup = await client.v1.setup_intents.create_async(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": "https://shop.example/saved",
        }
    )
    assert setup.status == "requires_action"
    assert setup.client_secret is not None
    back = await answer_the_bank(sandbox, setup.client_secret, agree=True)
    assert back.startswith(f"https://shop.example/saved?setup_intent={setup.id}")
    done = await client.v1.setup_intents.retrieve_async(setup.id)
    assert done.status == "succeeded"
    assert isinstance(done.payment_method, str)
    paid = await pay(client, done.payment_method, customer=customer.id, off_session=True)
    assert paid.status == "succeeded"


async def test_a_held_amount_is_taken_in_part_and_the_rest_let_go(
    client: stripe.StripeClient,
) -> None:
    held = await pay(client, capture_method="manual")
    assert held.status == "requires_capture"
    taken = await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 9_000})
    assert (taken.amount_received, taken.amount_capturable) == (9_000, 0)
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.capture_async(held.id)


async def test_an_unpaid_intent_can_be_cancelled_and_a_paid_one_cannot(
    client: stripe.StripeClient,
) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 900, "currency": "usd"})
    cancelled = await client.v1.payment_intents.cancel_async(
        intent.id, {"cancellation_reason": "abandoned"}
    )
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    paid = await pay(client)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payment_intents.cancel_async(paid.id)
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_a_lost_payment_is_found_by_customer_and_time(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    before = await pay(client, customer=customer.id, metadata={"attempt_id": "one"})
    await sandbox.frame.clock.advance(seconds=timedelta(hours=2).total_seconds())
    since = sandbox.frame.clock.timestamp()
    after = await pay(client, customer=customer.id, metadata={"attempt_id": "two"})
    await pay(client, metadata={"attempt_id": "somebody else's"})
    found = await client.v1.payment_intents.list_async(
        {"customer": customer.id, "created": {"gte": since}}
    )
    assert [intent.id for intent in found.data] == [after.id]
    assert before.id != after.id
    assert found.data[0].metadata["attempt_id"] == "two"


async def test_what_stripe_does_not_know_is_refused_by_name(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payment_intents.create_async(
            {"amount": 900, "currency": "usd", "surcharge": 3}  # type: ignore[typeddict-unknown-key]  # the point
        )
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "surcharge")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await pay(client, expand=["amount"])


async def test_a_card_number_from_the_server_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError, match="generally unsafe"):
        await client.v1.payment_methods.create_async(
            {
                "type": "card",
                "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2030},
            }
        )


async def test_a_wrong_key_opens_nothing(sandbox: RunningSandbox) -> None:
    async with stripe_client(sandbox, key="sk_test_somebody_elses") as stranger:
        with pytest.raises(stripe.AuthenticationError):
            await stranger.v1.balance.retrieve_async()


async def test_saved_cards_are_listed_and_a_removed_one_never_pays_again(
    client: stripe.StripeClient,
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    method = await client.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    listed = await client.v1.customers.payment_methods.list_async(customer.id)
    assert [row.id for row in listed.data] == [method.id]
    with pytest.raises(stripe.InvalidRequestError, match="Please include the Customer"):
        await pay(client, method.id)
    await client.v1.payment_methods.detach_async(method.id)
    listed = await client.v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
    assert listed.data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await pay(client, method.id, customer=customer.id)


async def test_paying_with_future_use_saves_the_card(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    intent = await pay(client, customer=customer.id, setup_future_usage="off_session")
    listed = await client.v1.payment_methods.list_async({"customer": customer.id})
    assert [row.id for row in listed.data] == [intent.payment_method]


async def test_a_customer_is_changed_listed_and_deleted(client: stripe.StripeClient) -> None:
    made = await client.v1.customers.create_async(
        {"email": "old@builder.example", "metadata": {"account_no": "1001", "old": "x"}}
    )
    changed = await client.v1.customers.update_async(
        made.id, {"email": "ap@builder.example", "metadata": {"old": ""}}
    )
    assert changed.email == "ap@builder.example"
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"account_no": "1001"}
    listed = await client.v1.customers.list_async({"email": "ap@builder.example"})
    assert [row.id for row in listed.data] == [made.id]
    gone = await client.v1.customers.delete_async(made.id)
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.customers.retrieve_async(made.id)
    assert refused.value.http_status == 404


async def test_the_account_says_that_its_payouts_are_automatic(
    client: stripe.StripeClient,
) -> None:
    account = await client.v1.accounts.retrieve_current_async()
    assert account.settings is not None
    assert account.settings.payouts is not None
    assert account.settings.payouts.schedule.interval == "daily"
