"""The date columns of one file, each decided over the whole of it."""

import datetime
from collections.abc import Sequence

from dueport_erp_generic.rows import SourceRows
from dueport_ports import Misconfigured, RowGrade, RowProblem
from dueport_ports.files import (
    DateColumn,
    DateFormat,
    DatesUndecided,
    decide_date_formats,
    read_date_column,
)


class Dates:
    """Reads the date fields of one file's rows.

    A column that cannot be decided by itself borrows the order of its neighbours in the same
    file, provided that they agree: one export writes all its dates alike.
    """

    def __init__(self, rows: SourceRows, names: Sequence[str], fallback: DateFormat | None) -> None:
        self._rows = rows
        self._columns: dict[str, DateColumn] = {}
        undecided: dict[str, DatesUndecided] = {}
        decided: set[DateFormat] = set()
        for name in names:
            if name not in rows.fields:
                continue
            orders = rows.source.orders_of(name, fallback)
            if not orders:
                try:
                    orders = (decide_date_formats(self._texts(name)),)
                except DatesUndecided as error:
                    undecided[name] = error
                    continue
                decided.update(orders)
            self._columns[name] = read_date_column(self._texts(name), orders)
        slashed = decided & {DateFormat.MDY, DateFormat.DMY}
        for name, why in undecided.items():
            if len(slashed) != 1 or why.mixed:
                raise Misconfigured(
                    f"{rows.file}, column {rows.headers.get(name, name)!r}: {why}; "
                    f'say date_formats.{name} = "mdy" or "dmy" in the mapping'
                ) from why
            self._columns[name] = read_date_column(self._texts(name), tuple(slashed))

    def _texts(self, name: str) -> Sequence[str]:
        """Return all that the file says in a column, with what fixed values and defaults add."""
        return [*self._rows.whole.get(name, ()), *self._rows.fields[name]]

    def column(self, name: str) -> list[datetime.date | None]:
        """Return a field's dates row by row; None for a blank and for a refused cell."""
        column = self._columns.get(name)
        if column is None:
            return [None] * self._rows.size
        find = column.dates.get
        return [find(text) for text in self._rows.fields[name]]

    def problem(self, name: str, row: int) -> RowProblem | None:
        """Return why a row's cell is not a date; None where it is blank or fine."""
        column = self._columns.get(name)
        text = self._rows.fields[name][row] if column else ""
        if column is None or text not in column.refused:
            return None
        return self._rows.problem(
            RowGrade.REFUSED, row, column.refused[text], name, column.proposals.get(text, "")
        )
