"""``dueport invite``: the whole life of invitations from the command line."""

import asyncio
import datetime
import json
import os
import pwd
import stat
from pathlib import Path

import pytest

from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from tests.commands.desk import Desk
from tests.web.api.programs import everything
from tests.web.api.reports import last_mail, message_id, report
from tests.world import World, token_in


async def _work(world: World) -> None:
    await world.run_jobs()


def sent_to(desk: Desk) -> list[str]:
    return sorted(mail.to_address for mail in desk.mail.sent)


def invitation_of(desk: Desk, account_no: str = "1001") -> str:
    found: str = desk.json("list", "--account", account_no)[0]["invitation_id"]
    return found


def test_a_dry_run_shows_the_three_lists_and_sends_nothing(desk: Desk) -> None:
    before = desk.do(everything)
    shown = desk.run("send", "--all", "--dry-run")
    as_json = desk.json("send", "--all", "--dry-run")

    assert shown.exit_code == 1
    for words in ("Will get the mail (2)", "ap@harbor.example", "Cannot get it (1)", "fix it in"):
        assert words in shown.stdout
    assert (as_json["will_count"], as_json["cannot_count"], as_json["already_count"]) == (2, 1, 0)
    assert desk.do(everything) == before


def test_it_asks_with_the_counts_before_it_sends(desk: Desk) -> None:
    refused = desk.run("send", "--all", typed="n\n")
    assert "2 will get the mail, 1 cannot" in refused.stdout
    assert "Nothing was sent." in refused.stdout
    assert desk.json("campaigns") == []

    agreed = desk.run("send", "--all", typed="y\n")
    assert agreed.exit_code == 1
    assert "1 customer could not be invited" in agreed.stdout
    assert "--left-out" in agreed.stdout
    desk.do(_work)
    assert sent_to(desk) == ["ap@harbor.example", "pay@mueller.example"]


def test_with_json_it_never_asks(desk: Desk) -> None:
    result = desk.run("send", "--all", "--json")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert desk.json("campaigns") == []


def test_watching_sends_even_where_no_worker_runs(desk: Desk) -> None:
    result = desk.run(
        "send", "--account", "1001", "--account", "1002", "--yes", "--watch", "--json"
    )
    campaign = json.loads(result.stdout)

    assert result.exit_code == 0
    assert campaign["progress"]["sent"] == 2
    assert sent_to(desk) == ["ap@harbor.example", "pay@mueller.example"]
    assert desk.json("status", campaign["campaign_id"])["state"] == "done"


def test_watching_ends_when_the_mail_server_takes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dueport_apps.commands.invite.following.STALLED_S", 1.0)
    desk.mail.refuse("ap@harbor.example", 451, "try again later")
    result = desk.run("send", "--account", "1001", "--yes", "--watch")
    (campaign,) = desk.json("campaigns")
    assert result.exit_code == 4
    assert "1 mail waits" in result.stderr
    assert (campaign["state"], campaign["progress"]["finished"]) == ("sending", 0)


def test_pressing_twice_mails_nobody_twice_and_names_the_state(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    again = desk.run("send", "--account", "1001", "--yes")
    assert again.exit_code == 5
    assert "was already invited" in again.stderr
    assert sent_to(desk) == ["ap@harbor.example"]


@pytest.mark.parametrize(
    ("options", "mailed"),
    [
        (["--matching", "harbor"], ["ap@harbor.example"]),
        (["--past-due", "--not-invited"], ["ap@harbor.example"]),
        (["--all", "--except", "1001"], ["pay@mueller.example"]),
        (["--account", "1001", "--to", "owner@harbor.example"], ["owner@harbor.example"]),
    ],
)
def test_each_way_to_select_mails_exactly_those(
    desk: Desk, options: list[str], mailed: list[str]
) -> None:
    desk.run("send", *options, "--yes", "--watch")
    assert sent_to(desk) == mailed


def test_the_options_say_how(desk: Desk) -> None:
    options = ("--delivery", "credentials", "--username-from", "account_no", "--language", "es")
    desk.run("send", "--account", "1001", *options, "--yes", "--watch")
    (shown,) = desk.json("list", "--account", "1001")
    assert shown["delivery"] == "credentials"
    assert "1001" in desk.mail.sent[0].text
    assert "contraseña" in desk.mail.sent[0].text


BAD_ORDERS: list[tuple[list[str], int, str]] = [
    (["send", "--account", "4711"], 5, "4711"),
    (["send"], 2, "Nobody is selected"),
    (["send", "--matching", "nobody of this name"], 5, "No customer matches"),
    (["send", "--account", "1001", "--all"], 2, "not both"),
    (["send", "--account", "1001", "--except", "1002"], 2, "--except"),
    (["send", "--account", "1001", "--to", "not-an-address"], 5, "type the address"),
    (["send", "--account", "1001", "--username-from", "shoe_size"], 2, "shoe_size"),
    (
        ["send", "--all", "--delivery", "credentials", "--username-from", "phone"],
        5,
        "field that is",
    ),
    (["send", "--account", "1001", "--second-check", "ship_to_zip"], 5, "ship-to ZIP"),
    (["send", "--account", "1001", "--username-from", "phone"], 2, "the dealer's policy"),
    (
        ["send", "--all", "--delivery", "credentials", "--second-check", "phone"],
        2,
        "--second-check goes with --delivery link",
    ),
    (["send", "--all", "--resend", "--to", "contacts"], 2, "where the invitation went"),
    (["send", "--matching", "zzzz", "--dry-run"], 5, "No customer matches"),
    (
        ["test", "--account", "1001", "--to", "me@x.example", "--username-from", "phone"],
        2,
        "--username-from goes with --delivery credentials",
    ),
    (["send", "--account", "1003"], 5, "fix it in the ERP"),
    (["preview", "--account", "4711"], 5, "4711"),
    (["test", "--account", "1001", "--to", "me"], 5, "was not sent"),
    (["resend", "9"], 5, "no such invitation"),
    (["revoke", "9"], 5, "no such invitation"),
    (["remind", "9"], 5, "no such invitation"),
    (["link", "9"], 5, "no such invitation"),
    (["remind"], 2, "--pending-over"),
    (["remind", "--pending-over", "0"], 2, "0"),
    (["remind", "--pending-over", "3"], 5, "Nothing was sent"),
    (["status", "9"], 5, "no such campaign"),
    (["pause", "9"], 5, "no such campaign"),
    (["cancel", "9"], 5, "no such campaign"),
    (["list", "--account", "4711"], 5, "4711"),
    (["disable", "4711"], 5, "4711"),
    (["disable", "1001"], 5, "Nobody"),
    (["restore", "1001", "--login", "x@y.example"], 5, "x@y.example"),
    (["letter", "--out", "x.pdf", "--account", "4711"], 5, "4711"),
    (["letter", "--out", "x.pdf", "--account", "1001", "--all"], 2, "not both"),
    (["list", "--state", "pendng"], 2, "pending"),
    (["list", "--due", "0"], 2, "366"),
    (["campaigns", "--limit", "0"], 2, "10000"),
    (["clear-bounce", "x@y.example"], 5, "came back"),
    (["read-bounces", "missing.eml"], 2, "missing.eml"),
]


def test_bad_orders_are_explained_and_nothing_is_written(desk: Desk) -> None:
    before = desk.do(everything)
    for arguments, code, words in BAD_ORDERS:
        yes = ["--yes"] if arguments[0] == "send" else []
        result = desk.run(*arguments, *yes)
        assert result.exit_code == code, (arguments, result.output)
        assert words.lower() in result.stderr.lower(), (arguments, result.stderr)
        assert "Traceback" not in result.output, arguments
    assert desk.do(everything) == before
    assert (desk.mail.sent, desk.queue.waiting) == ([], [])


def test_a_refusal_is_json_with_its_fields(desk: Desk) -> None:
    answer = desk.json("send", "--account", "1001", "--to", "nobody@", "--yes")
    assert answer["error"] == "Invalid"
    assert "address" in answer["fields"]


def test_revoked_and_expired_invitations_are_refused_by_their_state(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--account", "1002", "--yes", "--watch")
    revoked, expired = invitation_of(desk, "1001"), invitation_of(desk, "1002")
    assert desk.run("revoke", revoked).exit_code == 0
    desk.clock.advance(datetime.timedelta(days=8))

    async def expire(world: World) -> None:
        await world.container.expire_invitations()()

    desk.do(expire)
    for command in ("resend", "remind", "link", "revoke"):
        result = desk.run(command, revoked)
        assert (result.exit_code, "revoked" in result.stderr) == (5, True), command
    for command in ("remind", "link", "revoke"):
        result = desk.run(command, expired)
        assert (result.exit_code, "expired" in result.stderr) == (5, True), command
    assert len(desk.mail.sent) == 2
    assert desk.run("resend", expired).exit_code == 0
    desk.do(_work)
    assert sent_to(desk).count("pay@mueller.example") == 2


def test_a_link_registers_and_access_is_switched_off_and_on(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    url = desk.run("link", invitation_of(desk)).stdout.strip()

    async def register(world: World) -> str:
        return (await world.register(token_in(url))).email

    assert desk.do(register) == "ap@harbor.example"
    assert desk.json("funnel")["registered"] == 1
    off = desk.run("disable", "1001", "--login", "ap@harbor.example")
    assert (off.exit_code, off.stdout) == (0, "Switched off: 1 login (ap@harbor.example).\n")
    assert desk.run("disable", "1001").exit_code == 5
    assert desk.json("restore", "1001") == {"restored": 1, "logins": ["ap@harbor.example"]}


def test_pending_ones_are_listed_and_reminded_of_once(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    assert desk.json("list", "--pending-over", "3") == []
    desk.clock.advance(datetime.timedelta(days=4))
    assert [one["account_no"] for one in desk.json("list", "--pending-over", "3")] == ["1001"]
    assert desk.json("remind", "--pending-over", "3")["recipients"] == 1
    desk.do(_work)
    assert desk.run("remind", "--pending-over", "3").exit_code == 5
    assert len(desk.mail.sent) == 2


def test_a_campaign_is_paused_resumed_and_cancelled(desk: Desk) -> None:
    campaign = desk.json("send", "--all", "--yes")["campaign_id"]
    assert desk.json("pause", campaign)["state"] == "paused"
    desk.do(_work)
    assert desk.mail.sent == []
    assert desk.json("resume", campaign)["state"] == "sending"
    assert desk.json("cancel", campaign)["progress"]["cancelled"] == 2
    desk.do(_work)
    assert desk.mail.sent == []
    assert desk.run("resume", campaign).exit_code == 5


def test_preview_and_test_show_the_mail_and_leave_no_invitation(desk: Desk) -> None:
    text = desk.run("preview", "--account", "1001")
    html = desk.run("preview", "--account", "1001", "--html")
    test = desk.run("test", "--account", "1001", "--to", "me@yard.example")
    desk.do(_work)
    assert "To: ap@harbor.example" in text.stdout
    assert "<html" in html.stdout
    assert test.exit_code == 0
    assert sent_to(desk) == ["me@yard.example"]
    assert desk.json("list") == []


def test_codes_and_letters_are_files_for_their_owner_alone(desk: Desk) -> None:
    sheet, paper = desk.folder / "codes.csv", desk.folder / "letters.pdf"
    listed = desk.json("codes")
    assert desk.run("codes", "--out", str(sheet)).exit_code == 0
    assert desk.json("letter", "--out", str(paper), "--all") == {"file": str(paper), "letters": 3}

    rows = sheet.read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 4
    assert listed[0]["code"] in rows[1]
    assert paper.read_bytes().startswith(b"%PDF")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (sheet, paper)} == {0o600}

    async def exports(world: World) -> list[tuple[str, dict[str, str]]]:
        async with world.container.uow()() as uow:
            return [(one.entry.action, one.entry.detail) for one in await uow.audit.page(None, 3)]

    assert desk.do(exports) == [("enrolment.exported", {"codes": "3"})] * 3


def test_the_audit_log_says_that_it_was_the_command_line_and_who(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes")

    async def newest(world: World) -> tuple[str, str, str]:
        async with world.container.uow()() as uow:
            (stored,) = await uow.audit.page(None, 1)
        return stored.entry.actor_kind, stored.entry.actor_name, stored.entry.action

    kind, name, action = desk.do(newest)
    assert (kind, action) == ("system", "campaign.invite")
    assert name == f"Command line ({pwd.getpwuid(os.getuid()).pw_name})"


def test_reports_are_read_from_files_and_from_the_folder(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--account", "1002", "--yes", "--watch")

    async def reports(world: World) -> tuple[bytes, bytes]:
        one, other = await last_mail(world, "1001"), await last_mail(world, "1002")
        return (
            report(message_id(one), one.to_address),
            report(message_id(other), other.to_address),
        )

    first, second = desk.do(reports)
    named, letter = desk.folder / "bounce.eml", desk.folder / "letter.eml"
    named.write_bytes(first)
    letter.write_bytes(b"Subject: Re: Pay online\r\n\r\nThank you!\r\n")
    for shelf in ("new", "cur", "tmp"):
        (desk.folder / "bounces" / shelf).mkdir(parents=True)
    (desk.folder / "bounces" / "new" / "1.host").write_bytes(second)

    read = desk.run("read-bounces", str(named), str(letter), "--json")
    answers = json.loads(read.stdout)
    folder = desk.json("read-bounces")
    listed = desk.json("bounces")
    in_words = desk.run("bounces").stdout

    assert read.exit_code == 1
    assert answers[0]["recipients"][0]["outcome"] == "marked"
    assert "delivery status notification" in answers[1]["error"]
    assert named.exists()
    assert folder == {"files": 1, "marked": 1, "unread": 0}
    assert len(desk.json("list", "--problems")) == 2
    assert {one["address"] for one in listed} == {"ap@harbor.example", "pay@mueller.example"}
    for one in listed:
        assert one["permanent"] is True
        assert "no such user" in one["reason"]
        assert [whose["on_file"] for whose in one["accounts"]] == [True]
    assert "1001 Harbor Builders, LLC" in in_words
    assert "Fix in ERP" in in_words
    assert " EDT  pay@mueller.example" in in_words
    assert desk.run("clear-bounce", "ap@harbor.example").exit_code == 0
    assert [one["address"] for one in desk.json("bounces")] == ["pay@mueller.example"]


def test_it_works_beside_a_server_on_the_same_embedded_database_and_without_one(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(config.parent, config)
    monkeypatch.setattr("dueport_apps.deployment.deployment", desk.deployment)
    with EmbeddedPostgres(config.parent / "data" / "database", durable=False) as server:
        beside = desk.json("funnel")
        assert asyncio.run(_answers(desk, server.url()))
    alone = desk.json("funnel")

    assert beside == alone
    assert beside["customers"] == 0


async def _answers(desk: Desk, url: str) -> bool:
    async with desk.world(url) as world:
        await world.container.database().ping()
        return True
