"""What belongs to somebody else does not exist, and no request of another site is carried out."""

import msgspec
import pytest

from dueport_apps.usecases.payment_records import PaymentFilter
from dueport_apps.usecases.records import AccountLink
from tests.web.customer.steps import pay, reach_review, select
from tests.web.portal import Browser, PortalApp
from tests.world import World

CARD_NUMBER = "4242 4242 4242 4242"


async def colleague(app: PortalApp, world: World) -> Browser:
    """Sign in another login of account 1001."""
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        await uow.users.add(
            msgspec.structs.replace(
                user, user_id="ben", email="ben@x.example", username="ben@x.example"
            )
        )
        link = AccountLink(user_id="ben", account_no="1001", linked_at=world.clock.now())
        await uow.users.link(link)
        await uow.commit()
    return await app.signed_in("ben@x.example")


async def test_another_accounts_preview_does_not_exist(
    world: World, ana: Browser, max_mueller: Browser
) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    preview = review.removesuffix("/review")
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    for path in (preview, review, form, f"{preview}/collect/return"):
        assert (await max_mueller.client.get(path)).status_code == 404, path
    own = await select(max_mueller, "INV-9")
    forms = {
        review: {},
        f"{preview}/method": {"instrument_id": "any"},
        f"{preview}/collect": {"method": "card"},
    }
    for path, fields in forms.items():
        fields["_idempotency_key"] = "a-key-of-my-own"
        assert (await max_mueller.post(path, fields)).status_code == 404, path
        await max_mueller.get(own)
    content = msgspec.json.encode({"instrument_ref": world.processor.card().instrument_ref})
    assert (await max_mueller.post_json(form, content)).status_code == 404
    foreign_form = own + "/collect/" + form.rsplit("/", 1)[1]
    assert (await max_mueller.post_json(foreign_form, content)).status_code == 404
    async with world.container.uow()() as uow:
        rows, _ = await uow.payments.rows(PaymentFilter(), None, 10)
    assert rows == []


async def test_another_accounts_payment_and_receipt_do_not_exist(
    world: World, ana: Browser, max_mueller: Browser
) -> None:
    path = await pay(ana, world.processor.card(), "INV-1")
    for ending in ("", "/receipt"):
        assert (await max_mueller.client.get(path + ending)).status_code == 404
        assert (await ana.client.get(path + ending)).status_code == 200
    for ending in ("/refresh", "/again", "/receipt/resend", "/confirm", "/cancel"):
        await max_mueller.get("/outstanding")
        assert (await max_mueller.post(path + ending)).status_code == 404, ending
    await max_mueller.get("/payments")
    assert path.rsplit("/", 1)[1] not in max_mueller.page


async def test_a_colleagues_preview_and_saved_method_cannot_be_used(
    app: PortalApp, world: World, ana: Browser
) -> None:
    await pay(ana, world.processor.card(), "INV-1", keep=True)
    hers = await reach_review(ana, world.processor.card(), "INV-3")
    ben = await colleague(app, world)
    assert (await ben.client.get(hers)).status_code == 404
    preview = await select(ben, "INV-2")
    assert "Saved methods" not in ben.text
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        [kept] = await uow.instruments.kept(user.user_id, "1001")
    response = await ben.post(f"{preview}/method", {"instrument_id": kept.instrument_id})
    assert response.status_code == 404


async def test_a_colleague_sees_the_payments_of_the_account(
    app: PortalApp, world: World, ana: Browser
) -> None:
    path = await pay(ana, world.processor.card(), "INV-1")
    ben = await colleague(app, world)
    assert (await ben.get(path)).status_code == 200
    assert "Submitted by Ana Ruiz" in ben.text


@pytest.mark.parametrize(
    "path", ["/outstanding", "/payments", "/payments/x", "/payments/x/receipt", "/pay/x/review"]
)
async def test_nothing_is_shown_to_who_is_not_signed_in(app: PortalApp, path: str) -> None:
    response = await app.browser().get(path)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/sign-in")


async def test_every_form_needs_the_sessions_own_token(
    world: World, ana: Browser, max_mueller: Browser
) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    for token in ("", "made-up", max_mueller.token):
        for path in ("/pay", review, "/sign-out", "/account"):
            assert (await ana.post(path, token=token)).status_code == 403, path
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    data = {"_csrf": ana.token}
    assert (await ana.client.post(review, data=data, headers=evil)).status_code == 403
    async with world.container.uow()() as uow:
        assert await uow.payments.by_quote(review.split("/")[2]) is None


async def test_no_field_takes_a_card_number(world: World, ana: Browser) -> None:
    preview = await select(ana, "INV-1")
    assert (await ana.post(f"{preview}/method", {"instrument_id": CARD_NUMBER})).status_code == 422
    await ana.get(preview)
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    await ana.get(form)
    for word in ("cardnumber", "card_number", "cvc", "cc-number"):
        assert word not in ana.page.lower()
    answer = await ana.post_json(form, msgspec.json.encode({"number": CARD_NUMBER}))
    assert answer.status_code == 422


async def test_references_and_secrets_of_the_processor_are_on_no_page(
    world: World, ana: Browser
) -> None:
    card = world.processor.card()
    preview = await select(ana, "INV-1")
    form = (await ana.post(f"{preview}/collect", {"method": "card"})).headers["location"]
    pages = [await ana.client.get(form)]
    answer = await ana.post_json(form, msgspec.json.encode({"instrument_ref": card.instrument_ref}))
    pages.append(await ana.get(answer.json()["next"]))
    paid = await ana.submit(answer.json()["next"])
    pages += [paid, await ana.client.get("/payments")]
    payment = await world.payment(paid.url.path.rsplit("/", 1)[1])
    assert payment.processor_ref is not None
    for page in pages:
        assert card.instrument_ref not in page.text
        assert payment.processor_ref not in page.text
        assert page.headers["cache-control"] == "no-store"


async def test_a_charge_ignores_what_the_form_says_about_amounts(
    world: World, ana: Browser
) -> None:
    review = await reach_review(ana, world.processor.card(), "INV-1")
    for field in ("total_cents", "amount", "instrument_id", "quote_id"):
        assert (await ana.post(review, {field: "1"})).status_code == 422
    await ana.get(review)
    response = await ana.submit(review)
    payment = await world.payment(response.url.path.rsplit("/", 1)[1])
    assert payment.total_cents == 40_000
