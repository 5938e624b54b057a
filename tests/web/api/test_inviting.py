"""Inviting by the API: rehearsed, sent once, followed, steered, and refused with a reason."""

import asyncio
import datetime
from typing import Any

import pytest

from dueport_core.errors import NotFound
from tests.web.api.programs import Program, everything, problem
from tests.world import World, account, token_in

EVERYBODY = {"all": True}


async def campaign_of(program: Program, body: dict[str, Any], key: str = "key-1234") -> Any:
    response = await program.post("invitations", body, key)
    assert response.status_code == 201, response.text
    return response.json()


async def invitation_id(program: Program, account_no: str = "1001") -> str:
    listed = (await program.get(f"invitations?account_no={account_no}")).json()["items"]
    found: str = listed[-1]["invitation_id"]
    return found


async def expire(world: World) -> None:
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()


async def test_the_rehearsal_shows_what_sending_does_and_changes_nothing(
    program: Program, world: World
) -> None:
    await world.invite("1002")
    before = await everything(world)
    shown = (await program.post("invitations/rehearsal", EVERYBODY)).json()

    assert [one["email"] for one in shown["will"]] == ["ap@harbor.example"]
    assert [one["account_no"] for one in shown["cannot"]] == ["1003"]
    assert "fix it in the ERP" in shown["cannot"][0]["reason"]
    assert (shown["cannot"][0]["field"], shown["cannot"][0]["kind"]) == ("email", "no_email")
    assert (shown["already"][0]["kind"], shown["will"][0]["last_failure"]) == ("pending", None)
    assert [(one["account_no"], one["state"]) for one in shown["already"]] == [("1002", "pending")]
    assert (shown["will_count"], shown["cannot_count"], shown["already_count"]) == (1, 1, 1)
    assert await everything(world) == before

    sent = await campaign_of(program, EVERYBODY)
    assert (sent["recipients"], sent["cannot"], sent["already"]) == (1, 1, 1)


async def test_long_lists_end_at_a_thousand_and_their_counts_do_not(
    program: Program, world: World
) -> None:
    world.erp.put(*[account(f"9{n:04}", f"Firm {n}", f"ap{n}@x.example") for n in range(1005)])
    await world.sync()
    shown = (await program.post("invitations/rehearsal", EVERYBODY)).json()
    assert shown["will_count"] == 1007
    assert len(shown["will"]) == 1000


@pytest.mark.parametrize(
    ("selection", "mailed"),
    [
        ({"account_no": "1001"}, {"ap@harbor.example"}),
        ({"account_nos": ["1001", "1002", "1001"]}, {"ap@harbor.example", "pay@mueller.example"}),
        ({"all": True, "excluded": ["1001"]}, {"pay@mueller.example"}),
        ({"matching": {"q": "harbor"}}, {"ap@harbor.example"}),
        ({"matching": {"past_due": True, "invitation": "none"}}, {"ap@harbor.example"}),
    ],
)
async def test_each_way_to_select_mails_exactly_those(
    program: Program, world: World, selection: dict[str, Any], mailed: set[str]
) -> None:
    await campaign_of(program, selection)
    await world.run_jobs()
    assert {mail.to_address for mail in world.mail.sent} == mailed


async def test_the_same_key_is_one_campaign_and_one_mail_each(
    program: Program, world: World
) -> None:
    first, second = await asyncio.gather(
        program.post("invitations", EVERYBODY, "key-00000001"),
        program.post("invitations", EVERYBODY, "key-00000001"),
    )
    again = await program.post("invitations", EVERYBODY, "key-00000001")
    other = await program.post("invitations", {"account_no": "1001"}, "key-00000001")
    await world.run_jobs()

    assert sorted(one.status_code for one in (first, second)) in ([201, 201], [201, 409])
    assert again.status_code == 201
    assert other.status_code == 409
    assert "another content" in other.json()["detail"]
    assert len((await program.get("campaigns")).json()["items"]) == 1
    assert sorted(mail.to_address for mail in world.mail.sent) == [
        "ap@harbor.example",
        "pay@mueller.example",
    ]


async def test_two_keys_at_the_same_second_mail_each_customer_once(
    program: Program, world: World
) -> None:
    answers = await asyncio.gather(
        *(program.post("invitations", EVERYBODY, f"key-{n:08}") for n in range(6))
    )
    await world.run_jobs()
    # Whoever was second is told why: one customer has no address, the others are invited.
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422, 422]
    assert len(world.mail.sent) == 2


async def test_what_the_body_leaves_out_is_as_the_dealer_decided(program: Program) -> None:
    plain = await campaign_of(program, {"account_no": "1001"})
    chosen = await campaign_of(
        program,
        {"account_no": "1002", "delivery": "credentials", "language": "es"},
        "key-00000002",
    )
    assert (plain["delivery"], plain["language"], plain["send_to"]) == ("link", "en", "primary")
    listed = (await program.get("invitations")).json()["items"]
    assert [one["delivery"] for one in listed] == ["link", "credentials"]
    assert [one["second_check"] for one in listed] == ["none", "none"]
    assert (chosen["delivery"], chosen["language"]) == ("credentials", "es")


async def test_another_address_gets_the_mail_and_the_record_stays(
    program: Program, world: World
) -> None:
    ordered = await campaign_of(
        program, {"account_no": "1001", "send_to": "address", "address": "owner@harbor.example"}
    )
    assert ordered["send_to"] == "address"
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == ["owner@harbor.example"]
    shown = (await program.get("accounts/1001")).json()
    assert [one["email"] for one in shown["contacts"]] == ["ap@harbor.example"]
    assert shown["invitations"][0]["email"] == "owner@harbor.example"
    assert shown["account"]["invitation"] == "pending"


BAD_ORDERS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"account_no": "4711"}, 404, "4711", ""),
    ({"account_nos": ["1001", "4711", "4712"]}, 404, "4711, 4712", ""),
    ({}, 422, "Say who is invited", "body"),
    ({"account_nos": []}, 422, "Nobody is selected", "account_nos"),
    ({"account_no": " "}, 422, "Nobody is selected", "account_no"),
    ({"matching": {"q": "nobody of this name"}}, 422, "No customer matches", ""),
    ({"all": True, "account_no": "1001"}, 422, "account_no and all", "account_no"),
    ({"account_no": "1001", "username_from": "phone"}, 422, "the dealer's policy", "username_from"),
    (
        {"account_no": "1001", "delivery": "link", "username_from": "phone"},
        422,
        "delivery is link",
        "username_from",
    ),
    (
        {"account_no": "1001", "delivery": "credentials", "second_check": "phone"},
        422,
        "second_check is for delivery: link",
        "second_check",
    ),
    (
        {"kind": "resend", "all": True, "send_to": "contacts"},
        422,
        "where the invitation went",
        "send_to",
    ),
    ({"account_no": "1001", "excluded": ["1002"]}, 422, "leave accounts out", "excluded"),
    (
        {"account_no": "1001", "send_to": "address", "address": "not-an-address"},
        422,
        "type the address",
        "address",
    ),
    ({"account_no": "1001", "send_to": "address"}, 422, "type the address", "address"),
    ({"account_no": "1001", "address": "x@y.example"}, 422, "send_to: address", "address"),
    (
        {"all": True, "delivery": "credentials", "username_from": "phone"},
        422,
        "2 without the field that is needed",
        "",
    ),
    ({"account_no": "1001", "second_check": "ship_to_zip"}, 422, "ship-to ZIP", ""),
    ({"account_no": "1001", "username_from": "shoe_size"}, 400, "username_from", ""),
    ({"account_no": "1001", "second_check": "random"}, 400, "second_check", ""),
    ({"account_no": "1001", "to": "primary"}, 400, "to", ""),
    ({"account_no": "1003"}, 422, "fix it in the ERP", ""),
]
"""What is ordered, the status, what the answer must say, and the field that it names."""


async def test_bad_orders_are_refused_with_a_reason_and_nothing_is_written(
    program: Program, world: World
) -> None:
    await world.run_jobs()
    before = await everything(world)
    for number, (body, status, words, field) in enumerate(BAD_ORDERS):
        response = await program.post("invitations", body, f"key-{number:08}")
        assert response.status_code == status, (body, response.text)
        assert words in response.text, body
        assert not field or field in response.json()["errors"], body
        rehearsed = await program.post("invitations/rehearsal", body)
        # Nobody who can be mailed is a finding for a rehearsal, and a refusal only for sending.
        assert rehearsed.status_code in (status, 200), body
    assert await everything(world) == before
    assert world.queue.waiting == []
    assert world.mail.sent == []


async def test_whoever_is_in_already_is_refused_by_the_name_of_the_state(
    program: Program, world: World
) -> None:
    token = await world.invite("1001")
    pending = await program.post("invitations", {"account_no": "1001"}, "key-00000001")
    await world.register(token)
    registered = await program.post("invitations", {"account_no": "1001"}, "key-00000002")

    assert (pending.status_code, registered.status_code) == (409, 409)
    assert "pending" in pending.json()["detail"]
    assert "has a login" in registered.json()["detail"]
    assert len(world.mail.to("ap@harbor.example")) == 1


async def test_resend_needs_an_expired_invitation_and_kills_the_old_link(
    program: Program, world: World
) -> None:
    old = await world.invite("1001")
    one = await invitation_id(program)
    early = await program.post(f"invitations/{one}/resend")
    await expire(world)
    again = await program.post(f"invitations/{one}/resend")
    await world.run_jobs()
    new = token_in(world.mail.sent[-1].text)
    with pytest.raises(NotFound):
        await world.register(old)

    assert early.status_code == 409
    assert "pending" in early.json()["detail"]
    assert again.status_code == 200
    assert (again.json()["state"], again.json()["sends"]) == ("pending", 2)
    assert len(world.mail.to("ap@harbor.example")) == 2
    await world.register(new)


async def test_a_revoked_invitation_is_dead_and_says_so(program: Program, world: World) -> None:
    token = await world.invite("1001")
    one = await invitation_id(program)
    revoked = await program.post(f"invitations/{one}/revoke")
    again = await program.post(f"invitations/{one}/revoke")
    before = await everything(world)
    refused = {
        name: await program.post(f"invitations/{one}/{name}")
        for name in ("resend", "nudge", "link")
    }

    assert revoked.json()["state"] == "revoked"
    assert again.status_code == 409
    for name, response in refused.items():
        assert response.status_code == 409, name
        assert "revoked" in response.json()["detail"], name
    assert await everything(world) == before
    with pytest.raises(NotFound):
        await world.register(token)
    assert (await program.get("accounts/1001")).json()["account"]["invitation"] is None
    assert len(world.mail.sent) == 1


async def test_an_expired_invitation_cannot_be_reminded_of_or_copied(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    one = await invitation_id(program)
    await expire(world)
    for name in ("nudge", "link", "revoke"):
        response = await program.post(f"invitations/{one}/{name}")
        assert response.status_code == 409, name
        assert "expired" in response.json()["detail"], name
    assert len(world.mail.sent) == 1


async def test_a_declined_customer_is_invited_again_only_on_purpose(
    program: Program, world: World
) -> None:
    token = await world.invite("1001")
    await world.container.decline_invitation()(token)
    one = await invitation_id(program)
    invited = await program.post("invitations", {"account_no": "1001"}, "key-00000001")
    among_others = await program.post(
        "invitations", {"account_nos": ["1001", "1003"]}, "key-00000002"
    )
    shown = await program.post("invitations/preview", {"account_no": "1001"})
    for refused in (invited, among_others, shown):
        assert "`confirm_declined: true`" in refused.json()["detail"]
    assert (invited.status_code, among_others.status_code) == (409, 422)
    hasty = await program.post(f"invitations/{one}/resend")
    asked = await program.post(f"invitations/{one}/resend", {"confirm_declined": True})
    assert hasty.status_code == 409
    assert "declined" in hasty.json()["detail"]
    assert "`confirm_declined: true`" in hasty.json()["detail"]
    assert asked.json()["state"] == "pending"


async def test_pending_ones_are_listed_after_some_days_and_reminded_of_once(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    world.clock.advance(datetime.timedelta(days=3))
    await world.invite("1002")
    world.clock.advance(datetime.timedelta(days=2))
    listed = (await program.get("invitations?pending_over_days=4")).json()["items"]
    reminded = await program.post("invitations/nudge", {"pending_over_days": 4})
    await world.run_jobs()
    again = await program.post("invitations/nudge", {"pending_over_days": 4})
    still_due = (await program.get("invitations?due_after_days=1")).json()["items"]

    assert [one["account_no"] for one in listed] == ["1001"]
    assert [one["account_no"] for one in still_due] == ["1002"]
    assert reminded.status_code == 201
    assert (reminded.json()["kind"], reminded.json()["recipients"]) == ("nudge", 1)
    assert len(world.mail.to("ap@harbor.example")) == 2
    assert again.status_code == 409
    assert len(world.mail.to("pay@mueller.example")) == 1


async def test_a_copied_link_registers_beside_the_mailed_one(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    one = await invitation_id(program)
    made = await program.post(f"invitations/{one}/link")
    assert made.status_code == 201
    user = await world.register(token_in(made.json()["url"]))
    assert user.email == "ap@harbor.example"
    kinds = [step["kind"] for step in (await program.get("accounts/1001/timeline")).json()["steps"]]
    assert "link_copied" in kinds


async def test_the_preview_is_the_mail_and_the_test_goes_to_oneself_alone(
    program: Program, world: World
) -> None:
    before = await everything(world)
    order = {**EVERYBODY, "show_account_no": "1002"}
    shown = (await program.post("invitations/preview", order)).json()
    assert await everything(world) == before
    sent = await program.post(
        "invitations/test", {"account_no": "1001", "to_address": "me@cedaryard.example"}
    )
    wrong = await program.post("invitations/test", {"account_no": "1001", "to_address": "me"})
    nobody = await program.post("invitations/preview", {"account_no": "1003"})
    await world.run_jobs()

    assert (shown["account_no"], shown["to_address"]) == ("1002", "pay@mueller.example")
    assert "<html" in shown["html"]
    assert sent.status_code == 202
    assert [mail.to_address for mail in world.mail.sent] == ["me@cedaryard.example"]
    assert world.mail.sent[0].subject.startswith("[Test] ")
    assert wrong.status_code == 422
    assert "to_address" in wrong.json()["errors"]
    assert nobody.status_code == 422
    assert (await program.get("invitations")).json()["items"] == []


async def test_a_campaign_is_paused_resumed_and_cancelled(program: Program, world: World) -> None:
    campaign = (await campaign_of(program, EVERYBODY))["campaign_id"]
    paused = await program.post(f"campaigns/{campaign}/pause")
    await world.run_jobs()
    assert world.mail.sent == []
    resumed = await program.post(f"campaigns/{campaign}/resume")
    await program.post(f"campaigns/{campaign}/pause")
    cancelled = await program.post(f"campaigns/{campaign}/cancel")
    await world.run_jobs()

    assert [one.json()["state"] for one in (paused, resumed, cancelled)] == [
        "paused",
        "sending",
        "cancelled",
    ]
    assert cancelled.json()["progress"]["cancelled"] == 2
    assert world.mail.sent == []
    late = await program.post(f"campaigns/{campaign}/resume")
    assert late.status_code == 409
    assert "cancelled" in late.json()["detail"]
    assert (await program.get("accounts/1001")).json()["account"]["invitation"] is None


async def test_a_campaign_tells_what_became_of_every_mail(program: Program, world: World) -> None:
    campaign = (await campaign_of(program, EVERYBODY))["campaign_id"]
    await world.run_jobs()
    shown = (await program.get(f"campaigns/{campaign}")).json()
    mails = (await program.get(f"campaigns/{campaign}/mails?limit=1")).json()
    rest = (await program.get(f"campaigns/{campaign}/mails?limit=1&after={mails['next']}")).json()
    queued = (await program.get(f"campaigns/{campaign}/mails?state=queued")).json()
    refused = (await program.get(f"campaigns/{campaign}/refusals")).json()["items"]

    assert shown["state"] == "done"
    assert (shown["progress"]["sent"], shown["progress"]["total"]) == (2, 2)
    assert {one["account_no"] for one in mails["items"] + rest["items"]} == {"1001", "1002"}
    assert {one["state"] for one in mails["items"] + rest["items"]} == {"sent"}
    assert queued == {"items": [], "next": None}
    assert [(one["account_no"], one["kind"]) for one in refused] == [("1003", "no_email")]
    later = (await program.post("invitations", {"all": True, "kind": "invite"}, "key-5678")).json()
    assert "already invited" in later["detail"]
    assert [one["campaign_id"] for one in (await program.get("campaigns")).json()["items"]] == [
        campaign
    ]


async def test_a_refused_mail_shows_the_servers_words_and_can_be_sent_again(
    program: Program, world: World
) -> None:
    world.mail.refuse("ap@harbor.example", 550, "no such user here")
    await campaign_of(program, {"account_no": "1001"})
    await world.run_jobs()
    troubled = (await program.get("invitations?delivery_problem=true")).json()["items"]
    assert [(one["account_no"], one["mail_state"]) for one in troubled] == [("1001", "failed")]
    assert "no such user" in troubled[0]["mail_reason"]
    order = {"kind": "resend", "account_no": "1001"}
    (will,) = (await program.post("invitations/rehearsal", order)).json()["will"]
    assert (will["last_failure"]["state"], will["last_failure"]["code"]) == ("failed", 550)
    again = await program.post(f"invitations/{troubled[0]['invitation_id']}/resend")
    assert again.status_code == 200


async def test_the_funnel_counts_customers(program: Program, world: World) -> None:
    await world.register(await world.invite("1001"))
    await world.invite("1002")
    assert (await program.get("invitations/funnel")).json() == {
        "customers": 3,
        "invited": 2,
        "opened": 1,
        "registered": 1,
        "paid": 0,
    }


async def test_nobody_without_the_right_can_invite_or_steer(viewer: Program, world: World) -> None:
    await world.invite("1001")
    one = await invitation_id(viewer)
    before = await everything(world)
    answers = [
        await viewer.post("invitations/rehearsal", EVERYBODY),
        await viewer.post("invitations", EVERYBODY, "key-00000001"),
        await viewer.post("invitations/nudge", {"pending_over_days": 1}),
        await viewer.post(f"invitations/{one}/link"),
        await viewer.post(f"invitations/{one}/revoke"),
        await viewer.post("accounts/1001/access/disable", {}),
        await viewer.post_raw("bounces", b"", "message/rfc822"),
        await viewer.get("enrolment-codes"),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert await everything(world) == before


async def test_unknown_ids_are_not_found(program: Program, world: World) -> None:
    before = await everything(world)
    for path in ("invitations/9", "campaigns/9", "campaigns/9/mails", "campaigns/9/refusals"):
        response = await program.get(path)
        assert (response.status_code, problem(response)) == (404, "not-found"), path
    for path in (
        "invitations/9/resend",
        "invitations/9/revoke",
        "invitations/9/nudge",
        "invitations/9/link",
        "campaigns/9/pause",
        "campaigns/9/resume",
        "campaigns/9/cancel",
        "accounts/4711/access/disable",
        "accounts/4711/access/restore",
        "enrolment-codes/4711/renew",
    ):
        response = await program.post(path)
        assert (response.status_code, problem(response)) == (404, "not-found"), path
    assert (await program.get("accounts/4711/timeline")).status_code == 404
    assert await everything(world) == before


async def test_credentials_are_resent_with_the_user_name_that_was_promised(
    program: Program, world: World
) -> None:
    how = {"delivery": "credentials", "username_from": "account_no"}
    await campaign_of(program, {"account_no": "1001", **how})
    await world.run_jobs()
    one = await invitation_id(program)
    await expire(world)
    again = await program.post(f"invitations/{one}/resend")
    await world.run_jobs()

    assert again.json()["delivery"] == "credentials"
    assert again.json()["username"] == "1001"
    assert "1001" in world.mail.sent[-1].text
