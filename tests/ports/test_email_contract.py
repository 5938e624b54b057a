"""The fake mailer keeps the mailer's contract, and the contract cannot be softened."""

from collections.abc import Callable

import pytest

from dueport_ports.testing.email import (
    EmailSenderContract,
    FakeEmailSender,
    MailWorld,
    ReceivedEmail,
    sample_email,
)


class FakeMailWorld(MailWorld):
    def __init__(self) -> None:
        self.fake = FakeEmailSender()
        self.sender = self.fake

    def received(self) -> list[ReceivedEmail]:
        return [
            ReceivedEmail(
                envelope_to=(message.to_address,),
                message_id=message.message_id,
                to_name=message.to_name,
                to_address=message.to_address,
                from_name=message.from_name,
                from_address=message.from_address,
                reply_to=message.reply_to,
                subject=message.subject,
                text=message.text,
                html=message.html,
                attachments=message.attachments,
                header_names=tuple(name.lower() for name, _ in message.headers),
            )
            for message in self.fake.sent
        ]

    def refuse(self, address: str, code: int, words: str) -> None:
        self.fake.refuse(address, code, words)

    def cut_after_taking(self, address: str) -> None:
        self.fake.lose_answer(address)

    def cut_before_taking(self, address: str) -> None:
        self.fake.cut_before(address)

    def go_down(self) -> None:
        self.fake.is_down = True

    def come_back(self) -> None:
        self.fake.is_down = False

    async def settle(self) -> None:
        return None


class TestFakeEmailSender(EmailSenderContract):
    @pytest.fixture
    def world(self) -> MailWorld:
        return FakeMailWorld()

    async def test_the_fake_remembers_what_left_for_whom(self) -> None:
        fake = FakeEmailSender()
        await fake.send([sample_email(0), sample_email(1), sample_email(2, "one@example.test")])
        assert [message.subject for message in fake.to("one@example.test")] == ["Message 2"]


async def _softened(self: object) -> None:
    return None


def _redefine() -> None:
    type("Soft", (EmailSenderContract,), {"test_closing_twice_is_harmless": _softened})


def _take_away() -> None:
    type("Soft", (EmailSenderContract,), {"test_closing_twice_is_harmless": None})


def _mix_in() -> None:
    mixin = type("Mixin", (), {"test_closing_twice_is_harmless": _softened})
    type("Soft", (mixin, EmailSenderContract), {})


def _redefine_below() -> None:
    type("Softer", (TestFakeEmailSender,), {"test_closing_twice_is_harmless": _softened})


@pytest.mark.parametrize("soften", [_redefine, _take_away, _mix_in, _redefine_below])
def test_a_contract_test_cannot_be_replaced(soften: Callable[[], None]) -> None:
    with pytest.raises(TypeError, match="test_closing_twice_is_harmless"):
        soften()
