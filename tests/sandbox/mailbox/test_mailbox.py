"""The mailbox as a sender and as a reader meet it."""

import smtplib
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest
from litestar import Litestar

from dueport_apps.sandbox.mailbox import Mailbox, create_mailbox_router
from tests.patience import PATIENCE_S

LINK = "https://pay.example.com/invitations/abc-123?x=1&y=2"


def letter(recipient: str, subject: str = "You are invited") -> EmailMessage:
    """Return a message with a text and an HTML part."""
    message = EmailMessage()
    message["From"] = "Ridgeline Supply <ar@ridgeline.example>"
    message["To"] = recipient
    message["Subject"] = subject
    message.set_content(f"Grüß Gott! Pay <here>: {LINK}.\n")
    message.add_alternative(
        f'<p onclick="x()">Pay <a href="{LINK.replace("&", "&amp;")}">here</a></p>'
        "<script>alert(1)</script>",
        subtype="html",
    )
    return message


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mailbox in memory."""
    with Mailbox() as running:
        yield running


@pytest.fixture
async def web(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a window, on the mailbox's page."""
    app = Litestar(route_handlers=[create_mailbox_router(mailbox)], openapi_config=None)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar narrows ASGI's types.
    async with httpx.AsyncClient(transport=transport, base_url="http://mailbox.test") as client:
        yield client


async def send(mailbox: Mailbox, message: EmailMessage, *recipients: str) -> None:
    """Send one message the way that the application does."""
    await aiosmtplib.send(
        message,
        hostname=mailbox.host,
        port=mailbox.port,
        recipients=list(recipients) or None,
        start_tls=False,
    )


async def test_a_message_is_kept_with_its_envelope_its_text_and_its_links(mailbox: Mailbox) -> None:
    await send(mailbox, letter("Pat@Example.com"))
    message = await mailbox.wait_for("pat@example.com", PATIENCE_S, subject="invited")
    assert message.recipients == ("Pat@Example.com",)
    assert message.sender == "ar@ridgeline.example"
    assert message.text.startswith("Grüß Gott!")
    assert message.links == (LINK,)
    assert "<script>" in message.html


async def test_waiting_in_vain_says_what_came_instead(mailbox: Mailbox) -> None:
    await send(mailbox, letter("somebody@example.com", "Receipt"))
    with pytest.raises(TimeoutError, match=r"no message to pat@.*somebody@example.com: Receipt"):
        await mailbox.wait_for("pat@example.com", 0.1)


def test_a_test_without_an_event_loop_can_wait_too(mailbox: Mailbox) -> None:
    with smtplib.SMTP(mailbox.host, mailbox.port) as client:
        client.send_message(letter("pat@example.com"))
    assert mailbox.wait_for_blocking("pat@example.com", PATIENCE_S).subject == "You are invited"


@pytest.mark.parametrize(
    ("recipient", "code"),
    [("bounce@example.com", 550), ("bounce+7@example.com", 550), ("DEFER@example.com", 451)],
)
async def test_scripted_recipients_are_refused(mailbox: Mailbox, recipient: str, code: int) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refusal:
        await send(mailbox, letter(recipient))
    assert refusal.value.recipients[0].code == code
    assert mailbox.messages == []


async def test_one_refused_recipient_does_not_stop_the_others(mailbox: Mailbox) -> None:
    await send(mailbox, letter("pat@example.com"), "pat@example.com", "bounce@example.com")
    assert mailbox.messages[0].recipients == ("pat@example.com",)


async def test_a_greylisted_recipient_is_accepted_the_second_time(mailbox: Mailbox) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(mailbox, letter("greylist@example.com"))
    await send(mailbox, letter("greylist@example.com"))
    assert len(mailbox.messages_to("greylist@example.com")) == 1


async def test_spam_is_refused_after_it_was_read(mailbox: Mailbox) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
        await send(mailbox, letter("spam@example.com"))
    assert refusal.value.code == 554
    assert mailbox.messages == []


async def test_a_cut_connection_leaves_the_sender_without_an_answer(mailbox: Mailbox) -> None:
    with pytest.raises((aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPReadTimeoutError)):
        await send(mailbox, letter("cut@example.com"))
    assert len(mailbox.messages) == 1


async def test_any_login_is_accepted(mailbox: Mailbox) -> None:
    client = aiosmtplib.SMTP(
        hostname=mailbox.host,
        port=mailbox.port,
        username="ar",
        password="anything",
        start_tls=False,
    )
    async with client:
        await client.send_message(letter("pat@example.com"))
    assert len(mailbox.messages) == 1


async def test_a_folder_keeps_messages_across_starts(tmp_path: Path) -> None:
    with Mailbox(tmp_path) as first:
        await send(first, letter("pat@example.com", "Erste Rechnung über 5 €"))
    with Mailbox(tmp_path) as second:
        kept = second.messages[0]
        assert (kept.subject, kept.recipients) == ("Erste Rechnung über 5 €", ("pat@example.com",))
        assert kept.raw == first.messages[0].raw
        await send(second, letter("pat@example.com"))
        assert [one.id for one in second.messages] == ["000001", "000002"]
        second.clear()
    with Mailbox(tmp_path) as third:
        assert third.messages == []


def test_stopping_frees_the_port_and_starting_takes_it_again() -> None:
    mailbox = Mailbox()
    mailbox.start()
    port = mailbox.port
    mailbox.stop()
    mailbox.stop()
    with pytest.raises(OSError, match="refused"):
        smtplib.SMTP(mailbox.host, port)
    mailbox.start()
    assert mailbox.port == port
    mailbox.stop()


async def test_the_page_lists_the_newest_first_and_clears(
    mailbox: Mailbox, web: httpx.AsyncClient
) -> None:
    assert "No messages yet" in (await web.get("/mailbox")).text
    await send(mailbox, letter("pat@example.com", "First & foremost"))
    await send(mailbox, letter("pat@example.com", "Second <b>"))
    page = (await web.get("/mailbox")).text
    assert page.index("Second &lt;b&gt;") < page.index("First &amp; foremost")
    listed = (await web.get("/mailbox/messages.json")).json()
    assert [one["subject"] for one in listed] == ["Second <b>", "First & foremost"]
    assert listed[0]["links"] == [LINK]
    answer = await web.post("/mailbox/clear")
    assert (answer.status_code, answer.headers["location"]) == (303, "/mailbox")
    assert (await web.get("/mailbox/messages.json")).json() == []


async def test_a_message_is_shown_as_text_with_links_and_its_html_behind_bars(
    mailbox: Mailbox, web: httpx.AsyncClient
) -> None:
    await send(mailbox, letter("pat@example.com"))
    page = await web.get("/mailbox/messages/000001")
    assert f'<a href="{LINK.replace("&", "&amp;")}">' in page.text
    assert "&lt;here&gt;" in page.text
    assert "<script" not in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    part = await web.get("/mailbox/messages/000001/html")
    policy = part.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    raw = await web.get("/mailbox/messages/000001/raw")
    assert raw.headers["content-type"].startswith("text/plain")
    assert (await web.get("/mailbox/messages/999999")).status_code == 404
    styles = await web.get("/mailbox/mailbox.css")
    assert styles.headers["content-type"].startswith("text/css")
