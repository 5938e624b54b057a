"""What connectors that read and write files share: tables, cells, drops and the outbox.

Files from the field are dirty in the same few ways whatever wrote them. A connector that builds on
this package gets those right once: headers that compare by letters and digits alone, money and
dates read by column with a reason for every refusal, folders that are read only when the delivery
is complete, and postings that are written once whatever happens in between.
"""

from dueport_ports.files.connector import (
    MAX_PAGE,
    CellRefused,
    Delivery,
    FileErp,
    FileErpSettings,
)
from dueport_ports.files.dates import (
    DateColumn,
    DateFormat,
    DatesUndecided,
    decide_date_formats,
    read_date,
    read_date_column,
)
from dueport_ports.files.drops import (
    Completeness,
    Drop,
    Manifest,
    ManifestFile,
    ManifestTotals,
    complete_drop,
    read_files,
)
from dueport_ports.files.guard import Accepted, DeliveryGuard
from dueport_ports.files.money import MoneyColumn, read_money, read_money_column
from dueport_ports.files.outbox import Outbox, OutboxEntry, file_safe, short_digest
from dueport_ports.files.tables import (
    Table,
    TableOptions,
    normalize_header,
    read_table,
    write_delimited,
)

__all__ = [
    "MAX_PAGE",
    "Accepted",
    "CellRefused",
    "Completeness",
    "DateColumn",
    "DateFormat",
    "DatesUndecided",
    "Delivery",
    "DeliveryGuard",
    "Drop",
    "FileErp",
    "FileErpSettings",
    "Manifest",
    "ManifestFile",
    "ManifestTotals",
    "MoneyColumn",
    "Outbox",
    "OutboxEntry",
    "Table",
    "TableOptions",
    "complete_drop",
    "decide_date_formats",
    "file_safe",
    "normalize_header",
    "read_date",
    "read_date_column",
    "read_files",
    "read_money",
    "read_money_column",
    "read_table",
    "short_digest",
    "write_delimited",
]
