"""What an account owes, and what of it can be selected."""

import datetime
import re

import msgspec
import pytest

from dueport_apps.usecases.records import AccountLink
from dueport_core.accounts import Job
from dueport_core.open_items import OpenItemKind
from tests.web.customer.steps import select
from tests.web.portal import Browser, PortalApp
from tests.world import World, account, item

BOX = re.compile(r'<input[^>]*name="document_refs"[^>]*>')


def ticked(browser: Browser) -> list[str]:
    boxes = [box for box in BOX.findall(browser.page) if " checked" in box]
    return [re.search(r'value="([^"]+)"', box)[1] for box in boxes]  # type: ignore[index]  # Every box has a value.


def boxes(browser: Browser) -> set[str]:
    return {re.search(r'value="([^"]+)"', box)[1] for box in BOX.findall(browser.page)}  # type: ignore[index]  # As above.


async def test_what_is_owed_is_grouped_by_job(ana: Browser) -> None:
    assert ana.text.index("Pier 9 boathouse") < ana.text.index("O'Neill residence")
    assert "Job 12 · 2 invoices · 1 credit" in ana.text
    assert "$654.75 credits -$100.25" in ana.text, "the job's balance and its credits"
    assert "30+ 31–60 days past due $400.00" in ana.text
    assert "Outstanding $1,254.75 3 invoices in 2 jobs" in ana.text
    assert "Past Due $400.00 oldest 35 days" in ana.text
    assert "Balances as of 10:00 AM" in ana.text


async def test_a_job_opens_to_its_own_documents_by_kind(app: PortalApp, world: World) -> None:
    world.erp.put(
        item("DM-1", "1001", 4_500, job_no="12", kind=OpenItemKind.DEBIT),
        item("FC-1", "1001", 1_999, job_no="12", kind=OpenItemKind.FINANCE_CHARGE),
    )
    await world.sync()
    browser = await app.customer()
    job = browser.text[browser.text.index("Open items of Pier 9") :]
    job = job[: job.index("O'Neill residence")]
    order = ["Invoices 2", "INV-1 PO-77", "INV-2", "Debit adjustments 1", "DM-1"]
    order += ["Finance charges 1", "FC-1", "Credit adjustments 1", "CR-1"]
    places = [job.index(words) for words in order]
    assert places == sorted(places)
    assert "INV-3" not in job


@pytest.mark.parametrize(("days", "late"), [(0, False), (-1, True)])
async def test_past_due_is_only_said_when_something_is(
    app: PortalApp, world: World, days: int, late: bool
) -> None:
    world.erp.put(account("1003", "Quay Carpentry"), item("Q-1", "1003", 5_000, due_in_days=days))
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    assert ("Past Due" in browser.text) is late
    assert ("1 day past due" in browser.text) is late


async def test_everything_all_past_due_or_one_job_is_ticked_by_a_link(ana: Browser) -> None:
    await ana.get("/outstanding?select=all")
    assert ticked(ana) == ["INV-1", "INV-2", "CR-1", "INV-3"]
    await ana.get("/outstanding?select=past_due")
    assert ticked(ana) == ["INV-1"]
    await ana.get("/outstanding?select=job:15")
    assert ticked(ana) == ["INV-3"]
    await ana.get("/outstanding?select=job:99&view=nonsense")
    assert ticked(ana) == []


async def test_nothing_to_pay_says_so(app: PortalApp, world: World) -> None:
    world.erp.put(account("1003", "Quay Carpentry"))
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    assert "Nothing to pay" in browser.text
    assert "Pay selected" not in browser.text


async def test_selecting_nothing_is_refused_where_one_is(ana: Browser) -> None:
    response = await ana.post("/pay", {"view": "all"})
    assert response.status_code == 422
    assert "select at least one item" in ana.notices[0]


async def test_credits_above_charges_are_refused_and_the_ticks_stay(ana: Browser) -> None:
    response = await ana.post("/pay", {"document_refs": ["CR-1"], "view": "all"})
    assert response.status_code == 422
    assert "more than the selected charges" in ana.notices[0]
    assert ticked(ana) == ["CR-1"]


async def test_documents_of_others_and_amounts_of_ones_own_are_refused(ana: Browser) -> None:
    response = await ana.post("/pay", {"document_refs": ["INV-9"], "view": "all"})
    assert response.status_code == 422
    assert "$999.00" not in ana.text
    for field in ("amount", "amounts", "total_cents", "account_no"):
        tampered = {"document_refs": ["INV-1"], "view": "all", field: "1"}
        assert (await ana.post("/pay", tampered)).status_code == 422


async def test_a_document_in_a_payment_is_locked_and_says_who_pays_it(
    app: PortalApp, world: World, ana: Browser
) -> None:
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        ben = msgspec.structs.replace(
            user, user_id="ben", email="ben@x.example", username="ben@x.example", name="Ben Ortiz"
        )
        await uow.users.add(ben)
        link = AccountLink(user_id="ben", account_no="1001", linked_at=world.clock.now())
        await uow.users.link(link)
        await uow.commit()
    who = msgspec.structs.replace(world.staff, kind="customer", principal_id="ben")
    who = msgspec.structs.replace(who, name="Ben Ortiz", account_no="1001")
    await world.pay(who, "INV-1", instrument=world.processor.bank())
    await ana.get("/outstanding?select=all")
    assert "Being paid by Ben Ortiz" in ana.text
    assert "INV-1" not in boxes(ana)
    assert "INV-1" not in ticked(ana)
    response = await ana.post("/pay", {"document_refs": ["INV-1"], "view": "all"})
    assert response.status_code == 409
    assert "already part of a payment in progress" in ana.notices[0]


async def test_the_toggle_is_there_only_with_statements(ana: Browser, max_mueller: Browser) -> None:
    assert "Current Statement" not in ana.text
    assert "Current Statement" in max_mueller.text
    assert boxes(max_mueller) == {"INV-9", "INV-10"}
    await max_mueller.get("/outstanding?view=current_statement")
    assert boxes(max_mueller) == {"INV-9"}
    await max_mueller.get("/outstanding?view=new_charges")
    assert boxes(max_mueller) == {"INV-10"}


async def test_the_statement_is_paid_in_one_press_with_its_discount(max_mueller: Browser) -> None:
    await max_mueller.get("/outstanding?view=current_statement")
    assert "Statement balance $999.00" in max_mueller.text
    assert "Discount until Apr 5, 2026" in max_mueller.text
    response = await max_mueller.submit("/pay", {"view": "current_statement", "pick": "statement"})
    assert response.status_code == 200
    assert "INV-9" in max_mueller.text
    assert "INV-10" not in max_mueller.text
    assert "Statement discount of $19.98 is taken off." in max_mueller.notices[0]
    assert "$979.02" in max_mueller.text


async def test_the_same_documents_from_all_earn_no_discount_and_say_why(
    max_mueller: Browser,
) -> None:
    await select(max_mueller, "INV-9")
    assert "The discount is given when the statement is paid from Current Statement" in (
        max_mueller.text
    )
    assert "$979.02" not in max_mueller.text


async def test_after_the_discount_date_nothing_is_promised(app: PortalApp, world: World) -> None:
    world.clock.advance(datetime.timedelta(days=6))
    browser = await app.customer("1002", "pay@mueller.example")
    await browser.get("/outstanding?view=current_statement")
    assert "Apr 5, 2026 (over)" in browser.text
    assert "the statement discount is taken off" not in browser.text


async def test_old_balances_are_warned_about(app: PortalApp, world: World) -> None:
    world.clock.advance(datetime.timedelta(hours=30))
    browser = await app.customer()
    assert browser.notices[0].startswith("Balances as of Mar 31, 2026")
    assert "may be missing" in browser.notices[0]


async def test_who_may_only_see_finds_nothing_to_tick(app: PortalApp, world: World) -> None:
    who = await world.customer("1001")
    async with world.container.uow()() as uow:
        user = await uow.users.get(who.principal_id)
        seer = msgspec.structs.replace(
            user, user_id="seer", email="see@x.example", username="see@x.example"
        )
        await uow.users.add(seer)
        await uow.users.link(
            AccountLink(user_id="seer", account_no="1001", role="see", linked_at=world.clock.now())
        )
        await uow.commit()
    browser = await app.signed_in("see@x.example")
    assert "INV-1" in browser.text
    assert boxes(browser) == set()
    assert "Pay selected" not in browser.text
    response = await browser.post("/pay", {"document_refs": ["INV-1"], "view": "all"})
    assert response.status_code == 403


async def test_names_and_references_are_shown_and_never_run(app: PortalApp, world: World) -> None:
    evil = "<script>alert(1)</script>"
    world.erp.put(
        account("1003", f"Quay {evil}"),
        Job(account_no="1003", job_no='9"9', name=evil),
        item('Q"1', "1003", 5_000, job_no='9"9', po_number=evil),
    )
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    assert evil not in browser.page
    assert "&lt;script&gt;alert(1)" in browser.page
    await select(browser, 'Q"1')
    assert 'Q"1' in browser.text
    assert evil not in browser.page


async def test_a_long_list_is_one_page(app: PortalApp, world: World) -> None:
    world.erp.put(
        account("1003", "Quay Carpentry"),
        *(item(f"Q-{number}", "1003", 1_000 + number) for number in range(80)),
    )
    await world.sync()
    browser = await app.customer("1003", "quay@example.com")
    assert len(boxes(browser)) == 80
    await browser.get("/outstanding?select=all")
    await select(browser, *ticked(browser))
    assert "$831.60" in browser.text
