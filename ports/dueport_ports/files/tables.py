"""Delimited files and workbooks as columns of text, every row with its line number.

Cells stay text: an account number is a name, not a number. A table is held by column because that
is how it is read: money and dates are decided over a whole column, and 100,000 rows take no time.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from dueport_core.errors import Misconfigured
from dueport_ports.erp import RowGrade, RowProblem

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_COLUMNS: Final = 1_000
MAX_LINES_OF_A_CELL: Final = 50
_DELIMITERS: Final = (",", "\t", ";", "|")


class TableOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file is to be read where it does not speak for itself."""

    delimiter: str = ""
    """Empty: the one that the header line uses."""
    encoding: str = ""
    """Empty: UTF-8 or UTF-16 by its mark, else UTF-8, else Windows-1252."""
    sheet: str = ""
    """The sheet of a workbook; empty means the first."""
    skip_lines: int = 0
    """Lines before the header, such as a report's title."""
    quotes: bool = True
    """False where a double quote is an inch mark and nothing is ever quoted."""
    short_rows: Literal["refuse", "pad"] = "refuse"
    """What a row with fewer cells than the header means: cut off, or trailing blanks left out."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``columns[i][r]`` is the trimmed text of row ``r``, which stood on ``lines[r]``."""

    source: str
    headers: tuple[str, ...]
    columns: tuple[Sequence[str], ...]
    lines: Sequence[int]
    problems: tuple[RowProblem, ...] = ()
    left_out: Mapping[int, Sequence[str]] = {}
    """The cells of rows of the wrong width, by line."""

    @property
    def rows(self) -> int:
        return len(self.lines)

    def positions(self, header: str) -> tuple[int, ...]:
        """Return where a header stands, compared by its letters and digits alone."""
        wanted = normalize_header(header)
        return tuple(
            index for index, name in enumerate(self.headers) if normalize_header(name) == wanted
        )

    def column(self, header: str) -> Sequence[str] | None:
        """Return one column, or None. A header that stands twice is Misconfigured."""
        found = self.positions(header)
        if len(found) > 1:
            raise Misconfigured(
                f"{self.source}: the header {header!r} stands {len(found)} times; rename all but one"
            )
        return self.columns[found[0]] if found else None

    def sure_cell(self, line: int, header: str) -> str:
        """Return what a row of the wrong width says under a header, or nothing if that is unsure.

        A row that was cut off is right up to its last cell, which may have lost its end. In one
        with too many cells only the first stands surely where it belongs.
        """
        cells, positions = self.left_out.get(line, ()), self.positions(header)
        if len(positions) != 1:
            return ""
        cut_off = len(cells) < len(self.headers)
        sure = positions[0] < len(cells) - 1 if cut_off else positions[0] == 0
        return cells[positions[0]].strip() if sure else ""


def normalize_header(text: str) -> str:
    """Reduce a header to what it says: ``Cust. No`` and ``CUST_NO`` are both ``custno``."""
    folded = unicodedata.normalize("NFKC", text).strip().casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def read_table(name: str, content: bytes, options: TableOptions | None = None) -> Table:
    """Read a CSV, TSV or XLSX file by its name's ending.

    Rows that have too few or too many cells are left out and reported; rows without any text are
    left out. Raises Misconfigured where the file as a whole cannot be read.
    """
    options = options or TableOptions()
    if len(content) > MAX_FILE_BYTES:
        raise Misconfigured(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MB; split it")
    if Path(name).suffix.lower() in (".xlsx", ".xlsm"):
        rows, lines = _workbook_rows(name, content, options)
    else:
        rows, lines = _delimited_rows(name, content, options)
    if not rows:
        raise Misconfigured(f"{name} is empty; its first line must name the columns")
    return _table(name, rows, lines, options)


def write_delimited(
    rows: Iterable[Sequence[str]],
    *,
    delimiter: str = ",",
    line_end: str = "\r\n",
    quotes: bool = True,
    encoding: str = "utf-8",
) -> bytes:
    """Write rows as a delimited file.

    Without ``quotes`` nothing is ever quoted: a cell that would need it raises ValueError, for
    the importers that read a quote as a letter.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=line_end,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        quotechar='"' if quotes else None,
    )
    try:
        writer.writerows(rows)
    except csv.Error as error:
        raise ValueError(f"a cell holds {delimiter!r} or a line break and may not") from error
    return text.getvalue().encode(encoding)


def _table(name: str, rows: list[list[str]], lines: Sequence[int], options: TableOptions) -> Table:
    headers = [cell.strip() for cell in rows[0]]
    while headers and not headers[-1]:
        headers.pop()
    width = len(headers)
    if not 0 < width <= MAX_COLUMNS:
        raise Misconfigured(f"{name}: the header line has {width} columns")
    problems: list[RowProblem] = []
    left_out: dict[int, Sequence[str]] = {}
    body, body_lines = rows[1:], lines[1:]
    if any(len(row) != width for row in body) or not all(map(any, body)):
        body, body_lines = _even_rows(name, body, body_lines, width, options, problems, left_out)
    columns = tuple(list(map(str.strip, column)) for column in zip(*body, strict=True))
    return Table(
        source=name,
        headers=tuple(headers),
        columns=columns or tuple([] for _ in headers),
        lines=body_lines,
        problems=tuple(problems),
        left_out=left_out,
    )


def _even_rows(
    name: str,
    body: list[list[str]],
    lines: Sequence[int],
    width: int,
    options: TableOptions,
    problems: list[RowProblem],
    left_out: dict[int, Sequence[str]],
) -> tuple[list[list[str]], list[int]]:
    kept: list[list[str]] = []
    kept_lines: list[int] = []
    for row, line in zip(body, lines, strict=True):
        if not any(cell and not cell.isspace() for cell in row):
            continue
        while len(row) > width and not row[-1].strip():
            row = row[:-1]
        if len(row) < width and options.short_rows == "pad":
            row = row + [""] * (width - len(row))
        if len(row) != width:
            what = "is it cut off?" if len(row) < width else "is a cell with a comma not quoted?"
            problems.append(
                RowProblem(
                    grade=RowGrade.REFUSED,
                    source=name,
                    line=line,
                    reason=f"the row has {len(row)} cells where the header has {width}; {what}",
                )
            )
            left_out[line] = row
            continue
        kept.append(row)
        kept_lines.append(line)
    return kept, kept_lines


def _decode(name: str, content: bytes, encoding: str) -> str:
    try:
        if encoding:
            return content.decode(encoding).removeprefix("\ufeff")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("cp1252")
    except (UnicodeDecodeError, LookupError) as error:
        raise Misconfigured(f"{name} cannot be read as {encoding or 'text'}: {error}") from error


def _delimited_rows(
    name: str, content: bytes, options: TableOptions
) -> tuple[list[list[str]], Sequence[int]]:
    text = _decode(name, content, options.encoding)
    if "\0" in text:
        raise Misconfigured(f"{name} holds NUL bytes; it is not a text file")
    for _ in range(options.skip_lines):
        text = text.partition("\n")[2]
    delimiter = options.delimiter or _sniff(text)

    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if options.quotes else csv.QUOTE_NONE
    try:
        lines_of_text = io.StringIO(text, newline="")
        rows = list(csv.reader(lines_of_text, delimiter=delimiter, quoting=quoting))
    except csv.Error as error:
        raise Misconfigured(f"{name} cannot be read as a delimited file: {error}") from error
    first = options.skip_lines + 1
    lines: Sequence[int] = range(first, first + len(rows))
    if options.quotes and '"' in text:
        lines = _lines_of(name, rows, first)
    if [] in rows:
        # The reader gives a blank line as a row without cells.
        kept = [(row, line) for row, line in zip(rows, lines, strict=True) if row]
        rows, lines = [row for row, _ in kept], [line for _, line in kept]
    return rows, lines


def _lines_of(name: str, rows: list[list[str]], first: int) -> list[int]:
    """Number rows whose quoted cells may span several lines."""
    lines: list[int] = []
    line = first
    for row in rows:
        lines.append(line)
        line += 1
        for cell in row:
            if "\n" in cell or "\r" in cell:
                breaks = len(cell.splitlines()) - 1 + cell.endswith(("\n", "\r"))
                if breaks > MAX_LINES_OF_A_CELL:
                    raise Misconfigured(
                        f"{name}: a quote that opens in the row at line {lines[-1]} is still open "
                        f"{breaks} lines later; where quotes are inch marks, set quotes = false"
                    )
                line += breaks
    return lines


def _sniff(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    outside = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _workbook_rows(
    name: str, content: bytes, options: TableOptions
) -> tuple[list[list[str]], Sequence[int]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as error:
        # The library raises whatever its zip and XML readers raise; none of it has a common base.
        raise Misconfigured(f"{name} is not a readable XLSX workbook: {error}") from error
    try:
        if options.sheet and options.sheet not in book.sheetnames:
            raise Misconfigured(
                f"{name} has no sheet {options.sheet!r}; it has {', '.join(book.sheetnames)}"
            )
        sheet = book[options.sheet or book.sheetnames[0]]
        rows: list[list[str]] = []
        lines: list[int] = []
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if line <= options.skip_lines or not any(cell is not None for cell in cells):
                continue
            texts = [_cell_text(cell) for cell in cells]
            # A sheet stores no trailing blanks, so a short row there is not a cut-off one.
            texts += [""] * (len(rows[0]) - len(texts) if rows else 0)
            rows.append(texts)
            lines.append(line)
    finally:
        book.close()
    return rows, lines


def _cell_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            # Fifteen digits are what a spreadsheet itself shows; beyond lies binary noise.
            shown = format(value, ".15g")
            return shown if "e" not in shown else format(value, ".2f")
        case _:
            # Dates and times print in ISO order.
            return str(value)
