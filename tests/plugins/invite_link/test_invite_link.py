"""The invitation with a link: what it says, whom it skips, and the delivery's contract."""

import re

import msgspec
import pytest

from dueport_invite_link import plugin
from dueport_invite_link.delivery import LinkDelivery, LinkSettings
from dueport_ports import (
    DealerFacts,
    InviteContent,
    InviteDelivery,
    Registry,
    Skipped,
    UsernameSource,
    decode_settings,
)
from dueport_ports.testing.invites import (
    InviteDeliveryContract,
    account_without,
    sample_account,
    sample_invite,
)
from tests.mail.samples import DEALER, render_invite
from tests.mail.test_rendering import Outline

TOKEN = "mXb3wq8Jt0yQe7vKc5Rz1LdHs9UfNpAg"
REGISTER = f"https://pay.hillcountry.example.test/register/{TOKEN}"
DECLINE = f"https://pay.hillcountry.example.test/decline/{TOKEN}"


class TestLinkDelivery(InviteDeliveryContract):
    @pytest.fixture
    def delivery(self) -> InviteDelivery:
        return LinkDelivery(LinkSettings())


def test_the_mail_carries_the_link_as_a_button_and_as_a_plain_address() -> None:
    mail = render_invite(LinkDelivery(LinkSettings()))
    outline = Outline(mail.html)
    assert mail.text.count(REGISTER) == 1
    assert set(outline.links) - {f"mailto:{DEALER.reply_to}"} == {REGISTER, DECLINE}
    assert REGISTER in outline.words
    assert "Register now" in outline.words


def test_the_mail_says_who_sent_it_why_until_when_and_how_to_decline() -> None:
    mail = render_invite(LinkDelivery(LinkSettings()))
    assert "Hill Country Supply" in mail.subject
    for part in (mail.text, Outline(mail.html).words):
        assert "Hill Country Supply" in part
        assert "Bluebonnet Custom Homes" in part
        assert "10425" in part
        assert "Maria Delgado" in part
        assert "Sunday, December 6, 2026, 3:00 PM CST" in " ".join(part.split())
        assert "on file" in part
        assert "reply to this mail" in part
        assert "Decline" in part
    assert DECLINE in mail.text


def test_the_dealers_own_sentence_is_shown_and_never_run() -> None:
    delivery = LinkDelivery(LinkSettings(message="<b>Statements</b> are {{ online }} now."))
    mail = render_invite(delivery)
    assert "<b>Statements</b> are {{ online }} now." in mail.text
    assert "<b>Statements</b> are {{ online }} now." in Outline(mail.html).words


def test_the_dealers_brand_colour_is_the_buttons() -> None:
    dealer = msgspec.structs.replace(DEALER, brand_color="#ffd400")
    html = render_invite(LinkDelivery(LinkSettings()), dealer).html
    assert "background-color:#ffd400" in html
    assert "color:#000000" in html


def test_no_field_of_the_record_is_needed_for_a_link() -> None:
    delivery = LinkDelivery(LinkSettings())
    for source in UsernameSource:
        account = account_without(source) or sample_account(contacts=())
        request = sample_invite(account=account, username_source=source)
        assert isinstance(delivery.prepare(request), InviteContent)


def test_somebody_else_is_not_greeted_by_the_contacts_name() -> None:
    content = LinkDelivery(LinkSettings()).prepare(sample_invite(email="me@dealer.example.test"))
    assert isinstance(content, InviteContent)
    assert content.values["recipient_name"] == ""
    assert content.credential is None


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_address_that_is_not_on_file_is_not_said_to_be(language: str) -> None:
    on_file = {"en": "on file", "es": "tiene registrada"}[language]
    delivery = LinkDelivery(LinkSettings())
    for email, said in (("MARIA@bluebonnet.example.test", True), ("me@dealer.example.test", False)):
        mail = render_invite(delivery, language=language, email=email)
        for part in (mail.text, Outline(mail.html).words):
            words = " ".join(part.split())
            assert (on_file in words) == said
            assert "Bluebonnet Custom Homes" in words
            assert DECLINE in (*Outline(mail.html).links, mail.text)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["Harbor & Pine Builders, Inc.", "O’Brien Bros. & Co.", "Yes!"])
def test_a_company_whose_name_ends_in_a_full_stop_gets_no_second_one(
    name: str, language: str
) -> None:
    mail = render_invite(
        LinkDelivery(LinkSettings()),
        msgspec.structs.replace(DEALER, name="Hill Country Supply Co."),
        language=language,
        account=sample_account(name=name),
        second_check=UsernameSource.SHIP_TO_ZIP,
    )
    for part in (mail.text, Outline(mail.html).words):
        assert not re.search(r"[.!]\s*\.", part.replace("p. m.", ""))
        assert re.search(rf"{re.escape(name)}\s", part)


def test_a_reminder_says_that_it_is_one_and_leads_to_the_same_pages() -> None:
    delivery = LinkDelivery(LinkSettings())
    first, reminder = render_invite(delivery), render_invite(delivery, reminder=True)
    assert reminder.subject == f"Reminder: {first.subject}"
    for part in (reminder.text, Outline(reminder.html).words):
        assert "friendly reminder" in part
        assert "still open" in part
    assert "reminder" not in (first.subject + first.text + first.html).lower()
    assert Outline(reminder.html).links == Outline(first.html).links


def test_the_mail_says_what_the_customer_will_be_asked_for() -> None:
    delivery = LinkDelivery(LinkSettings())
    for source, words in (
        (
            UsernameSource.SHIP_TO_ZIP,
            "your ship-to ZIP code, as Hill Country Supply has it on file",
        ),
        (UsernameSource.PHONE, "your phone number, as"),
        (UsernameSource.ACCOUNT_NO, "your account number, as"),
    ):
        mail = render_invite(delivery, second_check=source)
        assert words in " ".join(mail.text.split())
        assert words in Outline(mail.html).words
    for part in (plain := render_invite(delivery)).text, plain.html:
        assert "asked for" not in part


def test_a_customer_who_cannot_answer_the_second_check_is_not_invited() -> None:
    skipped = LinkDelivery(LinkSettings()).prepare(
        sample_invite(
            account=sample_account(ship_to_zip=""), second_check=UsernameSource.SHIP_TO_ZIP
        )
    )
    assert skipped == Skipped(
        reason="no ship-to ZIP code on file; add it in the ERP", field="ship_to_zip"
    )


def test_the_plugin_registers_one_delivery_and_refuses_unknown_settings() -> None:
    registry = Registry()
    plugin.register(registry)
    (offer,) = registry.offers()
    assert (offer.port, offer.name) == ("invite_delivery", "invite_link")
    assert decode_settings({}, offer.settings) == LinkSettings()
    with pytest.raises(msgspec.ValidationError):
        decode_settings({"massage": "x"}, offer.settings)


def test_the_mail_can_be_rendered_for_a_dealer_of_few_words() -> None:
    bare = DealerFacts(name="Bare", reply_to="ar@bare.example.test")
    mail = render_invite(LinkDelivery(LinkSettings()), bare)
    assert "Just reply to this mail." in mail.text
