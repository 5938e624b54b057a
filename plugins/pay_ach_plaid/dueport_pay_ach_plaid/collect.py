"""Linking a bank account in Plaid Link, and reading from Plaid what was linked.

The page opens Link with a token of ours; Link hands back a public token, good for one exchange with
our keys. With ``bank_entry = "hosted"`` the customer goes to Plaid's own page instead, and what was
linked there is read from Plaid. Signing in again (``reauthorize``) keeps the account as it is.
"""

import datetime
import logging
import re
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from plaid.model.country_code import CountryCode
from plaid.model.depository_account_subtype import DepositoryAccountSubtype
from plaid.model.depository_account_subtypes import DepositoryAccountSubtypes
from plaid.model.depository_filter import DepositoryFilter
from plaid.model.item_public_token_exchange_request import ItemPublicTokenExchangeRequest
from plaid.model.link_token_account_filters import LinkTokenAccountFilters
from plaid.model.link_token_create_hosted_link import LinkTokenCreateHostedLink
from plaid.model.link_token_create_request import LinkTokenCreateRequest
from plaid.model.link_token_create_request_transfer import LinkTokenCreateRequestTransfer
from plaid.model.link_token_create_request_user import LinkTokenCreateRequestUser
from plaid.model.link_token_get_request import LinkTokenGetRequest
from plaid.model.products import Products

from dueport_pay_ach_plaid.api import PlaidApi
from dueport_pay_ach_plaid.banks import LOGIN_REPAIRED, Bank, Banks
from dueport_pay_ach_plaid.journal import Journal
from dueport_pay_ach_plaid.mapping import instrument_of
from dueport_pay_ach_plaid.settings import (
    CLIENT_NAME_LENGTH_MAX,
    HOSTS,
    SCRIPT_URL,
    Settings,
)
from dueport_pay_ach_plaid.wire import (
    Account,
    ExchangeAnswer,
    LinkSession,
    LinkSessionsAnswer,
    LinkTokenAnswer,
)
from dueport_ports import (
    BrowserScript,
    CollectMode,
    CollectRequest,
    CollectResult,
    CollectSession,
    Declined,
    DueportError,
    Environment,
    Instrument,
    InstrumentHealth,
    InstrumentVerification,
    Invalid,
    Misconfigured,
    PaymentMethodKind,
    PluginContext,
    Rejected,
    Secret,
    Unsupported,
)

PLUGIN: Final = "pay_ach_plaid"
PRODUCTS: Final = ("auth", "transfer")
SUBTYPES: Final = ("checking", "savings")
HANDOFF: Final = "HANDOFF"
"""Link's last event of a visit that succeeded."""

VENDOR_ORIGIN: Final = "https://cdn.plaid.com"

PENDING_REASON: Final = (
    "Your bank account still has to be verified: watch for a small deposit from Plaid and confirm "
    "it. You can pay from this account after that."
)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,250}")

logger = logging.getLogger(__name__)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a collect session stands for; sealed, it is the session's ref."""

    link_token: str
    hosted: bool
    expires_at: datetime.datetime
    instrument: Instrument | None = None
    """The instrument that is signed in to again."""


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter script hands back; signing in again needs no token."""

    public_token: str | None = None
    account_id: str | None = None


class Collector:
    """Begins and finishes collecting; keeps nothing between the two."""

    def __init__(
        self,
        api: PlaidApi,
        banks: Banks,
        journal: Journal,
        settings: Settings,
        context: PluginContext,
    ) -> None:
        self._api = api
        self._banks = banks
        self._journal = journal
        self._settings = settings
        self._context = context

    async def begin(self, request: CollectRequest) -> CollectSession:
        """Prepare the page: a token for Link, the script and what the script needs."""
        if request.kind is not PaymentMethodKind.ACH:
            raise Unsupported("pay_ach_plaid takes bank accounts; use another processor for cards")
        hosted = self._settings.bank_entry == "hosted"
        again = request.instrument if request.purpose == "reauthorize" else None
        fields: dict[str, Any] = {}
        if again is not None:
            fields["access_token"] = self._banks.opened(again).access_token.reveal()
        elif request.purpose == "reauthorize":
            raise Invalid("say which bank account is to be signed in to again")
        if hosted:
            fields["hosted_link"] = LinkTokenCreateHostedLink(
                completion_redirect_uri=request.return_url
            )
        token = await self.link_token(request.payer.payer_id, **fields)
        session = Session(
            link_token=token.link_token,
            hosted=hosted,
            expires_at=token.expiration,
            instrument=again,
        )
        session_ref = self._context.secrets.seal(msgspec.json.encode(session).decode())
        if hosted:
            return CollectSession(
                session_ref=session_ref,
                mode=CollectMode.REDIRECT,
                redirect_url=token.hosted_link_url or "",
                expires_at=token.expiration,
            )
        return CollectSession(
            session_ref=session_ref,
            mode=CollectMode.SCRIPT,
            script=browser_script(self._settings, self._context.environment),
            bootstrap=bootstrap_of(token, "update" if again else "link"),
            expires_at=token.expiration,
        )

    async def link_token(self, payer_id: str, **fields: Any) -> LinkTokenAnswer:
        """Make a token that opens Link: for a new bank, or for the one that ``fields`` name."""
        if "access_token" not in fields and "transfer" not in fields:
            fields["products"] = [Products(product) for product in PRODUCTS]
            subtypes = [DepositoryAccountSubtype(subtype) for subtype in SUBTYPES]
            fields["account_filters"] = LinkTokenAccountFilters(
                depository=DepositoryFilter(account_subtypes=DepositoryAccountSubtypes(subtypes))
            )
        if self._settings.redirect_uri:
            fields["redirect_uri"] = self._settings.redirect_uri
        name = self._settings.client_name or self._context.dealer.name
        request = LinkTokenCreateRequest(
            client_name=name[:CLIENT_NAME_LENGTH_MAX],
            language="en",
            country_codes=[CountryCode("US")],
            user=LinkTokenCreateRequestUser(client_user_id=payer_id),
            webhook=self._settings.webhook_url or f"{self._context.public_url}/webhooks/{PLUGIN}",
            **fields,
        )
        return await self._api.read(LinkTokenAnswer, self._api.calls.link_token_create, request)

    async def finish(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        """Read from Plaid which account was linked, or that the sign-in works again."""
        session = self._opened(session_ref)
        payload = Payload() if session.hosted else _read_payload(browser_payload)
        if session.instrument is not None:
            return await self._signed_in_again(session.instrument, session.link_token)
        if session.hosted:
            payload = await self._visited(session.link_token)
        if not payload.public_token or not payload.account_id:
            raise Invalid("the page sent no bank account; link your bank again")
        return await self._linked(payload.public_token, payload.account_id)

    async def _linked(self, public_token: str, account_id: str) -> CollectResult:
        request = ItemPublicTokenExchangeRequest(public_token=public_token)
        try:
            exchanged = await self._api.read(
                ExchangeAnswer, self._api.calls.item_public_token_exchange, request
            )
        except Rejected as error:
            raise Invalid("this bank account was not linked just now; link it again") from error
        token = Secret(exchanged.access_token)
        try:
            return await self._result(exchanged.item_id, account_id, token)
        except (Invalid, Declined):
            await self._forget_unused(token)
            raise

    async def _result(self, item_id: str, account_id: str, token: Secret) -> CollectResult:
        answer = await self._banks.read(token)
        chosen = [one for one in answer.accounts if one.account_id == account_id]
        if not chosen:
            raise Invalid("this account is not one of the bank that was linked; link it again")
        account: Account = chosen[0]
        if account.type != "depository" or account.subtype not in SUBTYPES:
            raise Declined(
                "payments are taken from checking and savings accounts; choose another account",
                "unsupported_account",
            )
        bank = Bank(item_id=item_id, account_id=account_id, access_token=token)
        instrument = instrument_of(account, answer.item, self._banks.sealed(bank))
        if instrument.verification is InstrumentVerification.FAILED:
            raise Declined("the bank account could not be verified; use another one", "unverified")
        pending = instrument.verification is InstrumentVerification.PENDING
        return CollectResult(
            instrument=instrument, pending_reason=PENDING_REASON if pending else ""
        )

    async def _signed_in_again(self, instrument: Instrument, link_token: str) -> CollectResult:
        bank = self._banks.opened(instrument)
        visits = await self._visits(link_token)
        if any(event.event_name == HANDOFF for visit in visits for event in visit.events or ()):
            await self._journal.add_notice(bank.item_id, LOGIN_REPAIRED, self._context.clock.now())
        fresh = await self._banks.refresh(instrument)
        if fresh.health is not InstrumentHealth.OK:
            raise Invalid("your bank is not connected yet; sign in to it again")
        return CollectResult(instrument=fresh)

    async def _visited(self, link_token: str) -> Payload:
        visits = await self._visits(link_token)
        results = [visit.results for visit in visits if visit.results is not None]
        for item in [item for result in results for item in result.item_add_results]:
            if item.public_token and len(item.accounts) == 1:
                return Payload(public_token=item.public_token, account_id=item.accounts[0].id)
        raise Invalid("no bank account was linked on Plaid's page; link one account")

    async def _visits(self, link_token: str) -> list[LinkSession]:
        request = LinkTokenGetRequest(link_token=link_token)
        answer = await self._api.read(LinkSessionsAnswer, self._api.calls.link_token_get, request)
        return answer.link_sessions or []

    async def _forget_unused(self, token: Secret) -> None:
        try:
            await self._banks.forget(token)
        except DueportError as error:
            logger.warning("a bank account that is not used stays linked at Plaid: %s", error)

    def _opened(self, session_ref: str) -> Session:
        try:
            session = msgspec.json.decode(self._context.secrets.open(session_ref), type=Session)
        except (Misconfigured, msgspec.DecodeError) as error:
            raise Invalid("this payment page is not valid any more; open it again") from error
        # Link refuses an expired token itself, but what it began in time may end a little later.
        if session.expires_at + datetime.timedelta(hours=1) <= self._context.clock.now():
            raise Invalid("this payment page has expired; open it again")
        return session


def bootstrap_of(token: LinkTokenAnswer, mode: str) -> dict[str, Any]:
    """Return what the adapter script is given: ``link``, ``update`` or ``action``."""
    return {"link_token": token.link_token, "mode": mode}


def browser_script(settings: Settings, environment: Environment) -> BrowserScript:
    """Return what a pay page loads and allows."""
    origin = VENDOR_ORIGIN
    connect = HOSTS[environment]
    if settings.script_url != SCRIPT_URL:
        parts = urlsplit(settings.script_url)
        origin = connect = f"{parts.scheme}://{parts.netloc}"
    csp: dict[str, tuple[str, ...]] = {
        "script-src": (origin,),
        "frame-src": (origin,),
        "connect-src": (connect,),
    }
    adapter = resources.files("dueport_pay_ach_plaid").joinpath("browser.js").read_text("utf-8")
    return BrowserScript(vendor_url=settings.script_url, adapter=adapter, csp=csp)


def _read_payload(browser_payload: bytes) -> Payload:
    try:
        payload = msgspec.json.decode(browser_payload, type=Payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("the page sent something that is no bank account; link it again") from error
    for given in (payload.public_token, payload.account_id):
        if given and not _TOKEN.fullmatch(given):
            raise Invalid("the page sent something that is no bank account; link it again")
    return payload


def transfer_action(authorization_ref: str) -> dict[str, Any]:
    """Return what makes Link do what an authorization waits for."""
    return {"transfer": LinkTokenCreateRequestTransfer(authorization_id=authorization_ref)}
