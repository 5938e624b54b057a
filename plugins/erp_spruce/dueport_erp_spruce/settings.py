"""The configuration section of the Spruce connector."""

import datetime
from typing import Literal

import msgspec

from dueport_ports.files import Completeness, FileErpSettings


class Settings(FileErpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that may stand in the connector's section, beside what all file connectors take."""

    transport: Literal["files"] = "files"
    """How Spruce is reached. Files are the one way whose write formats Spruce documents."""
    complete_when: Completeness = "manifest"
    check_no: str = "{check_no}"
    """The CheckNum column. May use check_no and account_no, or be a constant such as ``Online``."""
    gl_accounts: dict[str, str] = msgspec.field(default_factory=dict)
    """Our ledger accounts (cash, ar, processor_fees, clearing:stripe…) to Spruce's GL accounts."""
    gl_open_from: datetime.date | None = None
    """The first day of the open GL cycle; Spruce refuses entries before it."""
    gl_open_until: datetime.date | None = None
    due_days: int = 30
    """For a document without a due date."""
