"""The account itself."""

from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import ledger, payouts
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.params import Spec
from dueport_apps.sandbox.stripe.world import StripeWorld

ACCOUNT_ID: Final = "acct_1DueportSandbox"


def retrieve(
    world: StripeWorld, params: dict[str, Any], account_id: str = ACCOUNT_ID
) -> JsonObject:
    """Return the account; its payout schedule says whether payouts are automatic."""
    if account_id != ACCOUNT_ID:
        message = "The provided key does not have access to that account."
        raise StripeError(403, message, code="account_invalid")
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@dealer.example",
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "Dueport sandbox", "timezone": "America/New_York"},
            "payments": {
                "statement_descriptor": "DUEPORT SANDBOX",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
            "payouts": {
                "debit_negative_balances": False,
                "schedule": {
                    "delay_days": ledger.AVAILABLE_AFTER_DAYS,
                    "interval": payouts.interval(world),
                },
                "statement_descriptor": None,
            },
        },
        "type": "standard",
    }


ROUTES: Final = (
    Route("GET", "/account", retrieve, Spec()),
    Route("GET", "/accounts/{account}", retrieve, Spec()),
)
