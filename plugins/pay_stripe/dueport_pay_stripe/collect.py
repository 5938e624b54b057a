"""Taking a card in the browser, and reading from Stripe what was taken.

To pay, the page's Payment Element makes a confirmation token, from which Stripe tells the card's
funding before anything is charged; so a fee can be quoted first. To save a card without paying,
the page confirms a SetupIntent. Either way the browser hands back an id and nothing else counts.

With ``card_entry = "hosted"`` the card is entered on Stripe's own page, in a Checkout session that
sets a card up without charging it: the fee is still quoted before the charge, and the dealer's
pages hold no card field at all.
"""

import datetime
import hashlib
import re
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from dueport_pay_stripe.api import StripeApi
from dueport_pay_stripe.mapping import decline_of, instant, instrument_of
from dueport_pay_stripe.settings import SCRIPT_URL, Settings
from dueport_pay_stripe.wire import (
    CheckoutSession,
    ConfirmationToken,
    Customer,
    PaymentIntent,
    PaymentMethod,
    SetupIntent,
    ref_of,
)
from dueport_ports import (
    BrowserScript,
    CollectMode,
    CollectRequest,
    CollectResult,
    CollectSession,
    Declined,
    Instrument,
    InstrumentHealth,
    Invalid,
    Misconfigured,
    NotFound,
    PayerRef,
    PaymentMethodKind,
    PluginContext,
    Rejected,
    Unsupported,
)

SESSION_LIFETIME: Final = datetime.timedelta(hours=12)
"""As long as Stripe keeps a confirmation token."""

CSP: Final = {
    "script-src": ("https://js.stripe.com", "https://*.js.stripe.com"),
    "frame-src": (
        "https://js.stripe.com",
        "https://*.js.stripe.com",
        "https://hooks.stripe.com",
    ),
    "connect-src": ("https://api.stripe.com",),
}
"""What Stripe's page on security asks a strict content security policy to allow."""

_ID = re.compile(r"(ctoken|seti)_[A-Za-z0-9_]{1,250}")


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a collect session stands for; sealed, it is the session's ref."""

    purpose: str
    customer_ref: str
    setup_ref: str = ""
    checkout_ref: str = ""
    expires_at: datetime.datetime


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter script hands back."""

    confirmation_token: str = ""
    setup_intent: str = ""


class Collector:
    """Begins and finishes collecting; keeps nothing between the two."""

    def __init__(self, api: StripeApi, settings: Settings, context: PluginContext) -> None:
        self._api = api
        self._settings = settings
        self._context = context

    async def begin(self, request: CollectRequest) -> CollectSession:
        """Prepare the page: its script, what the script needs, and the customer at Stripe."""
        if request.kind is not PaymentMethodKind.CARD:
            raise Unsupported("pay_stripe takes cards; use another processor for bank accounts")
        customer_ref = await customer_of(self._api, request.payer, self._settings.deployment)
        if self._settings.card_entry == "hosted":
            return await self._begin_hosted(request, customer_ref)
        bootstrap: dict[str, Any] = {
            "publishable_key": self._settings.publishable_key,
            "currency": request.currency.lower(),
            "return_url": request.return_url,
        }
        setup_ref = ""
        if request.purpose == "pay":
            bootstrap |= {"mode": "payment", "amount_cents": request.amount_cents}
            bootstrap["save"] = request.save
        else:
            intent = await self._new_setup(customer_ref)
            setup_ref = intent.id
            bootstrap |= {"mode": "setup", "client_secret": intent.client_secret or ""}
        session = self._session(request, customer_ref, setup_ref=setup_ref)
        return CollectSession(
            session_ref=self._sealed(session),
            mode=CollectMode.SCRIPT,
            script=browser_script(self._settings),
            bootstrap=bootstrap,
            processor_customer_ref=customer_ref,
            expires_at=session.expires_at,
        )

    async def _begin_hosted(self, request: CollectRequest, customer_ref: str) -> CollectSession:
        params: Any = {
            "mode": "setup",
            "customer": customer_ref,
            "payment_method_types": ["card"],
            "success_url": request.return_url,
            "cancel_url": request.return_url,
            "metadata": {"deployment": self._settings.deployment},
        }
        visit = await self._api.read(
            CheckoutSession, self._api.v1.checkout.sessions.create_async(params)
        )
        session = self._session(request, customer_ref, checkout_ref=visit.id)
        return CollectSession(
            session_ref=self._sealed(session),
            mode=CollectMode.REDIRECT,
            redirect_url=visit.url or "",
            processor_customer_ref=customer_ref,
            expires_at=session.expires_at,
        )

    def _session(
        self,
        request: CollectRequest,
        customer_ref: str,
        *,
        setup_ref: str = "",
        checkout_ref: str = "",
    ) -> Session:
        return Session(
            purpose=request.purpose,
            customer_ref=customer_ref,
            setup_ref=setup_ref,
            checkout_ref=checkout_ref,
            expires_at=self._context.clock.now() + SESSION_LIFETIME,
        )

    def _sealed(self, session: Session) -> str:
        return self._context.secrets.seal(msgspec.json.encode(session).decode())

    async def finish(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        """Read from Stripe what the browser's id stands for.

        An entry made to pay is good for one charge. Where that charge saves the card
        (``PaymentAttempt.save``), ``refresh`` returns the saved card once it has succeeded.
        """
        session = self._opened(session_ref)
        if session.checkout_ref:
            # The browser only comes back; what it brings along says nothing.
            return await self._visited(session)
        payload = _read_payload(browser_payload)
        if session.setup_ref:
            if payload.setup_intent != session.setup_ref:
                raise Invalid("this card was not entered on this page; enter it again")
            return await self._saved(session, session.setup_ref)
        if not payload.confirmation_token.startswith("ctoken_"):
            raise Invalid("the page sent no card; enter it again")
        token = await self._token(payload.confirmation_token)
        if token.payment_intent or token.setup_intent:
            raise Invalid("this card entry was used before; enter the card again")
        if token.expires_at and instant(token.expires_at) <= self._context.clock.now():
            raise Invalid("this card entry has expired; enter the card again")
        method = token.payment_method_preview
        if method is None or method.type != "card" or method.card is None:
            raise Declined("only cards are taken here; use another payment method", "not_a_card")
        return CollectResult(
            instrument=instrument_of(token.id, method, reusable=False),
            processor_customer_ref=session.customer_ref,
        )

    async def refresh(self, instrument: Instrument) -> Instrument:
        """Read a card again. One that was entered to pay and save becomes the saved card."""
        method_ref = await self._saved_method(instrument)
        if not method_ref:
            return instrument
        try:
            method = await self._api.read(
                PaymentMethod, self._api.v1.payment_methods.retrieve_async(method_ref)
            )
        except NotFound:
            return msgspec.structs.replace(instrument, health=InstrumentHealth.DISABLED)
        attached = bool(ref_of(method.customer))
        fresh = instrument_of(method.id, method, reusable=attached)
        health = InstrumentHealth.OK if attached else InstrumentHealth.DISABLED
        return msgspec.structs.replace(fresh, health=health)

    async def remove(self, instrument: Instrument) -> None:
        """Detach a card from its customer; one that is gone already is fine."""
        method_ref = await self._saved_method(instrument)
        if not method_ref:
            return
        try:
            await self._api.read(
                PaymentMethod, self._api.v1.payment_methods.detach_async(method_ref)
            )
        except (NotFound, Rejected):
            # Stripe refuses to detach what is not attached: that is the state asked for.
            if (await self.refresh(instrument)).health is InstrumentHealth.OK:
                raise

    async def _saved_method(self, instrument: Instrument) -> str:
        """Return the saved card behind an instrument, or empty where it was used only once."""
        ref = instrument.instrument_ref
        if not ref.startswith("ctoken_"):
            return ref
        try:
            token = await self._token(ref)
        except Invalid:
            # Stripe forgets a token after twelve hours; nothing was saved under it.
            return ""
        if not token.payment_intent:
            return ""
        intent = await self._api.read(
            PaymentIntent, self._api.v1.payment_intents.retrieve_async(token.payment_intent)
        )
        return ref_of(intent.payment_method)

    async def _new_setup(self, customer_ref: str) -> SetupIntent:
        params: Any = {
            "customer": customer_ref,
            "payment_method_types": ["card"],
            "usage": "off_session",
            "metadata": {"deployment": self._settings.deployment},
        }
        return await self._api.read(SetupIntent, self._api.v1.setup_intents.create_async(params))

    async def _visited(self, session: Session) -> CollectResult:
        visit = await self._api.read(
            CheckoutSession, self._api.v1.checkout.sessions.retrieve_async(session.checkout_ref)
        )
        if visit.status != "complete":
            raise Invalid("no card was entered on Stripe's page; enter it again")
        return await self._saved(session, ref_of(visit.setup_intent))

    async def _saved(self, session: Session, setup_ref: str) -> CollectResult:
        intent = await self._api.read(
            SetupIntent,
            self._api.v1.setup_intents.retrieve_async(setup_ref, {"expand": ["payment_method"]}),
        )
        method = intent.payment_method
        if intent.status != "succeeded" or not isinstance(method, PaymentMethod):
            if intent.last_setup_error is not None:
                _, raw, _ = decline_of(intent.last_setup_error)
                raise Declined("the card could not be saved; use another one", raw)
            raise Invalid("the card was not confirmed; enter it again")
        if ref_of(intent.customer) != session.customer_ref:
            raise Invalid("this card was entered by somebody else; enter it again")
        return CollectResult(
            instrument=instrument_of(method.id, method, reusable=True),
            processor_customer_ref=session.customer_ref,
        )

    async def _token(self, token_ref: str) -> ConfirmationToken:
        try:
            return await self._api.read(
                ConfirmationToken, self._api.v1.confirmation_tokens.retrieve_async(token_ref)
            )
        except (NotFound, Rejected) as error:
            raise Invalid("Stripe does not know this card entry; enter the card again") from error

    def _opened(self, session_ref: str) -> Session:
        try:
            session = msgspec.json.decode(self._context.secrets.open(session_ref), type=Session)
        except (Misconfigured, msgspec.DecodeError) as error:
            raise Invalid("this payment page is not valid any more; open it again") from error
        if session.expires_at <= self._context.clock.now():
            raise Invalid("this payment page has expired; open it again")
        return session


async def customer_of(api: StripeApi, payer: PayerRef, deployment: str) -> str:
    """Return the payer's customer at Stripe, made on first use.

    The key holds everything that is sent, so that a changed name is a new request and a repeated
    one is not.
    """
    if payer.processor_customer_ref:
        return payer.processor_customer_ref
    params: Any = {
        "name": payer.name,
        "metadata": {"payer_id": payer.payer_id, "deployment": deployment},
    }
    if payer.email:
        params["email"] = payer.email
    digest = hashlib.sha256(msgspec.json.encode(params)).hexdigest()[:32]
    made = await api.read(
        Customer,
        api.v1.customers.create_async(params, {"idempotency_key": f"customer-{digest}"}),
    )
    return made.id


def browser_script(settings: Settings) -> BrowserScript:
    """Return what a pay page loads and allows."""
    csp = dict(CSP)
    if settings.script_url != SCRIPT_URL:
        parts = urlsplit(settings.script_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        csp = dict.fromkeys(csp, (origin,))
    adapter = resources.files("dueport_pay_stripe").joinpath("browser.js").read_text("utf-8")
    return BrowserScript(vendor_url=settings.script_url, adapter=adapter, csp=csp)


def _read_payload(browser_payload: bytes) -> Payload:
    try:
        payload = msgspec.json.decode(browser_payload, type=Payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("the page sent something that is no card; enter it again") from error
    given = payload.confirmation_token or payload.setup_intent
    if not _ID.fullmatch(given):
        raise Invalid("the page sent no card; enter it again")
    return payload
