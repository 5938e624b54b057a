"""Payments at rest: paid once, held once, sealed, and never quietly overwritten."""

import asyncio
import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.payment_records import (
    AttemptState,
    CollectRecord,
    MandateRecord,
    PaymentEvent,
    PaymentFilter,
)
from dueport_apps.usecases.settlement_records import StoredLine
from dueport_core.errors import Conflict, NotFound
from dueport_core.payments import Badge, Payment, PaymentState
from dueport_core.quotes import build_quote
from dueport_core.settlements import SettlementState
from dueport_core.statements import StatementView
from tests.storage.samples import (
    NOW,
    TODAY,
    account,
    attempt,
    instrument,
    item,
    later,
    payment,
    settlement,
    settlement_line,
    store,
)

Units = SqlUnitOfWorkFactory


async def add(units: Units, *payments: Payment, reserve: bool = False) -> None:
    async with units() as uow:
        for one in payments:
            await uow.payments.add(one)
            if reserve:
                await uow.payments.reserve(one, f"payer of {one.payment_id}")
        await uow.commit()


async def reserved(units: Units, account_no: str = "1042") -> dict[str, tuple[int, int]]:
    async with units() as uow:
        found = await uow.items.reserved(account_no)
    return {ref: (one.held_cents, one.applied_cents) for ref, one in found.items()}


# Payments.


async def test_a_payment_comes_back_by_each_of_its_names(units: Units) -> None:
    await store(units, item("I-1"), item("C-1", -2_000))
    paid = payment(
        1,
        {"I-1": 10_000},
        credits=[("C-1", "I-1", 2_000)],
        processor_ref="pi_1",
        failure_code="insufficient_funds",
        settled_at=later(days=2),
        frozen=True,
        anomaly=True,
    )
    await add(units, paid, payment(2))
    async with units() as uow:
        assert await uow.payments.get("payment-1", for_update=True) == paid
        assert await uow.payments.by_quote("quote-1") == paid
        assert await uow.payments.by_quote("quote-9") is None
        assert await uow.payments.by_ref("pay_ach_plaid", "pi_1", for_update=True) == paid
        assert await uow.payments.by_ref("pay_stripe", "pi_1") is None
        assert await uow.payments.by_refs("pay_ach_plaid", ["pi_1", "pi_2"]) == {"pi_1": paid}
        with pytest.raises(NotFound):
            await uow.payments.get("payment-9")


async def test_a_quote_is_paid_once(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    with pytest.raises(Conflict, match="has been paid already"):
        await add(units, payment(2, quote_id="quote-1"))


async def test_of_two_changes_of_one_version_the_second_is_refused(units: Units) -> None:
    await store(units, item("I-1"))
    first = payment(1)
    await add(units, first)
    changed = msgspec.structs.replace(first, state=PaymentState.PENDING, version=2)
    async with units() as uow:
        await uow.payments.save(changed)
        await uow.commit()
    async with units() as uow:
        with pytest.raises(Conflict, match="changed meanwhile"):
            await uow.payments.save(
                msgspec.structs.replace(first, state=PaymentState.CANCELED, version=2)
            )
        assert await uow.payments.get("payment-1") == changed


async def test_of_many_changes_at_once_one_succeeds(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    settled = msgspec.structs.replace(payment(1), state=PaymentState.SETTLED, version=2)

    async def settle() -> bool:
        async with units() as uow:
            try:
                await uow.payments.save(settled)
            except Conflict:
                return False
            await uow.commit()
            return True

    assert sum(await asyncio.gather(*(settle() for _ in range(8)))) == 1


async def test_a_payment_is_listed_newest_first_with_its_badge_and_settlement(
    units: Units,
) -> None:
    await store(units, item("I-1"))
    posted = payment(1, state=PaymentState.SETTLED)
    await add(units, posted, *(payment(number) for number in range(2, 6)))
    lines = [StoredLine(settlement_id="settlement-1", line=settlement_line(payment_id="payment-1"))]
    async with units() as uow:
        await uow.settlements.save(settlement(1, state=SettlementState.POSTED), lines)
        await uow.commit()
    async with units() as uow:
        first, cursor = await uow.payments.rows(PaymentFilter(), None, 2)
        second, cursor = await uow.payments.rows(PaymentFilter(), cursor, 2)
        third, end = await uow.payments.rows(PaymentFilter(), cursor, 2)
    assert end is None
    rows = [*first, *second, *third]
    assert [row.payment.payment_id for row in rows] == [f"payment-{n}" for n in (5, 4, 3, 2, 1)]
    assert rows[0].badge is Badge.PENDING
    assert rows[0].settlement_id == ""
    assert rows[-1].payment == posted
    assert (rows[-1].badge, rows[-1].settlement_id) == (Badge.POSTED, "settlement-1")
    assert rows[-1].account_name == "Acme Builders"


async def test_filters_of_the_list_mean_the_dealers_days_and_words(units: Units) -> None:
    await store(
        units,
        item("I-1"),
        accounts=[account(), account("2000", "Érable")],
    )
    # 23:30 on 30 March in New York is 31 March in UTC.
    late = datetime.datetime(2026, 3, 31, 3, 30, tzinfo=datetime.UTC)
    await add(
        units,
        payment(1, created_at=late, processor_ref="pi_1"),
        payment(2, state=PaymentState.FAILED),
        payment(3, account_no="2000"),
    )

    async def found(**wanted: Any) -> list[str]:
        async with units() as uow:
            rows, _ = await uow.payments.rows(PaymentFilter(**wanted), None, 10)
        return [row.payment.payment_id[-1] for row in rows]

    thirtieth, thirty_first = datetime.date(2026, 3, 30), datetime.date(2026, 3, 31)
    assert await found() == ["3", "2", "1"]
    assert await found(to_on=thirtieth) == ["1"]
    assert await found(from_on=thirty_first) == ["3", "2"]
    assert await found(from_on=thirtieth, to_on=thirtieth) == ["1"]
    assert await found(state=PaymentState.FAILED) == ["2"]
    assert await found(account_no="2000") == ["3"]
    assert await found(text="erable") == ["3"]
    assert await found(text="104") == ["2", "1"]
    assert await found(text="MENT-2") == ["2"]
    assert await found(text="pi_1") == ["1"]
    assert await found(text="pi_") == []


async def test_what_the_processor_has_not_decided_is_polled_page_by_page(units: Units) -> None:
    await store(units, item("I-1"))
    states = [PaymentState.PROCESSING, PaymentState.SETTLED, PaymentState.DISPUTED]
    waiting = [
        payment(number, state=state, processor_ref=f"tr_{number}")
        for number, state in enumerate(states, 1)
    ]
    await add(units, *waiting, payment(8), payment(9, processor="other", processor_ref="x"))
    async with units() as uow:
        found = await uow.payments.in_flight("pay_ach_plaid", "", 10)
        assert [one.payment_id for one in found] == ["payment-1", "payment-3"]
        rest = await uow.payments.in_flight("pay_ach_plaid", "payment-1", 10)
        assert [one.payment_id for one in rest] == ["payment-3"]


async def test_the_timeline_and_the_authorization_are_kept_in_full(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    events = [
        PaymentEvent(payment_id="payment-1", at=later(minutes=n), kind=kind, actor="Ann")
        for n, kind in enumerate(["submitted", "accepted", "settled"])
    ]
    mandate = MandateRecord(
        payment_id="payment-1",
        user_id="user-1",
        text="I authorize …",
        text_hash="ab",
        sec_code="CCD",
        account_label="•••• 0000",
        accepted_at=NOW,
        client_ip="203.0.113.9",
        user_agent="Browser",
    )
    async with units() as uow:
        for event in events:
            await uow.payments.add_event(event)
        assert await uow.payments.mandate("payment-1") is None
        await uow.payments.add_mandate(mandate)
        with pytest.raises(Conflict):
            await uow.payments.add_mandate(mandate)
        assert await uow.payments.events("payment-1") == events
        assert await uow.payments.mandate("payment-1") == mandate


# Attempts.


async def test_an_attempt_keeps_its_frozen_request_whatever_becomes_of_it(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    frozen = attempt(1)
    answered = msgspec.structs.replace(
        frozen,
        state=AttemptState.ANSWERED,
        processor_ref="tr_1",
        sent_at=NOW,
        outcome="accepted",
        action={"url": "https://bank.example"},
        attempt=msgspec.structs.replace(frozen.attempt, total_cents=1),
    )
    async with units() as uow:
        await uow.payments.add_attempt(frozen)
        await uow.payments.save_attempt(answered)
        await uow.payments.add_attempt(attempt(2))
        found = await uow.payments.attempt("attempt-1", for_update=True)
        assert found == msgspec.structs.replace(answered, attempt=frozen.attempt)
        assert [one.attempt.attempt_id for one in await uow.payments.attempts("payment-1")] == [
            "attempt-1",
            "attempt-2",
        ]
        with pytest.raises(Conflict):
            await uow.payments.add_attempt(frozen)
        for ask in (uow.payments.attempt("attempt-9"), uow.payments.save_attempt(attempt(9))):
            with pytest.raises(NotFound):
                await ask


async def test_attempts_are_looked_up_when_their_time_has_come(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    async with units() as uow:
        for number, (state, minutes) in enumerate(
            [
                (AttemptState.UNKNOWN, -5),
                (AttemptState.SENT, -9),
                (AttemptState.FROZEN, 0),
                (AttemptState.UNKNOWN, 1),
                (AttemptState.ANSWERED, -9),
            ]
        ):
            due = attempt(number, state=state, next_lookup_at=later(minutes=minutes))
            await uow.payments.add_attempt(due)
        await uow.payments.add_attempt(attempt(9))
        found = await uow.payments.attempts_due(NOW, 10)
        assert [one.attempt.attempt_id[-1] for one in found] == ["1", "0", "2"]


# Reservations.


async def test_a_payment_holds_its_documents_and_credits(units: Units) -> None:
    await store(units, item("I-1"), item("I-2", 5_000), item("C-1", -2_000))
    paid = payment(
        1, {"I-1": 10_000, "I-2": 3_000}, credits=[("C-1", "I-1", 500), ("C-1", "I-2", 700)]
    )
    await add(units, paid, reserve=True)
    assert await reserved(units) == {"I-1": (10_000, 0), "I-2": (3_000, 0), "C-1": (1_200, 0)}
    async with units() as uow:
        held = (await uow.items.reserved("1042"))["I-1"]
        assert (held.payment_id, held.paid_by) == ("payment-1", "payer of payment-1")
        # Again is harmless.
        await uow.payments.reserve(paid, "payer of payment-1")


async def test_who_comes_second_is_told_which_document_and_by_whom(units: Units) -> None:
    await store(units, item("I-1"), item("I-2"))
    await add(units, payment(1, {"I-1": 10_000}), reserve=True)
    second = payment(2, {"I-2": 10_000, "I-1": 10_000})
    await add(units, second)
    async with units() as uow:
        with pytest.raises(Conflict, match="I-1 is being paid by payer of payment-1"):
            await uow.payments.reserve(second, "Bob")
        # The refusal leaves the transaction usable and holds nothing.
        await uow.commit()
    assert await reserved(units) == {"I-1": (10_000, 0)}


async def test_of_many_who_pay_one_document_at_once_one_wins(units: Units) -> None:
    await store(units, item("I-1"), item("I-2"), item("I-3"))
    # Every payment wants the documents in another order, which must not lead to a deadlock.
    orders = [["I-1", "I-2"], ["I-2", "I-1"], ["I-3", "I-2"], ["I-2", "I-3"]] * 3
    payments = [
        payment(number, dict.fromkeys(refs, 10_000)) for number, refs in enumerate(orders, 1)
    ]

    async def pay(one: Payment) -> bool:
        async with units() as uow:
            await uow.payments.add(one)
            try:
                await uow.payments.reserve(one, one.payment_id)
            except Conflict:
                return False
            await uow.commit()
            return True

    assert sum(await asyncio.gather(*map(pay, payments))) == 1
    assert (await reserved(units))["I-2"] == (10_000, 0)


async def test_the_database_itself_lets_one_payment_hold_a_document(
    units: Units, database: Database
) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1), payment(2))
    insert = text(
        "INSERT INTO reservation (payment_id, account_no, document_ref, amount_cents,"
        " open_after_cents, state, paid_by) VALUES (:id, '1042', 'I-1', 1, 0, 'held', '')"
    )
    async with database.transactions.connect() as connection:
        await connection.execute(insert, {"id": "payment-1"})
        with pytest.raises(IntegrityError, match="uq_reservation_held"):
            await connection.execute(insert, {"id": "payment-2"})


async def test_no_more_is_reserved_than_is_left(units: Units) -> None:
    await store(units, item("I-1"), item("X-1", account_no="2000"))
    await add(units, payment(1, {"I-1": 4_000}), reserve=True)
    async with units() as uow:
        await uow.payments.apply("payment-1")
        await uow.commit()
    for amounts, left in (({"I-1": 6_001}, r"\$60\.00 of I-1"), ({"X-1": 1}, r"\$0\.00 of X-1")):
        async with units() as uow:
            with pytest.raises(Conflict, match=f"Only {left} is left"):
                await uow.payments.reserve(payment(2, amounts), "Bob")
    await add(units, payment(2, {"I-1": 6_000}), reserve=True)
    assert await reserved(units) == {"I-1": (6_000, 4_000)}


async def test_a_failed_payment_frees_its_documents_and_a_settled_one_does_not(
    units: Units,
) -> None:
    await store(units, item("I-1"), item("I-2"))
    await add(units, payment(1, {"I-1": 10_000}), payment(2, {"I-2": 10_000}), reserve=True)
    async with units() as uow:
        await uow.payments.release("payment-1")
        await uow.payments.release("payment-1")
        await uow.payments.apply("payment-2")
        await uow.payments.release("payment-2")
        await uow.commit()
    assert await reserved(units) == {"I-2": (0, 10_000)}
    await add(units, payment(3, {"I-1": 10_000}), reserve=True)


async def test_a_return_makes_documents_owed_again_and_a_won_dispute_paid_again(
    units: Units,
) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1), reserve=True)
    seen = []
    async with units() as uow:
        for step in ("apply", "reopen", "reopen", "apply", "apply"):
            await getattr(uow.payments, step)("payment-1")
            found = await uow.items.reserved("1042")
            seen.append(sum(one.applied_cents for one in found.values()))
    assert seen == [10_000, 0, 0, 10_000, 10_000]


async def test_money_that_moved_on_a_payment_given_up_pays_its_documents(units: Units) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1), reserve=True)
    async with units() as uow:
        await uow.payments.release("payment-1")
        await uow.payments.apply("payment-1")
        await uow.commit()
    assert await reserved(units) == {"I-1": (0, 10_000)}


async def test_a_settled_payment_counts_until_the_erp_shows_it(units: Units) -> None:
    await store(units, item("I-1"), item("C-1", -2_000))
    paid = payment(1, {"I-1": 10_000}, credits=[("C-1", "I-1", 2_000)])
    await add(units, paid, reserve=True)

    async def synced(*items: Any) -> int:
        await store(units, *items)
        async with units() as uow:
            cleared = await uow.payments.clear_seen()
            await uow.commit()
        return cleared

    assert await synced(item("I-1", 0)) == 0  # Not settled, so nothing is cleared.
    await store(units, item("I-1"))
    async with units() as uow:
        await uow.payments.apply("payment-1")
        await uow.commit()
    assert await synced(item("I-1")) == 0
    assert await synced(item("I-1", 1)) == 0
    assert await synced(item("I-1", 0)) == 1
    assert await reserved(units) == {"C-1": (0, 2_000)}
    assert await synced(item("C-1", 0)) == 1
    assert await reserved(units) == {}


async def test_two_part_payments_of_one_document_are_cleared_each_in_its_turn(
    units: Units,
) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        for number, cents in ((1, 4_000), (2, 6_000)):
            part = payment(number, {"I-1": cents})
            await uow.payments.add(part)
            await uow.payments.reserve(part, "Ann")
            await uow.payments.apply(part.payment_id)
        await uow.commit()
    await store(units, item("I-1", 6_000))
    async with units() as uow:
        assert await uow.payments.clear_seen() == 1
        await uow.commit()
    assert await reserved(units) == {"I-1": (0, 6_000)}


async def test_a_returned_part_no_longer_holds_back_the_later_one(units: Units) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        for number, cents in ((1, 4_000), (2, 6_000)):
            part = payment(number, {"I-1": cents})
            await uow.payments.add(part)
            await uow.payments.reserve(part, "Ann")
            await uow.payments.apply(part.payment_id)
        await uow.payments.reopen("payment-1")
        await uow.commit()
    await store(units, item("I-1", 4_000))
    async with units() as uow:
        assert await uow.payments.clear_seen() == 1
        await uow.commit()
    assert await reserved(units) == {}


async def test_money_in_flight_asks_for_new_figures(units: Units) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 9) == ["1042"]
    await add(units, payment(1), reserve=True)
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 9) == ["1042"]


# Quotes, instruments, collections.


async def test_a_quote_is_kept_word_for_word_for_its_account_alone(units: Units) -> None:
    open_item = item("I-1")
    await store(units, open_item)
    quote = build_quote(
        quote_id="quote-1",
        account_no="1042",
        portal_user_id="user-1",
        selected=["I-1"],
        items=[open_item],
        statement=None,
        view=StatementView.ALL,
        today=TODAY,
        now=NOW,
    )
    async with units() as uow:
        await uow.quotes.add(quote, "instrument-1")
        assert await uow.quotes.get("quote-1", "1042") == (quote, "instrument-1")
        for other in (("quote-1", "2000"), ("quote-2", "1042")):
            with pytest.raises(NotFound):
                await uow.quotes.get(*other)
        with pytest.raises(Conflict):
            await uow.quotes.add(quote, "")


async def test_what_could_charge_somebody_is_sealed_in_the_tables(
    units: Units, database: Database
) -> None:
    await store(units, item("I-1"))
    await add(units, payment(1))
    kept = instrument(1)
    async with units() as uow:
        await uow.instruments.add(kept)
        await uow.payments.add_attempt(attempt(1))
        assert await uow.instruments.get("instrument-1", "1042") == kept
        assert (await uow.payments.attempt("attempt-1")).attempt == attempt(1).attempt
        await uow.commit()
    async with database.transactions.connect() as connection:
        for table in ("instrument", "payment_attempt"):
            dump = await connection.execute(text(f"SELECT {table}::text FROM {table}"))
            stored = dump.scalar_one()
            assert "secret-token" not in stored
            assert "sealed:nekot-terces" in stored


async def test_a_removed_method_can_no_longer_be_used(units: Units) -> None:
    await store(units, accounts=[account(), account("2000")])
    async with units() as uow:
        await uow.instruments.add(instrument(1))
        await uow.instruments.add(instrument(2, kept=False))
        await uow.instruments.add(instrument(3, created_at=later(days=1)))
        await uow.instruments.add(instrument(4, "2000"))
        found = await uow.instruments.kept("user-1", "1042")
        assert [one.instrument_id for one in found] == ["instrument-3", "instrument-1"]
        await uow.instruments.save(instrument(3, removed_at=later(days=2)))
        found = await uow.instruments.kept("user-1", "1042")
        assert [one.instrument_id for one in found] == ["instrument-1"]
        for other in (("instrument-3", "1042"), ("instrument-1", "2000"), ("x", "1042")):
            with pytest.raises(NotFound):
                await uow.instruments.get(*other)
        with pytest.raises(NotFound):
            await uow.instruments.save(instrument(9))
        with pytest.raises(Conflict):
            await uow.instruments.add(instrument(1))


async def test_a_collection_belongs_to_its_user_and_remembers_the_processors_reference(
    units: Units,
) -> None:
    await store(units, accounts=[account()])
    begun = CollectRecord(
        collect_id="collect-1",
        user_id="user-1",
        account_no="1042",
        processor="pay_stripe",
        session_ref="seti_1",
        keep=True,
        created_at=NOW,
    )
    done = msgspec.structs.replace(
        begun, instrument_id="instrument-1", processor_customer_ref="cus_1"
    )
    async with units() as uow:
        await uow.instruments.add_collect(begun)
        assert await uow.instruments.customer_ref("user-1", "pay_stripe") == ""
        await uow.instruments.save_collect(done)
        assert await uow.instruments.collect("collect-1", "user-1", for_update=True) == done
        assert await uow.instruments.customer_ref("user-1", "pay_stripe") == "cus_1"
        newer = instrument(
            1, processor="pay_stripe", processor_customer_ref="cus_2", created_at=later(days=1)
        )
        await uow.instruments.add(newer)
        assert await uow.instruments.customer_ref("user-1", "pay_stripe") == "cus_2"
        assert await uow.instruments.customer_ref("user-2", "pay_stripe") == ""
        with pytest.raises(NotFound):
            await uow.instruments.collect("collect-1", "user-2")
        with pytest.raises(NotFound):
            await uow.instruments.save_collect(
                msgspec.structs.replace(begun, collect_id="collect-2")
            )
        with pytest.raises(Conflict):
            await uow.instruments.add_collect(begun)
