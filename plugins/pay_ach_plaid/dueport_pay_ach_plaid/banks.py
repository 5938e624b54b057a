"""Linked bank accounts: how they are referred to, read again and forgotten.

An access token opens a customer's bank account to whoever holds it together with the dealer's keys,
so it leaves this plugin sealed only. Account numbers are never asked for: Transfer needs none.
"""

from typing import Final

import msgspec
from plaid.model.accounts_get_request import AccountsGetRequest
from plaid.model.item_get_request import ItemGetRequest
from plaid.model.item_remove_request import ItemRemoveRequest

from dueport_pay_ach_plaid.api import PlaidApi, Refused, as_error
from dueport_pay_ach_plaid.journal import Journal
from dueport_pay_ach_plaid.mapping import GONE, health_of, instrument_of
from dueport_pay_ach_plaid.wire import AccountsAnswer, Item, ItemAnswer, Nothing
from dueport_ports import (
    Clock,
    Environment,
    Instrument,
    InstrumentHealth,
    Misconfigured,
    PluginContext,
    Secret,
)

TOKEN_PREFIXES: Final = {
    Environment.LIVE: "access-production-",
    Environment.SANDBOX: "access-sandbox-",
}

CUT_OFF_NOTICES: Final = ("PENDING_DISCONNECT", "PENDING_EXPIRATION")
"""Plaid says a week ahead that a bank will be disconnected, and says it once."""

LOGIN_REPAIRED: Final = "LOGIN_REPAIRED"


class InstrumentRef(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Instrument.instrument_ref`` holds, as JSON."""

    item_id: str
    account_id: str
    sealed_token: str


class Bank(msgspec.Struct, frozen=True, kw_only=True):
    """A linked account, opened for one call."""

    item_id: str
    account_id: str
    access_token: Secret


class Banks:
    """Seals, opens, reads and forgets linked accounts."""

    def __init__(self, api: PlaidApi, journal: Journal, context: PluginContext) -> None:
        self._api = api
        self._journal = journal
        self._clock: Clock = context.clock
        self._secrets = context.secrets
        self._token_prefix = TOKEN_PREFIXES[context.environment]

    def sealed(self, bank: Bank) -> str:
        """Return the instrument's reference for a linked account."""
        ref = InstrumentRef(
            item_id=bank.item_id,
            account_id=bank.account_id,
            sealed_token=self._secrets.seal(bank.access_token.reveal()),
        )
        return msgspec.json.encode(ref).decode()

    def opened(self, instrument: Instrument) -> Bank:
        """Open an instrument. Raises Misconfigured for one of another key or environment."""
        try:
            ref = msgspec.json.decode(instrument.instrument_ref, type=InstrumentRef)
        except msgspec.DecodeError as error:
            raise Misconfigured("this instrument was not linked through Plaid") from error
        token = self._secrets.open(ref.sealed_token)
        if not token.startswith(self._token_prefix):
            raise Misconfigured("this bank account was linked in another of Plaid's environments")
        return Bank(item_id=ref.item_id, account_id=ref.account_id, access_token=Secret(token))

    async def read(self, access_token: Secret) -> AccountsAnswer:
        """Read the accounts that the customer shares. Raises the platform's errors."""
        request = AccountsGetRequest(access_token=access_token.reveal())
        return await self._api.read(AccountsAnswer, self._api.calls.accounts_get, request)

    async def refresh(self, instrument: Instrument) -> Instrument:
        """Read again whether an account is proved and whether the sign-in still works."""
        bank = self.opened(instrument)
        item = await self._item(bank)
        health = health_of(item, self._clock.now(), instrument.health)
        if health is not InstrumentHealth.OK or item.error is not None:
            return msgspec.structs.replace(instrument, health=health)
        answer = await self.read(bank.access_token)
        for account in answer.accounts:
            if account.account_id == bank.account_id:
                break
        else:
            # The customer has taken back this account and left another one.
            return msgspec.structs.replace(instrument, health=InstrumentHealth.DISABLED)
        fresh = instrument_of(account, item, instrument.instrument_ref)
        if await self._journal.notice(bank.item_id) in CUT_OFF_NOTICES:
            health = InstrumentHealth.NEEDS_REAUTHORIZATION
        return msgspec.structs.replace(fresh, health=health)

    async def remove(self, instrument: Instrument) -> None:
        """Forget an account at Plaid; one that is gone already is fine."""
        await self.forget(self.opened(instrument).access_token)

    async def forget(self, access_token: Secret) -> None:
        """Make an access token worthless."""
        request = ItemRemoveRequest(access_token=access_token.reveal())
        try:
            await self._api.ask(Nothing, self._api.calls.item_remove, request)
        except Refused as refused:
            if refused.failure.is_silence or refused.failure.code not in GONE:
                raise as_error(refused.failure) from refused.__cause__

    async def _item(self, bank: Bank) -> Item:
        request = ItemGetRequest(access_token=bank.access_token.reveal())
        try:
            answer = await self._api.ask(ItemAnswer, self._api.calls.item_get, request)
        except Refused as refused:
            if refused.failure.code in GONE:
                return Item(item_id=bank.item_id, error=refused.failure.error)
            raise as_error(refused.failure) from refused.__cause__
        return answer.item
