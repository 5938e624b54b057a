"""The words on a payment's badge, as filters and as what one payment shows."""

from collections.abc import Mapping
from typing import Final

import msgspec

from dueport_apps.usecases.payment_records import PaymentRow
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.payments import Payment, PaymentState, badge, is_in_flight
from dueport_core.settlements import SettlementState

_P = PaymentState
_PAID = (_P.SETTLED, _P.PARTIALLY_REFUNDED)


class StatusChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What one word on a badge stands for."""

    label: str
    states: tuple[PaymentState, ...] = ()
    posted: bool | None = None


STATUS_CHOICES: Final[Mapping[str, StatusChoice]] = {
    "": StatusChoice(label="Any status"),
    "pending": StatusChoice(
        label="Pending", states=tuple(state for state in PaymentState if is_in_flight(state))
    ),
    "settled": StatusChoice(label="Settled", states=_PAID, posted=False),
    "posted": StatusChoice(label="Posted", states=_PAID, posted=True),
    "terminated": StatusChoice(label="Terminated", states=(_P.FAILED, _P.CANCELED)),
    "returned": StatusChoice(label="Returned", states=(_P.RETURNED,)),
    "disputed": StatusChoice(label="Disputed", states=(_P.DISPUTED,)),
    "refunded": StatusChoice(label="Refunded", states=(_P.REFUNDED,)),
}


async def payment_row(uow: UnitOfWork, payment: Payment) -> PaymentRow:
    """Return one payment as lists show it: with its customer, its badge and its settlement."""
    account = await uow.accounts.find(payment.account_no)
    settlement_id = await uow.settlements.of_payment(payment.payment_id)
    settlement = await uow.settlements.get(settlement_id) if settlement_id else None
    posted = settlement is not None and settlement.state in (
        SettlementState.POSTED,
        SettlementState.RESOLVED,
    )
    return PaymentRow(
        payment=payment,
        account_name=account.name if account else payment.account_no,
        badge=badge(payment.state, payment.frozen, posted),
        settlement_id=settlement_id,
    )
