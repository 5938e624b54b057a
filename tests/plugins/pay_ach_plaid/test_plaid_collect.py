"""Linking a bank account, signing in to it again, and forgetting it."""

import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    CollectMode,
    Declined,
    InstrumentHealth,
    InstrumentVerification,
    Invalid,
    PaymentMethodKind,
    Unavailable,
    Unsupported,
)
from tests.plugins.pay_ach_plaid.plaid_world import (
    WEBHOOK,
    PlaidWorld,
    account_of,
    item_of,
    plaid_world,
)


def encoded(payload: Any) -> bytes:
    return msgspec.json.encode(payload)


def removed(world: PlaidWorld) -> list[bool]:
    """Return of every sign-in that Plaid knows whether it was given up."""
    return [item["removed"] for item in world.table("items")]


async def test_a_linked_account_reads_as_people_know_it(world: PlaidWorld) -> None:
    instrument = await world.bank("user_business")
    assert instrument.kind is PaymentMethodKind.ACH
    assert instrument.label == "First Platypus Bank •••• 0000"
    assert (instrument.bank_name, instrument.last4) == ("First Platypus Bank", "0000")
    assert (instrument.holder, instrument.reusable) == ("business", True)
    assert instrument.verification is InstrumentVerification.VERIFIED
    assert instrument.health is InstrumentHealth.OK


async def test_no_account_number_is_ever_asked_for(world: PlaidWorld) -> None:
    await world.paid()
    assert "/auth/get" not in {path for path, _ in world.requests}


async def test_link_is_opened_for_checking_and_savings_with_our_name_and_no_persons(
    world: PlaidWorld,
) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    [(path, body)] = world.requests
    assert path == "/link/token/create"
    assert body["products"] == ["auth", "transfer"]
    assert body["client_name"] == "Granite State Lumber"
    assert body["user"] == {"client_user_id": "payer-1"}
    assert body["webhook"] == WEBHOOK
    assert body["account_filters"] == {"depository": {"account_subtypes": ["checking", "savings"]}}
    assert session.bootstrap == {"link_token": session.bootstrap["link_token"], "mode": "link"}
    assert session.expires_at == world.clock.now() + datetime.timedelta(hours=4)


async def test_the_page_may_load_plaid_and_nothing_else(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    assert session.script is not None
    origin = world.sandbox.base_url
    assert session.script.vendor_url == f"{origin}/js/link-initialize.js"
    assert session.script.csp == {
        "script-src": (origin,),
        "frame-src": (origin,),
        "connect-src": (origin,),
    }


async def test_cards_are_somebody_elses(world: PlaidWorld) -> None:
    with pytest.raises(Unsupported):
        await world.plaid.begin_collect(await world.collect_request(kind=PaymentMethodKind.CARD))


async def test_a_public_token_works_once(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"])
    await world.plaid.finish_collect(session.session_ref, encoded(payload))
    with pytest.raises(Invalid, match="link it again"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))


async def test_an_exchange_whose_answer_got_lost_has_the_bank_linked_again(
    world: PlaidWorld,
) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"])
    world.arm_kind(FaultKind.CUT_AFTER, "POST /item/public_token/exchange")
    with pytest.raises(Unavailable):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))
    with pytest.raises(Invalid, match="link it again"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))


async def test_an_account_that_is_not_the_banks_is_refused_and_the_bank_let_go(
    world: PlaidWorld,
) -> None:
    other = await world.bank()
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"])
    foreign = payload | {"account_id": account_of(other)}
    with pytest.raises(Invalid, match="not one of the bank"):
        await world.plaid.finish_collect(session.session_ref, encoded(foreign))
    assert removed(world) == [False, True]


async def test_an_account_that_is_none_for_payments_is_declined(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"])
    world.arm_kind(
        FaultKind.UNKNOWN_ENUM, "POST /accounts/get", path="accounts.*.subtype", value="cd"
    )
    with pytest.raises(Declined, match="checking and savings"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))
    assert removed(world) == [True]


async def test_a_bank_that_cannot_be_let_go_does_not_hide_why_it_was_refused(
    world: PlaidWorld, caplog: pytest.LogCaptureFixture
) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"]) | {"account_id": "nobodys"}
    world.arm_kind(FaultKind.SERVER_ERROR, "POST /item/remove")
    with pytest.raises(Invalid, match="not one of the bank"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))
    assert "stays linked at Plaid" in caplog.text


@pytest.mark.parametrize(
    "payload",
    [
        {"public_token": "public-sandbox-1"},
        {"account_id": "abc"},
        {"public_token": "public-sandbox-1", "account_id": "a b"},
        {"public_token": "x" * 300, "account_id": "abc"},
        {"public_token": "public-sandbox-1", "account_id": "abc", "access_token": "mine"},
        {"public_token": 7, "account_id": "abc"},
        {"public_token": "public-sandbox-nobodys", "account_id": "abc"},
    ],
)
async def test_what_is_no_answer_of_link_is_refused(world: PlaidWorld, payload: Any) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    with pytest.raises(Invalid):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))


async def test_a_session_ends_and_belongs_to_this_deployment(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"])
    with pytest.raises(Invalid, match="not valid any more"):
        await world.plaid.finish_collect("made up", encoded(payload))
    await world.advance(datetime.timedelta(hours=5))
    with pytest.raises(Invalid, match="expired"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))


async def test_micro_deposits_leave_an_instrument_that_waits(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"], "user_pending")
    result = await world.plaid.finish_collect(session.session_ref, encoded(payload))
    assert result.instrument.verification is InstrumentVerification.PENDING
    assert "verified" in result.pending_reason
    account_id = account_of(result.instrument)
    await world.control(
        f"/accounts/{account_id}", "PATCH", verification_status="automatically_verified"
    )
    fresh = await world.plaid.refresh_instrument(result.instrument)
    assert fresh.verification is InstrumentVerification.VERIFIED
    await world.control(
        f"/accounts/{account_id}", "PATCH", verification_status="verification_expired"
    )
    fresh = await world.plaid.refresh_instrument(result.instrument)
    assert fresh.verification is InstrumentVerification.FAILED


async def test_a_verification_that_failed_is_declined_at_once(world: PlaidWorld) -> None:
    session = await world.plaid.begin_collect(await world.collect_request())
    payload = await world.link(session.bootstrap["link_token"], "user_pending")
    await world.control(
        f"/accounts/{payload['account_id']}", "PATCH", verification_status="verification_failed"
    )
    with pytest.raises(Declined, match="could not be verified"):
        await world.plaid.finish_collect(session.session_ref, encoded(payload))


# Health.


async def test_a_bank_that_wants_a_new_sign_in_says_so_until_it_has_it(world: PlaidWorld) -> None:
    instrument = await world.bank()
    await world.control(f"/items/{item_of(instrument)}/require-login")
    tired = await world.plaid.refresh_instrument(instrument)
    assert tired.health is InstrumentHealth.NEEDS_REAUTHORIZATION
    request = await world.collect_request(purpose="reauthorize", instrument=tired)
    session = await world.plaid.begin_collect(request)
    assert session.bootstrap["mode"] == "update"
    with pytest.raises(Invalid, match="not connected yet"):
        await world.plaid.finish_collect(session.session_ref, b"{}")
    await world.link(session.bootstrap["link_token"])
    result = await world.plaid.finish_collect(session.session_ref, b"{}")
    assert result.instrument.health is InstrumentHealth.OK
    assert account_of(result.instrument) == account_of(instrument)
    assert len(world.table("items")) == 1


async def test_signing_in_again_needs_to_know_where(world: PlaidWorld) -> None:
    with pytest.raises(Invalid, match="which bank account"):
        await world.plaid.begin_collect(await world.collect_request(purpose="reauthorize"))


async def test_a_revoked_or_removed_bank_is_disabled(world: PlaidWorld) -> None:
    revoked, gone = await world.bank(), await world.bank()
    await world.control(f"/items/{item_of(revoked)}/revoke")
    await world.plaid.remove_instrument(gone)
    for instrument in (revoked, gone):
        fresh = await world.plaid.refresh_instrument(instrument)
        assert fresh.health is InstrumentHealth.DISABLED
        assert fresh.label == instrument.label


async def test_an_account_that_the_customer_has_taken_back_is_disabled(world: PlaidWorld) -> None:
    instrument = await world.bank()
    world.arm_kind(FaultKind.UNKNOWN_ENUM, "POST /accounts/get", path="accounts.0.account_id")
    fresh = await world.plaid.refresh_instrument(instrument)
    assert fresh.health is InstrumentHealth.DISABLED


async def test_a_bank_that_is_down_changes_nothing_about_the_instrument(world: PlaidWorld) -> None:
    instrument = await world.bank()
    down = {"error_type": "INSTITUTION_ERROR", "error_code": "INSTITUTION_DOWN"}
    world.arm_kind(FaultKind.UNKNOWN_ENUM, "POST /item/get", path="item.error", value=down)
    assert (await world.plaid.refresh_instrument(instrument)).health is InstrumentHealth.OK


async def test_a_consent_that_ends_within_a_week_is_renewed_in_time(world: PlaidWorld) -> None:
    instrument = await world.bank()
    for ends_at, health in (
        ("2026-11-20T00:00:00Z", InstrumentHealth.NEEDS_REAUTHORIZATION),
        ("2027-11-20T00:00:00Z", InstrumentHealth.OK),
        ("some day", InstrumentHealth.OK),
    ):
        world.arm_kind(
            FaultKind.UNKNOWN_ENUM,
            "POST /item/get",
            path="item.consent_expiration_time",
            value=ends_at,
        )
        assert (await world.plaid.refresh_instrument(instrument)).health is health


async def test_an_announced_cut_off_is_remembered_until_the_customer_has_signed_in_again(
    world: PlaidWorld,
) -> None:
    instrument = await world.bank()
    item_id = item_of(instrument)
    told = await world.webhook("ITEM", "PENDING_DISCONNECT", item_id=item_id)
    await world.plaid.receive(told)
    other = world.another()
    tired = await other.refresh_instrument(instrument)
    assert tired.health is InstrumentHealth.NEEDS_REAUTHORIZATION
    await other.close()
    await world.advance(datetime.timedelta(hours=1))
    request = await world.collect_request(purpose="reauthorize", instrument=tired)
    session = await world.plaid.begin_collect(request)
    with pytest.raises(Invalid, match="not connected yet"):
        await world.plaid.finish_collect(session.session_ref, b"{}")
    await world.link(session.bootstrap["link_token"])
    result = await world.plaid.finish_collect(session.session_ref, b"{}")
    assert result.instrument.health is InstrumentHealth.OK
    # The same announcement, delivered once more, is older than the sign-in.
    late = await world.sign(told.body, world.clock.now() - datetime.timedelta(minutes=4))
    await world.advance(datetime.timedelta(seconds=30))
    await world.plaid.receive(late)
    assert (await world.plaid.refresh_instrument(instrument)).health is InstrumentHealth.OK


async def test_a_read_without_an_answer_leaves_the_instrument_as_it_is(world: PlaidWorld) -> None:
    instrument = await world.bank()
    for route in ("POST /item/get", "POST /accounts/get"):
        world.arm_kind(FaultKind.CUT_AFTER, route)
        with pytest.raises(Unavailable):
            await world.plaid.refresh_instrument(instrument)


async def test_forgetting_without_an_answer_is_not_called_done(world: PlaidWorld) -> None:
    instrument = await world.bank()
    world.arm_kind(FaultKind.CUT_BEFORE, "POST /item/remove")
    with pytest.raises(Unavailable):
        await world.plaid.remove_instrument(instrument)
    await world.plaid.remove_instrument(instrument)
    assert removed(world) == [True]


# On Plaid's own page.


async def test_the_hosted_page_needs_no_script_and_the_browser_is_not_believed(
    tmp_path: Path,
) -> None:
    async with plaid_world(tmp_path, bank_entry="hosted") as world:
        session = await world.plaid.begin_collect(await world.collect_request())
        assert (session.mode, session.script) == (CollectMode.REDIRECT, None)
        assert world.plaid.capabilities().collect_modes == {CollectMode.REDIRECT}
        token = session.redirect_url.rsplit("/", 1)[1]
        with pytest.raises(Invalid, match="no bank account was linked"):
            await world.plaid.finish_collect(session.session_ref, b'{"public_token": "mine"}')
        chosen = await world.link(token, accounts=(1,))
        result = await world.plaid.finish_collect(session.session_ref, b"")
        assert result.instrument.label == "First Platypus Bank •••• 1111"
        assert account_of(result.instrument) == chosen["account_id"]


async def test_several_accounts_at_once_are_too_many(tmp_path: Path) -> None:
    async with plaid_world(tmp_path, bank_entry="hosted") as world:
        session = await world.plaid.begin_collect(await world.collect_request())
        await world.link(session.redirect_url.rsplit("/", 1)[1], accounts=(0, 1))
        with pytest.raises(Invalid, match="link one account"):
            await world.plaid.finish_collect(session.session_ref, b"")
