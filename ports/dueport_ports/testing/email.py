"""The conformance suite of a mailer, a world behind it, and the fake that passes the suite.

A plugin's tests subclass `EmailSenderContract` and supply a `world` fixture that yields a
`MailWorld`: the sender under test, connected to a mail server (or a stand-in for the provider's API) whose faults can be switched.
"""

import abc
import email.policy
import logging
from collections.abc import Sequence
from email import message_from_bytes
from typing import ClassVar

import msgspec
import pytest

from dueport_core.accounts import check_email
from dueport_core.errors import Unavailable
from dueport_ports.email import Attachment, EmailResult, EmailSender, OutgoingEmail
from dueport_ports.testing.sealed import SealedContract


class ReceivedEmail(msgspec.Struct, frozen=True, kw_only=True):
    """One message as its recipient's mail program would show it."""

    envelope_to: tuple[str, ...]
    """Who the server was told to deliver to, whatever the headers say."""
    message_id: str
    to_name: str
    to_address: str
    from_name: str
    from_address: str
    reply_to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    header_names: tuple[str, ...]


def parse_received(envelope_to: Sequence[str], content: bytes) -> ReceivedEmail:
    """Read a message's bytes with the standard library, which shares no code with any mailer."""
    message = message_from_bytes(content, policy=email.policy.default)
    to, sender = message["To"].addresses[0], message["From"].addresses[0]
    parts = {"plain": "", "html": ""}
    for subtype in parts:
        body = message.get_body((subtype,))
        if body is not None:
            parts[subtype] = body.get_content().replace("\r\n", "\n")
    attachments = tuple(
        Attachment(
            name=part.get_filename() or "",
            media_type=part.get_content_type(),
            content=_decoded(part.get_payload(decode=True)),
        )
        for part in message.iter_attachments()
    )
    return ReceivedEmail(
        envelope_to=tuple(envelope_to),
        message_id=str(message["Message-ID"]),
        to_name=to.display_name,
        to_address=to.addr_spec,
        from_name=sender.display_name,
        from_address=sender.addr_spec,
        reply_to=str(message["Reply-To"] or ""),
        subject=str(message["Subject"]),
        text=parts["plain"],
        html=parts["html"],
        attachments=attachments,
        header_names=tuple(name.lower() for name in message),
    )


def _decoded(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""


class MailWorld(abc.ABC):
    """A sender under test and the switches of the server behind it."""

    sender: EmailSender
    secrets: tuple[str, ...] = ()
    """Passwords and keys that the sender was configured with; no log may show them."""

    @abc.abstractmethod
    def received(self) -> list[ReceivedEmail]:
        """What the server took, in the order in which it took it."""

    @abc.abstractmethod
    def refuse(self, address: str, code: int, words: str) -> None:
        """From now on answer this recipient with the code and the words."""

    @abc.abstractmethod
    def cut_after_taking(self, address: str) -> None:
        """Take this recipient's next message and break the connection instead of answering."""

    @abc.abstractmethod
    def cut_before_taking(self, address: str) -> None:
        """Break the connection at this recipient, each time, before a message could be taken."""

    @abc.abstractmethod
    def go_down(self) -> None:
        """Stop accepting connections, and drop those that are open."""

    @abc.abstractmethod
    def come_back(self) -> None:
        """Accept connections again."""

    @abc.abstractmethod
    async def settle(self) -> None:
        """Wait until the switches have taken effect; a fake has nothing to wait for."""


def sample_email(number: int, to_address: str = "", **changes: object) -> OutgoingEmail:
    """A small complete message; ``changes`` replaces fields."""
    message = OutgoingEmail(
        message_id=f"<delivery-{number}@mail.example.test>",
        to_address=to_address or f"customer{number}@example.test",
        to_name=f"Customer {number}",
        from_address="ar@hillcountry.example.test",
        from_name="Hill Country Supply",
        reply_to="ar@hillcountry.example.test",
        subject=f"Message {number}",
        text=f"Text of message {number}.\n",
        html=f"<p>Text of message {number}.</p>\n",
    )
    return msgspec.structs.replace(message, **changes)


def _states(results: Sequence[EmailResult]) -> list[str]:
    return [result.state for result in results]


_BREAKS = ["\r\nBcc: thief@example.test", "\nBcc: thief@example.test", "\rBcc: thief@example.test"]
_NOT_ONE_RECIPIENT = [
    "a@example.test, b@example.test",
    "a@example.test,b@example.test",
    "a@example.test; b@example.test",
    "<a@example.test> <b@example.test>",
    "a@example.test\r\nRCPT TO:<b@example.test>",
    "a@example.test> <b@example.test",
    "",
    "nobody",
]


class EmailSenderContract(SealedContract, contract=True):
    """What every mailer promises. A subclass supplies the ``world`` fixture."""

    batch_size: ClassVar[int] = 25

    async def test_every_message_arrives_once_and_is_answered_in_order(
        self, world: MailWorld
    ) -> None:
        messages = [sample_email(number) for number in range(self.batch_size)]
        results = await world.sender.send(messages)
        assert [result.message_id for result in results] == [each.message_id for each in messages]
        assert set(_states(results)) == {"sent"}
        arrived = sorted(mail.message_id for mail in world.received())
        assert arrived == sorted(each.message_id for each in messages)

    async def test_an_empty_list_is_answered_with_an_empty_list(self, world: MailWorld) -> None:
        assert await world.sender.send([]) == []
        assert world.received() == []

    async def test_a_message_arrives_as_it_was_written(self, world: MailWorld) -> None:
        pdf = Attachment(
            name="receipt.pdf", media_type="application/pdf", content=bytes(range(256))
        )
        message = sample_email(1, attachments=(pdf,))
        assert _states(await world.sender.send([message])) == ["sent"]
        (mail,) = world.received()
        assert mail.envelope_to == (message.to_address,)
        assert (mail.to_name, mail.to_address) == (message.to_name, message.to_address)
        assert (mail.from_name, mail.from_address) == (message.from_name, message.from_address)
        assert mail.reply_to == message.reply_to
        assert mail.subject == message.subject
        assert mail.text.split() == message.text.split()
        assert mail.html.split() == message.html.split()
        assert mail.attachments == (pdf,)

    @pytest.mark.parametrize(
        "name",
        ["Peña & Söhne GmbH", "株式会社ドゥポート", 'O"Brien, Sons <b@x.test>', "=?utf-8?q?x?="],
    )
    async def test_names_and_subjects_of_any_script_arrive_unchanged(
        self, world: MailWorld, name: str
    ) -> None:
        subject = f"{name}: your statement is ready — please look, it is a rather long subject line"
        message = sample_email(1, to_name=name, from_name=name, subject=subject)
        assert _states(await world.sender.send([message])) == ["sent"]
        (mail,) = world.received()
        assert (mail.to_name, mail.from_name, mail.subject) == (name, name, subject)
        assert mail.envelope_to == (message.to_address,)
        assert mail.to_address == message.to_address

    async def test_a_text_of_dots_and_long_lines_arrives_whole(self, world: MailWorld) -> None:
        text = "before\n.\n..\n.end\n" + "x" * 5000 + "\nafter\r\n.\r\nQUIT\r\n"
        assert _states(await world.sender.send([sample_email(1, text=text, html="")])) == ["sent"]
        (mail,) = world.received()
        assert mail.text.splitlines() == text.splitlines()

    async def test_one_bad_recipient_never_stops_the_others(self, world: MailWorld) -> None:
        world.refuse("customer3@example.test", 550, "5.1.1 no such mailbox")
        results = await world.sender.send([sample_email(number) for number in range(8)])
        assert _states(results) == ["sent"] * 3 + ["refused"] + ["sent"] * 4
        assert len(world.received()) == 7

    async def test_a_permanent_refusal_ends_it_and_carries_the_servers_words(
        self, world: MailWorld
    ) -> None:
        world.refuse("customer0@example.test", 550, "5.1.1 no such mailbox")
        (result,) = await world.sender.send([sample_email(0)])
        assert (result.state, result.permanent) == ("refused", True)
        assert "no such mailbox" in result.reason

    async def test_a_temporary_refusal_may_be_tried_again(self, world: MailWorld) -> None:
        world.refuse("customer0@example.test", 451, "4.7.1 greylisted, come back later")
        (result,) = await world.sender.send([sample_email(0)])
        assert (result.state, result.permanent) == ("refused", False)
        assert "greylisted" in result.reason

    async def test_a_lost_answer_is_unknown_and_never_sent_a_second_time(
        self, world: MailWorld
    ) -> None:
        world.cut_after_taking("customer1@example.test")
        results = await world.sender.send([sample_email(number) for number in range(3)])
        assert _states(results) == ["sent", "unknown", "sent"]
        taken = [mail.to_address for mail in world.received()]
        assert taken.count("customer1@example.test") == 1

    async def test_a_connection_lost_before_the_message_was_taken_is_not_unknown(
        self, world: MailWorld
    ) -> None:
        world.cut_before_taking("customer1@example.test")
        results = await world.sender.send([sample_email(number) for number in range(3)])
        assert _states(results) == ["sent", "refused", "sent"]
        assert results[1].permanent is False
        assert "customer1@example.test" not in [mail.to_address for mail in world.received()]

    async def test_no_connection_is_unavailable_and_nothing_was_sent(
        self, world: MailWorld
    ) -> None:
        world.go_down()
        await world.settle()
        with pytest.raises(Unavailable):
            await world.sender.send([sample_email(0), sample_email(1)])
        with pytest.raises(Unavailable):
            await world.sender.probe()
        world.come_back()
        await world.settle()
        assert _states(await world.sender.send([sample_email(0)])) == ["sent"]
        assert len(world.received()) == 1

    async def test_a_server_that_restarts_between_two_calls_is_not_noticed(
        self, world: MailWorld
    ) -> None:
        assert _states(await world.sender.send([sample_email(0)])) == ["sent"]
        world.go_down()
        await world.settle()
        world.come_back()
        await world.settle()
        assert _states(await world.sender.send([sample_email(1)])) == ["sent"]
        assert len(world.received()) == 2

    @pytest.mark.parametrize("field", ["to_name", "from_name", "subject"])
    @pytest.mark.parametrize("line_break", _BREAKS)
    async def test_a_line_break_in_a_header_field_is_refused(
        self, world: MailWorld, field: str, line_break: str
    ) -> None:
        bad = sample_email(0, **{field: f"Hello{line_break}"})
        results = await world.sender.send([bad, sample_email(1)])
        assert _states(results) == ["refused", "sent"]
        assert results[0].permanent is True
        assert [mail.to_address for mail in world.received()] == ["customer1@example.test"]

    @pytest.mark.parametrize("field", ["to_address", "from_address", "reply_to", "message_id"])
    async def test_a_line_break_in_an_address_is_refused(
        self, world: MailWorld, field: str
    ) -> None:
        bad = sample_email(0, **{field: "<a@example.test>\r\nBcc: thief@example.test"})
        (result,) = await world.sender.send([bad])
        assert (result.state, result.permanent) == ("refused", True)
        assert world.received() == []

    async def test_a_line_break_in_a_further_header_is_refused(self, world: MailWorld) -> None:
        bad = [
            sample_email(0, headers=(("X-Campaign", "one\r\nBcc: thief@example.test"),)),
            sample_email(1, headers=(("X-Campaign\r\nBcc", "thief@example.test"),)),
            sample_email(2, headers=(("Bcc", "thief@example.test"),)),
            sample_email(3, headers=(("Cc", "thief@example.test"),)),
        ]
        results = await world.sender.send(bad)
        assert [(result.state, result.permanent) for result in results] == [("refused", True)] * 4
        assert world.received() == []

    @pytest.mark.parametrize("address", _NOT_ONE_RECIPIENT)
    async def test_anything_but_exactly_one_recipient_is_refused(
        self, world: MailWorld, address: str
    ) -> None:
        bad = msgspec.structs.replace(sample_email(0), to_address=address)
        results = await world.sender.send([bad, sample_email(1)])
        assert _states(results) == ["refused", "sent"]
        assert results[0].permanent is True
        assert [mail.envelope_to for mail in world.received()] == [("customer1@example.test",)]

    async def test_refusing_a_malformed_message_touches_no_network(self, world: MailWorld) -> None:
        world.go_down()
        await world.settle()
        bad = sample_email(0, subject="one\r\ntwo")
        assert _states(await world.sender.send([bad])) == ["refused"]

    async def test_a_further_header_arrives(self, world: MailWorld) -> None:
        message = sample_email(0, headers=(("X-Campaign", "spring"),))
        assert _states(await world.sender.send([message])) == ["sent"]
        assert "x-campaign" in world.received()[0].header_names

    async def test_a_probe_connects_and_sends_nothing(self, world: MailWorld) -> None:
        assert await world.sender.probe()
        assert world.received() == []

    async def test_no_log_shows_a_secret_or_what_a_mail_says(
        self, world: MailWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        one_time_secret = "K7QJ2M4XWZ5TNB3V"  # noqa: S105 - The canary looked for below.
        text = f"Your one-time password: {one_time_secret}"
        world.refuse("customer1@example.test", 550, "no")
        world.cut_after_taking("customer2@example.test")
        with caplog.at_level(logging.DEBUG):
            await world.sender.probe()
            await world.sender.send([sample_email(number, text=text) for number in range(4)])
            world.go_down()
            await world.settle()
            with pytest.raises(Unavailable) as failure:
                await world.sender.send([sample_email(9, text=text)])
        sender_lines = [
            record.getMessage() for record in caplog.records if not _is_of_the_server(record)
        ]
        shown = "\n".join([*sender_lines, repr(world.sender), str(failure.value)])
        for secret in (one_time_secret, *world.secrets):
            assert secret not in shown

    async def test_closing_twice_is_harmless(self, world: MailWorld) -> None:
        await world.sender.send([sample_email(0)])
        await world.sender.close()
        await world.sender.close()
        assert len(world.received()) == 1


def _is_of_the_server(record: logging.LogRecord) -> bool:
    """A test server in the same process may log what it is told; that is not the sender's log."""
    return record.name.startswith(("mail.", "asyncio"))


class FakeEmailSender(EmailSender):
    """Keeps what it is given. For tests and rehearsals; it passes the same suite as a real one."""

    def __init__(self) -> None:
        self.sent: list[OutgoingEmail] = []
        """What has left, in order, including what was taken without an answer."""
        self.is_down = False
        self._refusals: dict[str, tuple[int, str]] = {}
        self._lost_answers: set[str] = set()
        self._cut_before: set[str] = set()

    def refuse(self, address: str, code: int, words: str) -> None:
        """Answer this recipient with an SMTP code from now on; 4xx is temporary."""
        self._refusals[address] = (code, words)

    def lose_answer(self, address: str) -> None:
        """Take the next message to this recipient and answer ``unknown``."""
        self._lost_answers.add(address)

    def cut_before(self, address: str) -> None:
        """Lose the connection before this recipient's message is taken, each time."""
        self._cut_before.add(address)

    def to(self, address: str) -> list[OutgoingEmail]:
        """What has left for one recipient."""
        return [message for message in self.sent if message.to_address == address]

    async def send(self, messages: Sequence[OutgoingEmail]) -> list[EmailResult]:
        refusals = {message.message_id: _malformed(message) for message in messages}
        if self.is_down and not all(refusals.values()):
            raise Unavailable("the mail server cannot be reached")
        return [self._send_one(message, refusals[message.message_id]) for message in messages]

    async def probe(self) -> str:
        if self.is_down:
            raise Unavailable("the mail server cannot be reached")
        return "fake mail server ready"

    def _send_one(self, message: OutgoingEmail, malformed: str | None) -> EmailResult:
        message_id, address = message.message_id, message.to_address
        if malformed:
            return EmailResult(
                message_id=message_id, state="refused", permanent=True, reason=malformed
            )
        if address in self._refusals:
            code, words = self._refusals[address]
            return EmailResult(
                message_id=message_id,
                state="refused",
                permanent=code >= 500,
                code=code,
                reason=words,
            )
        if address in self._cut_before:
            return EmailResult(
                message_id=message_id, state="refused", reason="the connection was lost"
            )
        self.sent.append(message)
        if address in self._lost_answers:
            self._lost_answers.discard(address)
            return EmailResult(message_id=message_id, state="unknown", reason="no answer")
        return EmailResult(message_id=message_id, state="sent", code=250, reason="accepted")


_FORBIDDEN_HEADERS = frozenset({"to", "cc", "bcc", "from", "sender", "reply-to", "subject"})


def _malformed(message: OutgoingEmail) -> str | None:
    for address in (message.to_address, message.from_address, message.reply_to or None):
        if address is not None and (problem := check_email(address)):
            return problem
    fields = [message.message_id, message.subject, message.to_name, message.from_name]
    for name, value in message.headers:
        if name.lower() in _FORBIDDEN_HEADERS:
            return f"the header {name} cannot be given"
        fields += [name, value]
    if any(mark in field for field in fields for mark in "\r\n\0"):
        return "a header field holds a line break"
    return None
