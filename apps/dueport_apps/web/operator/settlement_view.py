"""What the page of one settlement shows, read in one unit of work."""

import msgspec

from dueport_apps.usecases.records import StoredAuditEntry
from dueport_apps.usecases.settlement_proof import SettlementProof, settlement_proof
from dueport_apps.usecases.settlement_records import StoredLine, StoredPosting, StoredSettlement
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.operator.account_view import AUDIT_ROWS
from dueport_apps.web.operator.pages import names_of_staff
from dueport_core.journal import JournalEntry
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementState

_CAN_POST = (SettlementState.MATCHED, SettlementState.POSTING)
_WAITS_FOR_A_PERSON = (PostingState.CLAIMED, PostingState.UNKNOWN)


class CategoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One category; ``posting`` is None where nothing was claimed."""

    category: PostingCategory
    posting: StoredPosting | None
    by: str


class PaidLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the payout, with whose payment it is."""

    stored: StoredLine
    account_no: str
    account_name: str


class SettlementPage(msgspec.Struct, frozen=True, kw_only=True):
    settlement: StoredSettlement
    proof: SettlementProof
    lines: tuple[PaidLine, ...]
    journal: tuple[JournalEntry, ...]
    balances: tuple[tuple[str, int], ...]
    """What the entries do to each ledger account in all; adds up to zero."""
    categories: tuple[CategoryLine, ...]
    posted: int
    claimed: int
    can_post: bool
    can_mark: bool
    can_resolve: bool
    has_files: bool
    resolved_by: str
    entries: tuple[StoredAuditEntry, ...]


async def settlement_page(uow: UnitOfWork, settlement_id: str) -> SettlementPage:
    """Read everything about one settlement; raises NotFound for an unknown id."""
    settlement = await uow.settlements.get(settlement_id)
    stored = await uow.settlements.lines(settlement_id)
    postings = {one.category: one for one in await uow.postings.of_settlement(settlement_id)}
    journal = await uow.journal.of_settlement(settlement_id)
    staff = await names_of_staff(uow)
    balances: dict[str, int] = {}
    for entry in journal:
        for line in entry.lines:
            balances[line.account] = balances.get(line.account, 0) + line.amount_cents
    names: dict[str, tuple[str, str]] = {}
    for payment_id in {one.line.payment_id for one in stored if one.line.payment_id}:
        payment = await uow.payments.get(payment_id)
        account = await uow.accounts.find(payment.account_no)
        names[payment_id] = (payment.account_no, account.name if account else payment.account_no)
    posted = sum(one.state is PostingState.POSTED for one in postings.values())
    proof = settlement_proof([one.line for one in stored], settlement.head.amount_cents)
    return SettlementPage(
        settlement=settlement,
        proof=proof,
        lines=tuple(
            PaidLine(
                stored=one,
                account_no=names.get(one.line.payment_id or "", ("", ""))[0],
                account_name=names.get(one.line.payment_id or "", ("", ""))[1],
            )
            for one in stored
        ),
        journal=tuple(journal),
        balances=tuple(sorted(balances.items())),
        categories=tuple(
            CategoryLine(
                category=category,
                posting=postings.get(category),
                by=staff.get(postings[category].posted_by, "") if category in postings else "",
            )
            for category in PostingCategory
        ),
        posted=posted,
        claimed=len(postings),
        can_post=settlement.state in _CAN_POST,
        can_mark=any(one.state in _WAITS_FOR_A_PERSON for one in postings.values()),
        can_resolve=settlement.state is SettlementState.POSTED,
        has_files=settlement.state not in (SettlementState.OPEN, SettlementState.FAILED),
        resolved_by=staff.get(settlement.resolved_by, ""),
        entries=tuple(
            await uow.audit.page(None, AUDIT_ROWS, subject=f"settlement:{settlement_id}")
        ),
    )
