"""The pages behind Stripe's script: the card frame, the bank's challenge, the hosted checkout.

Card numbers are typed into these pages only; the pages of the application that embeds them never
see one.
"""

import re
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jinja2
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import checkout, payment_intents, payment_methods, setup_intents
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.world import RequestContext, StripeWorld, dollars

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self' http: https:; base-uri 'none'; frame-ancestors http: https:"
)
"""A form's answer may lead back to the shop, so its address is allowed as a form's action."""


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("dueport_apps.sandbox.stripe"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
    )


def _page(name: str, status: int = 200, **values: Any) -> Response[str]:
    text = _templates().get_template(name).render(error="", **values)
    return _answer(text, status)


def _answer(text: str, status: int = 200) -> Response[str]:
    headers = {
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Response(text, status_code=status, media_type="text/html", headers=headers)


@get("/frame/payment")
async def payment_frame() -> Response[str]:
    """Return the card fields."""
    return _page("payment_frame.html")


@get("/frame/controller")
async def controller_frame() -> Response[str]:
    """Return the frame that makes calls for a page without showing anything."""
    return _page("controller_frame.html")


def _intent(stripe: StripeWorld, intent_id: str, secret: str) -> JsonObject:
    found = stripe.find(intent_id)
    if found is None or "client_secret" not in found or found["client_secret"] != secret:
        raise NotFoundException("there is no such intent")
    return found


@get("/challenge/{intent_id:str}")
async def challenge(
    request: Request[Any, Any, Any],
    stripe: NamedDependency[StripeWorld],
    intent_id: FromPath[str],
) -> Response[str]:
    """Ask what a bank asks, or say that it has been answered."""
    intent = _intent(stripe, intent_id, request.query_params.get("client_secret", ""))
    if intent["status"] != "requires_action":
        return _page("challenge_finished.html")
    if intent["object"] == "payment_intent":
        question = f"Do you confirm the payment of {dollars(intent['amount'])}?"
    else:
        question = "Do you allow this card to be saved for later payments?"
    return _page("challenge.html", intent=intent, question=question)


@post("/challenge/{intent_id:str}", status_code=200)
async def answer_challenge(
    request: Request[Any, Any, Any],
    stripe: NamedDependency[StripeWorld],
    intent_id: FromPath[str],
) -> Response[Any]:
    """Take the customer's answer and lead back to where the payment was made."""
    form = await request.form()
    intent = _intent(stripe, intent_id, str(form.get("client_secret", "")))
    action = intent["next_action"] or {}
    passed = form.get("outcome") == "complete"
    kind = intent["object"]
    resource = payment_intents if kind == "payment_intent" else setup_intents
    with stripe.answering(_visit(stripe)):
        resource.finish_challenge(stripe, intent, passed=passed)
    if action.get("type") != "redirect_to_url":
        return _page("challenge_finished.html")
    back = _with_query(
        action["redirect_to_url"]["return_url"],
        {
            kind: intent["id"],
            f"{kind}_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        },
    )
    return Redirect(back, status_code=303)


def _visit(stripe: StripeWorld) -> RequestContext:
    return RequestContext(stripe.new_id("req_", 14), None, publishable=True)


def _with_query(url: str, more: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return urlunsplit(parts._replace(query=query))


def _session(stripe: StripeWorld, session_id: str) -> JsonObject:
    found = stripe.table("checkout_sessions").get(session_id)
    if found is None:
        raise NotFoundException("there is no such checkout session")
    return found


def _checkout_page(stripe: StripeWorld, session: JsonObject, error: str = "") -> Response[str]:
    lines = [
        (
            line["price_data"]["product_data"]["name"],
            dollars(line.get("quantity", 1) * line["price_data"]["unit_amount"]),
        )
        for line in stripe.fact(session["id"], "lines") or []
    ]
    template = _templates().get_template("checkout.html")
    total = dollars(session["amount_total"] or 0)
    text = template.render(session=session, lines=lines, total=total, error=error)
    return _answer(text, 402 if error else 200)


@get("/checkout/{session_id:str}")
async def checkout_page(
    stripe: NamedDependency[StripeWorld], session_id: FromPath[str]
) -> Response[str]:
    """Return the hosted page of a checkout session."""
    return _checkout_page(stripe, _session(stripe, session_id))


@post("/checkout/{session_id:str}", status_code=200)
async def pay_on_checkout_page(
    request: Request[Any, Any, Any],
    stripe: NamedDependency[StripeWorld],
    session_id: FromPath[str],
) -> Response[Any]:
    """Take the card that was typed in; go to the bank's question, or on to the shop."""
    session = _session(stripe, session_id)
    if session["status"] != "open":
        return _checkout_page(stripe, session)
    form = {name: str(value) for name, value in (await request.form()).items()}
    back = f"{stripe.frame.settings.base_url}/stripe/checkout/{session_id}/return"
    try:
        with stripe.answering(_visit(stripe)):
            method = payment_methods.create(stripe, _typed_card(form))
            intent = checkout.pay(stripe, session, method["id"], back)
    except StripeError as refused:
        return _checkout_page(stripe, session, refused.message)
    if intent["status"] == "requires_action":
        return Redirect(intent["next_action"]["redirect_to_url"]["url"], status_code=303)
    return Redirect(checkout.success_url(session), status_code=303)


def _typed_card(form: dict[str, str]) -> dict[str, Any]:
    expiry = re.fullmatch(r"\s*(\d{1,2})\D*(\d{2}|\d{4})\s*", form.get("expiry", ""))
    if expiry is None:
        raise StripeError(402, "Your card's expiration date is incomplete.", kind="card_error")
    year = int(expiry[2]) if len(expiry[2]) == 4 else 2000 + int(expiry[2])
    number = re.sub(r"\D", "", form.get("number", ""))
    return {
        "type": "card",
        "card": {
            "number": number,
            "exp_month": int(expiry[1]),
            "exp_year": year,
            "cvc": form.get("cvc", ""),
        },
        "billing_details": {"address": {"postal_code": form.get("postal", "")}},
    }


@get("/checkout/{session_id:str}/return")
async def back_from_challenge(
    stripe: NamedDependency[StripeWorld], session_id: FromPath[str]
) -> Response[Any]:
    """Go on to the shop when the bank agreed, or ask for another card."""
    session = _session(stripe, session_id)
    with stripe.answering(_visit(stripe)):
        done = checkout.complete_if_done(stripe, session)
    if done:
        return Redirect(checkout.success_url(session), status_code=303)
    return _checkout_page(stripe, session, "Your bank did not agree. Try another card.")


@get("/receipts/{charge_id:str}")
async def receipt(stripe: NamedDependency[StripeWorld], charge_id: FromPath[str]) -> Response[str]:
    """Return the receipt that a charge's `receipt_url` leads to."""
    charge = stripe.table("charges").get(charge_id)
    if charge is None or charge["status"] != "succeeded":
        raise NotFoundException("there is no such receipt")
    card = charge["payment_method_details"]["card"]
    return _page("receipt.html", charge=charge, card=card, total=dollars(charge["amount"]))


BROWSER_PAGES: Final = (
    payment_frame,
    controller_frame,
    challenge,
    answer_challenge,
    checkout_page,
    pay_on_checkout_page,
    back_from_challenge,
    receipt,
)
