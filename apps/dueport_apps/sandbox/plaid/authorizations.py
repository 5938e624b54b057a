"""Decisions about proposed debits, by the same magic as Plaid's sandbox.

An amount above the account's available balance is declined as NSF, an empty account as RISK; an
Item that needs a new login asks for action; a manually verified account is approved unassessed.
A rehearsal can plan other answers, among them a smaller amount than was asked for.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field
from dueport_apps.sandbox.plaid.money import cents
from dueport_apps.sandbox.plaid.records import Authorization, BankAccount, Item
from dueport_apps.sandbox.plaid.requests import AuthorizationCancel, AuthorizationCreate
from dueport_apps.sandbox.plaid.views import authorization_view
from dueport_apps.sandbox.plaid.world import LEDGER_ID, PlaidWorld

KEY_HOURS: Final = 48
LIFETIME: Final = timedelta(hours=1)
KEY_LENGTH_MAX: Final = 50
NETWORK_LIMIT_CENTS: Final = {"ach": 1_000_000_000, "same-day-ach": 100_000_000}
_UNASSESSED: Final = ("manually_verified", "database_insights_pass")


class Authorizations:
    """`/transfer/authorization/*`."""

    def __init__(self, world: PlaidWorld) -> None:
        self._world = world

    def create(self, request: AuthorizationCreate) -> dict[str, Any]:
        """Decide about a proposed debit.

        The same key within 48 hours returns the first decision, unless that one asked for action.
        """
        if len(request.idempotency_key or "") > KEY_LENGTH_MAX:
            raise invalid_field(f"idempotency_key must be at most {KEY_LENGTH_MAX} characters")
        fingerprint = "|".join(
            (request.access_token, request.account_id, request.amount, request.network)
        )
        key = request.idempotency_key
        made_id = self._world.kept("authorization", key, fingerprint, KEY_HOURS)
        if made_id is not None:
            made = self._world.authorizations[made_id]
            if made.decision != "user_action_required":
                return {"authorization": authorization_view(made)}
        authorization = self._decide(request)
        self._world.authorizations.put(authorization)
        self._world.keep("authorization", key, fingerprint, authorization.id)
        return {"authorization": authorization_view(authorization)}

    def cancel(self, request: AuthorizationCancel) -> dict[str, Any]:
        """Take back a decision that no transfer has used."""
        authorization = self._world.authorizations.get(request.authorization_id)
        if authorization is None:
            raise PlaidRefusal("NOT_FOUND", "authorization not found")
        if authorization.transfer_id is not None:
            raise invalid_field("authorization has already been used for a transfer")
        self._world.authorizations.put(replace(authorization, cancelled=True))
        return {}

    def _decide(self, request: AuthorizationCreate) -> Authorization:
        item = self._world.item_of(request.access_token)
        account = self._world.account_of(item, request.account_id)
        amount = self._checked_amount(request)
        if "transfer" not in item.products:
            raise PlaidRefusal(
                "PRODUCTS_NOT_SUPPORTED", "the transfer product is not enabled for this item"
            )
        if account.subtype not in ("checking", "savings"):
            raise PlaidRefusal(
                "TRANSFER_UNSUPPORTED_ACCOUNT_TYPE", "account type not supported for transfer"
            )
        if account.blocked:
            raise PlaidRefusal(
                "TRANSFER_ACCOUNT_BLOCKED",
                "transfer was blocked due to a previous ACH return on this account",
            )
        decision, code, authorised = self._answer(item, account, amount)
        return Authorization(
            id=self._world.new_uuid(),
            item_id=item.id,
            account_id=account.id,
            created_at=self._world.now(),
            decision=decision,
            rationale_code=code,
            amount_cents=authorised,
            requested_cents=amount,
            network=request.network,
            ach_class=request.ach_class or "web",
            user=msgspec.to_builtins(request.user),
            ledger_id=LEDGER_ID,
        )

    def _checked_amount(self, request: AuthorizationCreate) -> int:
        if request.type != "debit" or request.network not in NETWORK_LIMIT_CENTS:
            raise invalid_field("this sandbox moves debits over ach and same-day-ach only")
        if request.ach_class is None:
            raise PlaidRefusal(
                "MISSING_FIELDS", "the following required fields are missing: ach_class"
            )
        if request.ach_class == "ppd":
            raise invalid_field("ach_class must be one of: ccd, tel, web for debits")
        if request.iso_currency_code != "USD":
            raise invalid_field("iso_currency_code must be USD")
        if request.ledger_id not in (None, LEDGER_ID):
            raise PlaidRefusal("NOT_FOUND", "ledger not found")
        amount = cents(request.amount)
        if amount > NETWORK_LIMIT_CENTS[request.network]:
            raise PlaidRefusal(
                "TRANSFER_NETWORK_LIMIT_EXCEEDED",
                f"the amount exceeds the limit of the {request.network} network",
            )
        return amount

    def _answer(self, item: Item, account: BankAccount, amount: int) -> tuple[str, str | None, int]:
        """Return the decision, its rationale and the authorised cents."""
        planned = self._next_planned(amount)
        if planned is not None:
            return planned
        if item.error_code is not None:
            return "user_action_required", "ITEM_LOGIN_REQUIRED", amount
        if amount > self._world.settings.transfer_limit_cents:
            return "declined", "TRANSFER_LIMIT_REACHED", amount
        if account.verification_status in _UNASSESSED:
            return "approved", "MANUALLY_VERIFIED_ITEM", amount
        if account.available_cents == 0:
            return "declined", "RISK", amount
        if amount > account.available_cents:
            return "declined", "NSF", amount
        return "approved", None, amount

    def _next_planned(self, amount: int) -> tuple[str, str | None, int] | None:
        settings = self._world.settings
        if not settings.decisions:
            return None
        first, *rest = settings.decisions
        left = (replace(first, times=first.times - 1),) if first.times > 1 else ()
        self._world.change_settings(replace(settings, decisions=(*left, *rest)))
        authorised = amount if first.authorised_cents is None else first.authorised_cents
        return first.decision, first.rationale_code, min(amount, authorised)
