"""What a previewed selection costs with each way to pay, so that a choice shows its price."""

import msgspec

from dueport_apps.usecases.payment_records import StoredInstrument
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.quote_payment import (
    QuotePayment,
    QuotePaymentCommand,
    partial_amounts,
    selection_of,
)
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.requote_payment import own_quote
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, Invalid
from dueport_core.fees import CardFacts, FeeMode, Funding
from dueport_core.quotes import PaymentQuote
from dueport_ports import Clock, Instrument, InstrumentHealth, PaymentMethodKind

NOT_KEPT_ANY_MORE = "It has to be entered again."
NOT_TAKEN_ANY_MORE = "This way to pay is not offered any more."


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The all-in total of one way to pay, or why it cannot be used for this selection."""

    total_cents: int = 0
    fee_cents: int = 0
    incentive_cents: int = 0
    problem: str = ""


class MethodOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A method that can be entered now.

    The price of a card that nobody has seen yet is that of a credit card, the dearest there is;
    ``fee_depends`` says that another card may cost less.
    """

    method: PaymentMethodKind
    price: Price
    fee_depends: bool = False
    saves: bool = False


class KeptOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A saved method with its exact price."""

    stored: StoredInstrument
    price: Price


class MethodOffers(msgspec.Struct, frozen=True, kw_only=True):
    quote: PaymentQuote
    outdated: bool
    """The quote has expired, or would come to something else by now."""
    methods: tuple[MethodOffer, ...]
    kept: tuple[KeptOffer, ...]


class OfferMethods:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        quoting: QuotePayment,
        processors: Processors,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._quoting = quoting
        self._processors = processors
        self._clock = clock
        self._policies = policies

    async def __call__(self, by: Principal, quote_id: str) -> MethodOffers:
        """Return the ways to pay a quote of this person; raises NotFound for anybody else's."""
        async with self._uow() as uow:
            quote, instrument_id = await own_quote(uow, quote_id, by)
            kept = await uow.instruments.kept(by.principal_id, by.account_no)
            now_used = None
            if instrument_id:
                now_used = await uow.instruments.get(instrument_id, by.account_no)
            outdated = quote.is_expired(self._clock.now()) or not await self._holds(
                uow, by, quote, now_used
            )
            methods, keeps = [], []
            if not outdated:
                for method in (PaymentMethodKind.ACH, PaymentMethodKind.CARD):
                    offer = await self._method(uow, by, quote, method)
                    if offer is not None:
                        methods.append(offer)
                keeps = [
                    KeptOffer(stored=one, price=await self._kept(uow, by, quote, one))
                    for one in kept
                ]
        return MethodOffers(
            quote=quote, outdated=outdated, methods=tuple(methods), kept=tuple(keeps)
        )

    async def _holds(
        self, uow: UnitOfWork, by: Principal, quote: PaymentQuote, used: StoredInstrument | None
    ) -> bool:
        try:
            fresh = await self._quoting.price(uow, self._command(by, quote, quote.method), used)
        except (Conflict, Invalid):
            return False
        return fresh.fingerprint == quote.fingerprint

    async def _method(
        self, uow: UnitOfWork, by: Principal, quote: PaymentQuote, method: PaymentMethodKind
    ) -> MethodOffer | None:
        chosen = self._processors.for_method(method)
        if chosen is None:
            return None
        name, processor = chosen
        dearest = self._dearest_card(by, name) if method is PaymentMethodKind.CARD else None
        price = await self._price(uow, by, quote, method, dearest)
        return MethodOffer(
            method=method,
            price=price,
            fee_depends=price.fee_cents > 0,
            saves=processor.capabilities().saves_instruments,
        )

    async def _kept(
        self, uow: UnitOfWork, by: Principal, quote: PaymentQuote, stored: StoredInstrument
    ) -> Price:
        chosen = self._processors.for_method(stored.instrument.kind)
        if chosen is None or chosen[0] != stored.processor:
            return Price(problem=NOT_TAKEN_ANY_MORE)
        if stored.instrument.health is not InstrumentHealth.OK:
            return Price(problem=NOT_KEPT_ANY_MORE)
        return await self._price(uow, by, quote, stored.instrument.kind, stored)

    async def _price(
        self,
        uow: UnitOfWork,
        by: Principal,
        quote: PaymentQuote,
        method: PaymentMethodKind,
        instrument: StoredInstrument | None,
    ) -> Price:
        try:
            priced = await self._quoting.price(uow, self._command(by, quote, method), instrument)
        except (Conflict, Invalid) as error:
            return Price(problem=error.message)
        return Price(
            total_cents=priced.total_cents,
            fee_cents=priced.fee_cents,
            incentive_cents=priced.incentive_cents,
        )

    def _command(
        self, by: Principal, quote: PaymentQuote, method: PaymentMethodKind | None
    ) -> QuotePaymentCommand:
        return QuotePaymentCommand(
            by=by,
            selected=selection_of(quote),
            view=quote.view,
            method=method,
            amounts=partial_amounts(quote) if self._quoting.allows_partial else {},
        )

    def _dearest_card(self, by: Principal, processor: str) -> StoredInstrument | None:
        if self._policies.payments.fee.mode is not FeeMode.SURCHARGE:
            return None
        return StoredInstrument(
            instrument_id="",
            user_id=by.principal_id,
            account_no=by.account_no,
            processor=processor,
            processor_customer_ref="",
            instrument=Instrument(
                instrument_ref="",
                kind=PaymentMethodKind.CARD,
                label="",
                last4="",
                card=CardFacts(funding=Funding.CREDIT),
            ),
            kept=False,
            created_at=self._clock.now(),
        )
