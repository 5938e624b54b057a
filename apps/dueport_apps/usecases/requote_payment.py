"""Price a selection once more: with another method, or because the preview no longer holds."""

import msgspec

from dueport_apps.usecases.quote_payment import (
    QuotePayment,
    QuotePaymentCommand,
    partial_amounts,
    selection_of,
)
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.show_outstanding import OutstandingQuery, ShowOutstanding
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, NotFound
from dueport_core.quotes import PaymentQuote


class RequotePaymentCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal
    quote_id: str
    instrument_id: str | None = None
    """None keeps the quote's own method, empty asks for a quote without one."""


class Requoted(msgspec.Struct, frozen=True, kw_only=True):
    quote: PaymentQuote
    left_out: tuple[str, ...] = ()
    """Documents of the earlier quote that cannot be paid now."""


class RequotePayment:
    def __init__(
        self, uow: UnitOfWorkFactory, quoting: QuotePayment, outstanding: ShowOutstanding
    ) -> None:
        self._uow = uow
        self._quoting = quoting
        self._outstanding = outstanding

    async def __call__(self, command: RequotePaymentCommand) -> Requoted:
        """Store and return a new quote of what is left of the selection.

        Raises NotFound for somebody else's quote, Conflict when nothing of it can be paid now, and
        what pricing raises for what is left.
        """
        async with self._uow() as uow:
            quote, instrument_id = await own_quote(uow, command.quote_id, command.by)
            if command.instrument_id is not None:
                instrument_id = command.instrument_id
            if instrument_id:
                await _own_instrument(uow, instrument_id, command.by)
            shown = await self._outstanding.read(
                uow, OutstandingQuery(account_no=command.by.account_no, view=quote.view)
            )
        payable = {
            ref
            for ref, one in shown.payables.items()
            if one.payable_cents and not (one.reserved and one.reserved.held_cents)
        }
        before = selection_of(quote)
        selected = tuple(ref for ref in before if ref in payable)
        if not any(line.document_ref in payable for line in quote.lines):
            raise Conflict(
                "Nothing of this selection can be paid now: it was paid, taken back, or is being "
                "paid. Look at what is outstanding."
            )
        amounts = partial_amounts(quote) if self._quoting.allows_partial else {}
        fresh = await self._quoting(
            QuotePaymentCommand(
                by=command.by,
                selected=selected,
                view=shown.view,
                instrument_id=instrument_id,
                amounts={ref: cents for ref, cents in amounts.items() if ref in payable},
            )
        )
        return Requoted(quote=fresh, left_out=tuple(ref for ref in before if ref not in payable))


async def own_quote(uow: UnitOfWork, quote_id: str, by: Principal) -> tuple[PaymentQuote, str]:
    """Return a quote of this person and account, with its method's id; NotFound for any other."""
    quote, instrument_id = await uow.quotes.get(quote_id, by.account_no)
    if quote.portal_user_id != by.principal_id:
        raise NotFound("There is no such preview.")
    return quote, instrument_id


async def _own_instrument(uow: UnitOfWork, instrument_id: str, by: Principal) -> None:
    """Refuse a method of somebody else, even of a colleague on the same account."""
    stored = await uow.instruments.get(instrument_id, by.account_no)
    if stored.user_id != by.principal_id:
        raise NotFound("There is no such payment method.")
