"""The envelope in one group, the caller asked meanwhile, and everything that can go wrong there."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dueport_ports import EmailResult, Misconfigured, OutgoingEmail
from dueport_ports.testing.email import RecordedProgress, sample_email
from tests.patience import PATIENCE_S, until
from tests.plugins.email_smtp.raw_server import Peer, raw_server
from tests.plugins.email_smtp.smtp_server import TestAuthority, make_sender, smtp_server

LONG_TEXT = "a long line of text\n" * 400_000


async def send(
    port: int, count: int = 1, progress: RecordedProgress | None = None, **settings: object
) -> list[EmailResult]:
    sender = make_sender(port, **{"connections": 1, **settings})
    results = await sender.send([sample_email(n) for n in range(count)], progress=progress)
    await sender.close()
    return results


def states(results: list[EmailResult]) -> list[str]:
    return [result.state for result in results]


async def test_the_envelope_is_one_group_where_the_server_allows_it() -> None:
    groups: list[list[str]] = []

    async def listen(peer: Peer) -> None:
        await peer.greet("PIPELINING", "SIZE 1000000")
        groups.append(await peer.group())
        peer.say("250 OK", "250 OK", "354 go on")
        await peer.content()
        peer.say("250 2.0.0 taken")

    async with raw_server(listen) as port:
        assert states(await send(port)) == ["sent"]
    (group,) = groups
    assert [line.split(":")[0] for line in group] == ["MAIL FROM", "RCPT TO", "DATA"]
    assert " SIZE=" in group[0]


async def test_without_the_offer_each_command_waits_for_its_answer() -> None:
    groups: list[list[str]] = []

    async def listen(peer: Peer) -> None:
        await peer.greet("8BITMIME")
        for reply in ("250 OK", "250 OK", "354 go on"):
            groups.append(await peer.group())
            await asyncio.sleep(0.01)
            peer.say(reply)
        await peer.content()
        peer.say("250 2.0.0 taken")

    async with raw_server(listen) as port:
        assert states(await send(port)) == ["sent"]
    assert [len(group) for group in groups] == [1, 1, 1]


async def test_replies_may_come_in_crumbs_and_have_several_lines() -> None:
    async def crumble(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        replies = b"250-fine\r\n250 sender\r\n250-first\r\n250-second\r\n250 third\r\n354 go on\r\n"
        for at in range(len(replies)):
            peer.writer.write(replies[at : at + 1])
            await asyncio.sleep(0.001)
        await peer.content()
        peer.say("250-2.0.0 taken", "250 as 4711")

    async with raw_server(crumble) as port:
        (result,) = await send(port)
    assert (result.state, result.code, result.reason) == ("sent", 250, "2.0.0 taken\nas 4711")


@pytest.mark.parametrize("after_nothing", ["554 5.5.1 no valid recipients", "250 2.0.0 taken"])
async def test_content_asked_for_in_spite_of_a_refused_recipient_is_nothing(
    after_nothing: str,
) -> None:
    contents: list[bytes] = []
    groups: list[list[str]] = []

    async def refuse_first(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        groups.append(await peer.group())
        peer.say("250 OK", "550 5.1.1 no such mailbox", "354 go on")
        contents.append(await peer.reader.readline())
        peer.say(after_nothing)
        groups.append(await peer.group())
        peer.say("250 OK", "250 OK", "250 OK", "354 go on")
        contents.append(await peer.content())
        peer.say("250 2.0.0 taken")

    async with raw_server(refuse_first) as port:
        first, second = await send(port, 2)
    assert (first.state, first.code, first.permanent) == ("refused", 550, True)
    assert second.state == "sent"
    assert contents[0] == b".\r\n"
    assert b"Message 1" in contents[1]
    assert groups[1][0] == "RSET"


async def test_a_refused_sender_is_what_is_reported_not_what_follows_from_it() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("452 4.2.2 come back", "503 MAIL first", "503 MAIL first")
        await peer.group()
        peer.say("250 OK", "250 OK", "250 OK", "354 go on")
        await peer.content()
        peer.say("250 2.0.0 taken")

    async with raw_server(refuse) as port:
        first, second = await send(port, 2)
    assert (first.state, first.code, first.permanent) == ("refused", 452, False)
    assert second.state == "sent"


async def test_an_empty_message_reaches_nobody_when_only_the_sender_was_refused() -> None:
    heard: list[bytes] = []

    async def refuse_the_sender_alone(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("550 5.7.1 not you", "250 OK", "354 go on")
        heard.append(await peer.reader.read())

    async with raw_server(refuse_the_sender_alone) as port:
        (result,) = await send(port)
    assert (result.state, result.code) == ("refused", 550)
    assert heard == [b""]


async def test_a_server_that_cannot_reset_costs_a_connection_and_no_message() -> None:
    async def refuse_twice(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("250 OK", "550 5.1.1 no such mailbox", "503 no recipient")
        await peer.group()
        peer.say("502 what?", "250 OK", "250 OK", "354 go on")
        assert await peer.reader.read() == b"", "nothing may follow"

    async def take(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.accept()

    async with raw_server(refuse_twice, take) as port:
        assert states(await send(port, 2)) == ["refused", "sent"]


async def test_a_refusal_counts_although_the_line_is_cut_behind_it() -> None:
    async def refuse_and_cut(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("250 OK", "550 5.1.1 no such mailbox")

    async with raw_server(refuse_and_cut) as port:
        (result,) = await send(port)
    assert (result.state, result.code, result.permanent) == ("refused", 550, True)


async def test_a_service_that_closes_amid_the_group_gets_one_more_connection() -> None:
    hung_up: list[bool] = []

    async def leave(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("250 OK", "421 4.3.2 shutting down")
        assert await peer.reader.read() == b"", "nothing may follow"
        hung_up.append(True)

    async def take(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.accept()

    progress = RecordedProgress()
    # A server that hangs on after its goodbye is not waited for.
    async with raw_server(leave, take) as port:
        results = await send(port, 1, progress)
        await until(lambda: hung_up == [True], "the first connection ends")
    assert states(results) == ["sent"]
    assert len(progress.begun) == 1


async def test_a_service_that_always_closes_leaves_the_message_for_later() -> None:
    async def leave(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("250 OK", "250 OK", "421 4.3.2 shutting down")

    progress = RecordedProgress()
    async with raw_server(leave) as port:
        (result,) = await send(port, 1, progress)
    assert (result.state, result.code, result.permanent) == ("refused", 421, False)
    assert progress.results == {result.message_id: result}
    assert len(progress.begun) == 1


async def test_a_server_that_gives_up_while_the_caller_records_costs_no_message() -> None:
    async def give_up(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("250 OK", "250 OK", "354 go on", "421 4.4.2 too slow")

    async def take(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.accept()

    progress = RecordedProgress()
    progress.pause_s = 0.05
    async with raw_server(give_up, take) as port:
        assert states(await send(port, 1, progress)) == ["sent"]
    assert len(progress.begun) == 1


async def test_a_demand_for_a_sign_in_is_misconfigured_and_what_was_begun_is_done() -> None:
    async def demand(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.say("530 5.7.0 authenticate first", "503 no", "354 go on")
        assert await peer.reader.read() == b"", "nothing may follow"

    progress = RecordedProgress()
    async with raw_server(demand) as port:
        with pytest.raises(Misconfigured, match="sign-in"):
            await send(port, 3, progress)
    assert len(progress.begun) == 1
    assert progress.undone == set()
    assert [result.permanent for result in progress.results.values()] == [False]


async def test_a_message_withdrawn_under_way_is_taken_back_by_hanging_up() -> None:
    heard: list[bytes] = []
    greeted: list[str] = []

    async def wait_for_content(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        greeted.append("first")
        await peer.group()
        peer.say("250 OK", "250 OK", "354 go on")
        heard.append(await peer.reader.read())

    async def hear_nothing_of_the_withdrawn(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        greeted.append("second")
        heard.append(await peer.accept())

    messages = [sample_email(number) for number in range(5)]
    progress = RecordedProgress()
    progress.withdrawn = {each.message_id for each in messages[:4]}
    async with raw_server(wait_for_content, hear_nothing_of_the_withdrawn) as port:
        assert states(await send(port, 5, progress)) == ["withdrawn"] * 4 + ["sent"]
    assert heard[0] == b""
    assert b"Message 4" in heard[1]
    # After the first withdrawal the caller is asked before the envelope.
    assert greeted == ["first", "second"]


class Milestones(RecordedProgress):
    """Tells when so many messages are done."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self._count = count

    async def done(self, result: EmailResult) -> None:
        await super().done(result)
        if len(self.results) >= self._count:
            self.reached.set()


async def test_a_broken_off_call_leaves_one_message_per_connection_uncertain() -> None:
    async with smtp_server(pipelining=True) as server:
        sender = make_sender(server.port, connections=3)
        progress = Milestones(20)
        progress.pause_s = 0.001
        call = asyncio.ensure_future(
            sender.send([sample_email(number) for number in range(200)], progress=progress)
        )
        await progress.reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.script.connections_open == 0, "every connection has ended")
        begun_only = set(progress.begun) - set(progress.results)
        assert len(begun_only) <= 3
        taken = {
            content.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
            for _, content in server.script.messages
        }
        assert set(progress.results) <= taken <= set(progress.results) | begun_only
        await sender.close()


_Conversation = Callable[[Peer], Awaitable[None]]


async def _cut_in_the_middle(peer: Peer) -> None:
    await peer.greet("PIPELINING")
    await peer.group()
    peer.say("250 OK", "250 OK", "354 go on")
    await peer.reader.readexactly(50_000)


async def _cut_at_the_end(peer: Peer) -> None:
    await peer.greet("PIPELINING")
    await peer.group()
    peer.say("250 OK", "250 OK", "354 go on")
    await peer.content()


async def _read_slowly(peer: Peer) -> None:
    await peer.greet("PIPELINING")
    await peer.group()
    peer.say("250 OK", "250 OK", "354 go on")
    for _ in range(40):
        await peer.reader.readexactly(40_000)
        await asyncio.sleep(0.002)
    await peer.content()
    peer.say("250 2.0.0 taken")


async def _read_nothing(peer: Peer) -> None:
    await peer.greet("PIPELINING")
    await peer.group()
    peer.say("250 OK", "250 OK", "354 go on")
    await peer.stay()


async def _fall_silent_at_the_end(peer: Peer) -> None:
    await _cut_at_the_end(peer)
    await peer.stay()


async def _answer_nonsense_at_the_end(peer: Peer) -> None:
    await _cut_at_the_end(peer)
    peer.say("hello?")


async def _send_long(port: int, conversation: _Conversation, **settings: object) -> EmailResult:
    # Only a server that falls silent has to be given up.
    timeout_s = 1.0 if conversation in (_read_nothing, _fall_silent_at_the_end) else PATIENCE_S
    settings |= {"data_timeout_s": timeout_s, "max_message_bytes": 50_000_000}
    sender = make_sender(port, **settings)
    (result,) = await sender.send([sample_email(0, text=LONG_TEXT)])
    await sender.close()
    return result


_FATES = [
    (_cut_in_the_middle, "refused"),
    (_read_nothing, "refused"),
    (_cut_at_the_end, "unknown"),
    (_fall_silent_at_the_end, "unknown"),
    (_answer_nonsense_at_the_end, "unknown"),
    (_read_slowly, "sent"),
]


@pytest.mark.parametrize(("conversation", "state"), _FATES)
async def test_a_long_message_is_uncertain_only_after_its_last_byte_has_left(
    conversation: _Conversation, state: str
) -> None:
    async with raw_server(conversation) as port:
        result = await _send_long(port, conversation)
    assert (result.state, result.permanent) == (state, False)


@pytest.mark.parametrize(("conversation", "state"), _FATES)
async def test_the_same_holds_under_tls(
    conversation: _Conversation, state: str, tmp_path: Path
) -> None:
    authority = TestAuthority(tmp_path)
    async with raw_server(conversation, tls=authority.server_context()) as port:
        result = await _send_long(
            port, conversation, host="localhost", encryption="tls", ca_file=str(authority.ca_file)
        )
    assert (result.state, result.permanent) == (state, False)


@pytest.mark.parametrize("encryption", ["none", "tls"])
@pytest.mark.parametrize(("conversation", "state"), _FATES)
async def test_the_same_holds_on_the_faster_loop(
    conversation: _Conversation, state: str, encryption: str, tmp_path: Path
) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    settings: dict[str, object] = {"encryption": encryption}
    tls = None
    if encryption == "tls":
        authority = TestAuthority(tmp_path)
        tls = authority.server_context()
        settings |= {"host": "localhost", "ca_file": str(authority.ca_file)}
    results: list[EmailResult] = []

    async def scenario() -> None:
        async with raw_server(conversation, tls=tls) as port:
            results.append(await _send_long(port, conversation, **settings))

    thread = threading.Thread(target=uvloop.run, args=(scenario(),))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert [(result.state, result.permanent) for result in results] == [(state, False)]


@pytest.mark.parametrize(
    "greeting", [b"220 odd\r\n250 too early\r\n", b"250-" + b"x" * 40_000 + b"\r\n"]
)
async def test_a_server_out_of_step_never_gets_a_message(greeting: bytes) -> None:
    got: list[bytes] = []

    async def babble(peer: Peer) -> None:
        await peer.greet("PIPELINING")
        await peer.group()
        peer.writer.write(b"250 OK\r\n250 OK\r\n354 go on\r\n" + greeting)
        got.append(await peer.reader.read())

    async with raw_server(babble) as port:
        (result,) = await send(port)
    assert (result.state, result.permanent) == ("refused", False)
    assert set(got) <= {b""}


async def test_an_error_of_the_callers_drops_the_open_envelope() -> None:
    async with smtp_server(pipelining=True) as server:

        class Broken(RecordedProgress):
            async def begin(self, message: OutgoingEmail) -> bool:
                await super().begin(message)
                raise ConnectionError("the database is gone")

        sender = make_sender(server.port, connections=4)
        with pytest.raises(ConnectionError, match="database is gone"):
            await sender.send([sample_email(number) for number in range(9)], progress=Broken())
        assert server.script.messages == []
        assert states(await sender.send([sample_email(1)])) == ["sent"]
        await sender.close()
