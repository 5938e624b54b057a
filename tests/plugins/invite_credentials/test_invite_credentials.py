"""The invitation with credentials: user names, one-time passwords, skips, and the contracts."""

import re
import secrets

import msgspec
import pytest

from dueport_core import credentials as core_credentials
from dueport_invite_credentials import OneTimeCredentials, plugin
from dueport_invite_credentials.delivery import CredentialDelivery, CredentialSettings
from dueport_ports import (
    Account,
    Contact,
    CredentialGenerator,
    CredentialRequest,
    InviteContent,
    InviteDelivery,
    Issued,
    Registry,
    Skipped,
    UsernameSource,
    decode_settings,
)
from dueport_ports.testing.invites import (
    CredentialGeneratorContract,
    InviteDeliveryContract,
    credential_request,
    sample_account,
    sample_invite,
)
from tests.mail.samples import render_invite
from tests.mail.test_rendering import Outline

GROUPED = r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b"
"""A one-time password as people read it: four groups of four."""


class TestOneTimeCredentials(CredentialGeneratorContract):
    @pytest.fixture
    def generator(self) -> CredentialGenerator:
        return OneTimeCredentials()


class TestCredentialDelivery(InviteDeliveryContract):
    @pytest.fixture
    def delivery(self) -> InviteDelivery:
        return CredentialDelivery(CredentialSettings())


def username(source: UsernameSource, account: Account | None = None) -> str:
    issued = OneTimeCredentials().issue(credential_request(source, account))
    assert isinstance(issued, Issued)
    return issued.username


def with_contact(**fields: str) -> Account:
    contact = msgspec.structs.replace(sample_account().contacts[0], **fields)
    return sample_account(contacts=(contact,))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (UsernameSource.EMAIL, "maria@bluebonnet.example.test"),
        (UsernameSource.PHONE, "5125550142"),
        (UsernameSource.ACCOUNT_NO, "10425"),
        (UsernameSource.FIRST_NAME, "maria"),
        (UsernameSource.LAST_NAME, "delgado"),
        (UsernameSource.SHIP_TO_ZIP, "78741"),
    ],
)
def test_each_source_gives_its_user_name(source: UsernameSource, expected: str) -> None:
    assert username(source) == expected


def test_user_names_are_written_one_way_however_the_erp_writes_the_field() -> None:
    assert username(UsernameSource.PHONE, with_contact(phone="+1 512.555.0142")) == "5125550142"
    assert username(UsernameSource.LAST_NAME, with_contact(name="Delgado, Maria")) == "delgado"
    assert username(UsernameSource.FIRST_NAME, with_contact(name="Delgado, Maria")) == "maria"
    assert username(UsernameSource.LAST_NAME, with_contact(name="Ana de la Cruz")) == "cruz"
    assert username(UsernameSource.SHIP_TO_ZIP, sample_account(ship_to_zip="78741-0012")) == "78741"


def test_a_random_user_name_is_new_each_time_and_avoids_those_taken() -> None:
    names = {username(UsernameSource.RANDOM) for _ in range(200)}
    assert len(names) == 200
    assert all(re.fullmatch(r"[a-z2-7]{8}", name) for name in names)


@pytest.mark.parametrize("source", list(UsernameSource))
def test_the_platform_reads_the_same_user_name_from_the_record(source: UsernameSource) -> None:
    ours = OneTimeCredentials().issue(credential_request(source))
    theirs = core_credentials.issue(sample_account(), source, secrets.token_bytes)
    assert isinstance(ours, Issued)
    assert isinstance(theirs, Issued)
    if source is not UsernameSource.RANDOM:
        assert ours.username == theirs.username
    assert (len(ours.secret), ours.must_change, ours.expires_after_s) == (
        len(theirs.secret),
        theirs.must_change,
        theirs.expires_after_s,
    )


def test_the_one_time_password_is_sixteen_base32_characters() -> None:
    issued = OneTimeCredentials().issue(credential_request(UsernameSource.EMAIL))
    assert isinstance(issued, Issued)
    assert re.fullmatch(r"[A-Z2-7]{16}", issued.secret)
    assert issued.expires_after_s == 72 * 3600
    assert issued.must_change is True
    assert issued.secret not in repr(issued)


def test_the_contact_who_gets_the_mail_gives_the_user_name() -> None:
    account = sample_account(
        contacts=(
            Contact(
                name="Maria Delgado", email="maria@x.test", phone="5125550142", is_primary=True
            ),
            Contact(name="Tom Reyes", email="Tom@x.test", phone="5125550199"),
        )
    )
    request = CredentialRequest(
        account=account, email="tom@x.test", username_source=UsernameSource.PHONE
    )
    issued = OneTimeCredentials().issue(request)
    assert isinstance(issued, Issued)
    assert issued.username == "5125550199"


@pytest.mark.parametrize(
    ("source", "account", "words"),
    [
        (UsernameSource.PHONE, with_contact(phone=""), "phone number"),
        (UsernameSource.PHONE, with_contact(phone="call the office"), "phone number"),
        (UsernameSource.FIRST_NAME, with_contact(name="  "), "first name"),
        (UsernameSource.LAST_NAME, with_contact(name="Maria"), "last name"),
        (UsernameSource.SHIP_TO_ZIP, sample_account(ship_to_zip=""), "ZIP"),
        (UsernameSource.PHONE, sample_account(contacts=()), "phone number"),
    ],
)
def test_a_customer_without_the_field_is_skipped_and_told_what_to_mend(
    source: UsernameSource, account: Account, words: str
) -> None:
    delivery = CredentialDelivery(CredentialSettings())
    skipped = delivery.prepare(sample_invite(account=account, username_source=source))
    assert isinstance(skipped, Skipped)
    assert skipped.field == source.value
    assert words in skipped.reason
    assert "ERP" in skipped.reason


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Zoë Sørensen", "zoe", "sorensen"), ("Grußmann, Žofia", "zofia", "grussmann")],
)
def test_a_user_name_can_be_typed_on_every_keyboard(name: str, first: str, last: str) -> None:
    assert username(UsernameSource.FIRST_NAME, with_contact(name=name)) == first
    assert username(UsernameSource.LAST_NAME, with_contact(name=name)) == last


def test_a_name_without_latin_letters_gives_no_user_name() -> None:
    skipped = OneTimeCredentials().issue(
        credential_request(UsernameSource.LAST_NAME, with_contact(name="李 明"))
    )
    assert skipped == Skipped(
        reason="the last name on file holds nothing that can be typed; choose another field",
        field="last_name",
    )


def test_a_user_name_in_use_is_skipped_and_shown() -> None:
    delivery = CredentialDelivery(CredentialSettings())
    taken = frozenset({"MARIA"})
    skipped = delivery.prepare(
        sample_invite(username_source=UsernameSource.FIRST_NAME, taken_usernames=taken)
    )
    assert isinstance(skipped, Skipped)
    assert skipped == Skipped(
        reason="the username “maria” is in use already; account number or random is always unique",
        field="first_name",
    )


def test_the_mail_carries_the_pair_the_address_and_the_time_limit() -> None:
    mail = render_invite(CredentialDelivery(CredentialSettings(message="Welcome aboard.")))
    sign_in = "https://pay.hillcountry.example.test/sign-in"
    (secret,) = re.findall(GROUPED, mail.text)
    assert sign_in in mail.text
    assert sign_in in Outline(mail.html).links
    for part in (mail.text, Outline(mail.html).words):
        assert "maria@bluebonnet.example.test" in part
        assert secret in part
        assert "works until Sunday, December 6, 2026, 3:00 PM CST" in part
        assert "Hello Maria Delgado," in part
        assert "choose your own" in part
        assert "Welcome aboard." in part
    assert secret not in mail.subject


def test_the_mailed_password_is_the_issued_one_and_the_platform_gets_both() -> None:
    content = CredentialDelivery(CredentialSettings()).prepare(sample_invite())
    assert isinstance(content, InviteContent)
    assert content.credential is not None
    mailed = content.values["one_time_password"]
    assert isinstance(mailed, str)
    assert re.fullmatch(GROUPED, mailed)
    assert mailed.replace("-", "") == content.credential.secret
    assert content.values["username"] == content.credential.username


def test_a_long_user_name_has_a_line_of_its_own() -> None:
    account = with_contact(email="accounts.payable.department@bluebonnet-custom-homes.example.test")
    mail = render_invite(
        CredentialDelivery(CredentialSettings()), account=account, email=account.contacts[0].email
    )
    assert f"Username:\n{account.contacts[0].email}\n" in mail.text


def test_an_address_that_is_not_on_file_is_not_said_to_be() -> None:
    delivery = CredentialDelivery(CredentialSettings())
    for language, on_file in (("en", "on file"), ("es", "tiene registrada")):
        known = render_invite(delivery, language=language)
        other = render_invite(delivery, language=language, email="me@dealer.example.test")
        for mail, said in ((known, True), (other, False)):
            for part in (mail.text, Outline(mail.html).words):
                assert (on_file in " ".join(part.split())) == said
                assert ("Maria Delgado" in part) == said


def test_a_generator_of_ones_own_may_be_used() -> None:
    class Fixed(CredentialGenerator):
        def issue(self, request: CredentialRequest) -> Issued | Skipped:
            return Skipped(reason="not today", field="account_no")

    delivery = CredentialDelivery(CredentialSettings(), generator=Fixed())
    assert delivery.prepare(sample_invite()) == Skipped(reason="not today", field="account_no")


def test_a_reminder_carries_a_pair_of_its_own() -> None:
    mail = render_invite(CredentialDelivery(CredentialSettings()), reminder=True)
    assert mail.subject.startswith("Reminder: ")
    assert re.search(GROUPED, mail.text)
    for part in (mail.text, Outline(mail.html).words):
        assert "friendly reminder" in part


def test_the_mail_is_written_in_the_customers_language() -> None:
    mail = render_invite(CredentialDelivery(CredentialSettings()), language="es")
    assert mail.subject == "Su acceso al portal de clientes de Hill Country Supply"
    for part in (mail.text, Outline(mail.html).words):
        assert "hasta el domingo 6 de diciembre de 2026, 3:00 p. m. CST" in " ".join(part.split())
        assert "Hola, Maria Delgado:" in part
        assert "Contraseña de un solo uso" in part


def test_a_customer_who_cannot_answer_the_second_check_gets_no_credentials() -> None:
    skipped = CredentialDelivery(CredentialSettings()).prepare(
        sample_invite(account=with_contact(phone=""), second_check=UsernameSource.PHONE)
    )
    assert skipped == Skipped(reason="no phone number on file; add it in the ERP", field="phone")


def test_the_plugin_registers_one_delivery_and_refuses_unknown_settings() -> None:
    registry = Registry()
    plugin.register(registry)
    (offer,) = registry.offers()
    assert (offer.port, offer.name) == ("invite_delivery", "invite_credentials")
    assert decode_settings({}, offer.settings) == CredentialSettings()
    with pytest.raises(msgspec.ValidationError):
        decode_settings({"password": "123456"}, offer.settings)
