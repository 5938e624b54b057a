"""Lists as CSV files that open in a spreadsheet without being taken for anything else."""

import csv
import io
from collections.abc import Iterable, Sequence

from litestar.response import Response

from dueport_apps.web.operator.pages import download

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_file(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[bytes]:
    """Send a table as CSV; what somebody else wrote is never taken for a formula."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(heads)
    for row in rows:
        table.writerow([_plain(one) if isinstance(one, str) else one for one in row])
    return download(written.getvalue().encode("utf-8-sig"), "text/csv", name)


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
