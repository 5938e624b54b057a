"""Submit a quote: reserve, freeze the attempt, commit, charge, commit the outcome.

Nothing is charged that was not previewed: the selection is priced again under the account's lock
and must give the quote's fingerprint. A crash between the two commits leaves an attempt that is
marked as sent; its outcome is looked up, never guessed and never charged again under another key.
"""

import datetime

import msgspec

from dueport_apps.usecases.mandates import mandate_record
from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_apps.usecases.payment_records import (
    AttemptState,
    MandateRecord,
    PaymentEvent,
    StoredAttempt,
    StoredInstrument,
)
from dueport_apps.usecases.quote_payment import (
    QuotePayment,
    QuotePaymentCommand,
    partial_amounts,
    selection_of,
)
from dueport_apps.usecases.records import PortalUser, Principal, audit
from dueport_apps.usecases.services import Erp, Ids, Processors
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, Invalid, PortError
from dueport_core.payments import Payment, payment_from_quote
from dueport_core.quotes import PaymentQuote
from dueport_ports import AmountParts, Clock, PayerRef, PaymentAttempt, PaymentMethodKind, Unknown

LOOKUP_IF_SILENT_AFTER = datetime.timedelta(minutes=2)


class SubmitPaymentCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal
    quote_id: str
    accept_mandate: bool = False
    """For ACH: the customer has read and accepted the authorization text."""
    return_url: str = ""


class QuoteOutdated(Conflict):
    """Something changed since the preview; nothing was charged. Preview again."""


class SubmitPayment:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        processors: Processors,
        erp: Erp,
        quoting: QuotePayment,
        outcomes: PaymentOutcomes,
        ids: Ids,
        clock: Clock,
        dealer_name: str,
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._erp = erp
        self._quoting = quoting
        self._outcomes = outcomes
        self._ids = ids
        self._clock = clock
        self._dealer_name = dealer_name

    async def __call__(self, command: SubmitPaymentCommand) -> Payment:
        """Charge what was previewed and return the payment in whatever state it has reached.

        The same quote again returns the same payment and charges nothing. Raises QuoteOutdated
        when the preview no longer holds, Conflict when somebody else is paying one of the
        documents, Invalid when the ACH authorization was not accepted.
        """
        earlier = await self._earlier(command)
        if earlier is not None:
            return earlier
        await self._refresh_account(command.by.account_no)
        payment, stored = await self._prepare(command)
        if stored is None:
            return payment
        return await self._charge(payment, stored)

    async def _earlier(self, command: SubmitPaymentCommand) -> Payment | None:
        async with self._uow() as uow:
            await uow.quotes.get(command.quote_id, command.by.account_no)
            return await uow.payments.by_quote(command.quote_id)

    async def _refresh_account(self, account_no: str) -> None:
        """Read the account live where the ERP can; where it cannot now, the mirror decides."""
        if not self._erp.connector.capabilities().live_account:
            return
        try:
            snapshot = await self._erp.connector.account_snapshot(account_no)
        except PortError:
            return
        if snapshot is None:
            return
        async with self._uow() as uow:
            await uow.mirror.store_account(snapshot.account, snapshot.items, snapshot.statement)
            await uow.commit()

    async def _prepare(self, command: SubmitPaymentCommand) -> tuple[Payment, StoredAttempt | None]:
        """Write everything that must be known before money moves, in one transaction."""
        now = self._clock.now()
        async with self._uow() as uow:
            await uow.accounts.lock(command.by.account_no)
            existing = await uow.payments.by_quote(command.quote_id)
            if existing is not None:
                return existing, None
            quote, instrument_id = await uow.quotes.get(command.quote_id, command.by.account_no)
            if not instrument_id:
                raise Invalid("Choose a payment method before you pay.")
            if quote.is_credit_only:
                raise Invalid(
                    "Credits cover this selection, so there is nothing to charge. Select more to "
                    "pay, or ask the dealer to apply the credits."
                )
            instrument = await uow.instruments.get(instrument_id, command.by.account_no)
            if instrument.user_id != command.by.principal_id:
                raise Conflict("This payment method belongs to somebody else; choose another one.")
            await self._refuse_outdated(uow, command, quote, instrument)
            user = await uow.users.get(command.by.principal_id)
            payment = msgspec.structs.replace(
                payment_from_quote(
                    quote,
                    payment_id=self._ids.new(),
                    method=instrument.instrument.kind,
                    processor=instrument.processor,
                    now=now,
                ),
                instrument_label=instrument.instrument.label,
            )
            mandate = self._mandate(command, payment, instrument, user)
            stored = StoredAttempt(
                attempt=self._attempt(command, payment, instrument, user, mandate),
                processor=instrument.processor,
                state=AttemptState.SENT,
                sent_at=now,
                next_lookup_at=now + LOOKUP_IF_SILENT_AFTER,
            )
            await uow.payments.add(payment)
            await uow.payments.reserve(payment, user.name)
            if mandate is not None:
                await uow.payments.add_mandate(mandate)
            await uow.payments.add_attempt(stored)
            await uow.payments.add_event(
                PaymentEvent(payment_id=payment.payment_id, at=now, kind="created", actor=user.name)
            )
            await uow.audit.append(
                audit(
                    command.by,
                    now,
                    "payment.submitted",
                    f"payment:{payment.payment_id}",
                    account=payment.account_no,
                    total_cents=str(payment.total_cents),
                    quote=quote.quote_id,
                )
            )
            await uow.commit()
        return payment, stored

    async def _refuse_outdated(
        self,
        uow: UnitOfWork,
        command: SubmitPaymentCommand,
        quote: PaymentQuote,
        instrument: StoredInstrument,
    ) -> None:
        if quote.is_expired(self._clock.now()):
            raise QuoteOutdated(
                "This preview is older than 15 minutes. Look at the new one and pay."
            )
        again = QuotePaymentCommand(
            by=command.by,
            selected=selection_of(quote),
            view=quote.view,
            instrument_id=instrument.instrument_id,
            amounts=partial_amounts(quote) if self._quoting.allows_partial else {},
        )
        try:
            fresh = await self._quoting.price(uow, again, instrument)
        except Invalid as error:
            raise QuoteOutdated(f"Something changed since the preview: {error}") from error
        if fresh.fingerprint != quote.fingerprint:
            raise QuoteOutdated(
                "The amounts have changed since the preview, so nothing was charged. Look at the "
                "new preview and pay."
            )

    def _mandate(
        self,
        command: SubmitPaymentCommand,
        payment: Payment,
        instrument: StoredInstrument,
        user: PortalUser,
    ) -> MandateRecord | None:
        if payment.method is not PaymentMethodKind.ACH:
            return None
        if not command.accept_mandate:
            raise Invalid(
                "Accept the authorization to debit your bank account.",
                {"accept_mandate": "Accept the authorization to pay from your bank account."},
            )
        return mandate_record(
            payment=payment,
            instrument=instrument.instrument,
            user=user,
            dealer_name=self._dealer_name,
            today=self._clock.today(),
            now=self._clock.now(),
            by=command.by,
        )

    def _attempt(
        self,
        command: SubmitPaymentCommand,
        payment: Payment,
        instrument: StoredInstrument,
        user: PortalUser,
        mandate: MandateRecord | None,
    ) -> PaymentAttempt:
        return PaymentAttempt(
            attempt_id=self._ids.new(),
            payment_id=payment.payment_id,
            total_cents=payment.total_cents,
            parts=AmountParts(principal_cents=payment.principal_cents, fee_cents=payment.fee_cents),
            instrument=instrument.instrument,
            payer=PayerRef(
                payer_id=user.user_id,
                name=user.name,
                email=user.email,
                processor_customer_ref=instrument.processor_customer_ref,
            ),
            kind=payment.method,
            created_at=payment.created_at,
            return_url=command.return_url.replace("{payment_id}", payment.payment_id),
            save=instrument.kept,
            mandate_text_hash=mandate.text_hash if mandate else "",
            client_ip=command.by.client_ip,
            user_agent=command.by.user_agent,
            account_ref=payment.account_no,
        )

    async def _charge(self, payment: Payment, stored: StoredAttempt) -> Payment:
        """Call the processor, outside any transaction, and commit what it said."""
        try:
            result = await self._processors.named(stored.processor).submit(stored.attempt)
        except PortError as error:
            # An adapter that could not even say "unknown" is not believed to have done nothing.
            result = Unknown(retry_after_s=30, detail=str(error))
        async with self._uow() as uow:
            payment = await uow.payments.get(payment.payment_id, for_update=True)
            current = await uow.payments.attempt(stored.attempt.attempt_id, for_update=True)
            if current.state is not AttemptState.ANSWERED:
                payment = await self._outcomes.answered(uow, payment, current, result)
            await uow.commit()
        return payment
