"""Values for tests of the storage: plain, valid, and short to write."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import (
    Campaign,
    InvitationToken,
    InviteOptions,
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.payment_records import AttemptState, StoredAttempt, StoredInstrument
from dueport_apps.usecases.records import Operator, OperatorRole, PortalUser, SyncRun
from dueport_apps.usecases.settlement_records import StoredSettlement
from dueport_core.accounts import Account, Contact
from dueport_core.invitations import InvitationState
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.payments import CreditUse, Payment, PaymentLine, PaymentState
from dueport_core.quotes import PaymentMethodKind
from dueport_core.settlements import SettlementLine, SettlementLineCategory, SettlementState
from dueport_ports import AmountParts, Entity, Instrument, PayerRef, PaymentAttempt, SettlementHead

NOW = datetime.datetime(2026, 3, 31, 15, 0, tzinfo=datetime.UTC)
TODAY = NOW.date()


class ReversedSecrets:
    """Seals by turning the text around, which is enough to see that it was sealed."""

    def seal(self, plain: str) -> str:
        return f"sealed:{plain[::-1]}"

    def open(self, sealed: str) -> str:
        return sealed.removeprefix("sealed:")[::-1]


class ListedWork:
    """Keeps what was asked for in a list, for as long as the unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []

    async def enqueue(
        self,
        kind: str,
        ids: Mapping[str, str] | None = None,
        *,
        key: str = "",
        not_before: datetime.datetime | None = None,
    ) -> None:
        self.asked.append((kind, dict(ids or {}), key))


def later(**amount: float) -> datetime.datetime:
    return NOW + datetime.timedelta(**amount)


def account(number: str = "1042", name: str = "Acme Builders", **changes: Any) -> Account:
    values: dict[str, Any] = {
        "contacts": (Contact(name="Ann", email="ann@acme.example", is_primary=True),)
    }
    return Account(account_no=number, name=name, **(values | changes))


def item(ref: str, cents: int = 10_000, account_no: str = "1042", **changes: Any) -> OpenItem:
    values: dict[str, Any] = {
        "kind": OpenItemKind.INVOICE if cents >= 0 else OpenItemKind.CREDIT,
        "issued_on": datetime.date(2026, 3, 1),
        "due_on": datetime.date(2026, 3, 31),
        "original_amount_cents": cents,
        "open_amount_cents": cents,
    }
    return OpenItem(document_ref=ref, account_no=account_no, **(values | changes))


def run(number: int = 1, **changes: Any) -> SyncRun:
    values: dict[str, Any] = {"source": "erp_generic", "started_at": NOW}
    return SyncRun(run_id=f"run-{number}", **(values | changes))


def user(number: int = 1, **changes: Any) -> PortalUser:
    values: dict[str, Any] = {
        "email": f"user{number}@acme.example",
        "username": f"user{number}@acme.example",
        "name": f"User {number}",
        "password_hash": "argon2",
        "created_at": NOW,
    }
    return PortalUser(user_id=f"user-{number}", **(values | changes))


def operator(number: int = 1, **changes: Any) -> Operator:
    values: dict[str, Any] = {
        "email": f"Operator{number}@dealer.example",
        "name": f"Operator {number}",
        "role": OperatorRole.AR,
        "password_hash": "argon2",
        "totp_secret_sealed": "",
        "created_at": NOW,
    }
    return Operator(operator_id=f"operator-{number}", **(values | changes))


def invitation(number: int = 1, account_no: str = "1042", **changes: Any) -> StoredInvitation:
    values: dict[str, Any] = {
        "email": "ann@acme.example",
        "delivery": "invite_link",
        "state": InvitationState.PENDING,
        "created_at": NOW,
        "invited_at": NOW,
        "sends": 1,
        "expires_at": later(days=7),
        "created_by": "operator-1",
    }
    return StoredInvitation(
        invitation_id=f"invitation-{number}", account_no=account_no, **(values | changes)
    )


def token(number: int = 1, **changes: Any) -> InvitationToken:
    values: dict[str, Any] = {
        "invitation_id": f"invitation-{number}",
        "kind": "link",
        "created_at": NOW,
    }
    token_hash = hashlib.sha256(f"token {number}".encode()).digest()
    return InvitationToken(token_hash=token_hash, **(values | changes))


def campaign(number: int = 1, **changes: Any) -> Campaign:
    values: dict[str, Any] = {
        "selection": Selection(account_nos=("1042",)),
        "options": InviteOptions(),
        "created_by": "operator-1",
        "created_by_name": "Ann",
        "created_at": NOW,
    }
    return Campaign(campaign_id=f"campaign-{number}", **(values | changes))


def bank_account() -> Instrument:
    return Instrument(
        instrument_ref="secret-token",
        kind=PaymentMethodKind.ACH,
        label="First Platypus Bank •••• 0000",
        last4="0000",
    )


def instrument(number: int = 1, account_no: str = "1042", **changes: Any) -> StoredInstrument:
    values: dict[str, Any] = {
        "user_id": "user-1",
        "processor": "pay_ach_plaid",
        "processor_customer_ref": "",
        "instrument": bank_account(),
        "kept": True,
        "created_at": NOW,
    }
    return StoredInstrument(
        instrument_id=f"instrument-{number}", account_no=account_no, **(values | changes)
    )


def payment(
    number: int = 1,
    amounts: Mapping[str, int] | None = None,
    *,
    credits: Sequence[tuple[str, str, int]] = (),
    account_no: str = "1042",
    **changes: Any,
) -> Payment:
    """A payment of these amounts per document; credits are (credit, applied to, cents)."""
    amounts = {"I-1": 10_000} if amounts is None else amounts
    used = {ref: sum(cents for _, to, cents in credits if to == ref) for ref in amounts}
    lines = tuple(
        PaymentLine(
            document_ref=ref,
            job_no="0",
            kind=OpenItemKind.INVOICE,
            amount_cents=cents,
            credit_cents=used[ref],
            discount_cents=0,
            money_cents=cents - used[ref],
        )
        for ref, cents in amounts.items()
    )
    money = sum(line.money_cents for line in lines)
    values: dict[str, Any] = {
        "account_no": account_no,
        "quote_id": f"quote-{number}",
        "portal_user_id": "user-1",
        "method": PaymentMethodKind.ACH,
        "state": PaymentState.CREATED,
        "lines": lines,
        "credits": tuple(
            CreditUse(document_ref=ref, applied_to=to, amount_cents=cents)
            for ref, to, cents in credits
        ),
        "principal_cents": money,
        "fee_cents": 0,
        "discount_cents": 0,
        "total_cents": money,
        "processor": "pay_ach_plaid",
        "created_at": NOW,
    }
    return Payment(payment_id=f"payment-{number}", **(values | changes))


def attempt(number: int = 1, payment_id: str = "payment-1", **changes: Any) -> StoredAttempt:
    values: dict[str, Any] = {"processor": "pay_ach_plaid", "state": AttemptState.FROZEN}
    return StoredAttempt(
        attempt=PaymentAttempt(
            attempt_id=f"attempt-{number}",
            payment_id=payment_id,
            total_cents=10_000,
            parts=AmountParts(principal_cents=10_000),
            instrument=bank_account(),
            payer=PayerRef(payer_id="user-1", name="Ann", email="ann@acme.example"),
            kind=PaymentMethodKind.ACH,
            created_at=NOW,
        ),
        **(values | changes),
    )


def settlement(number: int = 1, **changes: Any) -> StoredSettlement:
    values: dict[str, Any] = {
        "processor": "pay_stripe",
        "head": SettlementHead(
            settlement_ref=f"po_{number}",
            kind="payout",
            amount_cents=9_700,
            state="paid",
            lines="complete",
            created_at=NOW,
        ),
        "state": SettlementState.OPEN,
        "unexplained_cents": 0,
        "imported_at": NOW,
    }
    return StoredSettlement(settlement_id=f"settlement-{number}", **(values | changes))


def settlement_line(number: int = 1, **changes: Any) -> SettlementLine:
    values: dict[str, Any] = {
        "category": SettlementLineCategory.PAYMENT,
        "gross_cents": 10_000,
        "fee_cents": 300,
        "net_cents": 9_700,
        "occurred_at": NOW,
    }
    return SettlementLine(line_ref=f"txn_{number}", **(values | changes))


def mail(number: int = 1, **changes: Any) -> MailDelivery:
    values: dict[str, Any] = {
        "kind": "invite",
        "subject_ref": f"invitation:{number}",
        "to_address": "ann@acme.example",
        "subject": "You are invited",
        "content_sealed": "sealed:content",
        "due_at": NOW,
        "created_at": NOW,
    }
    return MailDelivery(delivery_id=f"mail-{number}", **(values | changes))


async def store(
    units: SqlUnitOfWorkFactory, *items: OpenItem, accounts: Sequence[Account] = ()
) -> None:
    """Put accounts (by default one for each item's) and items into the mirror."""
    wanted = list(accounts) or [account(number) for number in {i.account_no for i in items}]
    async with units() as uow:
        await uow.mirror.store_page("run-0", Entity.ACCOUNTS, wanted, None)
        await uow.mirror.store_page("run-0", Entity.DOCUMENTS, items, None)
        await uow.commit()
