"""Stripe's test cards: which number, token and `pm_card_` name behaves how."""

from typing import Final

import msgspec

EXPIRES: Final = (12, 2034)


class TestCard(msgspec.Struct, frozen=True, kw_only=True):
    """One test card. `names` are what follows `tok_` and `pm_card_`.

    `decline` is a key of `DECLINES`; `declines_at` says whether saving the card is refused as
    well. `challenge` is when the bank asks its customer: `always`, or `unless_set_up`.
    """

    number: str
    brand: str
    names: tuple[str, ...] = ()
    funding: str = "credit"
    country: str = "US"
    decline: str = ""
    declines_at: str = "attach"
    challenge: str = ""
    dispute: str = ""
    refund: str = ""

    @property
    def last4(self) -> str:
        """The digits that are shown."""
        return self.number[-4:]


class Decline(msgspec.Struct, frozen=True):
    """How a bank's refusal reads."""

    code: str
    decline_code: str
    message: str


DECLINED: Final = "Your card was declined."
DECLINES: Final = {
    "generic_decline": Decline("card_declined", "generic_decline", DECLINED),
    "insufficient_funds": Decline(
        "card_declined", "insufficient_funds", "Your card has insufficient funds."
    ),
    "lost_card": Decline("card_declined", "lost_card", DECLINED),
    "stolen_card": Decline("card_declined", "stolen_card", DECLINED),
    "fraudulent": Decline("card_declined", "fraudulent", DECLINED),
    "test_mode_live_card": Decline(
        "card_declined",
        "test_mode_live_card",
        "Your card was declined. Your request was in test mode, but used a non test card.",
    ),
    "expired_card": Decline("expired_card", "expired_card", "Your card has expired."),
    "incorrect_cvc": Decline(
        "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."
    ),
    "processing_error": Decline(
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}

TEST_CARDS: Final = (
    TestCard(number="4242424242424242", brand="visa", names=("visa",)),
    TestCard(number="4000056655665556", brand="visa", funding="debit", names=("visa_debit",)),
    TestCard(number="5555555555554444", brand="mastercard", names=("mastercard",)),
    TestCard(
        number="5200828282828210",
        brand="mastercard",
        funding="debit",
        names=("mastercard_debit",),
    ),
    TestCard(
        number="5105105105105100",
        brand="mastercard",
        funding="prepaid",
        names=("mastercard_prepaid",),
    ),
    TestCard(number="378282246310005", brand="amex", names=("amex",)),
    TestCard(number="6011111111111117", brand="discover", names=("discover",)),
    TestCard(number="4000001240000000", brand="visa", country="CA", names=("ca",)),
    TestCard(
        number="4000000000000002",
        brand="visa",
        decline="generic_decline",
        names=("visa_chargeDeclined", "chargeDeclined"),
    ),
    TestCard(
        number="4000000000009995",
        brand="visa",
        decline="insufficient_funds",
        names=("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
    ),
    TestCard(
        number="4000000000009987",
        brand="visa",
        decline="lost_card",
        names=("visa_chargeDeclinedLostCard",),
    ),
    TestCard(
        number="4000000000009979",
        brand="visa",
        decline="stolen_card",
        names=("visa_chargeDeclinedStolenCard",),
    ),
    TestCard(
        number="4000000000000069",
        brand="visa",
        decline="expired_card",
        names=("chargeDeclinedExpiredCard",),
    ),
    TestCard(
        number="4000000000000127",
        brand="visa",
        decline="incorrect_cvc",
        names=("chargeDeclinedIncorrectCvc",),
    ),
    TestCard(
        number="4000000000000119",
        brand="visa",
        decline="processing_error",
        names=("chargeDeclinedProcessingError",),
    ),
    TestCard(
        number="4100000000000019",
        brand="visa",
        decline="fraudulent",
        names=("chargeDeclinedFraudulent", "radarBlock"),
    ),
    TestCard(
        number="4000000000000341",
        brand="visa",
        decline="generic_decline",
        declines_at="charge",
        names=("chargeCustomerFail", "visa_chargeCustomerFail"),
    ),
    TestCard(
        number="4000000000003220",
        brand="visa",
        challenge="always",
        names=("threeDSecure2Required", "authenticationRequired"),
    ),
    TestCard(
        number="4000002760003184",
        brand="visa",
        challenge="always",
        names=("authenticationRequiredAlways",),
    ),
    TestCard(
        number="4000002500003155",
        brand="visa",
        challenge="unless_set_up",
        names=("authenticationRequiredOnSetup",),
    ),
    TestCard(
        number="4000008260003178",
        brand="visa",
        challenge="always",
        decline="insufficient_funds",
        declines_at="charge",
        names=("authenticationRequiredChargeDeclinedInsufficientFunds",),
    ),
    TestCard(
        number="4000000000000259",
        brand="visa",
        dispute="fraudulent",
        names=("createDispute", "visa_createDispute"),
    ),
    TestCard(
        number="4000000000002685",
        brand="visa",
        dispute="product_not_received",
        names=("createDisputeProductNotReceived", "visa_createDisputeProductNotReceived"),
    ),
    TestCard(
        number="4000000000001976",
        brand="visa",
        dispute="inquiry",
        names=("createDisputeInquiry", "visa_createDisputeInquiry"),
    ),
    TestCard(number="4000000000007726", brand="visa", refund="pending", names=("pendingRefund",)),
    TestCard(number="4000000000005126", brand="visa", refund="fails", names=("refundFail",)),
)

BY_NUMBER: Final = {card.number: card for card in TEST_CARDS}
BY_NAME: Final = {name: card for card in TEST_CARDS for name in card.names}


def stranger(number: str) -> TestCard:
    """Return a card that nobody issued; every use of it is declined."""
    brands = {"3": "amex", "5": "mastercard", "6": "discover"}
    brand = brands.get(number[:1], "visa")
    return TestCard(number=number, brand=brand, decline="test_mode_live_card")


def passes_luhn(number: str) -> bool:
    """Whether the check digit is right, as it is on every card."""
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
