"""The Customers Dashboard and the account detail view."""

import re

from dueport_apps.usecases.records import OperatorRole
from dueport_core.invitations import InvitationState
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import PortalApp
from tests.world import World, account, item


def order(page: str) -> list[str]:
    """Return the account numbers of a list in the order shown."""
    return re.findall(r'<th scope="row">\s*<a href="/operator/customers/([^"]+)"', page)


async def test_the_dashboard_starts_with_whom_to_call_first(admin: Desk) -> None:
    page = (await admin.browser.get("/operator/customers")).text
    assert order(page)[:2] == ["1002", "1001"]
    assert 'aria-sort="descending"' in page
    assert "Balances as of" in page


async def test_totals_are_those_of_the_filter(admin: Desk) -> None:
    await admin.browser.get("/operator/customers?q=harbor&sort=name")
    assert "1 account" in admin.browser.text
    assert "$1,279.75" in admin.browser.text


async def test_a_partial_name_without_accents_and_an_account_number_find_a_customer(
    admin: Desk,
) -> None:
    for words in ("muller", "MÜLLER", "1002"):
        page = (await admin.browser.get(f"/operator/customers?q={words}")).text
        assert order(page) == ["1002"], words


async def test_every_offered_column_sorts_both_ways(admin: Desk) -> None:
    page = (await admin.browser.get("/operator/customers")).text
    urls = [
        url.replace("&amp;", "&") for url in re.findall(r'class="dp-sort" href="([^"]+)"', page)
    ]
    assert len(urls) == 7
    for url in urls:
        once = (await admin.browser.get(url)).text
        again = re.search(r'class="dp-sort" href="([^"]+)" aria-current', once)
        assert again is not None
        twice = (await admin.browser.get(again[1].replace("&amp;", "&"))).text
        assert order(once) == list(reversed(order(twice))), url


async def test_filters_are_kept_while_moving_around_and_forgotten_on_request(admin: Desk) -> None:
    await admin.browser.get("/operator/customers?q=harbor&invitation=none")
    await admin.browser.get("/operator/payments")
    back = (await admin.browser.get("/operator/customers")).text
    assert order(back) == ["1001"]
    assert 'value="harbor"' in back

    await admin.browser.get("/operator/customers?all=1")
    assert len(order((await admin.browser.get("/operator/customers")).text)) == 4


async def test_what_cannot_be_mailed_is_flagged_with_where_to_fix_it(admin: Desk) -> None:
    page = await admin.browser.get("/operator/customers")
    assert page.text.count("Fix in ERP: E-mail</span>") == 2
    detail = await admin.browser.get("/operator/customers/1004")
    assert "Malformed e-mail address" in detail.text
    assert "Invite at another address" in detail.text


async def test_sixty_customers_come_in_pages_without_gap_or_repeat(
    admin: Desk, world: World
) -> None:
    for number in range(60):
        world.erp.put(
            account(f"2{number:03}", f"Customer {number:03}", f"c{number}@example.com"),
            item(f"X-{number}", f"2{number:03}", 100_00),
        )
    await world.sync()
    first = (await admin.browser.get("/operator/customers?sort=name")).text
    more = re.search(r'hx-get="([^"]+part=rows)"', first)
    following = re.search(r'rel="next"', first)
    assert more is not None
    assert following is not None
    rows = (await admin.browser.client.get(more[1].replace("&amp;", "&"))).text
    plain = (await admin.browser.get(more[1].replace("&amp;", "&").replace("&part=rows", ""))).text

    assert len(order(first)) == 50
    assert "<html" not in rows
    assert order(rows) == order(plain)
    assert len(set(order(first) + order(rows))) == 64
    assert "First page" in plain


async def test_a_tampered_cursor_is_refused_in_words(admin: Desk) -> None:
    response = await admin.browser.get("/operator/customers?after=abc")
    assert response.status_code == 422
    assert "start again from the first page" in admin.browser.text


async def test_strange_filters_are_ignored(admin: Desk) -> None:
    response = await admin.browser.get("/operator/customers?sort=;drop&dir=up&invitation=x&q=%00")
    assert response.status_code == 200
    assert len(order(response.text)) == 4


async def test_invite_opens_the_dialog_sends_one_mail_and_shows_its_way(
    admin: Desk, world: World
) -> None:
    await admin.browser.get("/operator/customers/1001")
    opened = await admin.browser.post("/operator/customers/1001/invite")
    campaign = opened.headers["location"].removesuffix("/edit")
    await admin.browser.get(f"{campaign}/edit")
    assert "Invite Harbor Builders, LLC" in admin.browser.text
    assert "ap@harbor.example" in admin.browser.text
    await world.run_jobs()
    assert world.mail.sent == []

    await admin.send(campaign)
    assert "Queued 1" in admin.browser.text
    await world.run_jobs()
    await admin.browser.get("/operator/customers/1001")
    assert len(world.mail.to("ap@harbor.example")) == 1
    assert "Last mail Sent" in admin.browser.text
    assert "Invited by Olivia Operator" in admin.browser.text
    assert "Pending" in (await admin.browser.get("/operator/customers")).text


async def test_inviting_twice_is_refused_with_the_state_and_sends_nothing(
    admin: Desk, world: World
) -> None:
    await admin.send(await admin.draft("1001"))
    again = await admin.draft("1001")
    assert "Pending ap@harbor.example · Has a working link" in admin.browser.text
    assert "Already invited or registered 1" in admin.browser.text

    refused = await admin.browser.post(f"{again}/start")
    assert refused.status_code == 409
    assert "is pending and waits for the customer. Nothing was sent." in admin.browser.notices[0]
    await world.run_jobs()
    assert len(world.mail.to("ap@harbor.example")) == 1


async def test_has_login_and_the_badge_follow_the_registration(admin: Desk, world: World) -> None:
    token = await world.invite("1001")
    await world.register(token)
    page = (await admin.browser.get("/operator/customers?invitation=accepted")).text
    assert order(page) == ["1001"]
    await admin.browser.get("/operator/customers/1001")
    assert "Accepted" in admin.browser.text
    assert "ap@harbor.example since" in admin.browser.text
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
    assert row.invitation.state is InvitationState.ACCEPTED


async def test_the_tabs_agree_with_the_erp(admin: Desk, world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1")
    expected = {
        "invoices": ("INV-1", "INV-2", "INV-3"),
        "debits": ("DM-1",),
        "credits": ("CR-1",),
        "payments": (payment.payment_id,),
    }
    for tab, refs in expected.items():
        page = (await admin.browser.get(f"/operator/customers/1001?tab={tab}")).text
        shown = re.findall(r'<th scope="row">(?:<a[^>]*>)?([A-Z0-9-]+)', page)
        assert tuple(sorted(shown)) == tuple(sorted(refs)), tab


async def test_a_read_only_operator_sees_no_button_and_is_refused(
    reader: Desk, world: World
) -> None:
    page = await reader.browser.get("/operator/customers/1001")
    assert page.status_code == 200
    assert "/invite" not in page.text

    refused = await reader.browser.post("/operator/customers/1001/invite")
    assert refused.status_code == 403
    await world.run_jobs()
    assert world.mail.sent == []


async def test_an_unknown_account_is_not_found(admin: Desk) -> None:
    for path in (
        "/operator/customers/9999",
        "/operator/customers/%27%3B--",
        "/operator/customers/0",
    ):
        assert (await admin.browser.get(path)).status_code == 404, path


async def test_before_the_first_sync_the_page_says_what_to_do(app: PortalApp, world: World) -> None:
    desk = await sign_in(app, OperatorRole.AR, "omar@cedaryard.example")
    response = await desk.browser.get("/operator/customers?q=nobody-is-called-so")
    assert "No customer matches" in response.text


async def test_the_badge_filter_offers_exactly_the_five_and_not_invited_sorts_by_balance(
    admin: Desk, world: World
) -> None:
    await world.invite("1002")
    page = (await admin.browser.get("/operator/customers")).text
    choices = re.findall(r'<option value="(\w*)"', page)
    assert choices == ["", "none", "pending", "accepted", "declined", "expired"]
    page = (
        await admin.browser.get("/operator/customers?invitation=none&sort=outstanding&dir=desc")
    ).text
    assert order(page) == ["1001", "1003", "1004"]
    page = (await admin.browser.get("/operator/customers?invitation=none&sort=priority")).text
    assert order(page)[0] == "1001"


async def test_whom_no_mail_can_reach_is_listed_by_its_own_filter(
    admin: Desk, world: World
) -> None:
    await world.invite("1002")
    async with world.container.uow()() as uow:
        await uow.bounces.mark("pay@mueller.example", world.clock.now(), "5.1.1 unknown")
        await uow.commit()
    page = (await admin.browser.get("/operator/customers?email_problem=1&sort=account_no")).text
    assert sorted(order(page)) == ["1002", "1003", "1004"]
    assert "Mail to pay@mueller.example came back" in page
    assert (
        "Mail to pay@mueller.example came back"
        in (await admin.browser.get("/operator/customers/1002")).text
    )


async def test_a_revoked_invitation_shows_no_badge(admin: Desk, world: World) -> None:
    await world.invite("1001")
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
    await world.container.revoke_invitation()(row.invitation.invitation_id, world.staff)
    page = (await admin.browser.get("/operator/customers?invitation=none&q=1001")).text
    assert order(page) == ["1001"]
    assert "Revoked" not in page


async def test_a_read_only_operator_sees_no_boxes(reader: Desk) -> None:
    page = (await reader.browser.get("/operator/customers")).text
    assert 'name="account_no"' not in page
    assert "Invite all" not in page
    assert (await reader.browser.post("/operator/campaigns")).status_code == 403
