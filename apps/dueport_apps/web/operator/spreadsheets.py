"""Lists to download as CSV files."""

from collections.abc import Iterable, Sequence

from litestar.response import Response

from dueport_apps.spreadsheets import csv_content
from dueport_apps.web.operator.pages import download


def csv_file(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[bytes]:
    """Send a table as CSV."""
    return download(csv_content(heads, rows), "text/csv", name)
