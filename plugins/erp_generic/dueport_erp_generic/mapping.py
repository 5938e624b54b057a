"""The mapping file: which file holds what, under which headers, written how.

One TOML file says all that differs between one dealer's export and another's. Every key is
checked when it is read, and a wrong one is refused with the keys that exist.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

from dueport_erp_generic import fields
from dueport_ports import Entity, Misconfigured
from dueport_ports.files import DateFormat, TableOptions


class IdRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an identifier is tidied. It stays text whatever it looks like."""

    strip_suffix: str = ""
    """Such as ".0", which a spreadsheet adds to numbers."""
    strip_zeros: bool = False
    """Take leading zeros away."""
    pad: int = 0
    """Fill up with leading zeros to this length."""

    def apply(self, text: str) -> str:
        text = text.removesuffix(self.strip_suffix) if self.strip_suffix else text
        if self.strip_zeros and text:
            text = text.lstrip("0") or "0"
        return text.zfill(self.pad) if text else text


class Where(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep the rows whose cell is (or is not) one of these words; case does not matter."""

    column: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of another file, added to each row that names one of its rows."""

    file: str
    on: str
    """The header in this file (or one that an earlier join has brought)."""
    to: str = ""
    """The header in the other file; empty means the same as ``on``."""
    take: tuple[str, ...] = ()
    """Headers whose text is brought over."""
    add_up: tuple[str, ...] = ()
    """Headers of amounts that are summed over all of the other file's rows, such as payments."""
    where: tuple[Where, ...] = ()
    """Which rows of the other file count."""
    ids: IdRule = IdRule()
    """Applied to both sides before they are compared."""
    table: TableOptions | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the rows of one entity come from."""

    file: str
    """A file name or a pattern such as ``invoices_*.csv``, in the folder itself."""
    pick: Literal["all", "newest"] = "all"
    """Which of several files that match."""
    columns: dict[str, str | tuple[str, ...]] = {}
    """Field to header, or to several headers of which the first that exists counts."""
    values: dict[str, str] = {}
    """Field to a fixed text."""
    defaults: dict[str, str] = {}
    """Field to the text that stands for a blank cell."""
    words: dict[str, dict[str, str]] = {}
    """Field (kind, status) to what this ERP's words mean."""
    ids: dict[str, IdRule] = {}
    joins: tuple[Join, ...] = ()
    where: tuple[Where, ...] = ()
    date_format: DateFormat | tuple[DateFormat, ...] | None = None
    """Empty: decided over each whole column."""
    date_formats: dict[str, DateFormat | tuple[DateFormat, ...]] = {}
    """The same for single fields."""
    decimal: Literal[".", ","] | None = None
    extra_zeros: bool = False
    """Accept 12.5000, as databases print money."""
    open_amount: Literal["", "column", "amount_less_paid", "amount"] = ""
    """Where the open amount comes from; empty: a column if there is one, else amount - paid."""
    negatives: Literal["refuse", "credit"] = "refuse"
    """What a negative amount on a debit kind means."""
    due_days: int = 30
    """For a blank due date where no terms say otherwise."""
    distinct: bool = False
    """The rows of accounts or jobs are drawn from a list in which each occurs many times."""
    table: TableOptions | None = None

    def orders_of(self, field: str, fallback: DateFormat | None) -> tuple[DateFormat, ...]:
        """Return the date formats that were told for a field; empty where none was."""
        told = self.date_formats.get(field, self.date_format) or fallback
        if told is None:
            return ()
        return (told,) if isinstance(told, DateFormat) else told


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole mapping file."""

    accounts: tuple[Source, ...]
    documents: tuple[Source, ...]
    contacts: tuple[Source, ...] = ()
    jobs: tuple[Source, ...] = ()
    statements: tuple[Source, ...] = ()
    version: Literal[1] = 1
    date_format: DateFormat | None = None
    decimal: Literal[".", ","] = "."
    currencies: tuple[str, ...] = ("USD",)
    table: TableOptions = TableOptions()

    def of(self, name: str) -> tuple[Source, ...]:
        found: tuple[Source, ...] = getattr(self, name)
        return found

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities that have a source; accounts and documents always do."""
        return tuple(entity for entity in Entity if self.of(entity))


class LoadedMapping(msgspec.Struct, frozen=True):
    mapping: Mapping
    digest: str


_WORDED: Final = ("kind", "status", "posting_model", "billing_level")


def load_mapping(path: Path) -> LoadedMapping:
    """Read and check a mapping file; raises Misconfigured with the path of the first wrong key."""
    try:
        content = path.read_bytes()
        mapping = msgspec.convert(tomllib.loads(content.decode("utf-8")), Mapping)
    except OSError as error:
        raise Misconfigured(f"the mapping file {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"the mapping file {path} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise Misconfigured(f"the mapping file {path}: {error}") from error
    for name, known in fields.OF_ENTITY.items():
        for index, source in enumerate(mapping.of(name), start=1):
            where = f"the mapping file {path}, {name} number {index}"
            _check(source, known, where)
    return LoadedMapping(mapping, hashlib.sha256(content).hexdigest())


def _check(source: Source, known: dict[str, tuple[str, ...]], where: str) -> None:
    for section in ("columns", "values", "defaults", "ids", "date_formats", "words"):
        for field in getattr(source, section):
            allowed = [*known] if section != "words" else [*_WORDED]
            if field not in allowed:
                raise Misconfigured(
                    f"{where}: {section}.{field} is no field; the fields are {', '.join(allowed)}"
                )
    if both := source.columns.keys() & source.values.keys():
        raise Misconfigured(f"{where}: {min(both)} has a column and a fixed value; keep one")
    for told in (source.date_format, *source.date_formats.values()):
        if isinstance(told, tuple) and {DateFormat.MDY, DateFormat.DMY} <= set(told):
            raise Misconfigured(f"{where}: mdy and dmy cannot both be allowed in one column")
    for condition in (*source.where, *(each for join in source.joins for each in join.where)):
        if bool(condition.any_of) == bool(condition.none_of):
            raise Misconfigured(
                f"{where}: where on {condition.column!r} needs either any_of or none_of"
            )
    for join in source.joins:
        if not join.take and not join.add_up:
            raise Misconfigured(f"{where}: the join with {join.file} needs take or add_up")
