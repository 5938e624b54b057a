"""What ``dueport invite`` says to people, and how its exit codes and its JSON differ from that."""

import datetime

from tests.commands.desk import Desk
from tests.world import World, token_in

THREE_DAYS = datetime.timedelta(days=3)


async def _work(world: World) -> None:
    await world.run_jobs()


def test_the_help_of_the_group_tells_the_exit_codes(desk: Desk) -> None:
    told = desk.run("--help").stdout
    for words in ("Exit codes:", "0  done", "1  done, and", "2  wrong arguments", "5  refused"):
        assert words in told


def test_steering_ends_well_where_mails_failed_and_looking_says_so(desk: Desk) -> None:
    desk.mail.refuse("ap@harbor.example", 550, "no such user here")
    campaign = desk.json("send", "--all", "--yes")["campaign_id"]
    desk.mail.refuse("pay@mueller.example", 451, "try again later")
    desk.do(_work)
    paused, resumed = desk.run("pause", campaign), desk.run("resume", campaign)
    seen = desk.run("status", campaign)
    cancelled = desk.run("cancel", campaign)

    assert (paused.exit_code, resumed.exit_code, cancelled.exit_code) == (0, 0, 0)
    assert (seen.exit_code, "1 failed" in seen.stdout) == (1, True)
    assert "1 failed, 1 cancelled" in cancelled.stdout


def test_status_lists_who_was_left_out_and_why(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    campaign = desk.json("send", "--all", "--yes")["campaign_id"]
    in_words = desk.run("status", campaign, "--left-out").stdout
    for_programs = desk.json("status", campaign, "--left-out")["left_out"]

    assert "1003  No Mail Contracting" in in_words
    assert "fix it in the ERP" in in_words
    assert [(one["account_no"], one["kind"]) for one in for_programs] == [
        ("1003", "no_email"),
        ("1001", "pending"),
    ]


def test_people_read_the_pages_words_and_the_dealers_time_and_programs_do_not(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    (campaign,), (invitation,) = desk.json("campaigns"), desk.json("list")
    desk.run("remind", invitation["invitation_id"])
    reminders = desk.run("campaigns").stdout
    listed = desk.run("list").stdout

    # The clock stands at 14:00 UTC; the dealer is in New York.
    assert "2026-03-31 10:00 EDT  Reminders    Sending    1 queued" in reminders
    assert "2026-03-31 10:00 EDT  Invitations  Done       1 sent" in reminders
    assert "Pending  Invited 2026-03-31 10:00 EDT  E-mail Queued  Reminded" in listed
    assert campaign["created_at"] == "2026-03-31T14:00:00Z"
    assert (invitation["state"], invitation["mail_state"]) == ("pending", "sent")
    assert [one["kind"] for one in desk.json("campaigns")] == ["nudge", "invite"]


def test_the_servers_words_stand_beside_a_mail_that_failed_alone(desk: Desk) -> None:
    desk.mail.refuse("pay@mueller.example", 550, "no such user here")
    desk.run("send", "--account", "1001", "--account", "1002", "--yes", "--watch")
    sent, failed = sorted(desk.run("list").stdout.splitlines(), key=lambda line: "1002" in line)
    assert sent.endswith("E-mail Sent")
    assert "E-mail Failed (" in failed
    assert "no such user here" in failed


def test_a_dry_run_names_the_user_names_and_the_last_failure(desk: Desk) -> None:
    options = ("--delivery", "credentials", "--username-from", "account_no")
    named = desk.run("send", "--account", "1001", *options, "--dry-run").stdout
    desk.mail.refuse("ap@harbor.example", 550, "no such user here")
    desk.run("send", "--account", "1001", "--yes", "--watch")
    again = desk.run("send", "--account", "1001", "--resend", "--dry-run").stdout
    assert "ap@harbor.example  username 1001" in named
    assert "last mail failed: " in again
    assert "no such user here" in again


def test_a_test_looks_like_the_invitation_that_its_options_make(desk: Desk) -> None:
    options = ("--delivery", "credentials", "--username-from", "account_no")
    desk.run("test", "--account", "1001", "--to", "me@yard.example", *options)
    desk.do(_work)
    assert "1001" in desk.mail.sent[0].text
    assert desk.json("list") == []


def test_where_nobody_can_answer_it_says_how_to_go_on(desk: Desk) -> None:
    result = desk.run("send", "--all", typed="")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "Aborted" not in result.output
    assert desk.json("campaigns") == []


def test_a_customer_who_declined_is_refused_with_the_option_that_confirms(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    (invitation,) = desk.json("list")
    token = token_in(desk.run("link", invitation["invitation_id"]).stdout.strip())

    async def decline(world: World) -> None:
        await world.container.decline_invitation()(token)

    desk.do(decline)
    for command in (
        ["resend", invitation["invitation_id"]],
        ["send", "--account", "1001", "--yes"],
    ):
        result = desk.run(*command)
        assert result.exit_code == 5, command
        assert "--confirm-declined" in result.stderr, command
    again = desk.run("resend", invitation["invitation_id"], "--confirm-declined")
    assert again.exit_code == 0


def test_disabling_names_the_logins_and_the_invitations_that_ended(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    off = desk.run("disable", "1001")
    assert off.stdout == "Revoked: 1 invitation (ap@harbor.example).\n"
    assert desk.json("list")[0]["state"] == "revoked"


def test_reminders_that_are_due_are_listed(desk: Desk) -> None:
    desk.run("send", "--account", "1001", "--yes", "--watch")
    assert desk.json("list", "--due", "3") == []
    desk.clock.advance(THREE_DAYS)
    (due,) = desk.json("list", "--due", "3")
    desk.run("remind", due["invitation_id"])
    desk.do(_work)
    assert desk.json("list", "--due", "3") == []
