"""Campaigns: live progress, pause and cancel, what became of each mail, and sending again."""

import asyncio
import re

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignProgress,
    CampaignState,
    InviteOptions,
    Selection,
)
from dueport_apps.web.operator.live_progress import Look, Picture, ProgressBoard
from dueport_ports import Unavailable
from tests.web.operator.desk import Desk
from tests.world import START, World

REFUSED = "5.1.1 no such mailbox"


def campaign(state: CampaignState = CampaignState.SENDING) -> Campaign:
    return Campaign(
        campaign_id="c",
        state=state,
        selection=Selection(account_nos=("1001",)),
        options=InviteOptions(),
        created_by="o",
        created_by_name="Olivia",
        created_at=START,
    )


def picture(state: CampaignState = CampaignState.SENDING, **counts: int) -> Picture:
    return Picture(campaign=campaign(state), progress=CampaignProgress(**counts))


async def test_the_list_starts_empty_and_says_what_to_do(admin: Desk) -> None:
    await admin.browser.get("/operator/campaigns")
    assert "Nothing was sent yet" in admin.browser.text
    await admin.send(await admin.draft("1001", "1002"))
    await admin.draft("1003")
    page = (await admin.browser.get("/operator/campaigns")).text
    assert "Invitations to 2 recipients" in page
    assert page.count("/operator/campaigns/") == 1, "a draft is no campaign yet"


async def test_a_campaign_of_one_leads_back_to_the_account(admin: Desk) -> None:
    await admin.send(await admin.draft("1001"))
    assert "Invitations to Harbor Builders, LLC" in admin.browser.text
    assert 'href="/operator/customers/1001"' in admin.browser.page


async def test_a_campaign_to_one_customer_is_listed_under_their_name(admin: Desk) -> None:
    await admin.send(await admin.draft("1001"))
    await admin.send(await admin.draft("1002", "1003"))
    await admin.browser.get("/operator/campaigns")
    assert "Invitations to Harbor Builders, LLC" in admin.browser.text
    assert "Invitations to 1 recipient" in admin.browser.text, "of two one cannot be mailed"
    assert "Left out: customers who were selected" in admin.browser.text


async def test_paused_mails_wait_and_resumed_ones_leave(admin: Desk, world: World) -> None:
    path = await admin.draft("1001", "1002")
    await admin.send(path)
    await admin.browser.submit(f"{path}/pause")
    assert "Paused" in admin.browser.text
    await world.run_jobs()
    assert world.mail.sent == []
    await admin.browser.submit(f"{path}/resume")
    await world.run_jobs()
    assert len(world.mail.sent) == 2
    await admin.browser.submit(f"{path}/pause")
    assert "This campaign is done." in admin.browser.notices[0]


async def test_cancelling_takes_back_what_was_not_sent(admin: Desk, world: World) -> None:
    path = await admin.draft("1001", "1002")
    await admin.send(path)
    assert "Everything that is still queued will not be sent" in admin.browser.text
    await admin.browser.submit(f"{path}/cancel")
    assert "Cancelled 2" in admin.browser.text
    assert "0 of 2 mailed, 2 cancelled" in admin.browser.text
    assert 'max="2" value="0"' in admin.browser.page
    await world.run_jobs()
    assert world.mail.sent == []
    page = (await admin.browser.get("/operator/customers?invitation=none")).text
    assert page.count('<th scope="row">') == 4


async def test_the_question_before_cancelling_offers_to_keep_sending(admin: Desk) -> None:
    path = await admin.draft("1001", "1002")
    await admin.send(path)
    dialog = _between(admin.browser.page, '<dialog class="dp-dialog" id="cancel"', "</dialog>")
    assert ">Keep sending<" in dialog
    assert ">Do not send the rest<" in dialog
    assert ">Cancel<" not in dialog
    await admin.browser.submit(f"{path}/pause")
    dialog = _between(admin.browser.page, '<dialog class="dp-dialog" id="cancel"', "</dialog>")
    assert ">Leave it paused<" in dialog


async def test_a_mail_that_is_put_off_says_when_it_is_tried_again(
    admin: Desk, world: World
) -> None:
    world.mail.refuse("ap@harbor.example", 451, "4.7.1 try again later")
    path = await admin.draft("1001")
    await admin.send(path)
    await world.run_jobs()
    await admin.browser.get(path)
    assert re.search(r"Waiting, next try \d+:\d\d [AP]M \(try 2 of 8\)", admin.browser.text)
    row = _between(admin.browser.page, "<tbody", "</tbody>")
    assert "Waiting" in row
    assert "(try 2 of 8)" in row
    assert "4.7.1 try again later" in row
    assert "Queued" not in row


async def test_a_server_that_does_not_answer_is_no_try_of_the_mail(
    admin: Desk, world: World
) -> None:
    world.mail.is_down = True
    path = await admin.draft("1001")
    await admin.send(path)
    await world.run_jobs()
    await admin.browser.get(path)
    assert "Waiting for the mail server, next try" in admin.browser.text
    assert "of 8" not in admin.browser.text


async def test_the_lists_of_a_running_campaign_come_anew_without_the_page(
    admin: Desk, world: World
) -> None:
    world.mail.refuse("pay@mueller.example", 451, "4.7.1 try again later")
    path = await admin.draft("1001", "1002")
    await admin.send(path)
    before = _mark(admin.browser.page, "campaign-recipients")
    assert "List as of" in admin.browser.text
    await world.run_jobs()
    fresh = (await admin.browser.client.get(f"{path}?part=recipients")).text
    assert "<html" not in fresh
    assert _mark(fresh, "campaign-recipients") != before
    assert f'href="{path}?state=sent"' in fresh
    assert "Sent" in _between(fresh, "<tbody", "</tbody>")
    tabs = (await admin.browser.client.get(f"{path}?part=tabs")).text
    assert f'href="{path}?state=sent"' in tabs
    assert "<table" not in tabs
    await admin.browser.submit(f"{path}/cancel")
    assert "List as of" not in admin.browser.text, "nothing will change any more"


async def test_who_is_left_out_is_listed_with_why(admin: Desk, world: World) -> None:
    await world.invite("1001")
    path = await admin.draft("1001", "1002", "1003")
    await admin.send(path)
    assert "1 could not be mailed" in admin.browser.text
    assert "1 already invited or registered" in admin.browser.text
    await admin.browser.get(f"{path}?state=refusals")
    rows = _between(admin.browser.page, "<tbody", "</tbody>")
    assert "1003" in rows
    assert "Fix in ERP" in rows
    await admin.browser.get(f"{path}?state=unneeded")
    rows = _between(admin.browser.page, "<tbody", "</tbody>")
    assert "1001" in rows
    assert "is pending" in rows
    assert "Fix in ERP" not in rows
    saved = (await admin.browser.client.get(f"{path}/refusals.csv?state=unneeded")).text
    assert "1001" in saved
    assert "1003" not in saved


async def test_the_servers_words_are_shown_and_the_lost_can_be_sent_again(
    admin: Desk, world: World
) -> None:
    world.mail.refuse("pay@mueller.example", 550, REFUSED)
    path = await admin.draft("1001", "1002")
    await admin.send(path)
    await world.run_jobs()
    await admin.browser.get(path)
    assert f"550 {REFUSED}" in admin.browser.text.replace("550 550", "550")
    assert "Sent 1" in admin.browser.text
    assert "Failed 1" in admin.browser.text
    failed = (await admin.browser.get(f"{path}?state=failed")).text
    assert failed.count('name="invitation_id"') == 1
    assert "Harbor" not in failed

    for fields in (
        {"invitation_id": re.findall(r'name="invitation_id" value="(\w+)"', failed)},
        {"which": "lost"},
    ):
        await admin.browser.get(path)
        opened = await admin.browser.post(f"{path}/resend", fields)
        await admin.browser.get(opened.headers["location"])
        assert "Send 1 new link" in admin.browser.text
        assert "pay@mueller.example" in admin.browser.text

    nobody = await admin.browser.submit(f"{path}/resend")
    assert nobody.status_code == 200
    assert "Nobody is selected" in admin.browser.notices[0]


async def test_a_copied_link_is_shown_once_and_opens_the_registration(
    admin: Desk, world: World
) -> None:
    world.mail.refuse("ap@harbor.example", 550, REFUSED)
    await admin.send(await admin.draft("1001"))
    await world.run_jobs()
    (row,) = await _invitations(world, "1001")
    shown = await admin.browser.post(f"/operator/invitations/{row}/link")
    assert shown.status_code == 200
    link = re.search(r'value="(http://[^"]+/register/[^"]+)"', shown.text)
    assert link is not None
    assert "It is personal" in admin.browser.text
    user = await world.register(link[1].rsplit("/", 1)[1])
    assert user.email == "ap@harbor.example"

    await admin.browser.get("/operator/customers/1001")
    over = await admin.browser.post(f"/operator/invitations/{row}/link")
    assert over.status_code == 409
    assert "accepted" in admin.browser.notices[0]


async def test_every_list_of_a_campaign_is_a_file_too(admin: Desk, world: World) -> None:
    world.mail.refuse("pay@mueller.example", 550, REFUSED)
    path = await admin.draft("1001", "1002", "1003")
    await admin.send(path)
    await world.run_jobs()
    recipients = (await admin.browser.client.get(f"{path}/recipients.csv")).text
    assert len(recipients.splitlines()) == 3
    assert REFUSED in recipients
    refusals = (await admin.browser.client.get(f"{path}/refusals.csv")).text
    assert "1003" in refusals


async def test_a_reader_sees_progress_and_no_buttons(reader: Desk, world: World) -> None:
    started = await world.start_campaign("1001")
    path = f"/operator/campaigns/{started.campaign_id}"
    page = (await reader.browser.get(path)).text
    assert "Queued" in page
    assert "Pause" not in page
    for step in ("pause", "resume", "cancel", "resend"):
        assert (await reader.browser.post(f"{path}/{step}")).status_code == 403


async def test_the_stream_of_a_finished_campaign_ends_at_once(admin: Desk, world: World) -> None:
    path = await admin.draft("1001")
    await admin.send(path)
    await world.run_jobs()
    stream = await admin.browser.client.get(f"{path}/progress?shown=sending")
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = stream.text.strip().split("\n\n")
    assert "1 of 1" in events[0]
    assert events[0].startswith("data: "), "only events without a name are put into the page"
    assert events[1].startswith("event: turned")
    assert events[2].startswith("event: done")
    assert (await admin.browser.client.get("/operator/campaigns/none/progress")).status_code == 404


async def test_however_many_watch_the_database_is_asked_by_one(admin: Desk) -> None:
    looks = 0
    sent = 0

    async def look(_: str) -> Picture:
        nonlocal looks, sent
        looks += 1
        sent = min(sent + 1, 10)
        state = CampaignState.DONE if sent == 10 else CampaignState.SENDING
        return picture(state, sent=sent, queued=10 - sent)

    board = ProgressBoard(every_s=0.02)
    seen = await asyncio.gather(*(_pictures(board, look) for _ in range(50)))
    assert looks == 10
    assert all(pictures[-1].is_over for pictures in seen)
    await asyncio.sleep(0)
    assert board.pollers == 0


async def test_the_poller_stops_when_nobody_watches() -> None:
    looks = 0

    async def look(_: str) -> Picture:
        nonlocal looks
        looks += 1
        return picture(queued=5, sent=looks)

    board = ProgressBoard(every_s=0.01)
    stream = board.watch("c", look)
    assert await anext(stream) is not None
    assert board.pollers == 1
    await stream.aclose()  # type: ignore[attr-defined]  # It is a generator.
    assert board.pollers == 0
    before = looks
    await asyncio.sleep(0.05)
    assert looks == before


async def test_a_database_that_does_not_answer_ends_the_stream_and_not_the_process() -> None:
    async def look(_: str) -> Picture:
        raise Unavailable("The database does not answer.")

    board = ProgressBoard(every_s=0.01)
    assert await _pictures(board, look) == []
    assert board.pollers == 0


async def test_speed_and_time_left_follow_what_leaves() -> None:
    now = 0.0
    sent = 0

    async def look(_: str) -> Picture:
        nonlocal now, sent
        now += 2
        sent += 100
        state = CampaignState.SENDING if sent < 500 else CampaignState.DONE
        return picture(state, sent=sent, queued=500 - sent)

    board = ProgressBoard(every_s=0, clock=lambda: now)
    pictures = await _pictures(board, look)
    assert pictures[0].per_minute == 0
    assert pictures[1].per_minute == 3_000
    assert pictures[1].seconds_left == 6
    paused = Picture(
        campaign=campaign(CampaignState.PAUSED),
        progress=CampaignProgress(queued=5),
        per_minute=100,
    )
    assert paused.seconds_left == 0


async def test_reminders_are_a_campaign_of_their_own(admin: Desk, world: World) -> None:
    await world.invite("1001")
    nudge = await world.start_campaign("1001", kind=CampaignKind.NUDGE)
    await admin.browser.get(f"/operator/campaigns/{nudge.campaign_id}")
    assert "Reminders to Harbor Builders, LLC" in admin.browser.text


def _between(page: str, start: str, end: str) -> str:
    return page.split(start, 1)[1].split(end, 1)[0]


def _mark(page: str, part: str) -> str:
    found = re.search(rf'id="{part}"[^>]* data-mark="([^"]+)"', page)
    assert found is not None
    return found[1]


async def _pictures(board: ProgressBoard, look: Look) -> list[Picture]:
    return [picture async for picture in board.watch("c", look) if picture is not None]


async def _invitations(world: World, account_no: str) -> list[str]:
    async with world.container.uow()() as uow:
        rows = await uow.invitations.of_account(account_no)
    return [row.invitation.invitation_id for row in rows]
