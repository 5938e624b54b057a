"""Tables as CSV files that open in a spreadsheet without being taken for anything else."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_content(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Write a table as CSV; what somebody else wrote is never taken for a formula."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(heads)
    for row in rows:
        table.writerow([_plain(one) if isinstance(one, str) else one for one in row])
    # The mark at the beginning is how spreadsheets know the encoding.
    return written.getvalue().encode("utf-8-sig")


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
