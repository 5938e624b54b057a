"""A simulation that finds nothing proves nothing: each bug planted here must be caught."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from dueport_apps.storage.repositories.mail import SqlMail
from dueport_apps.storage.repositories.payments import SqlPayments
from dueport_apps.usecases import import_settlements, payment_outcomes
from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_core.payments import Payment, PaymentState, Transition
from dueport_ports import PaymentAttempt, Unknown
from tests.simulation.conftest import Runner
from tests.simulation.invariants import broken_invariants
from tests.simulation.simulator import SimulatedErp, SimulatedProcessor, Simulation

SEEDS_MAX = 60
KILL_SHARE = 0.03

Patch = pytest.MonkeyPatch


def a_retry_uses_a_new_key(patch: Patch) -> None:
    submit = SimulatedProcessor.submit
    numbers = iter(range(1_000_000))

    async def with_new_key(self: SimulatedProcessor, attempt: PaymentAttempt) -> Any:
        fresh = msgspec.structs.replace(attempt, attempt_id=f"{next(numbers):026}")
        return await submit(self, fresh)

    patch.setattr(SimulatedProcessor, "submit", with_new_key)


def nothing_is_reserved(patch: Patch) -> None:
    async def reserve(self: SqlPayments, payment: Payment, paid_by: str) -> None:
        return None

    patch.setattr(SqlPayments, "reserve", reserve)


def silence_counts_as_failure(patch: Patch) -> None:
    answered = PaymentOutcomes.answered

    async def give_up(
        self: PaymentOutcomes, uow: Any, payment: Payment, stored: Any, result: Any
    ) -> Payment:
        if isinstance(result, Unknown):
            return await self.move(uow, payment, PaymentState.FAILED, failure="timeout")
        return await answered(self, uow, payment, stored, result)

    patch.setattr(PaymentOutcomes, "answered", give_up)


def a_settled_payment_frees_its_documents(patch: Patch) -> None:
    async def apply(self: SqlPayments, payment_id: str) -> None:
        await self.release(payment_id)

    patch.setattr(SqlPayments, "apply", apply)


def the_erp_is_not_asked_before_posting(patch: Patch) -> None:
    async def never_arrived(self: SimulatedErp, key: str) -> None:
        return None

    patch.setattr(SimulatedErp, "posting_status", never_arrived)


def an_interrupted_mail_is_sent_again(patch: Patch) -> None:
    async def put_back(self: SqlMail) -> tuple[int, int]:
        requeue = text(
            "UPDATE mail_delivery SET state = 'queued', claim_owner = 0, handed_at = NULL"
            " WHERE state = 'sending'"
        )
        return (await self._connection.execute(requeue)).rowcount, 0

    patch.setattr(SqlMail, "recover", put_back)


def old_news_moves_a_payment_back(patch: Patch) -> None:
    def believe(state: PaymentState, seen: PaymentState) -> Transition:
        return Transition(state=seen, changed=state is not seen)

    patch.setattr(payment_outcomes, "observe", believe)
    # Such news is rare; here most of it is old, so that few weeks are enough.
    patch.setattr(SimulatedProcessor, "stale_share", 0.8)


def fees_are_not_booked(patch: Patch) -> None:
    patch.setattr(import_settlements, "line_entries", lambda *_: ())


def a_fee_is_booked_twice(patch: Patch) -> None:
    entries = import_settlements.line_entries

    def doubled(*arguments: Any) -> Any:
        once = entries(*arguments)
        return (
            *once,
            *(msgspec.structs.replace(entry, source=f"{entry.source}:again") for entry in once),
        )

    patch.setattr(import_settlements, "line_entries", doubled)


BUGS: list[Callable[[Patch], None]] = [
    a_retry_uses_a_new_key,
    nothing_is_reserved,
    silence_counts_as_failure,
    a_settled_payment_frees_its_documents,
    the_erp_is_not_asked_before_posting,
    an_interrupted_mail_is_sent_again,
    old_news_moves_a_payment_back,
    fees_are_not_booked,
    a_fee_is_booked_twice,
]


async def bad_week(run: Simulation) -> None:
    killer = random.Random(run.random.random())
    run.points.kill = lambda number, name: killer.random() < KILL_SHARE
    await run.week(steps=80)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
async def test_a_planted_bug_is_caught(
    simulate: Runner, monkeypatch: Patch, bug: Callable[[Patch], None]
) -> None:
    bug(monkeypatch)
    for seed in range(SEEDS_MAX):
        try:
            broken = await simulate(seed, bad_week, broken_invariants)
        except Exception as error:
            # A bug that makes the system fall over is caught as well.
            broken = [f"{type(error).__name__}: {error}"]
        if broken:
            return
    pytest.fail(f"{SEEDS_MAX} seeds did not notice that {bug.__name__.replace('_', ' ')}")
