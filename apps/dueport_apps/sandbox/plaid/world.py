"""The simulated Plaid as a whole: its shelves, its ids, its settings and its event feed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field
from dueport_apps.sandbox.plaid.records import (
    AccessToken,
    Authorization,
    BankAccount,
    Due,
    Event,
    Item,
    KeptKey,
    LedgerEvent,
    LinkToken,
    PublicToken,
    Refund,
    Settings,
    Shelf,
    SigningKey,
    Sweep,
    Transfer,
)

LEDGER_ID = "4f7a2c1e-6b0d-4c5e-9a38-1d2f3b4c5d6e"
FUNDING_ACCOUNT_ID = "8a1f5e90-3c47-4d2b-b6a9-0e7d6c5b4a39"


class PlaidWorld:
    """Everything one simulated Plaid client owns."""

    def __init__(self, frame: SandboxFrame) -> None:
        self.frame = frame
        world = frame.world
        self.items = Shelf(world, "items", Item)
        self.access_tokens = Shelf(world, "access_tokens", AccessToken)
        self.kept_keys = Shelf(world, "kept_keys", KeptKey)
        self.public_tokens = Shelf(world, "public_tokens", PublicToken)
        self.link_tokens = Shelf(world, "link_tokens", LinkToken)
        self.authorizations = Shelf(world, "authorizations", Authorization)
        self.transfers = Shelf(world, "transfers", Transfer)
        self.events = Shelf(world, "events", Event)
        self.sweeps = Shelf(world, "sweeps", Sweep)
        self.refunds = Shelf(world, "refunds", Refund)
        self.ledger_events = Shelf(world, "ledger_events", LedgerEvent)
        self.dues = Shelf(world, "dues", Due)
        self.signing_keys = Shelf(world, "signing_keys", SigningKey)
        self._settings = Shelf(world, "settings", Settings)
        self.on_event: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return the virtual instant."""
        return self.frame.clock.now()

    @property
    def settings(self) -> Settings:
        """What the Dashboard and the rehearsal say now."""
        return self._settings.get("settings") or Settings()

    def change_settings(self, settings: Settings) -> Settings:
        """Keep changed settings."""
        return self._settings.put(settings)

    def new_uuid(self) -> str:
        """Return the next id in the shape of a UUID."""
        digits = f"{self.frame.world.draw(1 << 124):031x}"
        self.frame.world.touch()
        variant = "89ab"[int(digits[0], 16) % 4]
        parts = (digits[:8], digits[8:12], f"4{digits[12:15]}", f"{variant}{digits[15:18]}")
        return "-".join([*parts, digits[18:30]])

    def new_token(self, kind: str) -> str:
        """Return the next token, such as `access-sandbox-...`."""
        return f"{kind}-sandbox-{self.new_uuid()}"

    def new_ref(self) -> str:
        """Return the next id of an Item or an account."""
        return self.frame.world.new_id("", 37)

    def new_request_id(self) -> str:
        """Return the id that an answer carries."""
        return self.frame.world.new_id("", 15)

    def new_trace(self) -> str:
        """Return the next 15-digit ACH trace number, under an invented routing prefix."""
        return f"09150002{self.frame.world.draw(10**7):07d}"

    def kept(self, kind: str, key: str | None, fingerprint: str, hours: int | None) -> str | None:
        """Return what an idempotency key made before, or None; refuse other parameters under it.

        `hours` is how long a key is remembered; None means for good.
        """
        seen = None if key is None else self.kept_keys.get(f"{kind}:{key}")
        if seen is None:
            return None
        if hours is not None and self.now() >= seen.at + timedelta(hours=hours):
            return None
        if seen.fingerprint != fingerprint:
            raise invalid_field("idempotency_key was already used with different parameters")
        return seen.made_id

    def keep(self, kind: str, key: str | None, fingerprint: str, made_id: str) -> None:
        """Remember what an idempotency key made."""
        if key is not None:
            self.kept_keys.put(
                KeptKey(id=f"{kind}:{key}", made_id=made_id, fingerprint=fingerprint, at=self.now())
            )

    def record_event(
        self,
        kind: str,
        *,
        transfer_id: str | None = None,
        sweep_id: str | None = None,
        sweep_amount_cents: int | None = None,
        refund_id: str | None = None,
        failure_code: str | None = None,
        failure_text: str | None = None,
    ) -> Event:
        """Append to the event feed and let those who listen know."""
        event = Event(
            id=str(len(self.events) + 1),
            at=self.now(),
            kind=kind,
            transfer_id=transfer_id,
            sweep_id=sweep_id,
            sweep_amount_cents=sweep_amount_cents,
            refund_id=refund_id,
            failure_code=failure_code,
            failure_text=failure_text,
        )
        self.events.put(event)
        for listener in self.on_event:
            listener()
        return event

    def item_of(self, access_token: str) -> Item:
        """Return the Item that an access token opens, or refuse the token."""
        if not access_token.startswith("access-sandbox-"):
            raise PlaidRefusal(
                "INVALID_ACCESS_TOKEN",
                "the provided access token is in an invalid format. "
                "expected format: access-<environment>-<identifier>",
            )
        opened = self.access_tokens.get(access_token)
        item = None if opened is None else self.items[opened.item_id]
        if item is not None and not item.removed:
            return item
        raise PlaidRefusal(
            "ITEM_NOT_FOUND",
            "The Item you requested cannot be found. This Item does not exist, has been previously "
            "removed via /item/remove, or has had access removed by the user.",
        )

    def account_of(self, item: Item, account_id: str) -> BankAccount:
        """Return one of an Item's accounts, or refuse the id."""
        for account in item.accounts:
            if account.id == account_id:
                return account
        raise PlaidRefusal(
            "INVALID_ACCOUNT_ID", f"failed to find requested account ID {account_id} for this Item"
        )

    def change_account(self, item: Item, account: BankAccount) -> Item:
        """Keep a changed account of an Item."""
        accounts = tuple(account if one.id == account.id else one for one in item.accounts)
        return self.items.put(replace(item, accounts=accounts))
