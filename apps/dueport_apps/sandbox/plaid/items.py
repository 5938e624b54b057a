"""Items and their accounts: `/item/*`, `/accounts/*`, `/auth/get`, `/identity/match`."""

from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from dueport_apps.sandbox.plaid.errors import ITEM_ERROR_TEXTS, PlaidRefusal, error_object
from dueport_apps.sandbox.plaid.institutions import check_login, institution, open_accounts
from dueport_apps.sandbox.plaid.records import AccessToken, BankAccount, Item, PublicToken
from dueport_apps.sandbox.plaid.requests import (
    AccountsRequest,
    IdentityMatch,
    ItemRequest,
    ItemWebhookUpdate,
    PublicTokenExchange,
)
from dueport_apps.sandbox.plaid.sandbox_requests import (
    SandboxPublicTokenCreate,
    SandboxSetVerificationStatus,
)
from dueport_apps.sandbox.plaid.views import account_view, instant, item_view
from dueport_apps.sandbox.plaid.webhooks import PlaidWebhooks
from dueport_apps.sandbox.plaid.world import PlaidWorld

PUBLIC_TOKEN_LIFETIME: Final = timedelta(minutes=30)
UNVERIFIED: Final = (
    "pending_automatic_verification",
    "pending_manual_verification",
    "unsent",
    "verification_expired",
    "verification_failed",
)


class Items:
    """What a person has shared, and what may be read of it."""

    def __init__(self, world: PlaidWorld, webhooks: PlaidWebhooks) -> None:
        self._world = world
        self._webhooks = webhooks

    def sign_in(
        self,
        institution_id: str,
        username: str,
        password: str,
        products: tuple[str, ...],
        webhook: str | None,
    ) -> Item:
        """Open an Item at a bank, or refuse the credentials."""
        bank = institution(institution_id)
        check_login(username, password)
        item = Item(
            id=self._world.new_ref(),
            access_token=self._world.new_token("access"),
            institution_id=bank.id,
            username=username,
            products=products,
            webhook=webhook,
            created_at=self._world.now(),
            accounts=open_accounts(self._world, bank, username),
        )
        self._world.access_tokens.put(AccessToken(id=item.access_token, item_id=item.id))
        return self._world.items.put(item)

    def share(self, item: Item) -> PublicToken:
        """Return a new public token for an Item."""
        expires_at = self._world.now() + PUBLIC_TOKEN_LIFETIME
        token_id = self._world.new_token("public")
        return self._world.public_tokens.put(
            PublicToken(id=token_id, item_id=item.id, expires_at=expires_at)
        )

    def exchange(self, request: PublicTokenExchange) -> dict[str, Any]:
        """Answer `/item/public_token/exchange`: once per token."""
        token = self._world.public_tokens.get(request.public_token)
        if token is None:
            raise PlaidRefusal("INVALID_PUBLIC_TOKEN", "could not find matching public token")
        if token.used or self._world.now() >= token.expires_at:
            raise PlaidRefusal("INVALID_PUBLIC_TOKEN", "provided public token is expired")
        self._world.public_tokens.put(replace(token, used=True))
        item = self._world.items[token.item_id]
        return {"access_token": item.access_token, "item_id": item.id}

    def get(self, request: ItemRequest) -> dict[str, Any]:
        """Answer `/item/get`."""
        item = self._world.item_of(request.access_token)
        last: dict[str, Any] | None = None
        if item.last_webhook_at is not None:
            sent_at = instant(item.last_webhook_at)
            last = {"sent_at": sent_at, "code_sent": item.last_webhook_code}
        return {"item": item_view(item), "status": {"last_webhook": last}}

    def remove(self, request: ItemRequest) -> dict[str, Any]:
        """Answer `/item/remove`: the access token opens nothing any more."""
        item = self._world.item_of(request.access_token)
        self._world.items.put(replace(item, removed=True))
        return {}

    def change_webhook(self, request: ItemWebhookUpdate) -> dict[str, Any]:
        """Answer `/item/webhook/update`."""
        item = self._world.item_of(request.access_token)
        return {"item": item_view(self._world.items.put(replace(item, webhook=request.webhook)))}

    def accounts(self, request: AccountsRequest) -> dict[str, Any]:
        """Answer `/accounts/get`."""
        item = self._working(request.access_token)
        chosen = self._chosen(item, request.options.account_ids)
        return {"accounts": [account_view(one) for one in chosen], "item": item_view(item)}

    def auth(self, request: AccountsRequest) -> dict[str, Any]:
        """Answer `/auth/get`; an account that is not verified yet has no numbers to give."""
        item = self._working(request.access_token)
        chosen = self._chosen(item, request.options.account_ids)
        if any(one.verification_status in UNVERIFIED for one in chosen):
            raise PlaidRefusal(
                "PRODUCT_NOT_READY", "the requested product is not yet ready; verify the account"
            )
        numbers = [
            {
                "account_id": one.id,
                "account": one.account_number,
                "routing": one.routing_number,
                "wire_routing": None,
                "is_tokenized_account_number": False,
                "can_transfer_in": True,
                "can_transfer_out": not one.blocked,
            }
            for one in chosen
        ]
        return {
            "accounts": [account_view(one) for one in chosen],
            "numbers": {"ach": numbers, "eft": [], "international": [], "bacs": []},
            "item": item_view(item),
        }

    def identity_match(self, request: IdentityMatch) -> dict[str, Any]:
        """Answer `/identity/match`: how well the given name fits the holder's."""
        item = self._working(request.access_token)
        name = str((request.user or {}).get("legal_name") or "")
        views = []
        for one in self._chosen(item, request.options.account_ids):
            match = {
                "score": _name_score(name, one.legal_name) if name else None,
                "is_first_name_or_last_name_match": bool(_words(name) & _words(one.legal_name)),
                "is_nickname_match": False,
                "is_business_name_detected": one.holder_category == "business",
            }
            unknown = {name: {"score": None} for name in ("phone_number", "email_address")}
            unknown["address"] = {"score": None, "is_postal_code_match": None}
            views.append(account_view(one) | {"legal_name": match} | unknown)
        return {"accounts": views, "item": item_view(item)}

    def sandbox_public_token(self, request: SandboxPublicTokenCreate) -> dict[str, Any]:
        """Answer `/sandbox/public_token/create`: an Item without the person."""
        options = request.options
        item = self.sign_in(
            request.institution_id,
            options.override_username or "user_good",
            options.override_password or "pass_good",
            request.initial_products,
            options.webhook,
        )
        return {"public_token": self.share(item).id}

    def reset_login(self, request: ItemRequest) -> dict[str, Any]:
        """Answer `/sandbox/item/reset_login`."""
        self.break_off(self._world.item_of(request.access_token), "ITEM_LOGIN_REQUIRED")
        return {"reset_login": True}

    def break_off(self, item: Item, code: str) -> None:
        """Break an Item with an error of its own, and tell its address."""
        changed = self._world.items.put(replace(item, error_code=code))
        error = error_object(code, ITEM_ERROR_TEXTS[code]) | {"status": 400}
        kind = "ERROR" if code == "ITEM_LOGIN_REQUIRED" else code
        self._webhooks.item(changed, "ITEM", kind, error=error)

    def repair(self, item: Item) -> Item:
        """Mend an Item because the person has signed in again."""
        return self._world.items.put(replace(item, error_code=None))

    def set_verification_status(self, request: SandboxSetVerificationStatus) -> dict[str, Any]:
        """Answer `/sandbox/item/set_verification_status`."""
        item = self._world.item_of(request.access_token)
        account = self._world.account_of(item, request.account_id)
        self.verify(item, account, request.verification_status)
        return {}

    def verify(self, item: Item, account: BankAccount, status: str) -> None:
        """Change how far an account's micro-deposits have come, and tell the Item's address."""
        changed = self._world.change_account(item, replace(account, verification_status=status))
        if status in ("automatically_verified", "verification_expired"):
            self._webhooks.item(changed, "AUTH", status.upper(), account_id=account.id)

    def _working(self, access_token: str) -> Item:
        item = self._world.item_of(access_token)
        if item.error_code is not None:
            raise PlaidRefusal(item.error_code, ITEM_ERROR_TEXTS[item.error_code])
        return item

    def _chosen(self, item: Item, account_ids: tuple[str, ...] | None) -> list[BankAccount]:
        if account_ids is None:
            return list(item.accounts)
        return [self._world.account_of(item, account_id) for account_id in account_ids]


def _words(name: str) -> set[str]:
    return {word.strip(".,").casefold() for word in name.split()} - {""}


def _name_score(given: str, held: str) -> int:
    """Return 100 for the same words in any order, less for every word that differs."""
    given_words, held_words = _words(given), _words(held)
    return 100 * len(given_words & held_words) // max(len(given_words | held_words), 1)
