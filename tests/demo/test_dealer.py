"""The drawn dealer: the same for the same seed, big enough, and adding up on every closing."""

import datetime
from collections import Counter

import pytest

from dueport_apps.demo.cast import GUEST_ACCOUNT, HUGE_ACCOUNT, SHARED_EMAIL
from dueport_apps.demo.dealer import generate_dealer
from dueport_apps.demo.records import Customer, Dealer, Document, Pace
from dueport_apps.demo.statements import closings
from dueport_core.accounts import check_email
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.priority import factors_of, priority_score

TODAY = datetime.date(2026, 11, 22)
KINDS = {
    "invoice": OpenItemKind.INVOICE,
    "ticket": OpenItemKind.INVOICE,
    "installed_sale": OpenItemKind.INVOICE,
    "debit_adjustment": OpenItemKind.DEBIT,
    "credit_adjustment": OpenItemKind.CREDIT,
    "credit_memo": OpenItemKind.CREDIT,
    "payment_on_account": OpenItemKind.CREDIT,
    "finance_charge": OpenItemKind.FINANCE_CHARGE,
    "balance_forward": OpenItemKind.BALANCE_FORWARD,
}


@pytest.fixture(scope="module")
def dealer() -> Dealer:
    return generate_dealer(7, TODAY)


def owed(dealer: Dealer) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {one.account_no: [] for one in dealer.customers}
    for document in dealer.open_documents:
        found[document.account_no].append(document)
    return found


def balance(documents: list[Document]) -> int:
    return sum(one.sign * one.open_cents for one in documents)


def customer(dealer: Dealer, account_no: str) -> Customer:
    return next(one for one in dealer.customers if one.account_no == account_no)


def test_the_same_seed_and_day_draw_the_same_dealer(dealer: Dealer) -> None:
    assert generate_dealer(7, TODAY) == dealer


def test_another_seed_draws_another_dealer(dealer: Dealer) -> None:
    other = generate_dealer(8, TODAY)

    assert other.documents != dealer.documents
    assert other.customers[:2] != dealer.customers[:2]


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_every_seed_draws_a_dealer_of_the_promised_size(seed: int) -> None:
    dealer = generate_dealer(seed, TODAY)

    assert len(dealer.customers) == 400
    assert sum(len(one.jobs) for one in dealer.customers) == 900
    assert 5_300 <= len(dealer.open_documents) <= 7_000
    assert {one.kind for one in dealer.open_documents} == set(KINDS)
    assert sum(one.is_current for one in dealer.statements) > 250


@pytest.mark.parametrize(
    "today",
    [datetime.date(2026, 3, 31), datetime.date(2028, 2, 29), datetime.date(2027, 1, 1), TODAY],
)
def test_every_date_lies_within_the_year_before_today(today: datetime.date) -> None:
    dealer = generate_dealer(7, today)
    issued = [one.issued_on for one in dealer.documents]

    assert max(issued) <= today
    assert today - min(issued) <= datetime.timedelta(days=368)
    assert all(
        one.paid_on is None or one.issued_on < one.paid_on <= today for one in dealer.documents
    )
    assert all(one.due_on >= one.issued_on for one in dealer.documents)
    assert closings(today)[0] == today - datetime.timedelta(days=6)


def test_document_numbers_are_unique_and_rise_with_the_day_of_issue(dealer: Dealer) -> None:
    numbers = [one.document_id.split("-")[1] for one in dealer.documents]

    assert numbers == sorted(set(numbers))
    assert [one.issued_on for one in dealer.documents] == sorted(
        one.issued_on for one in dealer.documents
    )


@pytest.mark.parametrize("seed", [1, 7])
def test_every_statement_of_the_year_equals_what_its_documents_owed_on_its_closing_day(
    seed: int,
) -> None:
    dealer = generate_dealer(seed, TODAY)
    documents = {one.document_id: one for one in dealer.documents}

    assert len({one.statement_on for one in dealer.statements}) == 12
    for statement in dealer.statements:
        listed = [documents[ref] for ref in statement.document_ids]
        assert all(one.account_no == statement.account_no for one in listed)
        assert statement.balance_cents == sum(
            one.owed_cents(statement.statement_on) for one in listed
        )


def test_a_current_statement_equals_what_is_open_of_it_today_plus_what_was_paid_since(
    dealer: Dealer,
) -> None:
    documents = {one.document_id: one for one in dealer.documents}
    checked = 0
    for statement in dealer.statements:
        if not statement.is_current:
            continue
        listed = [documents[ref] for ref in statement.document_ids]
        open_now = balance(listed)
        paid_since = sum(
            one.amount_cents - one.open_cents
            for one in listed
            if one.paid_on and one.paid_on > statement.statement_on
        )
        assert statement.balance_cents == open_now + paid_since
        checked += 1
    assert checked > 250


def test_every_document_names_the_first_statement_that_shows_it(dealer: Dealer) -> None:
    first: dict[str, str] = {}
    for statement in sorted(dealer.statements, key=lambda one: one.statement_on):
        for ref in statement.document_ids:
            first.setdefault(ref, statement.statement_id)

    for document in dealer.open_documents:
        if document.statement_id:
            assert first[document.document_id] == document.statement_id


def test_discounts_are_offered_on_some_statements_and_have_run_out_on_others(
    dealer: Dealer,
) -> None:
    current = [one for one in dealer.statements if one.is_current]
    offered = [one for one in current if one.discount_on]

    assert any(one.discount_on and one.discount_on >= TODAY for one in offered)
    assert any(one.discount_on and one.discount_on < TODAY for one in offered)
    assert any(one.discount_cents for one in offered)
    assert any(one.discount_on is None for one in current)
    assert all(one.balance_cents > 0 for one in offered)


def test_the_guest_can_see_everything_worth_seeing(dealer: Dealer) -> None:
    guest = customer(dealer, GUEST_ACCOUNT)
    mine = owed(dealer)[GUEST_ACCOUNT]
    kinds = {KINDS[one.kind] for one in mine}
    closed = {job.job_no for job in guest.jobs if job.status == "closed"}
    statement = next(
        one for one in dealer.statements if one.is_current and one.account_no == GUEST_ACCOUNT
    )

    assert {OpenItemKind.INVOICE, OpenItemKind.DEBIT, OpenItemKind.CREDIT} <= kinds
    assert any(one.job_no in closed and one.open_cents for one in mine)
    assert any(one.due_on < TODAY for one in mine)
    assert any(one.issued_on > statement.statement_on for one in mine)
    assert statement.discount_on is not None
    assert statement.discount_on > TODAY
    assert balance(mine) > 0


def test_there_are_accounts_of_every_shape(dealer: Dealer) -> None:
    mine = owed(dealer)
    sums = {account_no: balance(documents) for account_no, documents in mine.items()}

    assert len(mine[HUGE_ACCOUNT]) >= 600
    assert sum(cents < 0 for cents in sums.values()) >= 8
    assert any(cents == 0 and mine[account_no] for account_no, cents in sums.items())
    assert any(cents == 0 and not mine[account_no] for account_no, cents in sums.items())
    assert any(one.is_balance_forward and mine[one.account_no] for one in dealer.customers)
    assert any(one.billing_level == "job" and mine[one.account_no] for one in dealer.customers)
    assert any(one.account_no.startswith("00") for one in dealer.customers)
    assert {one.kind for one in dealer.customers} == {"charge", "cash", "system"}
    assert {one.status for one in dealer.customers} == {
        "active", "hold", "inactive", "disabled", "closed",
    }  # fmt: skip
    assert any(
        job.status == "closed"
        and any(one.job_no == job.job_no and one.open_cents for one in mine[owner.account_no])
        for owner in dealer.customers
        for job in owner.jobs
    )


def test_names_carry_accents_apostrophes_ampersands_and_great_length(dealer: Dealer) -> None:
    names = [one.name for one in dealer.customers]
    together = "".join(names)

    assert len(set(names)) == len(names)
    assert max(map(len, names)) > 120
    assert {"&", "'", "’", "é", "ñ", "ø", "ł"} & set(together) >= {"&", "'", "’", "é", "ñ", "ø"}
    assert any(len(job.name) > 80 for one in dealer.customers for job in one.jobs)


def test_some_addresses_are_missing_some_malformed_and_one_is_shared(dealer: Dealer) -> None:
    first = [one.contacts[0].email for one in dealer.customers if one.contacts]
    missing = [email for email in first if not email]
    malformed = [email for email in first if email and check_email(email)]

    assert 10 <= len(missing) <= 60
    assert 8 <= len(malformed) <= 40
    assert Counter(first)[SHARED_EMAIL] == 2
    assert all(
        one.zip_code.isdigit() and len(one.zip_code) == 5
        for one in (customer.place for customer in dealer.customers)
    )


def test_collection_priority_spreads_over_the_whole_scale(dealer: Dealer) -> None:
    scores: Counter[int] = Counter()
    mine = owed(dealer)
    for one in dealer.customers:
        items = [
            OpenItem(
                document_ref=document.document_id,
                account_no=document.account_no,
                kind=KINDS[document.kind],
                issued_on=document.issued_on,
                due_on=document.due_on,
                original_amount_cents=document.sign * document.amount_cents,
                open_amount_cents=document.sign * document.open_cents,
            )
            for document in mine[one.account_no]
        ]
        limit = one.credit_limit * 100 if one.credit_limit else None
        scores[priority_score(factors_of(items, TODAY, credit_limit_cents=limit)).score] += 1

    assert set(scores) == set(range(11))
    assert scores[0] + scores[1] < 330


def test_whoever_is_far_behind_is_charged_for_it_and_offered_no_discount(dealer: Dealer) -> None:
    behind = {one.account_no for one in dealer.customers if one.pace is Pace.DELINQUENT}
    charged = {one.account_no for one in dealer.documents if one.kind == "finance_charge"}

    assert len(behind & charged) > len(behind) * 3 // 4
    assert not any(one.discount_on for one in dealer.statements if one.account_no in behind)
