"""The connector: the CSV set read as Spruce's export writes it, postings as Spruce imports them."""

from functools import partial
from typing import Final

from dueport_erp_spruce import reading
from dueport_erp_spruce.posting import check_number, render
from dueport_erp_spruce.reading import Sheet
from dueport_erp_spruce.settings import Settings
from dueport_ports import (
    Deletes,
    Entity,
    ErpCapabilities,
    Idempotency,
    Misconfigured,
    NamedFile,
    PluginContext,
    PostingBatch,
    SyncShape,
)
from dueport_ports.files import (
    MAX_PAGE,
    Delivery,
    Drop,
    FileErp,
    Table,
    TableOptions,
    read_files,
    read_table,
)

LAYOUT: Final = "spruce-files-1"


class SpruceErp(FileErp):
    """ECI Spruce by files.

    Spruce shows a posted document as open until its end of day, and cannot take a posting back;
    both are the platform's to know, by ``reversals`` and by what it holds as posted-not-yet-seen.
    """

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        super().__init__(settings, context, layout=f"{LAYOUT}:{settings.due_days}")
        self._settings = settings
        check_number(settings.check_no, "", "")

    def capabilities(self) -> ErpCapabilities:
        return ErpCapabilities(
            entities=dict.fromkeys(Entity, SyncShape.SNAPSHOT),
            deletes=Deletes.ABSENT_FROM_SNAPSHOT,
            posting=frozenset({"file"}),
            idempotency=Idempotency.LOOKUP_BY_REF,
            statements="native",
            journal_entries=True,
            async_posting=not self._settings.assume_imported,
            max_page=MAX_PAGE,
            max_receipts=10_000,
            max_applications=100_000,
        )

    def read_delivery(self, drop: Drop) -> Delivery:
        wanted = (reading.ACCOUNTS, reading.JOBS, reading.DOCUMENTS, reading.STATEMENTS)
        missing = [name for name in wanted if name not in drop.paths]
        if missing:
            raise Misconfigured(f"the delivery lacks {', '.join(missing)}")
        contents = read_files(drop, wanted)
        tables = {
            name: read_table(name, contents[name], TableOptions(delimiter=",")) for name in wanted
        }
        for table in tables.values():
            _check_count(drop, table)
        accounts, jobs, documents, statements = (Sheet(tables[name]) for name in wanted)
        found_accounts = accounts.records(reading.build_account, lambda found: found.account_no)
        if not found_accounts:
            raise Misconfigured(f"{reading.ACCOUNTS} holds no account that could be read")
        found_jobs = jobs.records(
            reading.build_job, lambda found: f"{found.account_no} job {found.job_no}"
        )
        # A refused account still exists in Spruce, so its documents are not orphans.
        known = frozenset(tables[reading.ACCOUNTS].column("account_no") or ())
        found_documents = documents.records(
            partial(reading.build_document, accounts=known, due_days=self._settings.due_days),
            lambda found: found.document_ref,
        )
        found_statements = statements.records(
            reading.build_statement, lambda found: found.statement_ref
        )
        return Delivery(
            records={
                Entity.ACCOUNTS: tuple(found_accounts),
                Entity.JOBS: tuple(found_jobs),
                Entity.DOCUMENTS: tuple(
                    found for found in found_documents if found.open_amount_cents
                ),
                Entity.STATEMENTS: tuple(found_statements),
            },
            problems={
                Entity.ACCOUNTS: tuple(accounts.problems),
                Entity.JOBS: tuple(jobs.problems),
                Entity.DOCUMENTS: tuple(documents.problems),
                Entity.STATEMENTS: tuple(statements.problems),
            },
        )

    def render_files(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        return render(batch, self._settings)


def _check_count(drop: Drop, table: Table) -> None:
    for told in drop.manifest.files if drop.manifest else ():
        found = table.rows + len(table.problems)
        if told.name == table.source and told.rows != found:
            raise Misconfigured(
                f"the manifest names {told.rows} rows for {told.name} and it holds {found}"
            )
