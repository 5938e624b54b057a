"""The configuration section of the generic ERP connector."""

from pathlib import Path
from typing import Literal

import msgspec

from dueport_erp_generic.templates import PostingFile
from dueport_ports.files import FileErpSettings


class Posting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a posting looks like as files."""

    preset: Literal["plain", "spruce_f2"] = "plain"
    files: tuple[PostingFile, ...] = ()
    """Own layouts; empty means those of the preset."""
    check_no: str = "{check_no}"
    """May use check_no, processor_ref, settlement_ref, method and account_no, or be a constant."""
    gl_accounts: dict[str, str] = {}
    """Our ledger accounts (cash, ar, processor_fees, clearing:stripe…) to the dealer's numbers."""


class Settings(FileErpSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that may stand in the connector's section, beside what all file connectors take."""

    mapping: Path
    """The mapping file; ``propose_mapping`` writes a first one."""
    posting: Posting = Posting()
