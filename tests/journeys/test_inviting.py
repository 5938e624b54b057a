"""Inviting, step by step as the dealers' own instructions tell it, in a real browser.

One customer; several at once, with one who has no address; one whose invitation expired; generated
credentials, tried out at one's own address first; the whole book, pressed twice.
"""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, StorageState, expect

from tests.demo.running import Running
from tests.journeys.town import (
    PASSWORD,
    Person,
    Town,
    customer_registers,
    found,
    operator_signs_in,
)
from tests.patience import until

pytestmark = pytest.mark.journey

WIDTHS = {1280: 0, 390: 1}
"""Each width has customers of its own in the one demonstration."""


async def open_customers(office: Person, demo: Running, query: str) -> None:
    await office.page.goto(f"{demo.operator['url'].rstrip('/')}/customers?{query}")
    await office.page.wait_for_load_state()


async def open_account(office: Person, demo: Running, account_no: str) -> None:
    await office.page.goto(f"{demo.operator['url'].rstrip('/')}/customers/{account_no}")


def row_of(office: Person, account_no: str) -> Locator:
    link = office.page.locator(f'a[href$="/customers/{account_no}"]').first
    return office.page.locator("main tbody tr").filter(has=link)


async def badge_of(office: Person, demo: Running, account_no: str) -> str:
    """Return the badge that the dashboard shows in the row's Invitation column."""
    await open_customers(office, demo, f"q={account_no}")
    cell = row_of(office, account_no).locator('td[data-label="Invitation"]')
    # Below it stands "not sent yet" for a moment.
    return (await cell.inner_text()).strip().partition("\n")[0]


async def has_login(office: Person, account_no: str) -> str:
    cell = row_of(office, account_no).locator('td[data-label="Has Login"]')
    return (await cell.inner_text()).strip()


async def send(office: Person) -> None:
    """Press the dialog's one button, which says how many it sends to."""
    await office.press(r"^Send \d")
    await expect(office.page).to_have_url(re.compile(r"/(campaigns|customers)/\w+$"))


async def find_and_open(office: Person, demo: Running, account_no: str) -> None:
    """Search by number and click the customer, as the instructions say."""
    await open_customers(office, demo, "all=1")
    await office.page.get_by_placeholder("Name or account number").fill(account_no)
    await office.press("Search")
    await office.page.locator(f'a[href$="/customers/{account_no}"]').first.click()
    await expect(office.page).to_have_url(re.compile(f"/customers/{account_no}$"))


async def invitable(office: Person, demo: Running, count: int, skip: int) -> list[str]:
    """Return accounts that were not invited and have a usable address, by outstanding balance."""
    await open_customers(office, demo, "invitation=none&sort=outstanding&dir=desc&q=")
    numbers = []
    for row in await office.page.locator("main tbody tr").all():
        link = row.locator('a[href*="/operator/customers/"]')
        if not await link.count() or "fix in erp" in (await row.inner_text()).lower():
            continue
        numbers.append(str(await link.first.get_attribute("href")).rsplit("/", 1)[1])
    return numbers[skip : skip + count]


def mail_of(town: Town, account_no: str) -> dict[str, Any]:
    return town.invitations(account_no)[-1]


@pytest.fixture(scope="module")
def cookies() -> dict[str, StorageState]:
    """The operator's session: a code works once, so each sign-in would cost half a minute."""
    return {}


@pytest.fixture
async def office(
    demo: Running, browser: Browser, width: int, cookies: dict[str, StorageState]
) -> Person:
    someone = await Person.at(browser, width, cookies.get("operator"))
    if "operator" not in cookies:
        await operator_signs_in(someone, demo, Town(demo.shown))
        cookies["operator"] = await someone.page.context.storage_state()
    return someone


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_customer_is_invited_from_the_account_and_registers(
    demo: Running, browser: Browser, office: Person, width: int
) -> None:
    town = Town(demo.shown)
    account_no = ("1003", "1006")[WIDTHS[width]]
    await find_and_open(office, demo, account_no)
    await office.press("^Invite$")
    await expect(office.page.locator("main")).to_contain_text("Before anything is sent")
    await expect(office.page.locator("main")).to_contain_text("1 customer will get it")
    assert await office.fits()
    assert town.invitations(account_no) == []
    await send(office)
    mail = (await found(lambda: town.invitations(account_no), "the invitation's mail"))[0]
    assert await badge_of(office, demo, account_no) == "Pending"
    assert await has_login(office, account_no) == "No"

    customer = await Person.at(browser, width)
    await customer_registers(customer, mail)
    assert await badge_of(office, demo, account_no) == "Accepted"
    assert await has_login(office, account_no) == "Yes"

    await open_account(office, demo, account_no)
    shown = await office.main_text()
    for step in ("Invited", "Link opened", "Registered"):
        assert step.lower() in shown.lower(), shown
    assert len(town.invitations(account_no)) == 1
    for someone in (office, customer):
        assert await someone.fits()
        assert someone.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_several_are_invited_at_once_and_one_without_an_address_is_named(
    demo: Running, browser: Browser, office: Person, width: int
) -> None:
    town = Town(demo.shown)
    chosen = await invitable(office, demo, 2, skip=2 * WIDTHS[width])
    await open_customers(office, demo, "email=problem&email_problem=1&invitation=none&q=")
    bad_link = office.page.locator("main tbody tr").filter(has_text="fix in ERP").first
    href = await bad_link.locator('a[href*="/operator/customers/"]').first.get_attribute("href")
    bad = str(href).rsplit("/", 1)[1]
    # The selection survives searching: each customer is looked up and ticked by itself.
    for account_no in (*chosen, bad):
        await open_customers(office, demo, f"q={account_no}")
        await row_of(office, account_no).locator("input[type=checkbox]").check()
    await expect(office.page.locator("main")).to_contain_text("3 selected")
    await office.page.locator("main").get_by_role("button", name="Invite", exact=True).click()
    await expect(office.page.locator("main")).to_contain_text(
        "2 customers will get it; 1 customer cannot"
    )
    assert await office.fits()
    await send(office)

    for account_no in chosen:
        await found(lambda number=account_no: town.invitations(number), "a mail")
        assert len(town.invitations(account_no)) == 1
        assert await badge_of(office, demo, account_no) == "Pending"
    assert town.invitations(bad) == []
    assert await badge_of(office, demo, bad) not in ("Pending", "Accepted")
    assert office.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_an_expired_invitation_is_resent_and_the_old_link_is_dead(
    demo: Running, browser: Browser, office: Person, width: int
) -> None:
    town = Town(demo.shown)
    account_no = ("1004", "1008")[WIDTHS[width]]
    await find_and_open(office, demo, account_no)
    await office.press("^Invite$")
    await send(office)
    first = (await found(lambda: town.invitations(account_no), "the first mail"))[0]
    town.advance(15)

    async def is_expired() -> bool:
        return await badge_of(office, demo, account_no) == "Expired"

    await until(is_expired, "the invitation expires")

    customer = await Person.at(browser, width)
    old_link = re.search(r"http\S+/register/\S+", first["text"])
    assert old_link is not None
    await customer.page.goto(old_link.group())
    await customer.press("Ask for a new link")
    await expect(customer.page.locator("main")).to_contain_text(re.compile("new (link|one)", re.I))

    await open_account(office, demo, account_no)
    await office.press("^Resend")
    await send(office)
    mails = await found(
        lambda: town.invitations(account_no) if len(town.invitations(account_no)) == 2 else [],
        "the second mail",
    )
    second = next(mail for mail in mails if mail["text"] != first["text"])
    await customer.page.goto(old_link.group())
    await expect(customer.page.locator("main")).not_to_contain_text("Set up your login")
    await customer_registers(customer, second)
    assert await badge_of(office, demo, account_no) == "Accepted"
    assert await customer.fits()


@pytest.mark.parametrize("width", WIDTHS)
async def test_credentials_are_tried_out_at_ones_own_address_and_then_change_at_once(
    demo: Running, browser: Browser, office: Person, width: int
) -> None:
    town = Town(demo.shown)
    account_no = (await invitable(office, demo, 1, skip=6 + WIDTHS[width]))[0]
    own = f"me{width}@cedaryard.example"
    await open_customers(office, demo, f"q={account_no}")
    await row_of(office, account_no).locator("input[type=checkbox]").check()
    await office.page.locator("main").get_by_role("button", name="Invite", exact=True).click()
    await office.page.get_by_label("Generated credentials").check()
    await office.page.get_by_label("Generate Username From").select_option("account_no")
    await office.page.get_by_role("radio", name=re.compile("^Another address")).check()
    await office.page.get_by_label("Address", exact=True).fill(own)
    await expect(office.page.locator("#rehearsal")).to_contain_text(own)
    assert await office.fits()
    await send(office)
    (mail,) = await found(lambda: town.invitations(account_no), "the mail with the credentials")
    assert mail["to"] == own or own in str(mail)
    username = re.search(r"Username:\s+(\S+)", mail["text"])
    secret = re.search(r"One-time password:\s+(\S+)", mail["text"])
    assert username is not None
    assert secret is not None
    assert username.group(1) == account_no

    customer = await Person.at(browser, width)
    page = customer.page

    async def sign_in(password: str) -> None:
        await page.goto(f"{demo.customer['url'].rstrip('/')}/sign-in")
        await page.locator("input[name=login]").fill(account_no)
        await page.locator("input[name=password]").fill(password)
        await page.locator("main form button").first.click()
        await page.wait_for_load_state()

    await sign_in(secret.group(1))
    await expect(page).to_have_url(re.compile("/register$"))
    await page.goto(f"{demo.customer['url'].rstrip('/')}/outstanding")
    await expect(page).to_have_url(re.compile("/sign-in"))
    await sign_in(secret.group(1))
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("input[name=password_again]").fill(PASSWORD)
    for box in await page.locator("main input[type=checkbox]").all():
        await box.check()
    await page.locator("main form button").first.click()
    await expect(page).to_have_url(re.compile("/outstanding"))
    assert await badge_of(office, demo, account_no) == "Accepted"
    assert await has_login(office, account_no) == "Yes"

    stranger = await Person.at(browser, width)
    page = stranger.page
    await sign_in(secret.group(1))
    await expect(page.locator("main")).to_contain_text("not right")


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_whole_book_is_invited_and_a_second_press_changes_nothing(
    demo: Running, browser: Browser, office: Person, width: int
) -> None:
    """The second width finds the book invited already, and is told so."""
    town = Town(demo.shown)
    await open_customers(office, demo, "all=1")
    await office.press("^Invite all")
    await expect(office.page.locator("main")).to_contain_text("Before anything is sent")
    assert await office.fits()
    if WIDTHS[width]:
        button = office.page.get_by_role("button", name=re.compile("^Send"))
        await expect(button.last).to_be_disabled()
        await expect(office.page.locator("main")).to_contain_text("Nobody would get a mail")
        return
    dialog = office.page.url
    label = await office.page.get_by_role("button", name=re.compile(r"^Send \d")).inner_text()
    expected = int(re.sub(r"\D", "", label))
    assert expected > 300
    before = len(town.mails_about("customer portal"))
    await send(office)
    progress = office.page.locator("#campaign-live")
    await expect(progress).to_contain_text("Done")

    # The same dialog once more, as after the browser's Back button: it leads to the same campaign.
    campaign = office.page.url
    await office.page.goto(dialog)
    await expect(office.page).to_have_url(campaign)
    after = len(town.mails_about("customer portal"))
    assert after - before <= expected
    assert after - before > expected - 20
    assert office.complaints == []
