"""Post a matched settlement to the ERP, each category once: claim, ask, post, verify.

The claim is committed before the ERP is called, and the ERP is asked by our key before anything
is sent: a crash or a lost answer at any point leaves one posting, found again by its key.
"""

import zoneinfo
from collections.abc import Sequence

import msgspec

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Erp
from dueport_apps.usecases.settlement_records import StoredLine, StoredPosting, StoredSettlement
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, Rejected, Unsupported
from dueport_core.payments import Payment, PaymentState
from dueport_core.postings import PostingCategory, PostingState, receipts_for
from dueport_core.settlements import SettlementLineCategory, SettlementState, transition
from dueport_ports import Clock, NamedFile, PortError, PostingBatch, PostingResult

PAYMENT_PLACEHOLDER = "{payment}"


class PostSettlementCommand(msgspec.Struct, frozen=True, kw_only=True):
    settlement_id: str
    by: Principal


class PostSettlement:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        erp: Erp,
        clock: Clock,
        policies: Policies,
        zone: zoneinfo.ZoneInfo,
    ) -> None:
        self._uow = uow
        self._erp = erp
        self._clock = clock
        self._policies = policies
        self._zone = zone

    async def __call__(self, command: PostSettlementCommand) -> StoredSettlement:
        """Post what is not posted yet. Raises Conflict for a settlement that is not matched; a
        category whose outcome is not known stays so and is asked about at the next call."""
        batches = await self._claim(command)
        for batch in batches:
            await self._post(batch, command.by)
        return await self._conclude(command)

    async def render(self, settlement_id: str) -> tuple[NamedFile, ...]:
        """Return the files that a person can import instead."""
        async with self._uow() as uow:
            settlement = await uow.settlements.get(settlement_id)
            claimed = await uow.postings.of_settlement(settlement_id)
            batches = [posting.batch for posting in claimed]
            if not claimed:
                batches = await self._batches(uow, settlement)
        files: list[NamedFile] = []
        for batch in batches:
            files += await self._erp.connector.render_posting(batch)
        return tuple(files)

    async def _claim(self, command: PostSettlementCommand) -> list[PostingBatch]:
        async with self._uow() as uow:
            settlement = await uow.settlements.get(command.settlement_id, for_update=True)
            if settlement.state in (SettlementState.POSTED, SettlementState.RESOLVED):
                return []
            if settlement.state is SettlementState.OPEN:
                reasons = " ".join(settlement.problems)
                raise Conflict(f"This settlement is not matched, so it cannot be posted. {reasons}")
            claimed = await uow.postings.of_settlement(settlement.settlement_id)
            batches = [posting.batch for posting in claimed]
            if not claimed:
                batches = await self._batches(uow, settlement)
                for batch in batches:
                    await uow.postings.claim(self._claimed(settlement, batch))
            if settlement.state is not SettlementState.POSTING:
                await uow.settlements.save(
                    msgspec.structs.replace(
                        settlement,
                        state=transition(settlement.state, SettlementState.POSTING),
                        version=settlement.version + 1,
                    )
                )
                await uow.audit.append(
                    audit(
                        command.by,
                        self._clock.now(),
                        "settlement.posting_started",
                        f"settlement:{settlement.settlement_id}",
                    )
                )
            await uow.commit()
        return batches

    def _claimed(self, settlement: StoredSettlement, batch: PostingBatch) -> StoredPosting:
        return StoredPosting(
            settlement_id=settlement.settlement_id,
            category=batch.category,
            batch_key=batch.key,
            batch=batch,
            state=PostingState.CLAIMED,
            receipts=len(batch.receipts),
            amount_cents=sum(receipt.amount_cents for receipt in batch.receipts),
            claimed_at=self._clock.now(),
        )

    async def _batches(self, uow: UnitOfWork, settlement: StoredSettlement) -> list[PostingBatch]:
        lines = await uow.settlements.lines(settlement.settlement_id)
        payments = await self._payments(uow, lines)
        constant = self._policies.posting.check_number
        receipts = receipts_for(
            payments, self._zone, None if constant == PAYMENT_PLACEHOLDER else constant
        )
        journal = await uow.journal.of_settlement(settlement.settlement_id)
        categories = [category for category in PostingCategory if receipts[category]]
        if not categories and journal:
            # Nothing but returns or fees: the books still change, so they are posted alone.
            categories = [PostingCategory.INVOICES]
        return [
            PostingBatch(
                key=f"{settlement.settlement_id}-{category.value}",
                settlement_ref=settlement.head.settlement_ref,
                category=category,
                deposit_on=settlement.head.arrival_on
                or settlement.head.created_at.astimezone(self._zone).date(),
                receipts=receipts[category],
                # The journal goes with the first batch, so it is written once per settlement.
                journal=() if number else tuple(journal),
            )
            for number, category in enumerate(categories)
        ]

    async def _payments(self, uow: UnitOfWork, lines: Sequence[StoredLine]) -> list[Payment]:
        ids = [
            stored.line.payment_id
            for stored in lines
            if stored.line.payment_id and stored.line.category is SettlementLineCategory.PAYMENT
        ]
        found = [await uow.payments.get(payment_id) for payment_id in ids]
        # What was returned before it was posted never reaches the ERP: nothing to undo there.
        return [payment for payment in found if payment.state is not PaymentState.RETURNED]

    async def _post(self, batch: PostingBatch, by: Principal) -> None:
        settlement_id = batch.key.rsplit("-", 1)[0]
        async with self._uow() as uow:
            posting = await uow.postings.get(settlement_id, batch.category)
        assert posting is not None
        if posting.state is PostingState.POSTED:
            return
        try:
            result = await self._erp.connector.posting_status(batch.key)
            if result is None:
                result = await self._erp.connector.post(batch)
        except (Rejected, Unsupported) as error:
            await self._record(posting, PostingState.REJECTED, by, reason=str(error))
            return
        except PortError as error:
            # Whether it arrived is not known: the next call asks by key before it sends.
            await self._record(posting, PostingState.UNKNOWN, by, reason=str(error))
            return
        await self._record(
            posting, _state_of(result), by, refs=_refs(result), reason=_reason(result)
        )

    async def _record(
        self,
        posting: StoredPosting,
        state: PostingState,
        by: Principal,
        *,
        refs: tuple[str, ...] = (),
        reason: str = "",
    ) -> None:
        now = self._clock.now()
        async with self._uow() as uow:
            current = await uow.postings.get(
                posting.settlement_id, posting.category, for_update=True
            )
            assert current is not None
            if current.state is PostingState.POSTED:
                return
            await uow.postings.save(
                msgspec.structs.replace(
                    current,
                    state=state,
                    erp_refs=refs,
                    reason=reason,
                    posted_at=now if state is PostingState.POSTED else None,
                    posted_by=by.principal_id if state is PostingState.POSTED else "",
                    tries=current.tries + 1,
                    version=current.version + 1,
                )
            )
            await uow.audit.append(
                audit(
                    by,
                    now,
                    f"posting.{state.value}",
                    f"settlement:{posting.settlement_id}",
                    category=posting.category.value,
                    reason=reason,
                )
            )
            await uow.commit()

    async def _conclude(self, command: PostSettlementCommand) -> StoredSettlement:
        async with self._uow() as uow:
            settlement = await uow.settlements.get(command.settlement_id, for_update=True)
            postings = await uow.postings.of_settlement(command.settlement_id)
            done = all(posting.state is PostingState.POSTED for posting in postings)
            if settlement.state is SettlementState.POSTING and done:
                settlement = msgspec.structs.replace(
                    settlement,
                    state=transition(settlement.state, SettlementState.POSTED),
                    version=settlement.version + 1,
                )
                await uow.settlements.save(settlement)
                await uow.audit.append(
                    audit(
                        command.by,
                        self._clock.now(),
                        "settlement.posted",
                        f"settlement:{command.settlement_id}",
                    )
                )
                await uow.commit()
        return settlement


class MarkPosted:
    """Record that a person imported the files by hand; the category is then posted."""

    def __init__(self, uow: UnitOfWorkFactory, posting: PostSettlement, clock: Clock) -> None:
        self._uow = uow
        self._posting = posting
        self._clock = clock

    async def __call__(self, settlement_id: str, by: Principal) -> StoredSettlement:
        """Mark what was handed over as files; raises Conflict when nothing waits for a person."""
        now = self._clock.now()
        async with self._uow() as uow:
            waiting = [
                posting
                for posting in await uow.postings.of_settlement(settlement_id)
                if posting.state in (PostingState.CLAIMED, PostingState.UNKNOWN)
            ]
            if not waiting:
                raise Conflict("Nothing of this settlement waits to be marked as posted.")
            for posting in waiting:
                await uow.postings.save(
                    msgspec.structs.replace(
                        posting,
                        state=PostingState.POSTED,
                        posted_at=now,
                        posted_by=by.principal_id,
                        reason="imported by hand",
                        version=posting.version + 1,
                    )
                )
                await uow.audit.append(
                    audit(
                        by,
                        now,
                        "posting.marked",
                        f"settlement:{settlement_id}",
                        category=posting.category.value,
                    )
                )
            await uow.commit()
        return await self._posting(PostSettlementCommand(settlement_id=settlement_id, by=by))


class ResolveSettlement:
    """Close a settlement: everything posted, nothing unexplained, and a person says so."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, settlement_id: str, by: Principal) -> StoredSettlement:
        """Resolve; raises Conflict that names what is missing. Resolving twice is harmless."""
        now = self._clock.now()
        async with self._uow() as uow:
            settlement = await uow.settlements.get(settlement_id, for_update=True)
            if settlement.state is SettlementState.RESOLVED:
                return settlement
            if settlement.unexplained_cents:
                raise Conflict("The payout has unexplained cents; it cannot be resolved.")
            if settlement.state is not SettlementState.POSTED:
                raise Conflict("Post every category before you resolve this settlement.")
            settlement = msgspec.structs.replace(
                settlement,
                state=transition(settlement.state, SettlementState.RESOLVED),
                resolved_at=now,
                resolved_by=by.principal_id,
                version=settlement.version + 1,
            )
            await uow.settlements.save(settlement)
            await uow.audit.append(
                audit(by, now, "settlement.resolved", f"settlement:{settlement_id}")
            )
            await uow.commit()
        return settlement


def _state_of(result: PostingResult) -> PostingState:
    match result.state:
        case "posted":
            return PostingState.POSTED
        case "accepted":
            return PostingState.CLAIMED
        case "partial" | "rejected":
            return PostingState.REJECTED


def _refs(result: PostingResult) -> tuple[str, ...]:
    return tuple(receipt.erp_ref for receipt in result.receipts if receipt.erp_ref)


def _reason(result: PostingResult) -> str:
    reasons = [result.reason, *(f"{r.key}: {r.reason}" for r in result.receipts if r.reason)]
    return "; ".join(reason for reason in reasons if reason)
