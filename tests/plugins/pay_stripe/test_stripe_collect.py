"""What the browser hands back is an id; everything about the card is read from Stripe."""

import datetime
from pathlib import Path

import msgspec
import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    CardFacts,
    CollectMode,
    CollectRequest,
    CollectSession,
    Declined,
    Funding,
    InstrumentHealth,
    Invalid,
    PaymentMethodKind,
    Unavailable,
    Unsupported,
)
from dueport_ports.testing.context import PlainSecretBox
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.plugins.pay_stripe.stripe_world import StripeWorld, stripe_world
from tests.sandbox.stripe.contract import SpecificationContract

SAVE = "save"


async def begin(world: StripeWorld, **changes: object) -> CollectSession:
    request = CollectRequest(
        payer=await world.payer(),
        kind=PaymentMethodKind.CARD,
        amount_cents=48_213,
        return_url="https://pay.dealer.example/payments/return",
    )
    return await world.stripe.begin_collect(msgspec.structs.replace(request, **changes))


def payload(**values: str) -> bytes:
    return msgspec.json.encode(values)


@pytest.mark.parametrize(
    ("card", "facts", "label"),
    [
        ("pm_card_visa", ("visa", Funding.CREDIT, "US"), "Visa •••• 4242"),
        ("pm_card_visa_debit", ("visa", Funding.DEBIT, "US"), "Visa •••• 5556"),
        (
            "pm_card_mastercard_prepaid",
            ("mastercard", Funding.PREPAID, "US"),
            "Mastercard •••• 5100",
        ),
        ("pm_card_amex", ("amex", Funding.CREDIT, "US"), "American Express •••• 0005"),
        ("pm_card_ca", ("visa", Funding.CREDIT, "CA"), "Visa •••• 0000"),
    ],
)
async def test_funding_brand_and_country_are_known_before_the_charge(
    world: StripeWorld, card: str, facts: tuple[str, Funding, str], label: str
) -> None:
    instrument = await world.card(card)
    brand, funding, country = facts
    assert instrument.card == CardFacts(brand=brand, funding=funding, country=country)
    assert (instrument.label, instrument.reusable) == (label, False)
    assert world.table("payment_intents") == []


async def test_the_same_payer_is_one_customer_and_a_new_name_another_request(
    world: StripeWorld,
) -> None:
    first, second = await begin(world), await begin(world)
    assert first.processor_customer_ref == second.processor_customer_ref
    payer = msgspec.structs.replace(await world.payer(), processor_customer_ref="")
    renamed = msgspec.structs.replace(payer, name="Hofmann Framing Inc")
    third = await begin(world, payer=renamed)
    assert third.processor_customer_ref != first.processor_customer_ref


async def test_a_bank_account_is_not_collected_here(world: StripeWorld) -> None:
    with pytest.raises(Unsupported):
        await begin(world, kind=PaymentMethodKind.ACH)


async def test_an_entry_that_was_charged_is_not_taken_again(world: StripeWorld) -> None:
    session = await begin(world)
    token = await world.token("pm_card_visa")
    result = await world.stripe.finish_collect(
        session.session_ref, payload(confirmation_token=token)
    )
    assert result.processor_customer_ref == session.processor_customer_ref
    await world.stripe.submit(await new_attempt(world, result.instrument))
    with pytest.raises(Invalid, match="used before"):
        await world.stripe.finish_collect(session.session_ref, payload(confirmation_token=token))


async def test_an_entry_or_a_page_that_has_expired_is_refused(world: StripeWorld) -> None:
    old_token = await world.token("pm_card_visa")
    old_page = await begin(world)
    await world.advance(datetime.timedelta(hours=13))
    with pytest.raises(Invalid, match="page has expired"):
        await world.stripe.finish_collect(
            old_page.session_ref, payload(confirmation_token=await world.token("pm_card_visa"))
        )
    with pytest.raises(Invalid, match="entry has expired"):
        await world.stripe.finish_collect(
            (await begin(world)).session_ref, payload(confirmation_token=old_token)
        )


async def test_a_session_that_we_did_not_seal_is_refused(world: StripeWorld) -> None:
    good = payload(confirmation_token=await world.token("pm_card_visa"))
    forged = PlainSecretBox().seal('{"purpose": "pay"}')
    for session_ref in ("", "cus_1", forged):
        with pytest.raises(Invalid):
            await world.stripe.finish_collect(session_ref, good)


async def test_a_card_number_in_the_payload_is_refused_and_not_repeated(
    world: StripeWorld,
) -> None:
    session = await begin(world)
    for body in (
        payload(confirmation_token="4242424242424242"),
        payload(number="4242424242424242"),
    ):
        with pytest.raises(Invalid) as caught:
            await world.stripe.finish_collect(session.session_ref, body)
        assert "4242" not in str(caught.value)


async def test_a_method_that_is_no_card_must_be_another_one(world: StripeWorld) -> None:
    session = await begin(world)
    token = await world.token("pm_card_visa")
    world.arm_kind(
        FaultKind.UNKNOWN_ENUM,
        "GET /v1/confirmation_tokens/*",
        path="payment_method_preview.type",
        value="crypto",
    )
    with pytest.raises(Declined, match="only cards"):
        await world.stripe.finish_collect(session.session_ref, payload(confirmation_token=token))


async def test_a_lost_read_of_the_card_is_unavailable_and_can_be_repeated(
    world: StripeWorld,
) -> None:
    session = await begin(world)
    body = payload(confirmation_token=await world.token("pm_card_visa"))
    world.arm_kind(FaultKind.CUT_BEFORE, "GET /v1/confirmation_tokens/*")
    with pytest.raises(Unavailable):
        await world.stripe.finish_collect(session.session_ref, body)
    assert (await world.stripe.finish_collect(session.session_ref, body)).instrument.last4 == "4242"


# Saving without paying.


async def test_a_card_can_be_saved_without_paying(world: StripeWorld) -> None:
    session = await begin(world, purpose=SAVE)
    intent = await confirm_setup(world, session, "pm_card_mastercard")
    result = await world.stripe.finish_collect(session.session_ref, payload(setup_intent=intent))
    assert result.instrument.reusable
    assert result.instrument.label == "Mastercard •••• 4444"
    attempt = await new_attempt(world, result.instrument, present=False)
    await world.stripe.submit(attempt)
    assert await world.charges(attempt) == 1


async def test_a_card_confirmed_on_another_page_is_refused(world: StripeWorld) -> None:
    mine, other = await begin(world, purpose=SAVE), await begin(world, purpose=SAVE)
    intent = await confirm_setup(world, other, "pm_card_visa")
    with pytest.raises(Invalid, match="not entered on this page"):
        await world.stripe.finish_collect(mine.session_ref, payload(setup_intent=intent))
    unconfirmed = str(mine.bootstrap["client_secret"]).split("_secret_")[0]
    with pytest.raises(Invalid, match="not confirmed"):
        await world.stripe.finish_collect(mine.session_ref, payload(setup_intent=unconfirmed))


async def test_a_card_that_cannot_be_saved_is_declined(world: StripeWorld) -> None:
    session = await begin(world, purpose=SAVE)
    intent = str(session.bootstrap["client_secret"]).split("_secret_")[0]
    await world.http.post(
        f"/v1/setup_intents/{intent}/confirm",
        data={"payment_method": "pm_card_visa_chargeDeclined"},
    )
    with pytest.raises(Declined) as caught:
        await world.stripe.finish_collect(session.session_ref, payload(setup_intent=intent))
    assert caught.value.code == "generic_decline"


async def test_a_forgotten_card_is_detached_and_reads_as_disabled(world: StripeWorld) -> None:
    session = await begin(world, purpose=SAVE)
    intent = await confirm_setup(world, session, "pm_card_visa")
    kept = (
        await world.stripe.finish_collect(session.session_ref, payload(setup_intent=intent))
    ).instrument
    assert (await world.stripe.refresh_instrument(kept)).health is InstrumentHealth.OK
    for _ in range(2):
        await world.stripe.remove_instrument(kept)
    gone = await world.stripe.refresh_instrument(kept)
    assert (gone.health, gone.reusable) == (InstrumentHealth.DISABLED, False)
    unknown = msgspec.structs.replace(kept, instrument_ref="pm_unknown")
    assert (await world.stripe.refresh_instrument(unknown)).health is InstrumentHealth.DISABLED


async def test_an_entry_that_was_never_charged_is_forgotten_by_itself(world: StripeWorld) -> None:
    instrument = await world.instrument(Behaviour.APPROVED)
    await world.stripe.remove_instrument(instrument)
    assert await world.stripe.refresh_instrument(instrument) == instrument


# On Stripe's own page.


async def test_a_card_entered_on_stripes_own_page_can_be_charged(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    async with stripe_world(specification, tmp_path, card_entry="hosted") as world:
        session = await begin(world)
        assert world.stripe.capabilities().collect_modes == {CollectMode.REDIRECT}
        assert session.mode is CollectMode.REDIRECT
        assert session.script is None
        with pytest.raises(Invalid, match="no card was entered"):
            await world.stripe.finish_collect(session.session_ref, b"")
        card = {"number": "4000 0566 5566 5556", "expiry": "12/34", "cvc": "123", "postal": "03103"}
        back = await world.http.post(session.redirect_url, data=card)
        assert back.headers["location"].startswith("https://pay.dealer.example/payments/return")
        instrument = (await world.stripe.finish_collect(session.session_ref, b"")).instrument
        assert instrument.card == CardFacts(brand="visa", funding=Funding.DEBIT, country="US")
        attempt = await new_attempt(world, instrument)
        await world.stripe.submit(attempt)
        assert await world.charges(attempt) == 1


async def confirm_setup(world: StripeWorld, session: CollectSession, card: str) -> str:
    """Confirm a card for saving, as Stripe's script does in the browser."""
    intent = str(session.bootstrap["client_secret"]).split("_secret_")[0]
    await world.post(f"/v1/setup_intents/{intent}/confirm", payment_method=card)
    return intent
