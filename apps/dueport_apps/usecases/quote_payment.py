"""Price a selection. The quote is stored; what it says is what will be charged, or nothing is."""

import datetime
from collections.abc import Mapping

import msgspec

from dueport_apps.usecases.payment_records import StoredInstrument
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.services import Ids, Processors
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.quotes import PROCESSOR_MINIMUM_CENTS, PaymentQuote, build_quote
from dueport_core.statements import StatementView
from dueport_ports import Clock, PaymentMethodKind, Unavailable, Unsupported


class QuotePaymentCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The customer's choice: documents, never a total."""

    by: Principal
    selected: tuple[str, ...]
    view: StatementView = StatementView.ALL
    method: PaymentMethodKind | None = None
    instrument_id: str = ""
    amounts: Mapping[str, int] = {}


class QuotePayment:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        processors: Processors,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._ids = ids
        self._clock = clock
        self._policies = policies

    async def __call__(self, command: QuotePaymentCommand) -> PaymentQuote:
        """Store and return a quote; see ``build_quote`` for what it refuses."""
        async with self._uow() as uow:
            await self._refuse_old_balances(uow)
            instrument = None
            if command.instrument_id:
                instrument = await uow.instruments.get(command.instrument_id, command.by.account_no)
            quote = await self.price(uow, command, instrument)
            await uow.quotes.add(quote, command.instrument_id)
            await uow.commit()
        return quote

    async def price(
        self, uow: UnitOfWork, command: QuotePaymentCommand, instrument: StoredInstrument | None
    ) -> PaymentQuote:
        """Compute a quote from what the mirror and the reservations say now, storing nothing."""
        account_no = command.by.account_no
        account = await uow.accounts.get(account_no)
        reserved = await uow.items.reserved(account_no)
        method = instrument.instrument.kind if instrument else command.method
        return build_quote(
            quote_id=self._ids.new(),
            account_no=account_no,
            portal_user_id=command.by.principal_id,
            selected=command.selected,
            items=await uow.items.of_account(account_no),
            statement=await uow.statements.current(account_no),
            view=command.view,
            today=self._clock.today(),
            now=self._clock.now(),
            reserved={ref: entry.held_cents for ref, entry in reserved.items() if entry.held_cents},
            settled_unposted={
                ref: entry.applied_cents for ref, entry in reserved.items() if entry.applied_cents
            },
            amounts=command.amounts,
            allow_partial=self._policies.payments.partial,
            method=method,
            card=instrument.instrument.card if instrument else None,
            fee_policy=self._policies.payments.fee,
            discount_policy=self._policies.payments.statement_discount,
            customer_state=account.billing_state,
            minimum_cents=self._minimum_cents(method),
        )

    @property
    def allows_partial(self) -> bool:
        """Whether the dealer lets customers pay less than a document's open amount."""
        return self._policies.payments.partial

    def _minimum_cents(self, method: PaymentMethodKind | None) -> int:
        if method is None:
            return PROCESSOR_MINIMUM_CENTS
        chosen = self._processors.for_method(method)
        if chosen is None:
            raise Unsupported(f"This dealer does not take payments by {method.value}.")
        return chosen[1].capabilities().minimum_cents

    async def _refuse_old_balances(self, uow: UnitOfWork) -> None:
        limit_h = self._policies.payments.block_when_balances_older_than_h
        if not limit_h:
            return
        good = await uow.mirror.last_good_run()
        limit = self._clock.now() - datetime.timedelta(hours=limit_h)
        if good is None or (good.as_of or good.started_at) < limit:
            raise Unavailable(
                f"The balances are more than {limit_h} hours old, so paying is paused until the "
                "dealer's system has been read again. Try later or contact the dealer."
            )


def selection_of(quote: PaymentQuote) -> tuple[str, ...]:
    """Return the documents and credits that a quote was made of, to price them again."""
    credits = dict.fromkeys(use.document_ref for use in quote.credits)
    return (*(line.document_ref for line in quote.lines), *credits)


def partial_amounts(quote: PaymentQuote) -> dict[str, int]:
    """Return the amounts that the customer chose below what was open."""
    return {
        line.document_ref: line.amount_cents
        for line in quote.lines
        if line.amount_cents != line.open_amount_cents
    }
