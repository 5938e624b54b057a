"""Receipts: as a document, and once more by mail."""

import datetime
from typing import Protocol

import msgspec

from dueport_apps.usecases.mails import PaymentFacts
from dueport_apps.usecases.payment_mails import PaymentMails
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Mailroom
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, NotFound
from dueport_core.payments import Payment, PaymentState, badge
from dueport_ports import Attachment, Clock, NamedFile

HAS_RECEIPT = frozenset(PaymentState) - {
    PaymentState.CREATED,
    PaymentState.REQUIRES_ACTION,
    PaymentState.FAILED,
    PaymentState.CANCELED,
}
"""Where money moved or is on its way; anything else has nothing to show for it."""


class ReceiptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt on paper shows."""

    facts: PaymentFacts
    paid_at: datetime.datetime
    settled: bool
    status: str


class ReceiptRenderer(Protocol):
    async def render(self, receipt: ReceiptDocument) -> bytes:
        """Return the receipt as PDF."""
        ...


class ShowReceipt:
    """The PDF of one payment; a payment of another account does not exist for the asker."""

    def __init__(
        self, uow: UnitOfWorkFactory, mails: PaymentMails, renderer: ReceiptRenderer
    ) -> None:
        self._uow = uow
        self._mails = mails
        self._renderer = renderer

    async def __call__(self, payment_id: str, account_no: str | None) -> NamedFile:
        """Return the file. ``account_no`` None is for operators, who may see every account."""
        async with self._uow() as uow:
            payment = await payment_of(uow, payment_id, account_no)
            document = ReceiptDocument(
                facts=await self._mails.facts(uow, payment),
                paid_at=payment.created_at,
                settled=payment.settled_at is not None,
                status=badge(payment.state, payment.frozen).value.capitalize(),
            )
        return NamedFile(
            name=f"receipt-{payment.payment_id}.pdf",
            media_type="application/pdf",
            content=await self._renderer.render(document),
        )


class ResendReceipt:
    """Mail the receipt again, as it reads now, with the PDF attached."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        mails: PaymentMails,
        show: ShowReceipt,
        mailroom: Mailroom,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._mails = mails
        self._show = show
        self._mailroom = mailroom
        self._clock = clock

    async def __call__(self, payment_id: str, by: Principal) -> str:
        """Queue one more mail to whoever asks and return the address; at most one a minute."""
        account_no = by.account_no if by.kind == "customer" else None
        file = await self._show(payment_id, account_no)
        now = self._clock.now()
        async with self._uow() as uow:
            payment = await payment_of(uow, payment_id, account_no)
            user_id = by.principal_id if by.kind == "customer" else payment.portal_user_id
            user = await uow.users.get(user_id)
            queued = await self._mailroom.queue(
                uow,
                kind=f"receipt_again_{now:%Y%m%d%H%M}",
                subject_ref=f"payment:{payment_id}",
                to_address=user.email,
                to_name=user.name,
                message=await self._mails.receipt(uow, payment),
                attachments=(Attachment(file.name, file.media_type, file.content),),
            )
            if not queued:
                raise Conflict("The receipt was sent a moment ago; look into your mail first.")
            await uow.audit.append(
                audit(by, now, "receipt.resent", f"payment:{payment_id}", to=user.email)
            )
            await uow.commit()
        return user.email


async def payment_of(uow: UnitOfWork, payment_id: str, account_no: str | None) -> Payment:
    """Return a payment that has a receipt; raises NotFound for another account's."""
    payment = await uow.payments.get(payment_id)
    if account_no is not None and payment.account_no != account_no:
        raise NotFound("There is no such payment.")
    if payment.state not in HAS_RECEIPT:
        raise Conflict("This payment was not completed, so it has no receipt.")
    return payment
