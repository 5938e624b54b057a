"""Mail that came back, reported by a program: believed only for mails that we sent there."""

import datetime

import pytest

from tests.web.api.programs import Program, everything, problem
from tests.web.api.reports import last_mail, message_id, report, status_part
from tests.world import World

WHOLE = "message/rfc822"


async def test_a_report_marks_the_mail_the_address_and_the_timeline_once(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    mail = await last_mail(world, "1001")
    raw = report(message_id(mail), "ap@harbor.example")
    first = await program.post_raw("bounces", raw, WHOLE)
    after = await everything(world)
    again = await program.post_raw("bounces", raw, WHOLE)

    assert first.status_code == 200, first.text
    (marked,) = first.json()["recipients"]
    assert (marked["outcome"], marked["account_no"]) == ("marked", "1001")
    assert "no such user" in marked["reason"]
    assert again.json()["recipients"][0]["outcome"] == "known"
    assert await everything(world) == after
    (listed,) = (await program.get("invitations?delivery_problem=true")).json()["items"]
    assert (listed["mail_state"], listed["state"]) == ("bounced", "pending")
    assert (await program.get("accounts/1001")).json()["account"]["bounced"] is True
    steps = (await program.get("accounts/1001/timeline")).json()["steps"]
    assert [step["kind"] for step in steps].count("bounced") == 1


async def test_a_returned_address_cannot_be_invited_until_somebody_clears_it(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    mail = await last_mail(world, "1001")
    await program.post_raw("bounces", report(message_id(mail), "ap@harbor.example"), WHOLE)
    one = (await program.get("invitations")).json()["items"][0]["invitation_id"]
    refused = await program.post(f"invitations/{one}/resend")
    cleared = await program.post("bounces/clear", {"address": "AP@harbor.example"})
    nothing = await program.post("bounces/clear", {"address": "ap@harbor.example"})
    resent = await program.post(f"invitations/{one}/resend")

    assert refused.status_code == 422
    assert "came back" in refused.json()["detail"]
    assert cleared.status_code == 204
    assert nothing.status_code == 404
    assert resent.status_code == 200


async def test_bounced_addresses_are_listed_with_whom_they_belong_to(
    program: Program, viewer: Program, world: World
) -> None:
    for account_no, address in (("1001", "ap@harbor.example"), ("1002", "pay@mueller.example")):
        await world.invite(account_no)
        mail = await last_mail(world, account_no)
        await program.post_raw("bounces", report(message_id(mail), address), WHOLE)
        world.clock.advance(datetime.timedelta(hours=1))
    first = (await viewer.get("bounces?limit=1")).json()
    rest = (await viewer.get(f"bounces?limit=1&after={first['next']}")).json()
    lost = await viewer.get("bounces?after=elsewhere")

    (newest,), (oldest,) = first["items"], rest["items"]
    assert newest["address"] == "pay@mueller.example"
    assert oldest == {
        "address": "ap@harbor.example",
        "at": oldest["at"],
        "reason": oldest["reason"],
        "permanent": True,
        "accounts": [
            {"account_no": "1001", "account_name": "Harbor Builders, LLC", "on_file": True}
        ],
    }
    assert oldest["at"] < newest["at"]
    assert "no such user" in oldest["reason"]
    assert rest["next"] is None
    assert (lost.status_code, problem(lost)) == (422, "invalid")


async def test_a_bare_status_part_counts_with_the_message_it_is_about(
    program: Program, world: World
) -> None:
    await world.invite("1001")
    mail = await last_mail(world, "1001")
    part = status_part("ap@harbor.example")
    lost = await program.post_raw("bounces", part, "message/delivery-status")
    named = await program.post_raw(
        f"bounces?message_id={message_id(mail)}", part, "message/delivery-status"
    )
    assert lost.json()["recipients"][0]["outcome"] == "ignored"
    assert named.json()["recipients"][0]["outcome"] == "marked"


@pytest.mark.parametrize("what", ["address", "message", "delay", "success"])
async def test_what_is_forged_or_no_failure_marks_nothing(
    program: Program, world: World, what: str
) -> None:
    await world.invite("1001")
    await world.invite("1002")
    mail = await last_mail(world, "1001")
    before = await everything(world)
    raw = {
        "address": report(message_id(mail), "pay@mueller.example"),
        "message": report("<01jz0000000000000000000000@cedaryard.example>", "ap@harbor.example"),
        "delay": report(message_id(mail), "ap@harbor.example", action="delayed", status="4.4.1"),
        "success": report(
            message_id(mail), "ap@harbor.example", action="delivered", status="2.0.0"
        ),
    }[what]
    response = await program.post_raw("bounces", raw, WHOLE)

    (one,) = response.json()["recipients"]
    assert one["outcome"] == ("delayed" if what == "delay" else "ignored")
    assert one["reason"]
    assert await everything(world) == before


async def test_what_is_no_report_is_refused_and_named(program: Program, world: World) -> None:
    before = await everything(world)
    letter = b"From: ana@harbor.example\r\nSubject: Re: Pay online\r\n\r\nThank you!\r\n"
    person = await program.post_raw("bounces", letter, WHOLE)
    empty = await program.post_raw("bounces", b"", WHOLE)
    json = await program.post("bounces", {"address": "ap@harbor.example"})
    large = await program.post_raw("bounces", b"x" * 1_000_001, WHOLE)
    injected = await program.post_raw(
        "bounces?message_id=%3Ca%0d%0ab@c%3E", status_part("a@b.example"), "message/delivery-status"
    )

    assert (person.status_code, problem(person)) == (422, "invalid")
    assert (empty.status_code, problem(empty)) == (422, "invalid")
    assert (json.status_code, problem(json)) == (415, "unsupported-media-type")
    assert (large.status_code, problem(large)) == (413, "too-large")
    assert injected.status_code == 400
    assert await everything(world) == before
