"""The conformance suite of a mailer.

A plugin's tests subclass `EmailSenderContract` and supply a `world` fixture that yields a
`MailWorld`: the sender under test, connected to a mail server (or a stand-in for the provider's
API) whose faults can be switched. `FakeEmailSender` passes the same suite.
"""

import logging
from collections.abc import Sequence
from typing import ClassVar

import msgspec
import pytest

from dueport_core.errors import Unavailable
from dueport_ports.email import Attachment, EmailResult, OutgoingEmail
from dueport_ports.testing.email_world import (
    MailWorld,
    ProgressUnavailable,
    ReceivedEmail,
    RecordedProgress,
    parse_received,
    sample_email,
)
from dueport_ports.testing.fake_email import FakeEmailSender
from dueport_ports.testing.sealed import SealedContract

__all__ = [
    "EmailSenderContract",
    "FakeEmailSender",
    "MailWorld",
    "ProgressUnavailable",
    "ReceivedEmail",
    "RecordedProgress",
    "parse_received",
    "sample_email",
]


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

    @pytest.mark.parametrize("width", [20, 5000])
    async def test_a_text_of_dots_and_long_lines_arrives_whole(
        self, world: MailWorld, width: int
    ) -> None:
        text = "before\n.\n..\n.end\n" + "x" * width + "\nafter\r\n.\r\nQUIT\r\n"
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

    async def test_every_message_begins_and_then_is_done_once(self, world: MailWorld) -> None:
        messages = [sample_email(number) for number in range(self.batch_size)]
        progress = RecordedProgress()
        results = await world.sender.send(messages, progress=progress)
        assert sorted(progress.begun) == sorted(each.message_id for each in messages)
        assert progress.results == {result.message_id: result for result in results}
        assert set(_states(results)) == {"sent"}

    async def test_a_message_begins_before_the_server_can_have_it(self, world: MailWorld) -> None:
        taken_too_early: list[str] = []

        class Watching(RecordedProgress):
            async def begin(self, message: OutgoingEmail) -> bool:
                wanted = await super().begin(message)
                await world.settle()
                if message.message_id in [mail.message_id for mail in world.received()]:
                    taken_too_early.append(message.message_id)
                return wanted

            async def done(self, result: EmailResult) -> None:
                assert result.message_id in [mail.message_id for mail in world.received()]
                await super().done(result)

        progress = Watching()
        await world.sender.send([sample_email(number) for number in range(6)], progress=progress)
        assert taken_too_early == []
        assert len(progress.results) == 6

    async def test_a_crash_leaves_at_most_one_message_per_connection_uncertain(
        self, world: MailWorld
    ) -> None:
        progress = RecordedProgress()
        progress.pause_s = 0.002
        messages = [sample_email(number) for number in range(self.batch_size)]
        await world.sender.send(messages, progress=progress)
        assert 1 <= progress.open_max <= world.connections
        assert len(progress.results) == self.batch_size

    async def test_a_withdrawn_message_never_reaches_the_server(self, world: MailWorld) -> None:
        messages = [sample_email(number) for number in range(self.batch_size)]
        progress = RecordedProgress()
        progress.withdrawn = {each.message_id for each in messages[1::2]}
        results = await world.sender.send(messages, progress=progress)
        assert _states(results[0::2]) == ["sent"] * len(messages[0::2])
        assert _states(results[1::2]) == ["withdrawn"] * len(messages[1::2])
        assert progress.results == {result.message_id: result for result in results}
        arrived = sorted(mail.message_id for mail in world.received())
        assert arrived == sorted(each.message_id for each in messages[0::2])
        (later,) = await world.sender.send([sample_email(self.batch_size)])
        assert later.state == "sent"

    async def test_whatever_becomes_of_a_message_it_is_done_once(self, world: MailWorld) -> None:
        world.refuse("customer1@example.test", 550, "5.1.1 no such mailbox")
        world.refuse("customer2@example.test", 451, "4.7.1 later")
        world.cut_after_taking("customer3@example.test")
        world.cut_before_taking("customer4@example.test")
        messages = [sample_email(number) for number in range(8)]
        messages[5] = sample_email(5, subject="one\r\ntwo")
        progress = RecordedProgress()
        results = await world.sender.send(messages, progress=progress)
        refused = ["refused"] * 2
        assert _states(results) == ["sent", *refused, "unknown", *refused, "sent", "sent"]
        assert progress.results == {result.message_id: result for result in results}
        assert progress.undone == set()
        assert messages[3].message_id in progress.begun
        assert messages[5].message_id not in progress.begun

    async def test_what_was_begun_is_done_even_when_there_is_no_connection(
        self, world: MailWorld
    ) -> None:
        world.go_down()
        await world.settle()
        progress = RecordedProgress()
        with pytest.raises(Unavailable):
            await world.sender.send([sample_email(0), sample_email(1)], progress=progress)
        assert progress.undone == set()
        assert {result.state for result in progress.results.values()} <= {"refused"}

    async def test_a_message_that_could_not_be_recorded_is_not_sent(self, world: MailWorld) -> None:
        messages = [sample_email(number) for number in range(self.batch_size)]
        progress = RecordedProgress()
        progress.begin_fails = {messages[5].message_id}
        with pytest.raises(ProgressUnavailable):
            await world.sender.send(messages, progress=progress)
        assert progress.undone == set()
        taken = {mail.message_id for mail in world.received()}
        assert taken == set(progress.results)
        assert messages[5].message_id not in taken
        assert len(taken) < self.batch_size
        assert _states(await world.sender.send([sample_email(self.batch_size)])) == ["sent"]

    async def test_an_outcome_that_could_not_be_recorded_stops_the_rest(
        self, world: MailWorld
    ) -> None:
        messages = [sample_email(number) for number in range(self.batch_size)]
        progress = RecordedProgress()
        progress.done_fails = {messages[5].message_id}
        with pytest.raises(ProgressUnavailable):
            await world.sender.send(messages, progress=progress)
        assert progress.undone == {messages[5].message_id}
        taken = {mail.message_id for mail in world.received()}
        assert taken == {*progress.results, messages[5].message_id}
        assert len(taken) < self.batch_size

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
