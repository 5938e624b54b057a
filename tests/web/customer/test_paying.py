"""From a selection to a payment, and everything that may come between."""

import asyncio
import datetime
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from dueport_core.fees import Funding
from dueport_core.payments import PaymentState
from dueport_ports import (
    CollectMode,
    CollectRequest,
    CollectResult,
    CollectSession,
    DeclineCode,
    Unavailable,
)
from tests.databases import TestDatabases
from tests.web.customer.steps import charged, enter_method, pay, reach_review, select
from tests.web.portal import Browser, PortalApp, portal
from tests.world import World, account, item, open_world


async def state_of(world: World, path: str) -> PaymentState:
    return (await world.payment(path.rsplit("/", 1)[1])).state


async def test_two_invoices_and_a_credit_are_paid_by_card(world: World, ana: Browser) -> None:
    preview = await select(ana, "INV-1", "INV-3", "CR-1")
    assert "$899.75" in ana.text, "400.00 + 600.00 - 100.25"
    review = await enter_method(ana, preview, world.processor.card())
    assert "Visa •••• 4242" in ana.text
    assert "Pay $899.75" in ana.text
    response = await ana.submit(review)
    path = response.url.path
    payment_id = path.rsplit("/", 1)[1]
    assert "Paid Thank you." in ana.text
    assert f"Transaction ID {payment_id}" in ana.text
    assert f'data-copy="{payment_id}"' in ana.page
    assert await charged(world, path) == 1
    payment = await world.payment(payment_id)
    assert (payment.total_cents, payment.state) == (89_975, PaymentState.SETTLED)
    await world.run_jobs()
    assert payment_id in world.mail.sent[-1].text
    await ana.get("/outstanding")
    assert "INV-1" not in ana.text
    assert "CR-1" not in ana.text


async def test_a_bank_payment_is_pending_and_nowhere_called_paid(
    world: World, ana: Browser
) -> None:
    review = await reach_review(ana, world.processor.bank(), "INV-2")
    assert "I authorize Cedar Yard Supply to electronically debit my account" in ana.text
    assert "for $355.00 on or after March 31, 2026" in ana.text
    response = await ana.submit(review, {"accept_mandate": "on"})
    path = response.url.path
    assert "Pending: submitted to your bank" in ana.text
    assert "paid" not in ana.text.lower()
    assert "I authorize Cedar Yard Supply" in ana.text, "the authorization can be read again"
    await ana.get("/payments")
    assert "Pending First Platypus Bank •••• 0000" in ana.text
    world.clock.advance(datetime.timedelta(days=3))
    ana = await portal(world).signed_in("ap@harbor.example")
    await ana.get(path)
    await ana.submit(f"{path}/refresh")
    assert "Payment received" in ana.text
    assert await state_of(world, path) is PaymentState.SETTLED


async def test_a_bank_payment_needs_the_authorization(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.bank(), "INV-2")
    response = await ana.post(review)
    assert response.status_code == 422
    assert 'id="error-accept_mandate"' in ana.page
    response = await ana.post(review, {"accept_mandate": "on"})
    assert response.status_code == 303, "the corrected form may be sent under the same key"
    assert await charged(world, response.headers["location"]) == 1


async def test_each_way_to_pay_shows_what_it_comes_to(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    fee = {"mode": "surcharge", "rate_bps": 300, "cost_bps": 300, "dealer_state": "NH"}
    async with open_world(test_databases, tmp_path, policies={"payments": {"fee": fee}}) as world:
        world.erp.put(account("1001", "Harbor", billing_state="NH"), item("INV-1", "1001", 125_050))
        await world.sync()
        ana = await portal(world).customer()
        preview = await select(ana, "INV-1")
        assert "Bank account (ACH) You sign in to your bank once, to link it $1,250.50" in ana.text
        assert "Card Credit card; debit cards pay no fee: $1,250.50 $1,288.01" in ana.text
        await enter_method(ana, preview, world.processor.card(funding=Funding.DEBIT))
        assert "Pay $1,250.50" in ana.text
        await enter_method(ana, preview, world.processor.card())
        assert "Card surcharge $37.51" in ana.text
        assert "Pay $1,288.01" in ana.text


async def test_a_saved_method_is_offered_the_next_time(world: World, ana: Browser) -> None:
    await pay(ana, world.processor.card(), "INV-1", keep=True)
    preview = await select(ana, "INV-2")
    assert "Saved methods Visa •••• 4242 Good until 12/31 $355.00" in ana.text
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        [kept] = await uow.instruments.kept(user.user_id, "1001")
    response = await ana.submit(f"{preview}/method", {"instrument_id": kept.instrument_id})
    assert "Saved for next time" in ana.text
    response = await ana.submit(response.url.path)
    assert "Paid" in ana.text
    assert await charged(world, response.url.path) == 1


async def test_what_is_not_saved_is_not_offered_again(world: World, ana: Browser) -> None:
    await pay(ana, world.processor.card(), "INV-1")
    await select(ana, "INV-2")
    assert "Saved methods" not in ana.text


async def test_a_declined_card_leaves_everything_as_it_was_and_another_can_pay(
    world: World, ana: Browser
) -> None:
    broke = world.processor.card(declined=DeclineCode.INSUFFICIENT_FUNDS)
    path = await pay(ana, broke, "INV-1", "CR-1")
    assert "The payment did not go through" in ana.text
    assert "did not have enough money" in ana.text
    assert await charged(world, path) == 0
    response = await ana.submit(f"{path}/again")
    assert response.url.path.startswith("/pay/")
    assert "$299.75" in ana.text, "the same selection, the credit included"
    review = await enter_method(ana, response.url.path, world.processor.bank())
    response = await ana.submit(review, {"accept_mandate": "on"})
    assert "Pending" in ana.text


async def test_a_lost_answer_asks_not_to_pay_again(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    world.processor.fault = lambda point: TimeoutError() if point == "submit.after" else None
    response = await ana.submit(review)
    assert "We are confirming your payment with the bank" in ana.text
    assert "Do not pay again" in ana.text
    assert "Handed to the bank" not in ana.text, "nobody knows that yet"
    path = response.url.path
    await ana.get("/outstanding")
    assert "Being paid by Ana Ruiz" in ana.text
    world.processor.fault = lambda point: None
    world.clock.advance(datetime.timedelta(minutes=1))
    await world.container.resolve_attempts()()
    await ana.get(path)
    assert "Paid Thank you" in ana.text
    assert await charged(world, path) == 1


async def test_a_bank_that_asks_is_answered_and_the_payment_goes_on(
    world: World, ana: Browser
) -> None:
    path = await pay(ana, world.processor.card(action=True), "INV-1")
    assert "Your bank asks you to confirm" in ana.text
    assert "/pay/adapters/fake_processor.js" in ana.page
    assert "data-bank-action" in ana.page
    payment = await world.payment(path.rsplit("/", 1)[1])
    assert payment.processor_ref is not None
    world.processor.complete_action(payment.processor_ref)
    await ana.submit(f"{path}/refresh")
    assert "Paid Thank you" in ana.text


async def test_a_bank_that_asks_can_be_answered_from_another_device(
    world: World, app: PortalApp, ana: Browser
) -> None:
    path = await pay(ana, world.processor.card(action=True), "INV-1")
    phone = await app.signed_in("ap@harbor.example")
    await phone.get(path)
    assert "/pay/adapters/" not in phone.page
    await phone.submit(f"{path}/confirm")
    assert "/pay/adapters/fake_processor.js" in phone.page


async def test_who_cannot_answer_the_bank_cancels_and_pays_another_way(
    world: World, ana: Browser
) -> None:
    path = await pay(ana, world.processor.card(action=True), "INV-1")
    await ana.submit(f"{path}/cancel")
    assert "This payment was canceled" in ana.text
    assert await state_of(world, path) is PaymentState.CANCELED
    await ana.submit(f"{path}/cancel")
    assert "This payment was canceled" in ana.text, "a second press changes nothing"
    response = await ana.submit(f"{path}/again")
    review = await enter_method(ana, response.url.path, world.processor.card())
    await ana.submit(review)
    assert "Paid Thank you" in ana.text


async def test_a_paid_payment_cannot_be_canceled(world: World, ana: Browser) -> None:
    path = await pay(ana, world.processor.card(), "INV-1")
    assert (await ana.post(f"{path}/cancel")).status_code == 409
    assert await state_of(world, path) is PaymentState.SETTLED


async def test_an_amount_that_changed_is_shown_before_anything_is_charged(
    world: World, ana: Browser
) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1", "INV-3")
    world.erp.put(item("INV-1", "1001", 41_000, job_no="12", due_in_days=-35))
    await world.sync()
    response = await ana.submit(review)
    assert response.url.path.endswith("/review")
    assert response.url.path != review
    assert "Something has changed since the last preview, so nothing was charged." in ana.text
    assert "INV-1 $400.00 $410.00" in ana.text
    assert "Total $1,000.00 $1,010.00" in ana.text
    assert "Pay $1,010.00" in ana.text
    await ana.submit(response.url.path)
    assert "Paid $1,010.00" not in ana.text
    assert "$1,010.00" in ana.text
    async with world.container.uow()() as uow:
        assert await uow.payments.by_quote(review.split("/")[2]) is None


async def test_an_expired_preview_is_made_anew(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    world.clock.advance(datetime.timedelta(minutes=16))
    await ana.get(review)
    assert "older than 15 minutes" in ana.text
    response = await ana.submit(review)
    assert response.url.path.endswith("/review")
    assert "nothing was charged" in ana.notices[0]
    await ana.submit(response.url.path)
    assert "Paid Thank you" in ana.text


async def test_an_expired_choice_of_methods_is_made_anew(world: World, ana: Browser) -> None:
    preview = await select(ana, "INV-1")
    world.clock.advance(datetime.timedelta(minutes=16))
    await ana.get(preview)
    assert "This preview is no longer good." in ana.text
    assert "Pay with" not in ana.text
    response = await ana.submit(f"{preview}/renew")
    assert response.url.path != preview
    assert "Pay with" in ana.text


async def test_what_somebody_else_pays_meanwhile_is_left_out(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1", "INV-3")
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
    assert user is not None
    who = msgspec.structs.replace(
        world.staff, kind="customer", principal_id=user.user_id, account_no="1001"
    )
    await world.pay(who, "INV-3", instrument=world.processor.bank())
    await ana.submit(review)
    assert "INV-3 $600.00 left out" in ana.text
    assert "Pay $400.00" in ana.text
    everything = await reach_review(ana, world.processor.card(), "INV-1")
    await world.pay(who, "INV-1", instrument=world.processor.bank())
    response = await ana.submit(everything)
    assert response.url.path == "/outstanding"
    assert ana.notices[0].startswith("Nothing was charged.")


async def test_a_double_click_is_one_payment(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    world.processor.delay_s = 0.05
    answers = await asyncio.gather(*(ana.post(review) for _ in range(8)))
    paths = {answer.headers["location"] for answer in answers if answer.status_code == 303}
    assert len(paths) == 1
    assert {answer.status_code for answer in answers} <= {303, 409}
    assert await charged(world, paths.pop()) == 1


async def test_going_back_after_paying_leads_to_the_payment(world: World, ana: Browser) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    paid = (await ana.post(review)).headers["location"]
    assert (await ana.get(review)).headers["location"] == paid
    assert (await ana.get(review.removesuffix("/review"))).headers["location"] == paid


async def test_a_review_without_a_method_leads_to_choosing_one(ana: Browser) -> None:
    preview = await select(ana, "INV-1")
    assert (await ana.get(f"{preview}/review")).headers["location"] == preview


async def test_a_processor_that_does_not_answer_is_told_and_nothing_is_lost(
    world: World, ana: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = await select(ana, "INV-1")

    async def down(request: object) -> None:
        raise Unavailable("no answer", 30)

    monkeypatch.setattr(world.processor, "begin_collect", down)
    response = await ana.submit(f"{preview}/collect", {"method": "card"})
    assert response.url.path == preview
    assert "does not answer at the moment. Nothing was charged." in ana.notices[0]
    assert "Bank account (ACH)" in ana.text


async def test_a_form_that_gives_nothing_usable_can_be_tried_again(
    world: World, ana: Browser
) -> None:
    preview = await select(ana, "INV-1")
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    await ana.get(form)
    assert (await ana.post_json(form, b"no json")).status_code == 422
    for content in (b"{}", b'{"instrument_ref": "made-up"}'):
        answer = await ana.post_json(form, content)
        assert answer.status_code == 422
        assert answer.json()["message"]
    good = msgspec.json.encode({"instrument_ref": world.processor.card().instrument_ref})
    assert (await ana.post_json(form, good)).status_code == 200
    again = await ana.post_json(form, good)
    assert again.status_code == 200, "handing over twice is one method"


async def test_only_the_forms_page_may_load_what_the_processor_needs(
    world: World, ana: Browser
) -> None:
    script = msgspec.json.decode(b'{"script-src": ["https://vendor.example"]}', type=dict)
    begin = world.processor.begin_collect

    async def with_sources(request: object) -> object:
        session = await begin(request)  # type: ignore[arg-type]  # Passed on as it came.
        assert session.script is not None
        return msgspec.structs.replace(
            session, script=msgspec.structs.replace(session.script, csp=script)
        )

    world.processor.begin_collect = with_sources  # type: ignore[method-assign, assignment]  # For this test.
    preview = await select(ana, "INV-1")
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    shown = await ana.get(form)
    assert "https://vendor.example" in shown.headers["content-security-policy"]
    assert "'unsafe-inline'" not in shown.headers["content-security-policy"]
    for path in (preview, "/outstanding", "/payments"):
        other = await ana.get(path)
        assert "vendor.example" not in other.headers["content-security-policy"]
    adapter = await ana.client.get("/pay/adapters/fake_processor.js")
    assert adapter.headers["content-type"].startswith("text/javascript")
    assert "DueportCollect" in adapter.text
    assert (await ana.client.get("/pay/adapters/another.js")).status_code == 404


async def test_credits_that_cover_everything_leave_nothing_to_charge(
    app: PortalApp, world: World
) -> None:
    world.erp.put(account("1003", "Quay"), item("Q-1", "1003", 5_000), item("Q-CR", "1003", -5_000))
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    await select(browser, "Q-1", "Q-CR")
    assert "There is nothing to charge." in browser.text
    assert "Pay with" not in browser.text


async def test_a_total_below_the_minimum_is_refused(app: PortalApp, world: World) -> None:
    world.erp.put(account("1003", "Quay"), item("Q-1", "1003", 49))
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    response = await browser.post("/pay", {"document_refs": ["Q-1"], "view": "all"})
    assert response.status_code == 422
    assert "the least that can be charged is $0.50" in browser.text


async def test_a_payment_stands_even_if_the_banks_question_cannot_be_opened_now(
    world: World, ana: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pay(ana, world.processor.card(action=True), "INV-2", keep=True)
    ana = await portal(world).signed_in("ap@harbor.example")
    preview = await select(ana, "INV-1")
    kept = ana.page.split('name="instrument_id" value="')[1].split('"')[0]
    review = await ana.submit(f"{preview}/method", {"instrument_id": kept})

    async def down(request: object) -> None:
        raise Unavailable("no answer", 30)

    monkeypatch.setattr(world.processor, "begin_collect", down)
    response = await ana.submit(review.url.path)
    assert response.url.path.startswith("/payments/")
    assert "Confirm with your bank" in ana.text
    await ana.submit(f"{response.url.path}/confirm")
    assert "does not answer at the moment" in ana.notices[0]


async def test_going_back_to_a_finished_form_leads_to_the_choice_of_methods(
    world: World, ana: Browser
) -> None:
    preview = await select(ana, "INV-1")
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    await enter_method(ana, preview, world.processor.card())
    assert (await ana.get(form)).headers["location"] == preview
    assert (await ana.get(f"{preview}/collect/return")).headers["location"] == preview


async def test_a_bank_that_leads_back_finds_the_form_it_left(world: World, ana: Browser) -> None:
    preview = await select(ana, "INV-1")
    form = (await ana.post(f"{preview}/collect", {"method": "ach"})).headers["location"]
    back = await ana.get(f"{preview}/collect/return?oauth_state_id=abc")
    assert back.headers["location"] == f"{form}?oauth_state_id=abc"


async def test_a_form_on_the_processors_own_page_is_gone_to_and_come_back_from(
    world: World, ana: Browser
) -> None:
    begin, finish = world.processor.begin_collect, world.processor.finish_collect
    card = world.processor.card()

    async def hosted(request: CollectRequest) -> CollectSession:
        session = await begin(request)
        return msgspec.structs.replace(
            session,
            mode=CollectMode.REDIRECT,
            script=None,
            redirect_url=f"https://processor.example/form?back={request.return_url}",
        )

    async def came_back(session_ref: str, browser_payload: bytes) -> CollectResult:
        assert browser_payload == b"done=1"
        return await finish(
            session_ref, msgspec.json.encode({"instrument_ref": card.instrument_ref})
        )

    with (
        mock.patch.object(world.processor, "begin_collect", hosted),
        mock.patch.object(world.processor, "finish_collect", came_back),
    ):
        preview = await select(ana, "INV-1")
        away = await ana.post(f"{preview}/collect", {"method": "card"})
        assert away.headers["location"].startswith("https://processor.example/form?back=")
        await ana.open(f"{preview}/collect/return?done=1")
    assert "Pay $400.00" in ana.text
