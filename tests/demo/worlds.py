"""A drawn dealer's files, its ERP, and Dueport's connector on the other side of the folders."""

import datetime
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dueport_apps.demo.dealer import generate_dealer
from dueport_apps.demo.files import write_files
from dueport_apps.demo.records import Dealer
from dueport_apps.sandbox.demo_erp import DemoErp, ErpSettings
from dueport_erp_generic.plugin import build
from dueport_erp_generic.settings import Settings
from dueport_ports import (
    Application,
    CreditUsed,
    ErpConnector,
    PaymentMethodKind,
    PostingBatch,
    PostingCategory,
    Receipt,
)
from dueport_ports.testing.context import StillClock, plugin_context

TODAY = datetime.date(2026, 11, 22)
NOON = datetime.datetime(2026, 11, 22, 17, 0, tzinfo=datetime.UTC)


@functools.lru_cache(maxsize=1)
def drawn() -> Dealer:
    return generate_dealer(7, TODAY)


class ErpWorld:
    """The ERP and the connector over one set of folders, in time that a test moves."""

    def __init__(self, root: Path, applies: Literal["at_once", "end_of_day"] = "at_once") -> None:
        self.root = root
        self.dealer = drawn()
        self.clock = StillClock(NOON)
        self.settings = ErpSettings(
            books=root / "books",
            inbox=root / "inbox",
            outbox=root / "outbox",
            ledger=root / "ledger.jsonl",
            applies=applies,
        )
        write_files(self.settings.books, self.dealer)
        self.erp = self.started()
        self.erp.deliver()
        plugin_folder = root / "plugin"
        plugin_folder.mkdir()
        self.connector = self._connector(plugin_folder)

    def started(self) -> DemoErp:
        """Start the ERP on what the folders hold, as after a crash."""
        return DemoErp(self.settings, self.clock.now)

    def later(self) -> None:
        self.clock.advance(datetime.timedelta(minutes=1))

    def _connector(self, folder: Path) -> ErpConnector:
        return build(
            Settings(
                folder=self.settings.inbox,
                mapping=self.settings.books / "mapping.toml",
                outbox=self.settings.outbox,
                complete_when="manifest",
                assume_imported=True,
            ),
            plugin_context(folder, self.clock),
        )


def batch(
    key: str,
    receipts: Sequence[Receipt],
    category: PostingCategory = PostingCategory.INVOICES,
) -> PostingBatch:
    return PostingBatch(
        key=key,
        settlement_ref="po_1",
        category=category,
        deposit_on=TODAY,
        receipts=tuple(receipts),
    )


def receipt(
    key: str,
    account_no: str,
    *applications: Application,
    credits_used: tuple[CreditUsed, ...] = (),
) -> Receipt:
    brought = sum(one.amount_cents for one in applications)
    return Receipt(
        key=key,
        account_no=account_no,
        job_no="1",
        method=PaymentMethodKind.CARD,
        processor_ref="pi_1",
        check_no=key.upper().replace(":", "")[:15],
        received_on=TODAY,
        amount_cents=brought - sum(one.amount_cents for one in credits_used),
        applications=applications,
        credits_used=credits_used,
    )


def pays(document_ref: str, cents: int, discount: int = 0) -> Application:
    return Application(document_ref=document_ref, amount_cents=cents, discount_cents=discount)
