"""Dirty files: what is refused, what is warned about, what is ignored, and what is read anyway."""

import datetime
import io
import os
from pathlib import Path

import pytest
from openpyxl import Workbook

from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.settings import Settings
from dueport_ports import (
    Account,
    AccountStatus,
    Entity,
    Job,
    Misconfigured,
    OpenItem,
    OpenItemKind,
    Page,
    RowGrade,
    Statement,
)
from dueport_ports.testing.context import StillClock, plugin_context

ACCOUNTS = "account,name\nA1,Ann\nA2,Bob\n"
HEADER = "invoice,account,date,due,amount,open\n"
BASIC = '[[accounts]]\nfile = "accounts.csv"\n[[documents]]\nfile = "invoices.csv"\n'


class Inbox:
    """A folder of files, a mapping, and the connector on them."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "inbox"
        self.data = root / "data"
        self.folder.mkdir()
        self.data.mkdir()
        self.clock = StillClock()
        self.put("accounts.csv", ACCOUNTS)
        self.map(BASIC)

    def put(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        written_at = self.clock.now().timestamp() - 3600
        os.utime(path, (written_at, written_at))

    def map(self, text: str) -> None:
        self.put("mapping.toml", text)

    def invoices(self, *rows: str, header: str = HEADER) -> None:
        self.put("invoices.csv", header + "\n".join(rows) + "\n")

    def connect(self) -> GenericErp:
        settings = Settings(folder=self.folder, mapping=self.folder / "mapping.toml")
        return GenericErp(settings, plugin_context(self.data, self.clock))

    async def page(self, entity: Entity = Entity.DOCUMENTS) -> Page:
        return await self.connect().pull(entity, None, 20_000)

    async def items(self) -> dict[str, OpenItem]:
        page = await self.page()
        return {item.document_ref: item for item in page.records if isinstance(item, OpenItem)}


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def told(page: Page) -> list[tuple[RowGrade, int, str]]:
    return [(problem.grade, problem.line, problem.column) for problem in page.problems]


async def test_a_row_without_id_account_or_amount_is_refused(inbox: Inbox) -> None:
    inbox.invoices(
        ",A1,2026-03-01,2026-03-31,1.00,1.00",
        "I2,,2026-03-01,2026-03-31,1.00,1.00",
        "I3,A1,2026-03-01,2026-03-31,1.00,one",
        "I4,A1,2026-03-01,2026-03-31,1.00,",
        "I5,A1,2026-02-30,2026-03-31,1.00,1.00",
        "I6,A1,,,1.00,1.00",
        "I7,A1,2026-03-01,2026-03-31,1.00,1.00",
    )
    page = await inbox.page()
    assert list(await inbox.items()) == ["I7"]
    assert told(page) == [
        (RowGrade.REFUSED, 2, "invoice"),
        (RowGrade.REFUSED, 3, "account"),
        (RowGrade.REFUSED, 4, "open"),
        (RowGrade.REFUSED, 5, "open"),
        (RowGrade.REFUSED, 6, "date"),
        (RowGrade.REFUSED, 7, "date"),
    ]
    assert page.problems[2].value == "one"
    assert all(problem.source == "invoices.csv" for problem in page.problems)


async def test_a_blank_due_date_is_a_warning_because_a_refusal_would_hide_debt(
    inbox: Inbox,
) -> None:
    inbox.invoices("I1,A1,2026-03-01,,5.00,5.00", "I2,A1,,2026-03-31,5.00,5.00")
    items, page = await inbox.items(), await inbox.page()
    assert items["I1"].due_on == datetime.date(2026, 3, 31), "thirty days unless told otherwise"
    assert items["I2"].issued_on == datetime.date(2026, 3, 31)
    assert [problem.grade for problem in page.problems] == [RowGrade.WARNING] * 2


@pytest.mark.parametrize(
    ("terms", "days"),
    [("Net 15", 15), ("2% 10 NET 45", 45), ("60 days", 60), ("10th prox", 30), ("", 30)],
)
async def test_terms_of_a_row_give_the_days_of_a_blank_due_date(
    inbox: Inbox, terms: str, days: int
) -> None:
    header = HEADER.replace("\n", ",terms\n")
    inbox.invoices(f"I1,A1,2026-03-01,,5.00,5.00,{terms}", header=header)
    item = (await inbox.items())["I1"]
    assert (item.due_on - item.issued_on).days == days


async def test_a_due_date_before_the_issue_date_is_kept_and_told(inbox: Inbox) -> None:
    inbox.invoices("I1,A1,2026-03-10,2026-03-01,5.00,5.00")
    page = await inbox.page()
    assert [problem.grade for problem in page.problems] == [RowGrade.WARNING]
    assert (await inbox.items())["I1"].due_on == datetime.date(2026, 3, 1)


async def test_an_exact_duplicate_counts_once(inbox: Inbox) -> None:
    row = "I1,A1,2026-03-01,2026-03-31,5.00,5.00"
    inbox.invoices(row, "I2,A1,2026-03-01,2026-03-31,1.00,1.00", row, row)
    page = await inbox.page()
    assert list(await inbox.items()) == ["I1", "I2"]
    assert told(page) == [(RowGrade.IGNORED, 4, "invoice"), (RowGrade.IGNORED, 5, "invoice")]


@pytest.mark.parametrize(
    "other",
    [
        "I1,A1,2026-03-01,2026-03-31,5.00,4.00",
        "I1,A2,2026-03-01,2026-03-31,5.00,5.00",
        "I1,A1,2026-03-01,2026-03-31,5.00,0.00",
        "I1,A1,2026-03-01,2026-03-31,5.00,x",
    ],
)
async def test_the_same_id_with_other_content_refuses_both(inbox: Inbox, other: str) -> None:
    inbox.invoices(
        "I1,A1,2026-03-01,2026-03-31,5.00,5.00", other, "I2,A1,2026-03-01,2026-03-31,1.00,1.00"
    )
    page = await inbox.page()
    assert list(await inbox.items()) == ["I2"]
    lines = {problem.line for problem in page.problems if problem.grade is RowGrade.REFUSED}
    assert lines == {2, 3}


async def test_duplicates_are_found_across_files(inbox: Inbox) -> None:
    inbox.map(BASIC.replace("invoices.csv", "inv_*.csv"))
    row = "I1,A1,2026-03-01,2026-03-31,5.00,5.00\n"
    inbox.put("inv_north.csv", HEADER + row)
    inbox.put("INV_SOUTH.csv", HEADER + row + row.replace("I1", "I2"))
    page = await inbox.page()
    assert sorted(await inbox.items()) == ["I1", "I2"]
    assert len(told(page)) == 1
    assert "already" in page.problems[0].reason


async def test_a_minority_date_is_refused_with_a_proposal_and_never_guessed(inbox: Inbox) -> None:
    rows = [f"I{day},A1,2026-03-{day:02},2026-04-01,5.00,5.00" for day in range(1, 29)]
    inbox.invoices(*rows, "J1,A1,29/01/2026,2026-04-01,5.00,5.00", "J2,A1,03/02/2026,,5.00,5.00")
    page = await inbox.page()
    assert len(page.records) == 28
    assert [(problem.line, problem.proposal) for problem in page.problems] == [
        (30, "2026-01-29"),
        (31, "2026-02-03"),
    ]


async def test_an_agreed_second_format_reads_the_minority(inbox: Inbox) -> None:
    inbox.map(BASIC + 'date_format = ["iso", "dmy"]\n')
    inbox.invoices("I1,A1,2026-03-01,2026-04-01,5,5", "J2,A1,03/02/2026,2026-04-01,5,5")
    assert (await inbox.items())["J2"].issued_on == datetime.date(2026, 2, 3)


async def test_a_filter_does_not_change_how_a_column_is_read(inbox: Inbox) -> None:
    inbox.map(BASIC + 'where = [{ column = "state", none_of = ["Paid"] }]\n')
    inbox.invoices(
        "I1,A1,25/01/2026,28/02/2026,5,5,PAID",
        "I2,A1,03/02/2026,04/03/2026,5,5,open",
        header=HEADER.replace("\n", ",state\n"),
    )
    items = await inbox.items()
    assert list(items) == ["I2"]
    assert items["I2"].issued_on == datetime.date(2026, 2, 3), "the paid row settles the order"


async def test_an_unclear_column_borrows_from_its_neighbour(inbox: Inbox) -> None:
    inbox.invoices("I1,A1,03/02/2026,28/02/2026,5,5")
    assert (await inbox.items())["I1"].issued_on == datetime.date(2026, 2, 3)


async def test_dates_that_nothing_decides_stop_the_import_with_the_setting_to_make(
    inbox: Inbox,
) -> None:
    inbox.invoices("I1,A1,03/02/2026,04/03/2026,5,5")
    with pytest.raises(Misconfigured, match=r"date_formats\.issued_on"):
        await inbox.page()
    inbox.map(BASIC + 'date_formats = { issued_on = "mdy", due_on = "mdy" }\n')
    assert (await inbox.items())["I1"].issued_on == datetime.date(2026, 3, 2)


async def test_a_negative_invoice_is_refused_until_it_is_called_a_credit(inbox: Inbox) -> None:
    inbox.invoices("I1,A1,2026-03-01,2026-03-31,(5.00),-5.00")
    page = await inbox.page()
    assert page.records == ()
    assert page.problems[0].proposal == "a credit of -5.00"
    inbox.map(BASIC + 'negatives = "credit"\n')
    item = (await inbox.items())["I1"]
    assert (item.kind, item.open_amount_cents) == (OpenItemKind.CREDIT, -500)


async def test_a_credit_may_be_written_with_either_sign(inbox: Inbox) -> None:
    inbox.invoices(
        "C1,A1,2026-03-01,2026-03-31,5.00,5.00,Credit Memo",
        "C2,A1,2026-03-01,2026-03-31,-5.00,-4.00,CM",
        "D1,A1,2026-03-01,2026-03-31,5.00,5.00,debit_adjustment",
        "X1,A1,2026-03-01,2026-03-31,5.00,5.00,Mystery",
        header=HEADER.replace("\n", ",doc type\n"),
    )
    items, page = await inbox.items(), await inbox.page()
    assert (items["C1"].open_amount_cents, items["C2"].open_amount_cents) == (-500, -400)
    assert items["D1"].kind is OpenItemKind.DEBIT
    assert items["C2"].erp_kind == "CM"
    assert "words.kind" in page.problems[0].reason


async def test_an_overpaid_invoice_is_a_credit_where_negatives_are(inbox: Inbox) -> None:
    inbox.map(BASIC + 'negatives = "credit"\n')
    inbox.invoices(
        "I1,A1,2026-03-01,2026-03-31,5.00,7.50",
        header="invoice,account,date,due,amount,paid amount\n",
    )
    item = (await inbox.items())["I1"]
    assert (item.kind, item.open_amount_cents) == (OpenItemKind.CREDIT, -250)


async def test_open_is_amount_less_paid_where_there_is_no_open_column(inbox: Inbox) -> None:
    header = "invoice,account,date,due,amount,paid amount\n"
    inbox.invoices(
        "I1,A1,2026-03-01,2026-03-31,5.00,1.25",
        "I2,A1,2026-03-01,2026-03-31,5.00,",
        "I3,A1,2026-03-01,2026-03-31,5.00,5.00",
        "I4,A1,2026-03-01,2026-03-31,5.00,lots",
        header=header,
    )
    items, page = await inbox.items(), await inbox.page()
    assert {ref: item.open_amount_cents for ref, item in items.items()} == {"I1": 375, "I2": 500}
    assert [problem.line for problem in page.problems] == [5], "paid in full is no problem"


async def test_a_file_that_says_nothing_of_what_is_open_is_not_guessed(inbox: Inbox) -> None:
    inbox.invoices("I1,A1,2026-03-01,2026-03-31,5", header="invoice,account,date,due,amount\n")
    with pytest.raises(Misconfigured, match='open_amount = "amount"'):
        await inbox.page()
    inbox.map(BASIC + 'open_amount = "amount"\n')
    assert (await inbox.items())["I1"].open_amount_cents == 500


async def test_another_currency_is_refused(inbox: Inbox) -> None:
    inbox.invoices(
        "I1,A1,2026-03-01,2026-03-31,5,5,usd",
        "I2,A1,2026-03-01,2026-03-31,5,5,CAD",
        "I3,A1,2026-03-01,2026-03-31,5,5,",
        header=HEADER.replace("\n", ",currency\n"),
    )
    page = await inbox.page()
    assert sorted(await inbox.items()) == ["I1", "I3"]
    assert told(page) == [(RowGrade.REFUSED, 3, "currency")]


async def test_a_document_of_an_unknown_account_is_refused(inbox: Inbox) -> None:
    inbox.invoices("I1,A1,2026-03-01,2026-03-31,5,5", "I2,A9,2026-03-01,2026-03-31,5,5")
    page = await inbox.page()
    assert list(await inbox.items()) == ["I1"]
    assert "A9" in page.problems[0].reason


async def test_ids_are_text_that_is_tidied_only_as_told(inbox: Inbox) -> None:
    inbox.put("accounts.csv", "account,name\n007,Ann\n")
    inbox.invoices("0012,007,2026-03-01,2026-03-31,5,5")
    assert list(await inbox.items()) == ["0012"]
    inbox.invoices("12.0,7,2026-03-01,2026-03-31,5,5")
    inbox.map(
        BASIC
        + 'ids = { document_ref = { strip_suffix = ".0", pad = 6 }, account_no = { pad = 3 } }\n'
    )
    items = await inbox.items()
    assert items["000012"].account_no == "007"


async def test_a_chain_of_joins_finds_the_account_of_a_document(inbox: Inbox) -> None:
    inbox.put("jobs.csv", "job id,customer\nJ1,A1\nJ2,A2\n")
    inbox.put("orders.csv", "order,job id\nO1,J1\nO2,J2\nO3,J9\n")
    inbox.invoices(
        "I1,O1,2026-03-01,2026-03-31,5,5",
        "I2,O2,2026-03-01,2026-03-31,5,5",
        "I3,O3,2026-03-01,2026-03-31,5,5",
        header="invoice,order,date,due,amount,open\n",
    )
    inbox.map(
        '[[accounts]]\nfile = "accounts.csv"\n'
        '[[jobs]]\nfile = "jobs.csv"\n'
        '[[documents]]\nfile = "invoices.csv"\n'
        'joins = [{ file = "orders.csv", on = "order", take = ["job id"] },\n'
        '         { file = "jobs.csv", on = "job id", take = ["customer"] }]\n'
    )
    items, page = await inbox.items(), await inbox.page()
    assert {ref: (item.account_no, item.job_no) for ref, item in items.items()} == {
        "I1": ("A1", "J1"),
        "I2": ("A2", "J2"),
    }
    assert told(page) == [(RowGrade.REFUSED, 4, "customer")]
    jobs = (await inbox.page(Entity.JOBS)).records
    assert [job.job_no for job in jobs if isinstance(job, Job)] == ["J1", "J2"]


async def test_a_join_with_two_answers_for_one_key_is_refused(inbox: Inbox) -> None:
    inbox.put("jobs.csv", "job,account\nJ1,A1\nJ1,A2\n")
    inbox.invoices("I1,J1,2026-03-01,,5,5", header="invoice,job,date,due,amount,open\n")
    inbox.map(BASIC + 'joins = [{ file = "jobs.csv", on = "job", take = ["account"] }]\n')
    with pytest.raises(Misconfigured, match=r"jobs\.csv line 3: 'J1' occurs again"):
        await inbox.page()


async def test_payments_of_another_file_are_added_up(inbox: Inbox) -> None:
    inbox.put("pay.csv", "inv,paid,state\nI1,1.00,ok\nI1,0.25,ok\nI1,3.00,failed\n")
    inbox.invoices(
        "I1,A1,2026-03-01,,5.00",
        "I2,A1,2026-03-01,,5.00",
        header="invoice,account,date,due,amount\n",
    )
    inbox.map(
        BASIC + 'joins = [{ file = "pay.csv", on = "invoice", to = "inv", add_up = ["paid"], '
        'where = [{ column = "state", any_of = ["OK"] }] }]\n'
    )
    items = await inbox.items()
    assert {ref: item.open_amount_cents for ref, item in items.items()} == {"I1": 375, "I2": 500}


async def test_a_workbook_is_read_like_any_other_file(inbox: Inbox) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Invoice No", "Account", "Date", "Due", "Amount", "Open"])
    sheet.append([4711, "A1", datetime.date(2026, 3, 1), datetime.date(2026, 3, 31), 10.1, 10.1])
    target = io.BytesIO()
    book.save(target)
    inbox.put("invoices.xlsx", target.getvalue())
    inbox.map(BASIC.replace("invoices.csv", "invoices.xlsx"))
    assert (await inbox.items())["4711"].open_amount_cents == 1010


async def test_the_newest_of_several_files_can_be_picked(inbox: Inbox) -> None:
    inbox.map(BASIC.replace("invoices.csv", "inv_*.csv") + 'pick = "newest"\n')
    inbox.put("inv_20260301.csv", HEADER + "I1,A1,2026-03-01,,5,5\n")
    inbox.put("inv_20260302.csv", HEADER + "I2,A1,2026-03-01,,5,5\n")
    assert list(await inbox.items()) == ["I2"]


async def test_accounts_drawn_from_invoices_occur_once_each(inbox: Inbox) -> None:
    inbox.invoices(
        "I1,A1,Ann,2026-03-01,,5,5", "I2,A1,Ann,2026-03-01,,5,5", "I3,A1,Anne,2026-03-01,,5,5",
        header="invoice,account,name,date,due,amount,open\n",
    )  # fmt: skip
    inbox.map(
        BASIC.replace("accounts.csv", "invoices.csv").replace('"\n[[d', '"\ndistinct = true\n[[d')
    )
    page = await inbox.page(Entity.ACCOUNTS)
    assert [one.name for one in page.records if isinstance(one, Account)] == ["Ann"]
    assert told(page) == [(RowGrade.WARNING, 4, "name")], "another name is worth a look"


async def test_an_unknown_status_is_told_and_means_active(inbox: Inbox) -> None:
    inbox.put(
        "accounts.csv", "account,name,status,email\nA1,Ann,On Hold,\nA2,Bob,Sleeping,b@x.com\n"
    )
    inbox.invoices("I1,A1,2026-03-01,,5,5")
    page = await inbox.page(Entity.ACCOUNTS)
    accounts = [one for one in page.records if isinstance(one, Account)]
    assert [one.status for one in accounts] == [AccountStatus.HOLD, AccountStatus.ACTIVE]
    assert [one.primary_email for one in accounts] == [None, "b@x.com"]
    assert told(page) == [(RowGrade.WARNING, 3, "status")]


async def test_contacts_may_come_from_a_file_of_their_own(inbox: Inbox) -> None:
    inbox.put("contacts.csv", "account,name,email,primary\nA1,X,x@a.com,no\nA1,Y,y@a.com,yes\n")
    inbox.invoices("I1,A1,2026-03-01,,5,5")
    inbox.map(BASIC + '[[contacts]]\nfile = "contacts.csv"\n')
    page = await inbox.page(Entity.ACCOUNTS)
    first = page.records[0]
    assert isinstance(first, Account)
    assert first.primary_email == "y@a.com"
    assert len(first.contacts) == 2


async def test_two_accounts_under_one_number_are_both_refused(inbox: Inbox) -> None:
    inbox.put("accounts.csv", "account,name\nA1,Ann\nA1,Bea\nA2,Bob\n")
    inbox.invoices("I1,A1,2026-03-01,,5,5")
    page = await inbox.page(Entity.ACCOUNTS)
    assert [one.account_no for one in page.records if isinstance(one, Account)] == ["A2"]
    assert {problem.line for problem in page.problems} == {2, 3}
    assert list(await inbox.items()) == ["I1"], "the stored account still owes"


async def test_the_latest_statement_is_the_current_one(inbox: Inbox) -> None:
    inbox.put(
        "statements.csv",
        "statement id,account,statement date,due,balance,discount rate,discount date,documents\n"
        "S1,A1,2026-02-25,2026-03-10,10.00,,,I0\n"
        "S2,A1,2026-03-25,2026-04-10,12.00,1.5%,2026-04-05,I1|I2\n"
        "S3,A2,2026-03-25,2026-04-10,abc,,,\n",
    )
    inbox.invoices("I1,A1,2026-03-01,,5,5")
    inbox.map(BASIC + '[[statements]]\nfile = "statements.csv"\n')
    page = await inbox.page(Entity.STATEMENTS)
    found = {one.statement_ref: one for one in page.records if isinstance(one, Statement)}
    assert [one.is_current for one in found.values()] == [False, True]
    assert found["S2"].discount_bps == 150
    assert found["S2"].discount_on == datetime.date(2026, 4, 5)
    assert found["S2"].document_refs == ("I1", "I2")
    assert told(page) == [(RowGrade.REFUSED, 4, "balance")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not toml", "not valid TOML"),
        ('[[accounts]]\nfile = "accounts.csv"\n', "documents"),
        (BASIC + "colour = 1\n", "colour"),
        (BASIC + 'columns = { invoice_no = "invoice" }\n', r"columns\.invoice_no is no field"),
        (BASIC + 'columns.kind = "x"\nvalues.kind = "debit"\n', "keep one"),
        (BASIC + 'date_format = ["mdy", "dmy"]\n', "cannot both"),
        (BASIC + 'where = [{ column = "x" }]\n', "either any_of or none_of"),
        (BASIC + 'joins = [{ file = "x.csv", on = "y" }]\n', "needs take or add_up"),
    ],
)
def test_a_wrong_mapping_is_refused_before_anything_is_read(
    inbox: Inbox, text: str, reason: str
) -> None:
    inbox.map(text)
    with pytest.raises(Misconfigured, match=reason):
        inbox.connect()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            BASIC.replace("invoices.csv", "bills.csv"),
            r"no file matches 'bills\.csv'; the folder holds",
        ),
        (BASIC + 'columns.account_no = "client"\n', "has no column 'client'"),
        (BASIC + 'where = [{ column = "x", any_of = ["y"] }]\n', "has no column 'x'"),
    ],
)
async def test_a_mapping_that_does_not_fit_the_files_says_what_is_there(
    inbox: Inbox, text: str, reason: str
) -> None:
    inbox.invoices("I1,A1,2026-03-01,,5,5")
    inbox.map(text)
    with pytest.raises(Misconfigured, match=reason):
        await inbox.page()


async def test_a_missing_column_is_asked_for_by_its_field(inbox: Inbox) -> None:
    inbox.invoices("I1,2026-03-01,5,5", header="invoice,date,amount,open\n")
    with pytest.raises(Misconfigured, match=r"columns\.account_no"):
        await inbox.page()
