"""The conformance suites of credential generators and invitation deliveries.

Both are pure: the rehearsal that an operator looks at and the sending are the same call, so the
suites ask again and again and compare the kinds of the answers.
"""

import datetime
import logging
import re
import socket
from typing import ClassVar

import msgspec
import pytest

from dueport_core.accounts import Account, Contact
from dueport_core.credentials import Issued, Skipped, UsernameSource
from dueport_ports.invites import (
    CredentialGenerator,
    CredentialRequest,
    InviteContent,
    InviteDelivery,
    InviteRequest,
)
from dueport_ports.testing.sealed import SealedContract

SECRET_MIN_LENGTH = 16
"""Sixteen characters of a 32 letter alphabet are the 80 bits that an initial password needs."""
EXPIRES_AFTER_MAX_S = 72 * 3600
PLATFORM_NAMES = frozenset({"dealer", "language", "portal_url", "theme"})
"""What the platform adds to the values of every mail template."""
PLATFORM_FILTERS = frozenset({"dollars", "day", "deadline", "ended", "moment", "said", "web_link"})
"""The filters of mail templates beside the template engine's own."""

_VARIANTS: tuple[dict[str, object], ...] = (
    {"language": "es"},
    {"language": "xx"},
    {"reminder": True},
    {"reminder": True, "language": "es", "second_check": UsernameSource.ACCOUNT_NO},
)
_REHEARSAL_URL = "https://portal.example.test/rehearsal"


def sample_account(**changes: object) -> Account:
    """An account in which every field that a username can come from is filled."""
    account = Account(
        account_no="10425",
        name="Bluebonnet Custom Homes",
        ship_to_zip="78741",
        contacts=(
            Contact(
                name="Maria Delgado",
                email="maria@bluebonnet.example.test",
                phone="(512) 555-0142",
                is_primary=True,
            ),
        ),
    )
    return msgspec.structs.replace(account, **changes)


def account_without(source: UsernameSource) -> Account | None:
    """The sample account lacking what this source needs; None for a source that needs nothing."""
    (contact,) = sample_account().contacts
    match source:
        case UsernameSource.PHONE:
            return sample_account(contacts=(msgspec.structs.replace(contact, phone=""),))
        case UsernameSource.FIRST_NAME | UsernameSource.LAST_NAME:
            return sample_account(contacts=(msgspec.structs.replace(contact, name=""),))
        case UsernameSource.SHIP_TO_ZIP:
            return sample_account(ship_to_zip="")
        case _:
            return None


def sample_invite(**changes: object) -> InviteRequest:
    """A complete invitation request; ``changes`` replaces fields."""
    request = InviteRequest(
        account=sample_account(),
        email="maria@bluebonnet.example.test",
        register_url="https://portal.example.test/register/a-token",
        decline_url="https://portal.example.test/decline/a-token",
        sign_in_url="https://portal.example.test/sign-in",
        expires_at=datetime.datetime(2026, 12, 6, 21, tzinfo=datetime.UTC),
    )
    return msgspec.structs.replace(request, **changes)


def field_values(account: Account, email: str) -> set[str]:
    """Everything of an account that somebody else may know, as written and stripped down."""
    values = {email, email.partition("@")[0], account.account_no, account.name, account.ship_to_zip}
    for contact in account.contacts:
        values |= {contact.name, contact.phone, contact.email, *contact.name.split()}
    plain = {re.sub(r"[^a-z0-9]", "", value.casefold()) for value in values}
    return {value for value in plain if value}


def credential_request(
    source: UsernameSource, account: Account | None = None, *taken: str
) -> CredentialRequest:
    return CredentialRequest(
        account=account or sample_account(),
        email="maria@bluebonnet.example.test",
        username_source=source,
        taken_usernames=frozenset(taken),
    )


class _Offline(SealedContract, contract=True):
    """Cuts the network for every test: whoever prepares an invitation has nothing to ask there."""

    @pytest.fixture(autouse=True)
    def _no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("preparing an invitation must not open a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)


class CredentialGeneratorContract(_Offline, contract=True):
    """What every credential generator promises. A subclass supplies ``generator``."""

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_a_complete_account_is_issued_a_pair(
        self, generator: CredentialGenerator, source: UsernameSource
    ) -> None:
        issued = generator.issue(credential_request(source))
        assert isinstance(issued, Issued)
        assert issued.username.strip() == issued.username != ""
        assert issued.username.isprintable()

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_the_password_is_random_long_used_once_and_short_lived(
        self, generator: CredentialGenerator, source: UsernameSource
    ) -> None:
        pairs = [generator.issue(credential_request(source)) for _ in range(200)]
        issued = [pair for pair in pairs if isinstance(pair, Issued)]
        assert len(issued) == 200
        assert len({pair.secret for pair in issued}) == 200
        for pair in issued:
            assert len(pair.secret) >= SECRET_MIN_LENGTH
            assert pair.must_change is True
            assert 0 < pair.expires_after_s <= EXPIRES_AFTER_MAX_S

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_the_password_is_never_made_from_a_field(
        self, generator: CredentialGenerator, source: UsernameSource
    ) -> None:
        draws = [generator.issue(credential_request(source)) for _ in range(6)]
        issued = [each for each in draws if isinstance(each, Issued)]
        assert len(issued) == len(draws)
        secrets = [each.secret.casefold() for each in issued]
        known = field_values(sample_account(), "maria@bluebonnet.example.test")
        known |= {each.username.casefold() for each in issued}
        assert known.isdisjoint(secrets)
        # By chance one secret may hold four characters of a field; all of them never do.
        pieces = {value[at : at + 4] for value in known for at in range(len(value) - 3)}
        assert not any(all(piece in secret for secret in secrets) for piece in pieces)

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_a_missing_field_is_named(
        self, generator: CredentialGenerator, source: UsernameSource
    ) -> None:
        account = account_without(source)
        if account is None:
            assert isinstance(generator.issue(credential_request(source)), Issued)
            return
        skipped = generator.issue(credential_request(source, account))
        assert isinstance(skipped, Skipped)
        assert skipped.field
        assert skipped.reason

    @pytest.mark.parametrize(
        "source", [each for each in UsernameSource if each is not UsernameSource.RANDOM]
    )
    def test_a_username_that_is_taken_is_skipped_whatever_its_case(
        self, generator: CredentialGenerator, source: UsernameSource
    ) -> None:
        first = generator.issue(credential_request(source))
        assert isinstance(first, Issued)
        for taken in (first.username, first.username.upper(), first.username.lower()):
            skipped = generator.issue(credential_request(source, None, taken))
            assert isinstance(skipped, Skipped)
            assert skipped.field
            assert skipped.reason

    def test_a_promised_user_name_is_kept(self, generator: CredentialGenerator) -> None:
        promised = msgspec.structs.replace(
            credential_request(UsernameSource.RANDOM), username="k7qw3mpx"
        )
        issued = generator.issue(promised)
        assert isinstance(issued, Issued)
        assert issued.username == "k7qw3mpx"

    def test_no_log_shows_a_password(
        self, generator: CredentialGenerator, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            issued = generator.issue(credential_request(UsernameSource.EMAIL))
        assert isinstance(issued, Issued)
        assert issued.secret not in caplog.text


class InviteDeliveryContract(_Offline, contract=True):
    """What every invitation delivery promises. A subclass supplies ``delivery``."""

    platform_names: ClassVar[frozenset[str]] = PLATFORM_NAMES

    def test_a_complete_account_receives_something(self, delivery: InviteDelivery) -> None:
        content = delivery.prepare(sample_invite())
        assert isinstance(content, InviteContent)
        assert all(isinstance(value, str | datetime.datetime) for value in content.values.values())

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_asking_again_gives_the_same_kind_of_answer(
        self, delivery: InviteDelivery, source: UsernameSource
    ) -> None:
        for account in (sample_account(), account_without(source) or sample_account()):
            request = sample_invite(account=account, username_source=source)
            first, second = delivery.prepare(request), delivery.prepare(request)
            _assert_same_kind(first, second)

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_the_rehearsal_says_what_the_sending_does(
        self, delivery: InviteDelivery, source: UsernameSource
    ) -> None:
        for account in (sample_account(), account_without(source) or sample_account()):
            real = sample_invite(account=account, username_source=source)
            rehearsal = msgspec.structs.replace(
                real,
                register_url=_REHEARSAL_URL,
                decline_url=_REHEARSAL_URL,
                sign_in_url=_REHEARSAL_URL,
            )
            _assert_same_kind(delivery.prepare(rehearsal), delivery.prepare(real))

    @pytest.mark.parametrize(
        "email", ["", "nobody", "a@x.test, b@y.test", "a@x.test\r\nBcc: b@y.test"]
    )
    def test_an_address_that_is_not_one_address_is_skipped_and_named(
        self, delivery: InviteDelivery, email: str
    ) -> None:
        skipped = delivery.prepare(sample_invite(email=email))
        assert isinstance(skipped, Skipped)
        assert skipped.field == "email"
        assert skipped.reason

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_a_missing_field_is_skipped_and_named_where_it_is_needed(
        self, delivery: InviteDelivery, source: UsernameSource
    ) -> None:
        account = account_without(source)
        complete = delivery.prepare(sample_invite(username_source=source))
        assert isinstance(complete, InviteContent)
        if account is None or complete.credential is None:
            return
        skipped = delivery.prepare(sample_invite(account=account, username_source=source))
        assert isinstance(skipped, Skipped)
        assert skipped.field
        assert skipped.reason

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_a_mailed_secret_is_never_the_value_of_a_field(
        self, delivery: InviteDelivery, source: UsernameSource
    ) -> None:
        content = delivery.prepare(sample_invite(username_source=source))
        assert isinstance(content, InviteContent)
        if content.credential is None:
            return
        known = field_values(sample_account(), "maria@bluebonnet.example.test")
        assert content.credential.secret.casefold() not in known
        assert len(content.credential.secret) >= SECRET_MIN_LENGTH
        assert content.credential.must_change is True
        assert content.credential.expires_after_s <= EXPIRES_AFTER_MAX_S

    @pytest.mark.parametrize("changes", _VARIANTS, ids=str)
    def test_who_is_invited_does_not_depend_on_the_words(
        self, delivery: InviteDelivery, changes: dict[str, object]
    ) -> None:
        for account in (sample_account(), sample_account(ship_to_zip="")):
            plain = sample_invite(account=account)
            _assert_same_kind(
                delivery.prepare(plain), delivery.prepare(msgspec.structs.replace(plain, **changes))
            )

    @pytest.mark.parametrize("source", list(UsernameSource))
    def test_nobody_is_asked_for_what_is_not_on_file(
        self, delivery: InviteDelivery, source: UsernameSource
    ) -> None:
        account = sample_account() if source is UsernameSource.RANDOM else account_without(source)
        if account is None:
            assert isinstance(delivery.prepare(sample_invite(second_check=source)), InviteContent)
            return
        skipped = delivery.prepare(sample_invite(account=account, second_check=source))
        assert isinstance(skipped, Skipped)
        assert skipped.field == source.value
        assert skipped.reason

    def test_a_reminder_and_a_second_check_are_told(self, delivery: InviteDelivery) -> None:
        plain = delivery.prepare(sample_invite())
        asked = delivery.prepare(sample_invite(second_check=UsernameSource.SHIP_TO_ZIP))
        reminder = delivery.prepare(sample_invite(reminder=True))
        for other in (asked, reminder):
            assert isinstance(plain, InviteContent)
            assert isinstance(other, InviteContent)
            assert (other.template, other.values) != (plain.template, plain.values)

    def test_the_template_has_a_text_with_a_subject_and_an_html_part(
        self, delivery: InviteDelivery
    ) -> None:
        content = delivery.prepare(sample_invite())
        assert isinstance(content, InviteContent)
        folder = delivery.templates_folder()
        text = (folder / f"{content.template}.txt.j2").read_text(encoding="utf-8")
        html = (folder / f"{content.template}.html.j2").read_text(encoding="utf-8")
        assert re.match(r"Subject: \S", text)
        assert html.strip()

    def test_the_templates_ask_for_nothing_that_the_delivery_does_not_give(
        self, delivery: InviteDelivery
    ) -> None:
        content = delivery.prepare(sample_invite())
        assert isinstance(content, InviteContent)
        given = set(content.values) | self.platform_names
        paths = sorted(delivery.templates_folder().glob(f"{content.template}.*j2"))
        assert paths
        for path in paths:
            assert _names_asked(path.read_text(encoding="utf-8")) <= given, path.name

    def test_a_translation_has_both_parts_and_its_own_subject(
        self, delivery: InviteDelivery
    ) -> None:
        content = delivery.prepare(sample_invite())
        assert isinstance(content, InviteContent)
        folder = delivery.templates_folder()
        for text in folder.glob(f"{content.template}.*.txt.j2"):
            assert re.match(r"Subject: \S", text.read_text(encoding="utf-8")), text.name
            html = text.with_name(text.name.replace(".txt.j2", ".html.j2"))
            assert html.read_text(encoding="utf-8").strip(), html.name

    def test_no_log_shows_a_mailed_secret(
        self, delivery: InviteDelivery, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            content = delivery.prepare(sample_invite())
        assert isinstance(content, InviteContent)
        if content.credential is not None:
            assert content.credential.secret not in caplog.text
        assert "a-token" not in caplog.text


def _assert_same_kind(first: InviteContent | Skipped, second: InviteContent | Skipped) -> None:
    """Random parts may differ; what the operator was shown may not."""
    if isinstance(first, Skipped) or isinstance(second, Skipped):
        assert first == second
        return
    assert first.template == second.template
    assert first.values.keys() == second.values.keys()
    assert (first.credential is None) == (second.credential is None)


def _names_asked(template: str) -> set[str]:
    """The names that a template expects to be given."""
    jinja2 = pytest.importorskip("jinja2")
    nodes = pytest.importorskip("jinja2.nodes")
    meta = pytest.importorskip("jinja2.meta")
    environment = jinja2.Environment(autoescape=True)
    environment.filters.update(dict.fromkeys(PLATFORM_FILTERS, str))
    tree = environment.parse(template)
    asked: set[str] = meta.find_undeclared_variables(tree)
    # Within a block, the analysis does not know what the template imported at its top.
    for imported in tree.find_all(nodes.FromImport):
        asked -= {name if isinstance(name, str) else name[1] for name in imported.names}
    asked -= {imported.target for imported in tree.find_all(nodes.Import)}
    return asked - {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
