"""What must be true after every run, whatever happened: each broken one is a sentence."""

import itertools
from collections import Counter, defaultdict

from sqlalchemy import text

from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.payment_records import AttemptState, PaymentFilter
from dueport_core.payments import LEGAL_MOVES, Payment, PaymentState, is_in_flight
from dueport_core.settlements import SettlementState
from tests.simulation.simulator import Simulation
from tests.world import PROCESSOR

TOOK_MONEY = (PaymentState.SETTLED, PaymentState.PARTIALLY_REFUNDED)


async def broken_invariants(run: Simulation) -> list[str]:
    """Return every invariant that does not hold, with its number and what was found."""
    async with run.container.uow()() as uow:
        rows, _ = await uow.payments.rows(PaymentFilter(), None, 1000)
        payments = [await uow.payments.get(row.payment.payment_id) for row in rows]
        balances = await uow.journal.balances()
        settlements, _ = await uow.settlements.rows(None, 1000)
        audit_breaks_at = await uow.audit.verify()
        mail = await uow.mail.counts()
        unfinished = await uow.events.unfinished(1000)
        states = {
            payment.payment_id: [
                event.kind
                for event in await uow.payments.events(payment.payment_id)
                if event.kind in PaymentState._value2member_map_
            ]
            for payment in payments
        }
        open_attempts = [
            stored.attempt.attempt_id
            for payment in payments
            for stored in await uow.payments.attempts(payment.payment_id)
            if stored.state is not AttemptState.ANSWERED
        ]
        paid_out = sum(
            row.settlement.head.amount_cents
            for row in settlements
            if row.settlement.head.state == "paid"
        )
    broken: list[str] = []

    def require(number: str, holds: bool, found: object) -> None:
        if not holds:
            broken.append(f"{number}: {found}")

    doubled = {p: n for p, n in run.double_charges().items() if n > 1}
    require("I1 no payment is charged twice", not doubled, doubled)
    unknown = set(run.double_charges()) - {p.payment_id for p in payments if not _gave_up(p)}
    require("I1 no charge is forgotten", not unknown, unknown)
    require("I2 no document is paid above what was open", *_overpaid(run, payments))
    require("I3 the journal balances", sum(balances.values()) == 0, balances)
    require("I3 every entry balances", *await _unbalanced_entries(run))
    require(
        "I4 clearing is the processor's money",
        balances.get(f"clearing:{PROCESSOR}", 0) == run.processor.balance_cents,
        (balances, run.processor.balance_cents),
    )
    twice = {key: count for key, count in run.erp.posted.items() if count != 1}
    require("I5 nothing is posted twice", not twice, twice)
    require("I5 every settled payment is posted", *_unposted(run, payments))
    require(
        "I5 the ERP is never asked to apply too much", not run.erp.overapplied, run.erp.overapplied
    )
    ids = Counter(message.message_id for message in run.mail.sent)
    require("I6 every mail at most once", max(ids.values(), default=1) == 1, ids)
    news = Counter(
        (message.subject, payment.payment_id)
        for message in run.mail.sent
        for payment in payments
        if payment.payment_id in message.text
    )
    require("I6 no news is mailed twice", max(news.values(), default=1) == 1, news)
    stuck = [p.payment_id for p in payments if is_in_flight(p.state)]
    require("I7 no payment is stuck", not stuck, stuck)
    require("I7 no attempt is open", not open_attempts, open_attempts)
    require("I7 no event waits", not unfinished, unfinished)
    waiting = mail.get(MailState.QUEUED, 0) + mail.get(MailState.SENDING, 0)
    require("I7 no mail waits", not waiting, mail)
    behind = [
        (row.settlement.state.value, row.settlement.problems)
        for row in settlements
        if row.settlement.state not in (SettlementState.POSTED, SettlementState.RESOLVED)
    ]
    require("I7 every settlement is posted", not behind, behind)
    require("I8 the audit chain verifies", audit_breaks_at is None, audit_breaks_at)
    require("I9 no illegal transition", *_illegal(states))
    require(
        "I10 cash is what was paid out", balances.get("cash", 0) == paid_out, (balances, paid_out)
    )
    return broken


def _gave_up(payment: Payment) -> bool:
    return payment.state in (PaymentState.FAILED, PaymentState.CANCELED)


def _overpaid(run: Simulation, payments: list[Payment]) -> tuple[bool, object]:
    paid: dict[str, int] = defaultdict(int)
    for payment in payments:
        if payment.state in TOOK_MONEY or is_in_flight(payment.state):
            for line in payment.lines:
                paid[line.document_ref] += line.amount_cents
            for use in payment.credits:
                paid[use.document_ref] += use.amount_cents
    too_much = {ref: cents for ref, cents in paid.items() if cents > abs(run.amounts[ref])}
    return not too_much, too_much


def _unposted(run: Simulation, payments: list[Payment]) -> tuple[bool, object]:
    posted = {key.split(":", 1)[0] for key in run.erp.posted}
    missing = [
        p.payment_id for p in payments if p.state in TOOK_MONEY and p.payment_id not in posted
    ]
    return not missing, missing


async def _unbalanced_entries(run: Simulation) -> tuple[bool, object]:
    query = "SELECT number FROM journal_line GROUP BY number HAVING sum(amount_cents) <> 0"
    async with run.container.database().statements.connect() as connection:
        found = (await connection.execute(text(query))).all()
    return not found, found


def _illegal(states: dict[str, list[str]]) -> tuple[bool, object]:
    wrong = []
    for payment_id, kinds in states.items():
        for before, after in itertools.pairwise(kinds):
            if PaymentState(after) not in LEGAL_MOVES[PaymentState(before)]:
                wrong.append((payment_id, before, after))
    return not wrong, wrong
