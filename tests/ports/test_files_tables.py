"""Tables from files: whatever wrote them, the same cells with the right line numbers."""

import datetime
import io

import pytest
from openpyxl import Workbook

from dueport_ports import Misconfigured, RowGrade
from dueport_ports.files import Table, TableOptions, read_table, write_delimited

WANTED = [["A1", "Müller & Söhne", "1.00"], ["007", "Smith, John", "2.50"]]


def rows_of(table: Table) -> list[list[str]]:
    return [list(row) for row in zip(*table.columns, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings_delimiters_and_line_ends_speak_for_themselves(
    encoding: str, delimiter: str, line_end: str
) -> None:
    content = write_delimited(
        [["Acct", "Name", "Amount"], *WANTED],
        delimiter=delimiter,
        line_end=line_end,
        encoding=encoding,
    )
    table = read_table("accounts.csv", content)
    assert table.headers == ("Acct", "Name", "Amount")
    assert rows_of(table) == WANTED
    assert list(table.lines) == [2, 3]


def test_cells_lose_their_blanks_and_keep_their_zeros() -> None:
    table = read_table("a.csv", b" id , name\n 007 ,  Bob  \n")
    assert table.headers == ("id", "name")
    assert rows_of(table) == [["007", "Bob"]]


def test_a_cell_of_several_lines_does_not_shift_the_line_numbers() -> None:
    table = read_table("a.csv", b'id,note\n1,"first\nsecond"\n2,x\n\n3,y\n')
    assert list(table.lines) == [2, 4, 6]


def test_rows_without_any_text_are_no_rows() -> None:
    table = read_table("a.csv", b"id,name\n1,x\n , \n,\n\n2,y\n\n")
    assert rows_of(table) == [["1", "x"], ["2", "y"]]
    assert list(table.lines) == [2, 6]
    assert table.problems == ()


def test_a_row_of_another_width_is_left_out_and_told() -> None:
    table = read_table("a.csv", b"id,name,amount\n1,x,5\n2,y\n3,Smith, John,7\n4,z,8,,\n")
    assert rows_of(table) == [["1", "x", "5"], ["4", "z", "8"]]
    assert [(found.line, found.grade) for found in table.problems] == [
        (3, RowGrade.REFUSED),
        (4, RowGrade.REFUSED),
    ]
    assert "2 cells where the header has 3" in table.problems[0].reason
    assert "not quoted" in table.problems[1].reason


def test_of_a_row_that_was_left_out_only_what_surely_stands_in_its_place_is_read() -> None:
    table = read_table("a.csv", b"id,name,amount\nA1,Bob\nA2\nA3,Smith, John,2.00\nA4,x,1.00\n")
    assert table.sure_cell(2, "ID") == "A1"
    assert table.sure_cell(2, "name") == "", "the last cell may have lost its end"
    assert table.sure_cell(3, "id") == ""
    assert table.sure_cell(4, "id") == "A3"
    assert table.sure_cell(4, "amount") == "", "everything behind the odd comma has shifted"
    assert table.sure_cell(5, "id") == "", "a row that was taken is read by its columns"


def test_short_rows_are_filled_up_where_that_is_how_the_export_writes() -> None:
    table = read_table("a.csv", b"id,name,note\n1,x\n", TableOptions(short_rows="pad"))
    assert rows_of(table) == [["1", "x", ""]]


def test_a_report_title_above_the_header_can_be_skipped() -> None:
    table = read_table(
        "a.csv", b"Open items\nas of today\nid,name\n1,x\n", TableOptions(skip_lines=2)
    )
    assert table.headers == ("id", "name")
    assert list(table.lines) == [4]


def test_inch_marks_are_letters_where_nothing_is_quoted() -> None:
    table = read_table("a.csv", b'id\tname\n1\t"5" pipe\n', TableOptions(quotes=False))
    assert rows_of(table) == [["1", '"5" pipe']]


def test_a_quote_that_never_closes_stops_the_file_instead_of_eating_it() -> None:
    content = b'id,name\n1,"5 inch pipe\n' + b"2,x\n" * 100
    with pytest.raises(Misconfigured, match="line 2 is still open"):
        read_table("a.csv", content)


def test_a_header_that_stands_twice_is_not_chosen_by_chance() -> None:
    table = read_table("a.csv", b"Date,date,id\n1,2,3\n")
    assert table.column("ID") == ["3"]
    assert table.column("nothing") is None
    with pytest.raises(Misconfigured, match="stands 2 times"):
        table.column("DATE")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv", b"id\0,name\n", "NUL"),
        ("a.xlsx", b"no workbook", "not a readable XLSX"),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason):
        read_table(name, content)


def test_a_header_alone_is_a_table_without_rows() -> None:
    table = read_table("a.csv", b"id,name\n")
    assert (table.rows, table.column("name")) == (0, [])


def workbook() -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Invoice No", "Account", "Date", "Amount", "Note", "Paid"])
    sheet.append(
        [100045, "007", datetime.datetime.fromisoformat("2026-03-04"), 0.1 + 0.2, None, True]
    )
    sheet.append([])
    sheet.append(["2603-1", 12.0, datetime.date(2026, 3, 5), 1234.5])
    book.create_sheet("Other").append(["x"])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_a_workbook_reads_like_a_text_file() -> None:
    table = read_table("open.XLSX", workbook())
    assert rows_of(table) == [
        ["100045", "007", "2026-03-04 00:00:00", "0.3", "", "true"],
        ["2603-1", "12", "2026-03-05 00:00:00", "1234.5", "", ""],
    ]
    assert list(table.lines) == [2, 4]


def test_a_sheet_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match="it has Sheet, Other"):
        read_table("open.xlsx", workbook(), TableOptions(sheet="March"))


def test_a_file_without_quotes_refuses_a_cell_that_needs_them() -> None:
    with pytest.raises(ValueError, match="may not"):
        write_delimited([["a,b", "c"]], quotes=False)
    assert write_delimited([['5" pipe', "c"]], quotes=False) == b'5" pipe,c\r\n'
