"""What customers do in the portal, as steps that several tests take."""

import msgspec

from dueport_ports import Instrument
from tests.web.portal import Browser
from tests.world import World


async def select(browser: Browser, *documents: str, view: str = "all") -> str:
    """Tick documents and press Pay selected; return the path of the preview."""
    response = await browser.post("/pay", {"document_refs": documents, "view": view})
    assert response.status_code == 303, browser.text
    path: str = response.headers["location"]
    await browser.get(path)
    return path


async def enter_method(
    browser: Browser, preview: str, given: Instrument, keep: bool = False
) -> str:
    """Choose a new method and let the processor's form hand it over; return the review's path."""
    fields = {"method": given.kind.value, **({"keep": "on"} if keep else {})}
    response = await browser.post(f"{preview}/collect", fields)
    assert response.status_code == 303, browser.text
    form = response.headers["location"]
    shown = await browser.get(form)
    assert shown.status_code == 200, browser.text
    answer = await browser.post_json(
        form, msgspec.json.encode({"instrument_ref": given.instrument_ref})
    )
    assert answer.status_code == 200, answer.text
    review: str = answer.json()["next"]
    await browser.get(review)
    return review


async def reach_review(
    browser: Browser, given: Instrument, *documents: str, keep: bool = False
) -> str:
    """Go from Outstanding to the last page before paying; return its path."""
    return await enter_method(browser, await select(browser, *documents), given, keep)


async def pay(browser: Browser, given: Instrument, *documents: str, keep: bool = False) -> str:
    """Pay documents with a new method; return the path of the payment."""
    review = await reach_review(browser, given, *documents, keep=keep)
    accept = {"accept_mandate": "on"} if given.kind.value == "ach" else {}
    response = await browser.post(review, accept)
    assert response.status_code == 303, browser.text
    path: str = response.headers["location"]
    await browser.get(path)
    return path


async def charged(world: World, payment_path: str) -> int:
    """Count the charges that took or will take money for a payment."""
    payment_id = payment_path.rsplit("/", 1)[1]
    async with world.container.uow()() as uow:
        attempts = await uow.payments.attempts(payment_id)
    return sum(world.processor.charge_count(one.attempt.attempt_id) for one in attempts)
