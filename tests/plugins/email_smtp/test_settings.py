"""What the dealer may configure, and what would send mail in the clear."""

from pathlib import Path

import msgspec
import pytest

from dueport_email_smtp import plugin
from dueport_email_smtp.settings import SmtpSettings, hello_name
from dueport_ports import Environment, Misconfigured, Registry, decode_settings
from tests.plugins.email_smtp.smtp_server import make_sender


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_server_on_this_machine_needs_no_encryption(host: str) -> None:
    assert make_sender(25, host=host, environment=Environment.LIVE) is not None


def test_plaintext_to_another_machine_must_be_asked_for() -> None:
    with pytest.raises(Misconfigured, match="allow_plaintext"):
        make_sender(25, host="mail.example.test")
    assert make_sender(25, host="mail.example.test", allow_plaintext=True) is not None


def test_a_live_deployment_never_sends_plaintext_to_another_machine() -> None:
    with pytest.raises(Misconfigured, match="live"):
        make_sender(
            25, host="mail.example.test", allow_plaintext=True, environment=Environment.LIVE
        )


def test_encryption_is_on_unless_somebody_turns_it_off() -> None:
    settings = decode_settings({"host": "mail.example.test"}, SmtpSettings)
    assert settings.encryption == "starttls"
    assert settings.server_port == 587


@pytest.mark.parametrize(("encryption", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_encryption_has_its_usual_port(encryption: str, port: int) -> None:
    raw = {"host": "mail.example.test", "encryption": encryption}
    assert decode_settings(raw, SmtpSettings).server_port == port


def test_half_a_sign_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "canary")
    with pytest.raises(Misconfigured, match="go together"):
        make_sender(25, username="somebody")
    with pytest.raises(Misconfigured, match="go together"):
        make_sender(25, password={"env": "SMTP_PASSWORD"})


def test_a_password_written_into_the_file_is_refused() -> None:
    with pytest.raises(Misconfigured, match="never as the value itself"):
        make_sender(25, username="somebody", password="canary")


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "canary")
    raw = {"host": "h", "username": "u", "password": {"env": "SMTP_PASSWORD"}}
    assert "canary" not in repr(decode_settings(raw, SmtpSettings))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"host": ""},
        {"host": "h", "hots": "x"},
        {"host": "h", "connections": 0},
        {"host": "h", "encryption": "ssl"},
        {"host": "h", "port": 70000},
    ],
)
def test_a_wrong_key_or_value_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_settings(raw, SmtpSettings)


def test_a_missing_authority_file_and_a_bad_bounce_address_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"missing\.pem"):
        make_sender(25, ca_file=str(tmp_path / "missing.pem"))
    with pytest.raises(Misconfigured, match="bounce_address"):
        make_sender(25, bounce_address="a@x.test, b@x.test")


@pytest.mark.parametrize(
    ("public_url", "given", "name"),
    [
        ("https://pay.example.test", "", "pay.example.test"),
        ("http://127.0.0.1:8000", "", "[127.0.0.1]"),
        ("http://[::1]:8000", "", "[IPv6:::1]"),
        ("https://pay.example.test", "mail.example.test", "mail.example.test"),
    ],
)
def test_the_greeting_gives_a_name_that_servers_accept(
    public_url: str, given: str, name: str
) -> None:
    assert hello_name(SmtpSettings(host="h", hello_name=given), public_url) == name


def test_the_plugin_registers_one_mailer() -> None:
    registry = Registry()
    plugin.register(registry)
    (offer,) = registry.offers()
    assert (offer.port, offer.name, offer.settings) == ("email", "email_smtp", SmtpSettings)
