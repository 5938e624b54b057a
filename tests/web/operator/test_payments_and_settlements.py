"""Incoming Payments and Settlements, from the customer's click to a resolved payout."""

import datetime
import re
import zipfile
from io import BytesIO

import pytest

from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.usecases.post_settlement import PostSettlementCommand
from dueport_apps.usecases.records import OperatorRole
from dueport_core.errors import Unavailable
from dueport_core.payments import Payment, PaymentState
from dueport_core.postings import check_number
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import PortalApp
from tests.world import PROCESSOR, World


async def paid_out(world: World) -> tuple[Payment, str]:
    """Let 1001 pay with a credit, and the processor pay out."""
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1", "CR-1", "DM-1")
    world.processor.pay_out()
    await world.container.import_settlements()(PROCESSOR)
    async with world.container.uow()() as uow:
        rows, _ = await uow.settlements.rows(None, 10)
    return payment, rows[0].settlement.settlement_id


async def test_a_payment_appears_newest_first_with_payer_amount_method_and_status(
    admin: Desk, world: World
) -> None:
    who = await world.customer("1001")
    first = await world.pay(who, "INV-1")
    world.clock.advance(datetime.timedelta(minutes=1))
    second = await world.pay(who, "INV-2", instrument=world.processor.bank())
    page = (await admin.browser.get("/operator/payments")).text

    shown = re.findall(r'<a href="/operator/payments/([0-9A-Z]+)"', page)
    assert shown == [second.payment_id, first.payment_id]
    assert "Harbor Builders, LLC" in admin.browser.text
    assert "$400.00" in admin.browser.text
    assert "Pending" in admin.browser.text
    assert "Settled" in admin.browser.text


async def test_payments_are_filtered_by_status_text_and_dates(admin: Desk, world: World) -> None:
    who = await world.customer("1001")
    card = await world.pay(who, "INV-1")
    bank = await world.pay(who, "INV-2", instrument=world.processor.bank())
    expected = {
        "status=pending": {bank.payment_id},
        "status=settled": {card.payment_id},
        "status=posted": set(),
        f"q={card.payment_id}": {card.payment_id},
        "q=harbor": {card.payment_id, bank.payment_id},
        "q=mueller": set(),
        "from=2026-03-31&to=2026-03-31": {card.payment_id, bank.payment_id},
        "from=2026-04-01": set(),
    }
    for query, ids in expected.items():
        page = (await admin.browser.get(f"/operator/payments?{query}")).text
        shown = set(re.findall(r'<a href="/operator/payments/([0-9A-Z]+)"', page))
        assert shown == ids, query


async def test_a_date_that_is_none_is_told(admin: Desk) -> None:
    response = await admin.browser.get("/operator/payments?from=yesterday")
    assert response.status_code == 422
    assert "Write a date such as 2026-01-31." in admin.browser.text


async def test_the_detail_says_what_was_paid_and_when_each_stage_came(
    admin: Desk, world: World
) -> None:
    payment, settlement_id = await paid_out(world)
    page = await admin.browser.get(f"/operator/payments/{payment.payment_id}")
    text = admin.browser.text
    for words in ("INV-1", "DM-1", "CR-1", payment.payment_id, str(payment.processor_ref)):
        assert words in text
    assert "Submitted by the customer" in text
    assert f"/operator/settlements/{settlement_id}" in page.text
    receipt = await admin.browser.get(f"/operator/payments/{payment.payment_id}/receipt")
    assert receipt.content.startswith(b"%PDF")


async def test_the_ach_authorization_is_shown_word_for_word(admin: Desk, world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1", instrument=world.processor.bank())
    await admin.browser.get(f"/operator/payments/{payment.payment_id}")
    assert "I authorize Cedar Yard Supply to electronically debit my account" in admin.browser.text


async def test_check_now_brings_what_lost_webhooks_would_have_told(
    admin: Desk, world: World
) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1", instrument=world.processor.bank())
    world.clock.advance(datetime.timedelta(minutes=20))
    await admin.browser.get(f"/operator/payments/{payment.payment_id}")
    world.clock.advance(datetime.timedelta(days=3))
    desk = await sign_in(admin.app, OperatorRole.AR, "omar@cedaryard.example")
    await desk.browser.get(f"/operator/payments/{payment.payment_id}")
    await desk.browser.submit(f"/operator/payments/{payment.payment_id}/check")

    assert desk.browser.notices == ["The processor reports: settled."]
    assert (await world.payment(payment.payment_id)).state is PaymentState.SETTLED


async def test_a_processor_that_is_down_is_told_and_nothing_changes(
    admin: Desk, world: World
) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1")
    world.processor.fault = lambda point: Unavailable("the line is cut")
    await admin.browser.get(f"/operator/payments/{payment.payment_id}")
    await admin.browser.submit(f"/operator/payments/{payment.payment_id}/check")

    assert "the line is cut" in admin.browser.notices[0]
    assert (await world.payment(payment.payment_id)).state is PaymentState.SETTLED


async def test_processors_are_called_by_their_titles(
    admin: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment, settlement_id = await paid_out(world)
    titles = {PROCESSOR: "Fake Pay", "fake_erp": "Fake Books"}
    monkeypatch.setattr(PluginCatalog, "title", lambda _, name: titles.get(name, name))
    for page, words in {
        "settlements": "Fake Pay",
        f"settlements/{settlement_id}": "of Fake Pay",
        f"payments/{payment.payment_id}": "Processor Fake Pay",
        "integration": "Fake Pay",
    }.items():
        await admin.browser.get(f"/operator/{page}")
        assert words in admin.browser.text, page
        # What identifies an entry of the journal stays as it is.
        assert PROCESSOR not in re.sub(r"\w+:\S+", "", admin.browser.text), page
    assert "What Fake Books can do" in admin.browser.text


async def test_a_settlement_is_proved_to_the_cent(admin: Desk, world: World) -> None:
    payment, settlement_id = await paid_out(world)
    listed = await admin.browser.get("/operator/settlements")
    assert settlement_id in listed.text
    await admin.browser.get(f"/operator/settlements/{settlement_id}")
    text = admin.browser.text
    assert "Unexplained: $0.00" in text
    assert "Matched" in text
    async with world.container.uow()() as uow:
        settlement = await uow.settlements.get(settlement_id)
    fee = payment.total_cents - settlement.head.amount_cents
    assert f"minus Processor fees ${fee / 100:.2f}" in text
    assert settlement.head.bank_trace in text


async def test_posting_and_resolving_ask_for_a_fresh_code_and_come_back(
    admin: Desk, world: World
) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    world.clock.advance(datetime.timedelta(minutes=6))
    await admin.browser.get(path)
    asked = await admin.browser.post(f"{path}/post")
    assert asked.status_code == 303
    assert asked.headers["location"] == f"/operator/confirm?next={path.replace('/', '%2F')}"
    assert world.erp.posted == {}

    await admin.browser.get(asked.headers["location"])
    back = await admin.browser.post("/operator/confirm", {"code": admin.code(), "next": path})
    assert back.headers["location"] == path
    await admin.browser.get(path)
    await admin.browser.submit(f"{path}/post")
    assert admin.browser.notices == ["The settlement is posted."]
    assert set(world.erp.posted.values()) == {1}
    assert "by Olivia Operator" in admin.browser.text

    await admin.browser.submit(f"{path}/resolve")
    assert admin.browser.notices == ["The settlement is resolved."]
    assert "Resolved" in admin.browser.text


async def test_a_fresh_code_holds_for_five_minutes(admin: Desk, world: World) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    await admin.step_up()
    world.clock.advance(datetime.timedelta(minutes=6))
    await admin.browser.get(path)

    response = await admin.browser.post(f"{path}/post")

    assert response.headers["location"].startswith("/operator/confirm")
    assert world.erp.posted == {}


async def test_an_erp_that_is_down_is_named_and_posting_again_finishes(
    admin: Desk, world: World
) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    await admin.step_up()
    world.erp.faults.unavailable = True
    await admin.browser.get(path)
    await admin.browser.submit(f"{path}/post")
    assert any("Invoices: not confirmed" in notice for notice in admin.browser.notices)

    world.erp.faults.unavailable = False
    await admin.browser.submit(f"{path}/post")
    assert admin.browser.notices == ["The settlement is posted."]


async def test_resolving_before_posting_is_refused_in_words(admin: Desk, world: World) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    await admin.step_up()
    await admin.browser.get(path)
    await admin.browser.submit(f"{path}/resolve")
    assert admin.browser.notices == ["Post every category before you resolve this settlement."]


async def test_the_files_for_a_person_come_as_one_archive(admin: Desk, world: World) -> None:
    _, settlement_id = await paid_out(world)
    response = await admin.browser.get(f"/operator/settlements/{settlement_id}/files")
    assert response.status_code == 200
    assert "attachment" in response.headers["content-disposition"]
    if response.headers["content-type"] == "application/zip":
        assert zipfile.ZipFile(BytesIO(response.content)).namelist()
    else:
        assert response.content


async def test_marking_without_anything_handed_over_is_refused(admin: Desk, world: World) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    await admin.browser.get(path)
    await admin.browser.submit(f"{path}/mark")
    assert admin.browser.notices == ["Nothing of this settlement waits to be marked as posted."]


async def test_read_payouts_now_brings_the_newest(admin: Desk, world: World) -> None:
    who = await world.customer("1001")
    await world.pay(who, "INV-1")
    world.processor.pay_out()
    await admin.browser.get("/operator/settlements")
    assert "No settlements yet" in admin.browser.text
    await admin.browser.submit("/operator/settlements/read")
    assert admin.browser.notices == ["The payouts were read; this list is up to date."]
    assert "Matched" in admin.browser.text


async def test_a_read_only_operator_posts_nothing(reader: Desk, world: World) -> None:
    _, settlement_id = await paid_out(world)
    path = f"/operator/settlements/{settlement_id}"
    page = await reader.browser.get(path)
    assert '<form method="post" action="/operator/settlements' not in page.text
    for step in ("post", "mark", "resolve"):
        assert (await reader.browser.post(f"{path}/{step}")).status_code == 403
    assert (await reader.browser.get(f"{path}/files")).status_code == 403
    assert world.erp.posted == {}


async def test_unknown_payments_and_settlements_are_not_found(app: PortalApp, admin: Desk) -> None:
    for path in ("/operator/payments/X", "/operator/settlements/X", "/operator/payments/X/receipt"):
        assert (await admin.browser.get(path)).status_code == 404, path
    await admin.step_up()
    for step in ("post", "mark", "resolve"):
        await admin.browser.get("/operator/settlements")
        response = await admin.browser.post(f"/operator/settlements/X/{step}")
        assert response.status_code == 404, step


async def test_a_return_after_posting_says_which_receipt_to_reverse_in_the_erp(
    app: PortalApp, world: World
) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    world.clock.advance(datetime.timedelta(days=6))
    await world.container.poll_everything()()
    world.processor.pay_out()
    await world.container.import_settlements()(PROCESSOR)
    async with world.container.uow()() as uow:
        rows, _ = await uow.settlements.rows(None, 10)
    command = PostSettlementCommand(settlement_id=rows[0].settlement.settlement_id, by=world.staff)
    await world.container.post_settlement()(command)
    settled = await world.payment(payment.payment_id)
    assert settled.processor_ref is not None
    desk = await sign_in(app)
    page = (await desk.browser.get(f"/operator/payments/{payment.payment_id}")).text
    assert "Reverse this receipt" not in page

    world.processor.return_payment(settled.processor_ref, "R01")
    await world.container.process_event().payment(PROCESSOR, settled.processor_ref)
    page = (await desk.browser.get(f"/operator/payments/{payment.payment_id}")).text

    assert "Reverse this receipt in the ERP" in page
    assert check_number(payment.payment_id) in page
    await desk.browser.close()
