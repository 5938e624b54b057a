"""`/_control/stripe`: what a cardholder, a bank or Stripe would do, on demand."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import disputes, payouts, refunds
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.world import StripeWorld

Outcome = TypeVar("Outcome")


class MakePayout(msgspec.Struct, forbid_unknown_fields=True):
    """Pay out what is available now; a negative balance only when it is asked for."""

    collect_negative: bool = False


class PayoutSchedule(msgspec.Struct, forbid_unknown_fields=True):
    """Whether payouts are automatic."""

    interval: Literal["daily", "manual"]


class OpenDispute(msgspec.Struct, forbid_unknown_fields=True):
    """A cardholder disputes a charge, named by its id or by its payment intent's."""

    charge: str = ""
    payment_intent: str = ""
    reason: str = "fraudulent"
    amount: int | None = None


class StripeControls(Controller):
    """The controls of the Stripe half."""

    path = "/_control/stripe"

    @get()
    async def overview(self, stripe: NamedDependency[StripeWorld]) -> dict[str, int]:
        """Return how many objects of each kind there are."""
        names = sorted(stripe.frame.world.tables)
        prefix = "stripe."
        return {
            name.removeprefix(prefix): len(stripe.frame.world.tables[name])
            for name in names
            if name.startswith(prefix)
        }

    @post("/payouts")
    async def pay_out(
        self, stripe: NamedDependency[StripeWorld], data: JSONBody[MakePayout]
    ) -> Response[dict[str, Any]]:
        """Make an automatic payout now."""
        made = payouts.pay_out(stripe, collect_negative=data.collect_negative)
        stripe.settle()
        if made is None:
            raise HTTPException(status_code=409, detail="nothing is available to pay out")
        return Response(stripe.view(made))

    @post("/payouts/schedule", status_code=200)
    async def schedule(
        self, stripe: NamedDependency[StripeWorld], data: JSONBody[PayoutSchedule]
    ) -> PayoutSchedule:
        """Switch automatic payouts on or off."""
        payouts.set_interval(stripe, data.interval)
        stripe.settle()
        return data

    @post("/payouts/{payout_id:str}/{outcome:str}", status_code=200)
    async def finish_payout(
        self,
        stripe: NamedDependency[StripeWorld],
        payout_id: FromPath[str],
        outcome: FromPath[str],
    ) -> dict[str, Any]:
        """Let a payout be `paid` now, `fail`, or be `reconciled`."""
        actions: dict[str, Callable[[StripeWorld, str], None]] = {
            "paid": payouts.arrives,
            "fail": payouts.fail,
            "reconciled": payouts.reconciled,
        }
        _known(stripe, "payouts", payout_id)
        _chosen(actions, outcome)(stripe, payout_id)
        stripe.settle()
        return stripe.view(stripe.table("payouts")[payout_id])

    @post("/disputes")
    async def open_dispute(
        self, stripe: NamedDependency[StripeWorld], data: JSONBody[OpenDispute]
    ) -> dict[str, Any]:
        """Open a dispute, or with the reason `inquiry` only a question."""
        charge_id = data.charge
        if data.payment_intent:
            charge_id = _known(stripe, "payment_intents", data.payment_intent)["latest_charge"]
        charge = _known(stripe, "charges", charge_id or "")
        made = disputes.open_on(stripe, charge, data.reason, data.amount)
        stripe.settle()
        return stripe.view(made)

    @post("/disputes/{dispute_id:str}/{outcome:str}", status_code=200)
    async def close_dispute(
        self,
        stripe: NamedDependency[StripeWorld],
        dispute_id: FromPath[str],
        outcome: FromPath[str],
    ) -> dict[str, Any]:
        """Let the merchant `win` or `lose` a dispute."""
        dispute = _known(stripe, "disputes", dispute_id)
        action = _chosen({"win": disputes.win, "lose": disputes.lose}, outcome)
        try:
            action(stripe, dispute)
        except StripeError as error:
            raise HTTPException(status_code=409, detail=error.message) from error
        stripe.settle()
        return stripe.view(dispute)

    @post("/refunds/{refund_id:str}/fail", status_code=200)
    async def fail_refund(
        self, stripe: NamedDependency[StripeWorld], refund_id: FromPath[str]
    ) -> dict[str, Any]:
        """Let the bank send a refund back."""
        refund = _known(stripe, "refunds", refund_id)
        refunds.fail(stripe, refund_id)
        stripe.settle()
        return stripe.view(refund)


def _known(stripe: StripeWorld, table: str, object_id: str) -> JsonObject:
    found = stripe.table(table).get(object_id)
    if found is None:
        raise HTTPException(status_code=404, detail=f"there is no {object_id!r} among the {table}")
    return found


def _chosen(actions: dict[str, Outcome], outcome: str) -> Outcome:
    if outcome not in actions:
        raise HTTPException(status_code=404, detail=f"choose one of {', '.join(actions)}")
    return actions[outcome]
