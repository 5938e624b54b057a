"""The contract that every ERP connector keeps, as a suite to derive from.

Write a world that can put known receivables into the ERP (or into a stand-in that speaks its
protocol) and look at what was posted, then::

    class TestMyErp(ErpContract):
        @pytest.fixture
        def world(self, tmp_path):
            return MyErpWorld(tmp_path)

Tests may be added. A test of the suite cannot be overridden: what a connector cannot do, its
capabilities say, and the suite skips with that reason.
"""

import abc
import datetime
import logging
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest

from dueport_core.accounts import Account, Job
from dueport_core.errors import (
    Conflict,
    DueportError,
    PortError,
    Rejected,
    Unavailable,
    Unsupported,
)
from dueport_core.open_items import OpenItem
from dueport_core.postings import PostingCategory
from dueport_core.statements import Statement
from dueport_ports.erp import (
    Deleted,
    Entity,
    ErpConnector,
    Page,
    PostingResult,
    Record,
    RowGrade,
    RowProblem,
    SyncShape,
)
from dueport_ports.testing.receivables import Receivables, sample_batch, sample_receivables
from dueport_ports.testing.sealed import SealedContract

MAX_CURSOR_BYTES = 4096
_TYPES: dict[Entity, type[Record]] = {
    Entity.ACCOUNTS: Account,
    Entity.JOBS: Job,
    Entity.DOCUMENTS: OpenItem,
    Entity.STATEMENTS: Statement,
}


class ErpWorld(abc.ABC):
    """One ERP under test, from the outside."""

    secrets: tuple[str, ...] = ()
    """Texts (tokens, passwords) that must never be seen in a log line, a message or a repr."""

    @abc.abstractmethod
    async def load(self, receivables: Receivables) -> None:
        """Make the ERP hold exactly these, however it stores them."""

    @abc.abstractmethod
    def connect(self) -> ErpConnector:
        """Return a new connector onto the same ERP and the same stored state: a restart."""

    @abc.abstractmethod
    async def applied_cents(self) -> Mapping[str, int]:
        """Return the money that the ERP was told to apply, by document, all postings together."""

    @abc.abstractmethod
    async def cut_after_commit(self) -> None:
        """Let the next posting take effect and its answer get lost."""

    @abc.abstractmethod
    async def break_connection(self) -> None:
        """Make the ERP unreachable (address, folder, credentials) until the test ends."""

    async def plant_bad_row(self) -> bool:
        """Add a document whose amount is no number; False where the ERP cannot hold one."""
        return False

    async def close(self) -> None:
        """Release what this world holds."""
        return


class ErpContract(SealedContract, contract=True):
    """Derive, define the fixture ``world``, and pytest runs the contract against your connector."""

    @pytest.fixture
    def world(self) -> ErpWorld:
        """Return the ERP under test; every plugin defines this fixture."""
        raise NotImplementedError("define a fixture `world` that returns your ErpWorld")

    @pytest.fixture
    async def erp(self, world: ErpWorld) -> AsyncIterator[ErpWorld]:
        """The ERP with the sample receivables in it."""
        await world.load(sample_receivables())
        yield world
        await world.close()

    async def test_capabilities_never_change(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        told = connector.capabilities()
        assert told == connector.capabilities() == erp.connect().capabilities()
        assert Entity.ACCOUNTS in told.entities, "a connector without accounts is of no use"
        assert Entity.DOCUMENTS in told.entities, "a connector without documents is of no use"
        assert min(told.max_page, told.max_receipts, told.max_applications) >= 1
        assert "USD" in told.currencies, "the platform's money is US dollars"

    async def test_a_probe_finds_what_is_there_and_writes_nothing(self, erp: ErpWorld) -> None:
        probe = await erp.connect().probe()
        assert probe.ok, probe.detail
        assert probe.detail, "a person reads the detail"
        assert await erp.applied_cents() == {}, "a probe never posts"

    async def test_every_entity_is_pulled_whole_whatever_the_page_size(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        for entity in connector.capabilities().entities:
            whole = [_key(record) for record in await pull_all(connector, entity, 500)]
            paged = [_key(record) for record in await pull_all(connector, entity, 2)]
            assert sorted(whole) == sorted(paged) == sorted(_expected(entity)), entity

    async def test_a_page_never_exceeds_its_limit(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        page = await connector.pull(Entity.DOCUMENTS, None, 3)
        assert len(page.records) <= 3, "a page holds at most the limit"
        assert page.more, "eight documents do not fit on a page of three"

    async def test_a_pull_resumes_from_its_cursor_after_a_restart(self, erp: ErpWorld) -> None:
        first = await erp.connect().pull(Entity.DOCUMENTS, None, 3)
        rest = await pull_all(erp.connect(), Entity.DOCUMENTS, 3, first.cursor)
        found = {_key(record) for record in (*first.records, *rest)}
        assert found == set(_expected(Entity.DOCUMENTS)), "nothing is lost between two pages"

    async def test_asking_for_the_same_page_again_is_harmless(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        first = await connector.pull(Entity.DOCUMENTS, None, 3)
        once = await connector.pull(Entity.DOCUMENTS, first.cursor, 3)
        again = await connector.pull(Entity.DOCUMENTS, first.cursor, 3)
        assert once.records == again.records, "a cursor names a place, it is not used up"

    async def test_a_cursor_is_small_and_the_time_is_aware(self, erp: ErpWorld) -> None:
        page = await erp.connect().pull(Entity.DOCUMENTS, None, 3)
        assert page.cursor is not None, "a page with more to come has a cursor"
        assert len(page.cursor.encode()) <= MAX_CURSOR_BYTES
        assert page.as_of.utcoffset() == datetime.timedelta(0), "as_of is an instant in UTC"

    async def test_only_the_last_page_of_a_snapshot_says_that_it_is_complete(
        self, erp: ErpWorld
    ) -> None:
        connector = erp.connect()
        if connector.capabilities().entities[Entity.DOCUMENTS] is not SyncShape.SNAPSHOT:
            pytest.skip("this connector does not pull documents as a snapshot")
        pages = await pull_pages(connector, Entity.DOCUMENTS, 3)
        told = [page.complete_snapshot for page in pages]
        assert told == [False] * (len(pages) - 1) + [True], "absence counts only at the very end"

    async def test_records_have_their_types_and_credits_are_negative(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        for entity in connector.capabilities().entities:
            for record in await pull_all(connector, entity, 500):
                assert isinstance(record, _TYPES[entity]), f"{record} among {entity}"
        for item in await _items(connector):
            assert type(item.open_amount_cents) is int, "money is whole cents"
            assert type(item.due_on) is datetime.date, "a date is a calendar day"
            assert item.is_credit == (item.open_amount_cents < 0), item.document_ref

    async def test_documents_come_as_the_erp_has_them_to_the_cent(self, erp: ErpWorld) -> None:
        found = {item.document_ref: item for item in await _items(erp.connect())}
        for wanted in sample_receivables().items:
            item = found[wanted.document_ref]
            assert item.account_no == wanted.account_no
            assert item.job_no == wanted.job_no, "a job number is text, zeros and all"
            assert item.kind is wanted.kind, wanted.document_ref
            assert item.open_amount_cents == wanted.open_amount_cents, wanted.document_ref
            assert item.original_amount_cents == wanted.original_amount_cents
            assert (item.issued_on, item.due_on) == (wanted.issued_on, wanted.due_on)
            assert item.po_number == wanted.po_number
        total = sum(item.open_amount_cents for item in found.values())
        assert total == sum(item.open_amount_cents for item in sample_receivables().items)

    async def test_accounts_come_with_their_names_status_and_address(self, erp: ErpWorld) -> None:
        records = await pull_all(erp.connect(), Entity.ACCOUNTS, 500)
        found = {record.account_no: record for record in records if isinstance(record, Account)}
        for wanted in sample_receivables().accounts:
            account = found[wanted.account_no]
            assert account.name == wanted.name, "names keep their letters and commas"
            assert account.status is wanted.status
            assert account.primary_email == wanted.primary_email

    async def test_a_document_that_is_gone_from_the_erp_disappears(self, erp: ErpWorld) -> None:
        gone = sample_receivables().items[0].document_ref
        connector = erp.connect()
        pages = await pull_pages(connector, Entity.DOCUMENTS, 500)
        await erp.load(sample_receivables().without(gone))
        shape = connector.capabilities().entities[Entity.DOCUMENTS]
        cursor = pages[-1].cursor if shape is SyncShape.CURSOR else None
        records = await pull_all(connector, Entity.DOCUMENTS, 500, cursor)
        if shape is SyncShape.CURSOR:
            assert Deleted(Entity.DOCUMENTS, gone) in records, "a deletion is told"
        else:
            assert gone not in {_key(record) for record in records}

    async def test_a_row_that_does_not_load_is_told_with_its_place_and_reason(
        self, erp: ErpWorld
    ) -> None:
        if not await erp.plant_bad_row():
            pytest.skip("this ERP cannot hold a row that does not load")
        pages = await pull_pages(erp.connect(), Entity.DOCUMENTS, 500)
        problems = [problem for page in pages for problem in page.problems]
        refused = [problem for problem in problems if problem.grade is RowGrade.REFUSED]
        assert refused, "what is left out is said"
        assert all(_is_explained(problem) for problem in refused), refused
        assert all(problem.key for problem in refused), "its key keeps open what was stored before"
        found = {_key(record) for page in pages for record in page.records}
        assert set(_expected(Entity.DOCUMENTS)) <= found, "one bad row takes no good one with it"

    async def test_a_batch_that_was_never_posted_is_unknown(self, erp: ErpWorld) -> None:
        connector = _posting(erp)
        assert await connector.posting_status("dealer:never:1") is None

    async def test_a_posted_batch_can_be_looked_up(self, erp: ErpWorld) -> None:
        connector = _posting(erp)
        batch = sample_batch()
        _taken(await connector.post(batch))
        status = await erp.connect().posting_status(batch.key)
        assert status is not None, "a batch that arrived is found, after a restart as well"
        assert status.key == batch.key
        _taken(status)

    async def test_posting_twice_has_one_effect(self, erp: ErpWorld) -> None:
        connector = _posting(erp)
        _taken(await connector.post(sample_batch()))
        _taken(await connector.post(sample_batch()))
        _taken(await erp.connect().post(sample_batch()))
        assert await erp.applied_cents() == {"2603-000102": 40_001, "2603-000103": 7}

    async def test_a_receipt_applies_its_amount_and_not_a_cent_more(self, erp: ErpWorld) -> None:
        connector = _posting(erp)
        batch = sample_batch(PostingCategory.DEBITS, "dealer:po_1:debits:1")
        _taken(await connector.post(batch))
        applied = await erp.applied_cents()
        assert sum(applied.values()) == sum(receipt.amount_cents for receipt in batch.receipts)

    async def test_credits_are_applied_without_money(self, erp: ErpWorld) -> None:
        connector = _posting(erp)
        batch = sample_batch(PostingCategory.CREDITS, "dealer:po_1:credits:1")
        _taken(await connector.post(batch))
        assert not any((await erp.applied_cents()).values()), "no money came with the credit"

    async def test_a_key_that_comes_again_with_other_content_is_refused(
        self, erp: ErpWorld
    ) -> None:
        connector = _posting(erp)
        _taken(await connector.post(sample_batch()))
        other = msgspec.structs.replace(sample_batch(), receipts=sample_batch().receipts[:1])
        try:
            state: str = (await connector.post(other)).state
        except Rejected:
            state = "rejected"
        assert state == "rejected", "a changed posting needs a key of its own"
        assert await erp.applied_cents() == {"2603-000102": 40_001, "2603-000103": 7}

    async def test_a_cut_after_the_commit_is_looked_up_and_never_posted_twice(
        self, erp: ErpWorld
    ) -> None:
        connector = _posting(erp)
        await erp.cut_after_commit()
        with pytest.raises(Unavailable):
            await connector.post(sample_batch())
        status = await erp.connect().posting_status(sample_batch().key)
        assert status is not None, "None would mean that it provably never arrived"
        _taken(status)
        _taken(await erp.connect().post(sample_batch()))
        assert await erp.applied_cents() == {"2603-000102": 40_001, "2603-000103": 7}

    async def test_every_posting_can_be_rendered_for_a_person(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        for category in PostingCategory:
            files = await connector.render_posting(sample_batch(category))
            assert files, f"{category} can be posted by hand"
            assert all(file.name and file.content and file.media_type for file in files)
            assert all("/" not in file.name for file in files), "a name is no path"
        assert await erp.applied_cents() == {}, "rendering posts nothing"

    async def test_a_live_account_is_as_the_pages_say(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        snapshot = await connector.account_snapshot("1001")
        if not connector.capabilities().live_account:
            assert snapshot is None, "what cannot be read live is None"
            return
        assert snapshot is not None
        wanted = {item.document_ref for item in _of_account("1001")}
        assert {item.document_ref for item in snapshot.items} == wanted
        assert await connector.account_snapshot("no-such-account") is None

    async def test_a_reversal_is_done_or_said_to_be_impossible(self, erp: ErpWorld) -> None:
        connector = erp.connect()
        if connector.capabilities().reversals:
            pytest.skip("reversals are the connector's own to test: their trigger is vendor's data")
        with pytest.raises(Unsupported):
            await connector.reverse("R-1", "dealer:rev:1", "returned")

    async def test_an_unreachable_erp_raises_the_ports_errors_only(self, erp: ErpWorld) -> None:
        await erp.break_connection()
        connector = erp.connect()
        with pytest.raises((PortError, Conflict)):
            await connector.pull(Entity.ACCOUNTS, None, 10)
        # A probe may raise what it would otherwise tell.
        try:
            probe = await connector.probe()
            ok, detail = probe.ok, probe.detail
        except PortError as error:
            ok, detail = False, str(error)
        assert not ok, "a probe of an unreachable ERP is not ok"
        assert detail, "it says what to fix"

    async def test_a_cursor_of_somebody_elses_is_a_conflict(self, erp: ErpWorld) -> None:
        with pytest.raises((Conflict, PortError)):
            await erp.connect().pull(Entity.DOCUMENTS, "no cursor of ours", 10)

    async def test_secrets_are_seen_nowhere(
        self, erp: ErpWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[str] = []
        with caplog.at_level(logging.DEBUG):
            connector = erp.connect()
            seen.append(repr(connector) + repr(vars(connector)))
            await pull_all(connector, Entity.ACCOUNTS, 2)
            await erp.break_connection()
            broken = erp.connect()
            try:
                seen.append((await broken.probe()).detail)
                await broken.pull(Entity.ACCOUNTS, None, 10)
            except DueportError as error:
                seen.append(repr(error))
        seen.append(caplog.text)
        for secret in erp.secrets:
            assert not any(secret in text for text in seen), "a secret leaked"


async def pull_pages(
    connector: ErpConnector, entity: Entity, limit: int, cursor: str | None = None
) -> list[Page]:
    """Pull one entity to its end; a pull that never ends fails."""
    pages: list[Page] = []
    for _ in range(1_000):
        page = await connector.pull(entity, cursor, limit)
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return pages
    raise AssertionError(f"the pull of {entity} does not end")


async def pull_all(
    connector: ErpConnector, entity: Entity, limit: int, cursor: str | None = None
) -> list[Record]:
    """Return the records of all pages."""
    pages = await pull_pages(connector, entity, limit, cursor)
    return [record for page in pages for record in page.records]


async def _items(connector: ErpConnector) -> list[OpenItem]:
    records = await pull_all(connector, Entity.DOCUMENTS, 500)
    return [record for record in records if isinstance(record, OpenItem)]


def _posting(erp: ErpWorld) -> ErpConnector:
    connector = erp.connect()
    if not connector.capabilities().posting:
        pytest.skip("this connector is read only")
    return connector


def _taken(result: PostingResult) -> None:
    assert result.state in ("accepted", "posted"), f"{result.state}: {result.reason}"


def _is_explained(problem: RowProblem) -> bool:
    return bool(problem.reason and problem.source) and problem.line >= 0


def _of_account(account_no: str) -> list[OpenItem]:
    return [item for item in sample_receivables().items if item.account_no == account_no]


def _key(record: Record) -> str:
    match record:
        case Account():
            return record.account_no
        case Job():
            return f"{record.account_no}/{record.job_no}"
        case OpenItem():
            return record.document_ref
        case Statement():
            return record.statement_ref
        case Deleted():
            return f"deleted {record.key}"


def _expected(entity: Entity) -> list[str]:
    sample = sample_receivables()
    held: dict[Entity, tuple[Record, ...]] = {
        Entity.ACCOUNTS: sample.accounts,
        Entity.JOBS: sample.jobs,
        Entity.DOCUMENTS: sample.items,
        Entity.STATEMENTS: sample.statements,
    }
    return [_key(record) for record in held[entity]]
