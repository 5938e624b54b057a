"""Submitting a payment, against the plain SQL that it writes.

The processor is the fake in this process, so what is left is ours: pricing again under the
account's lock, reserving, freezing the attempt, charging, committing the outcome, queueing the
mail. The limit is what the submissions wrote, written again by psycopg into a copy of the database
as it was before.
"""

import tempfile
from pathlib import Path

from bench.database import Databases
from bench.deployment import open_world
from bench.measuring import Figure, median, own_cpu_s
from bench.receivables import accounts, documents
from bench.statements import recording, replay_cpu_ms
from dueport_apps.usecases.submit_payment import SubmitPaymentCommand

_ACCOUNT_NO = "10000"
_WARM_UP = 10


async def bench(databases: Databases, payments: int) -> list[Figure]:
    """Pay one invoice after another by card; every payment has its own quote."""
    total = _WARM_UP + payments
    with tempfile.TemporaryDirectory() as name, databases.fresh() as url:
        world = open_world(url, Path(name))
        # One document in twelve is a credit, which is not paid.
        open_items = list(documents(total * 12 // 11 + 2, 1))
        world.erp.put(*accounts(1), *open_items)
        await world.sync()
        who = await world.customer(_ACCOUNT_NO)
        invoices = [item.document_ref for item in open_items if not item.is_credit]
        quotes = [await world.quote(who, ref) for ref in invoices[:total]]
        submit = world.container.submit_payment()
        async with databases.copy_of(world.container.database()) as before:
            costs: list[float] = []
            rounds = []
            commits = 0
            for number, quote in enumerate(quotes):
                with recording(world.container.database()) as found:
                    began = own_cpu_s()
                    payment = await submit(SubmitPaymentCommand(by=who, quote_id=quote.quote_id))
                    cost = own_cpu_s() - began
                if not payment.processor_ref:
                    raise RuntimeError(f"the payment was not taken: {payment}")
                rounds.append(found.writes())
                commits = found.commits
                if number >= _WARM_UP:
                    costs.append(cost * 1000)
            limit = replay_cpu_ms(before, rounds, commit=True)
        await world.close()
    value = median(costs)
    return [
        Figure(
            name="payment submit, card",
            value=value,
            unit="ms CPU",
            limit=limit,
            limit_name="its writes through psycopg",
            ratio=value / limit,
        ),
        Figure(name="transactions of a payment submit", value=commits, unit="commits"),
    ]
