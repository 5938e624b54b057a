"""The README's example is one that the platform accepts."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from dueport_email_smtp.settings import SmtpSettings
from dueport_invite_credentials.delivery import CredentialSettings
from dueport_invite_link.delivery import LinkSettings
from dueport_ports import decode_settings

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email_smtp", SmtpSettings),
        ("invite_link", LinkSettings),
        ("invite_credentials", CredentialSettings),
    ],
)
def test_the_example_section_decodes(
    name: str, kind: type[msgspec.Struct], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "canary")
    readme = (PLUGINS / name / "README.md").read_text(encoding="utf-8")
    example = tomllib.loads(readme.partition("```toml\n")[2].partition("```")[0])
    assert isinstance(decode_settings(example["plugins"][name], kind), kind)


def test_the_table_names_every_setting_of_the_mailer() -> None:
    readme = (PLUGINS / "email_smtp" / "README.md").read_text(encoding="utf-8")
    for field in SmtpSettings.__struct_fields__:
        assert f"`{field}`" in readme
