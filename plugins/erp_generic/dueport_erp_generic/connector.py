"""The connector: a folder of files read as one mapping says, and postings by template."""

from typing import Final

from dueport_erp_generic.delivery import read_delivery
from dueport_erp_generic.mapping import load_mapping
from dueport_erp_generic.presets import PRESETS
from dueport_erp_generic.settings import Settings
from dueport_erp_generic.templates import check_templates, render, shows_discount
from dueport_ports import (
    Deletes,
    ErpCapabilities,
    Idempotency,
    NamedFile,
    PluginContext,
    PostingBatch,
    SyncShape,
)
from dueport_ports.files import MAX_PAGE, Delivery, Drop, FileErp

MAX_RECEIPTS: Final = 10_000
MAX_APPLICATIONS: Final = 100_000


class GenericErp(FileErp):
    """Any system that can export files, once a mapping file says what is in them."""

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        loaded = load_mapping(settings.mapping)
        super().__init__(settings, context, layout=loaded.digest)
        self._mapping = loaded.mapping
        self._posting = settings.posting
        self._templates = settings.posting.files or PRESETS[settings.posting.preset]
        self._assume_imported = settings.assume_imported
        check_templates(self._templates, settings.posting.check_no)

    def capabilities(self) -> ErpCapabilities:
        return ErpCapabilities(
            entities=dict.fromkeys(self._mapping.entities, SyncShape.SNAPSHOT),
            deletes=Deletes.ABSENT_FROM_SNAPSHOT,
            posting=frozenset({"file"}),
            idempotency=Idempotency.LOOKUP_BY_REF,
            statements="native" if self._mapping.statements else "none",
            takes_discount=shows_discount(self._templates),
            journal_entries=any(file.rows == "journal" for file in self._templates),
            async_posting=not self._assume_imported,
            currencies=frozenset(self._mapping.currencies),
            max_page=MAX_PAGE,
            max_receipts=MAX_RECEIPTS,
            max_applications=MAX_APPLICATIONS,
        )

    def read_delivery(self, drop: Drop) -> Delivery:
        return read_delivery(drop, self._mapping)

    def render_files(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        return render(self._templates, batch, self._posting.check_no, self._posting.gl_accounts)
