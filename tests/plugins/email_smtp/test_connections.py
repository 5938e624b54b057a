"""Held connections: reuse, replacement, limits, refusals on the way and broken lines."""

import asyncio
import functools
from pathlib import Path

import pytest

from dueport_ports import Misconfigured, Unavailable
from dueport_ports.testing.email import sample_email
from tests.patience import until
from tests.plugins.email_smtp.raw_server import Peer, raw_server
from tests.plugins.email_smtp.smtp_server import (
    PASSWORD,
    USERNAME,
    TestAuthority,
    make_sender,
    smtp_server,
)


@pytest.fixture(params=[False, True], ids=["step by step", "in groups"], autouse=True)
def _pipelining(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs against a server with and one without PIPELINING."""
    server = functools.partial(smtp_server, pipelining=request.param)
    monkeypatch.setattr(request.module, "smtp_server", server)


async def answer_until_data(peer: Peer) -> None:
    """Greet and accept everything up to and including DATA."""
    await peer.greet()
    for reply in ("250 OK", "250 OK", "354 go on"):
        await peer.group()
        peer.say(reply)


async def test_one_connection_serves_many_calls() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port)
        for number in range(5):
            await sender.send([sample_email(number)])
        assert server.script.connections_total == 1
        assert len(server.script.messages) == 5
        await sender.close()


async def test_no_more_connections_are_held_than_configured() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, connections=3)
        batches = [[sample_email(10 * batch + n) for n in range(10)] for batch in range(6)]
        results = await asyncio.gather(*(sender.send(batch) for batch in batches))
        assert [len(each) for each in results] == [10] * 6
        assert {result.state for each in results for result in each} == {"sent"}
        assert len({content for _, content in server.script.messages}) == 60
        assert server.script.connections_max <= 3
        await sender.close()


async def test_a_connection_is_replaced_after_its_share_of_messages() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, connections=1, messages_per_connection=4)
        results = await sender.send([sample_email(number) for number in range(10)])
        assert [result.state for result in results] == ["sent"] * 10
        assert server.script.connections_total == 3
        await sender.close()


async def test_an_idle_connection_is_closed_politely() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, idle_close_s=0.3)
        await sender.send([sample_email(0)])
        assert server.script.connections_open == 1
        await until(lambda: server.script.connections_open == 0, "the connection is closed")
        assert server.script.commands["QUIT"] == 1
        assert (await sender.send([sample_email(1)]))[0].state == "sent"
        await sender.close()


async def test_an_older_connection_is_asked_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dueport_email_smtp.pool._TRUSTED_IDLE_S", 0.0)
    async with smtp_server() as server:
        sender = make_sender(server.port)
        await sender.send([sample_email(0)])
        await sender.send([sample_email(1)])
        assert server.script.commands["RSET"] == 1
        assert server.script.connections_total == 1
        await sender.close()


async def test_a_connection_that_died_unnoticed_costs_no_message() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, connections=1)
        await sender.send([sample_email(0)])
        server.script.cut_once_before.add("customer1@example.test")
        assert (await sender.send([sample_email(1)]))[0].state == "sent"
        assert server.script.connections_total == 2
        assert len(server.script.messages) == 2
        await sender.close()


async def test_closing_says_goodbye_and_leaves_no_connection() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port)
        await sender.send([sample_email(number) for number in range(8)])
        await sender.close()
        await until(lambda: server.script.connections_open == 0, "every connection is closed")
        assert server.script.commands["QUIT"] == server.script.connections_total


async def test_after_a_refused_recipient_the_connection_goes_on() -> None:
    async with smtp_server() as server:
        server.script.refusals["customer0@example.test"] = "550 5.1.1 no such mailbox"
        sender = make_sender(server.port, connections=1)
        results = await sender.send([sample_email(0), sample_email(1)])
        assert [result.state for result in results] == ["refused", "sent"]
        assert (results[0].code, results[0].reason) == (550, "5.1.1 no such mailbox")
        assert server.script.connections_total == 1
        await sender.close()


@pytest.mark.parametrize(("answer", "permanent"), [("554 5.7.1 spam", True), ("452 full", False)])
async def test_a_refusal_after_the_whole_message_is_an_answer(answer: str, permanent: bool) -> None:
    async with smtp_server() as server:
        server.script.refuse_data["customer0@example.test"] = answer
        sender = make_sender(server.port, connections=1)
        results = await sender.send([sample_email(0), sample_email(1)])
        assert [result.state for result in results] == ["refused", "sent"]
        assert results[0].permanent is permanent
        await sender.close()


async def test_a_server_that_closes_its_service_leaves_the_message_for_later() -> None:
    async with smtp_server() as server:
        server.script.refuse_sender = "421 4.3.2 shutting down"
        sender = make_sender(server.port, connections=1)
        (result,) = await sender.send([sample_email(0)])
        assert (result.state, result.permanent, result.code) == ("refused", False, 421)
        assert server.script.messages == []
        await sender.close()


async def test_a_silent_server_after_the_final_dot_is_unknown() -> None:
    async with smtp_server() as server:
        server.script.silent_after.add("customer0@example.test")
        sender = make_sender(server.port, connections=1, data_timeout_s=1)
        results = await sender.send([sample_email(0), sample_email(1)])
        assert [result.state for result in results] == ["unknown", "sent"]
        await sender.close()


async def test_a_server_that_is_silent_before_the_message_leaves_it_for_later() -> None:
    async def say_nothing_to_mail(peer: Peer) -> None:
        await peer.greet()
        await peer.stay()

    async with raw_server(say_nothing_to_mail) as port:
        sender = make_sender(port, command_timeout_s=0.2)
        (result,) = await sender.send([sample_email(0)])
        assert (result.state, result.permanent) == ("refused", False)
        await sender.close()


async def test_a_line_cut_within_a_long_message_is_not_unknown() -> None:
    """The final dot was never written, so the server cannot have taken the message."""

    async def cut_in_the_middle(peer: Peer) -> None:
        await answer_until_data(peer)
        await peer.reader.readexactly(50_000)

    async with raw_server(cut_in_the_middle) as port:
        sender = make_sender(port)
        (result,) = await sender.send([sample_email(0, text="a long line of text\n" * 400_000)])
        assert (result.state, result.permanent) == ("refused", False)
        await sender.close()


async def test_a_refusal_within_the_message_is_heard() -> None:
    async def refuse_in_the_middle(peer: Peer) -> None:
        await answer_until_data(peer)
        await peer.reader.readexactly(50_000)
        peer.say("552 5.3.4 too big for us")
        await peer.stay()

    async with raw_server(refuse_in_the_middle) as port:
        sender = make_sender(port)
        (result,) = await sender.send([sample_email(0, text="a long line of text\n" * 400_000)])
        assert (result.state, result.permanent, result.code) == ("refused", True, 552)
        await sender.close()


async def test_a_message_over_the_limits_is_refused_without_being_sent() -> None:
    async with smtp_server(data_size_limit=20_000) as server:
        sender = make_sender(server.port, max_message_bytes=50_000)
        ours, theirs, small = await sender.send(
            [
                sample_email(0, text="x" * 60_000),
                sample_email(1, text="x" * 30_000),
                sample_email(2),
            ]
        )
        assert (ours.state, ours.permanent) == ("refused", True)
        assert "50000" in ours.reason
        assert (theirs.state, theirs.permanent) == ("refused", True)
        assert "20000" in theirs.reason
        assert small.state == "sent"
        assert server.script.commands["MAIL"] == 1
        await sender.close()


async def test_the_bounce_address_is_the_envelope_sender() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, bounce_address="bounces@example.test")
        await sender.send([sample_email(0)])
        assert server.script.senders == ["bounces@example.test"]
        await sender.close()


async def test_a_server_lost_in_the_middle_leaves_the_rest_for_later() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, connections=1)
        await sender.send([sample_email(99)])
        real_rcpt = server.script.handle_RCPT

        async def stop_at_third(smtp, session, envelope, address, options):  # type: ignore[no-untyped-def]  # aiosmtpd has no types.
            if address == "customer2@example.test":
                server.stop()
            return await real_rcpt(smtp, session, envelope, address, options)

        server.script.handle_RCPT = stop_at_third  # type: ignore[method-assign]  # The script is replaced.
        await sender.close()
        sender = make_sender(server.port, connections=1)
        results = await sender.send([sample_email(number) for number in range(5)])
        assert [result.state for result in results] == ["sent", "sent"] + ["refused"] * 3
        assert not any(result.permanent for result in results)
        assert len(server.script.messages) == 3
        await sender.close()


async def test_a_cancelled_send_drops_its_connection() -> None:
    async with smtp_server() as server:
        server.script.silent_after.add("customer0@example.test")
        sender = make_sender(server.port, connections=1)
        sending = asyncio.create_task(sender.send([sample_email(0)]))
        await until(lambda: len(server.script.messages) == 1, "the server has the message")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await sender.send([sample_email(1)]))[0].state == "sent"
        assert server.script.connections_total == 2
        await sender.close()


async def test_a_probe_returns_the_banner_and_signs_out() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port)
        assert "test server ready" in await sender.probe()
        await until(lambda: server.script.connections_open == 0, "every connection is closed")
        assert server.script.commands["MAIL"] == 0


async def test_a_certificate_from_a_stranger_is_misconfigured(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    async with smtp_server(implicit_tls=authority.server_context()) as server:
        sender = make_sender(server.port, encryption="tls")
        with pytest.raises(Misconfigured, match="TLS"):
            await sender.send([sample_email(0)])
        with pytest.raises(Misconfigured, match="TLS"):
            await sender.probe()
        assert server.script.messages == []


async def test_a_certificate_for_another_name_is_misconfigured(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    async with smtp_server(tls_context=authority.server_context()) as server:
        sender = make_sender(
            server.port, host="127.0.0.2", encryption="starttls", ca_file=str(authority.ca_file)
        )
        with pytest.raises((Misconfigured, Unavailable)):
            await sender.probe()
        assert server.script.messages == []


async def test_a_server_without_starttls_never_gets_the_mail_in_the_clear() -> None:
    async with smtp_server() as server:
        sender = make_sender(server.port, encryption="starttls")
        with pytest.raises(Misconfigured, match="STARTTLS"):
            await sender.send([sample_email(0)])
        assert server.script.commands["MAIL"] == 0


async def test_mail_travels_encrypted_after_starttls(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    async with smtp_server(tls_context=authority.server_context()) as server:
        sender = make_sender(server.port, encryption="starttls", ca_file=str(authority.ca_file))
        results = await sender.send([sample_email(number) for number in range(3)])
        assert [result.state for result in results] == ["sent"] * 3
        assert server.script.encrypted_messages == 3
        await sender.close()


async def test_a_wrong_password_is_misconfigured_and_tried_on_one_connection_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = TestAuthority(tmp_path)
    monkeypatch.setenv("SMTP_PASSWORD", "canary-wrong-password")
    async with smtp_server(tls_context=authority.server_context(), auth_required=True) as server:
        sender = make_sender(
            server.port,
            encryption="starttls",
            ca_file=str(authority.ca_file),
            username=USERNAME,
            password={"env": "SMTP_PASSWORD"},
            connections=8,
        )
        with pytest.raises(Misconfigured, match="username or password") as refusal:
            await sender.send([sample_email(number) for number in range(20)])
        assert server.script.connections_total == 1
        assert not any(server.script.logins)
        assert "canary" not in str(refusal.value)
        assert PASSWORD not in str(refusal.value)


async def test_a_server_that_demands_a_sign_in_is_misconfigured(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    async with smtp_server(tls_context=authority.server_context(), auth_required=True) as server:
        sender = make_sender(server.port, encryption="starttls", ca_file=str(authority.ca_file))
        with pytest.raises(Misconfigured, match="sign-in"):
            await sender.send([sample_email(0), sample_email(1)])
        assert server.script.messages == []


async def test_a_server_that_turns_us_away_at_the_door_is_unavailable() -> None:
    async def turn_away(peer: Peer) -> None:
        peer.say("421 too many connections")

    async with raw_server(turn_away) as port:
        with pytest.raises(Unavailable, match="too many connections"):
            await make_sender(port).probe()


async def test_an_encrypted_greeting_to_a_plain_server_is_misconfigured() -> None:
    async with smtp_server() as server:
        with pytest.raises(Misconfigured, match="TLS"):
            await make_sender(server.port, encryption="tls").probe()
