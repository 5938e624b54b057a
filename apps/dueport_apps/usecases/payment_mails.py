"""Which mail a payment's new state asks for, and what it says.

The receipt goes out at once; for a bank payment it says that the payment was submitted, and a
second mail tells whether it succeeded. Nothing is called paid before it has settled.
"""

import datetime

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.mails import (
    MailMessage,
    PaidLine,
    PaymentFacts,
    PaymentFailedMail,
    PaymentReturnedMail,
    PaymentSettledMail,
    ReceiptMail,
    UsedCredit,
)
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.ach import return_rule
from dueport_core.open_items import MASTER_JOB, OpenItemKind
from dueport_core.payments import Payment, PaymentState, is_in_flight
from dueport_core.quotes import PaymentMethodKind
from dueport_ports import Clock

KIND_WORDS: dict[OpenItemKind, str] = {
    OpenItemKind.INVOICE: "Invoice",
    OpenItemKind.DEBIT: "Debit adjustment",
    OpenItemKind.CREDIT: "Credit adjustment",
    OpenItemKind.FINANCE_CHARGE: "Finance charge",
    OpenItemKind.BALANCE_FORWARD: "Balance forward",
}

DECLINE_WORDS: dict[str, str] = {
    "insufficient_funds": "The account did not have enough money available.",
    "card_declined": "The card's bank declined the payment.",
    "expired": "The card has expired.",
    "incorrect_data": "The number, date or security code was not right.",
    "authentication_required": "The card's bank asks you to confirm the payment yourself.",
    "limit_exceeded": "The payment is above the limit of the card or account.",
    "fraud_suspected": "The bank declined the payment; contact the bank or use another method.",
    "account_closed": "The bank account is closed.",
    "account_not_found": "The bank does not find the account.",
    "debit_blocked": "The bank account does not allow debits.",
    "authorization_revoked": "The authorization for this account was revoked.",
    "bank_unreachable": "The bank could not be reached.",
    "never_arrived": "The payment did not reach the payment processor.",
}


class PaymentMails:
    def __init__(self, addresses: PortalAddresses, clock: Clock, zone: datetime.tzinfo) -> None:
        self._addresses = addresses
        self._clock = clock
        self._zone = zone

    async def about(self, uow: UnitOfWork, before: Payment, payment: Payment) -> MailMessage | None:
        """Return the mail that this move asks for, or None."""
        was_told = before.state in (PaymentState.PENDING, PaymentState.PROCESSING)
        match payment.state:
            case PaymentState.PENDING | PaymentState.PROCESSING if not was_told:
                return await self.receipt(uow, payment)
            case PaymentState.SETTLED if before.state is PaymentState.DISPUTED:
                return None
            case PaymentState.SETTLED if was_told and payment.method is PaymentMethodKind.ACH:
                return PaymentSettledMail(
                    payment=await self.facts(uow, payment), settled_on=self._clock.today()
                )
            case PaymentState.SETTLED:
                return await self.receipt(uow, payment)
            case PaymentState.FAILED | PaymentState.CANCELED if was_told:
                return PaymentFailedMail(
                    payment=await self.facts(uow, payment),
                    reason=failure_sentence(payment.failure_code),
                    pay_url=self._addresses.outstanding,
                )
            case PaymentState.RETURNED:
                return PaymentReturnedMail(
                    payment=await self.facts(uow, payment),
                    returned_on=self._clock.today(),
                    return_code=payment.failure_code or "",
                    reason=failure_sentence(payment.failure_code),
                    pay_url=self._addresses.outstanding,
                )
            case _:
                return None

    async def receipt(self, uow: UnitOfWork, payment: Payment) -> ReceiptMail:
        """Return the receipt as it reads in the payment's present state."""
        return ReceiptMail(
            payment=await self.facts(uow, payment),
            is_pending=is_in_flight(payment.state),
        )

    async def facts(self, uow: UnitOfWork, payment: Payment) -> PaymentFacts:
        """Return what every mail and document about this payment shows."""
        account = await uow.accounts.get(payment.account_no)
        jobs = {job.job_no: job.name for job in await uow.accounts.jobs(payment.account_no)}
        credits: dict[str, int] = {}
        for use in payment.credits:
            credits[use.document_ref] = credits.get(use.document_ref, 0) + use.amount_cents
        label, _, last_four = payment.instrument_label.rpartition(" •••• ")
        return PaymentFacts(
            account_name=account.name,
            account_no=account.account_no,
            transaction_id=payment.payment_id,
            paid_on=payment.created_at.astimezone(self._zone).date(),
            method=label or payment.instrument_label,
            method_last_four=last_four if label else "",
            lines=tuple(
                PaidLine(
                    document_ref=line.document_ref,
                    kind=KIND_WORDS[line.kind],
                    job=_job_words(line.job_no, jobs),
                    amount_cents=line.amount_cents,
                    credit_cents=line.credit_cents,
                    discount_cents=line.discount_cents,
                )
                for line in payment.lines
            ),
            credits=tuple(
                UsedCredit(document_ref=ref, amount_cents=cents) for ref, cents in credits.items()
            ),
            discount_cents=payment.discount_cents,
            fee_cents=payment.fee_cents,
            total_cents=payment.total_cents,
            payment_url=self._addresses.payment(payment.payment_id),
        )


def failure_sentence(code: str | None) -> str:
    """Return one sentence for the customer; unknown codes are named, never guessed at."""
    if not code:
        return "The bank or card did not say why."
    if code in DECLINE_WORDS:
        return DECLINE_WORDS[code]
    if code.startswith("R") and code[1:].isdigit():
        return f"The bank returned the debit ({code}): {return_rule(code).meaning}."
    return f"The payment processor reports: {code.replace('_', ' ')}."


def _job_words(job_no: str, names: dict[str, str]) -> str:
    if job_no == MASTER_JOB:
        return ""
    name = names.get(job_no, "")
    return f"{job_no} {name}".strip()
