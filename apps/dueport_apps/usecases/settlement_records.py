"""What is stored of settlements, and of posting them."""

import datetime

import msgspec

from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLine, SettlementState
from dueport_ports import PostingBatch, SettlementHead


class StoredSettlement(msgspec.Struct, frozen=True, kw_only=True):
    settlement_id: str
    processor: str
    head: SettlementHead
    state: SettlementState
    unexplained_cents: int
    problems: tuple[str, ...] = ()
    imported_at: datetime.datetime
    resolved_at: datetime.datetime | None = None
    resolved_by: str = ""
    version: int = 1


class StoredLine(msgspec.Struct, frozen=True, kw_only=True):
    settlement_id: str
    line: SettlementLine
    """Its ``payment_id`` is ours where the line met a payment."""


class SettlementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the Settlements tab."""

    settlement: StoredSettlement
    payments: int
    fee_cents: int
    postings: dict[PostingCategory, PostingState]


class StoredPosting(msgspec.Struct, frozen=True, kw_only=True):
    """The claim on one category of one settlement, and what the ERP said."""

    settlement_id: str
    category: PostingCategory
    batch_key: str
    batch: PostingBatch
    """Frozen at the claim: whatever happens to a payment later, the same key posts the same."""
    state: PostingState
    receipts: int
    amount_cents: int
    claimed_at: datetime.datetime
    posted_at: datetime.datetime | None = None
    posted_by: str = ""
    erp_refs: tuple[str, ...] = ()
    reason: str = ""
    tries: int = 0
    version: int = 1
