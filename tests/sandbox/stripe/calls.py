"""Calls that many of these tests make."""

from typing import Any

import httpx
import stripe

from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S


async def pay(
    client: stripe.StripeClient, method: str = "pm_card_visa", amount: int = 10_300, **more: Any
) -> stripe.PaymentIntent:
    """Pay in one call, the way a server does that already knows the card."""
    params: Any = {
        "amount": amount,
        "currency": "usd",
        "payment_method": method,
        "payment_method_types": ["card"],
        "confirm": True,
        **more,
    }
    return await client.v1.payment_intents.create_async(params)


async def answer_the_bank(sandbox: RunningSandbox, client_secret: str, *, agree: bool) -> str:
    """Press one of the two buttons on the bank's page; return where it leads, if anywhere."""
    intent_id = client_secret.partition("_secret_")[0]
    async with httpx.AsyncClient(base_url=sandbox.base_url, timeout=PATIENCE_S) as http:
        path = f"/stripe/challenge/{intent_id}"
        page = await http.get(path, params={"client_secret": client_secret})
        assert page.status_code == 200
        assert "Complete" in page.text
        outcome = "complete" if agree else "fail"
        data = {"client_secret": client_secret, "outcome": outcome}
        answer = await http.post(path, data=data)
        return str(answer.headers.get("location", ""))


async def control(sandbox: RunningSandbox, path: str, body: Any = None) -> Any:
    """Use one of the sandbox's own controls."""
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control", timeout=PATIENCE_S
    ) as http:
        answer = await http.post(path, json={} if body is None else body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None
