"""A wrong dealer.toml is explained as a whole, and never half used."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dueport_apps.cli import main
from dueport_apps.commands.init import Answers, write_config
from dueport_apps.settings import load_settings
from dueport_core.errors import Conflict, Misconfigured


@pytest.fixture
def config() -> Iterator[Path]:
    """A fresh configuration in a folder that the database's own user may pass through."""
    with tempfile.TemporaryDirectory(prefix="dueport-config-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield write_config(folder, Answers(name='Yard "A" & Söhne', reply_to="ar@yard.example"))


def changed(config: Path, old: str, new: str) -> Path:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    return config


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments])


def test_what_init_writes_can_be_read_again(config: Path) -> None:
    settings = load_settings(config)

    assert settings.config.dealer.name == 'Yard "A" & Söhne'
    assert len(settings.secret_key.reveal()) >= 32


def test_init_overwrites_nothing(config: Path) -> None:
    with pytest.raises(Conflict, match="exists already"):
        write_config(config.parent, Answers(name="Other", reply_to="x@y.example"))


def test_the_secret_key_is_readable_by_its_owner_alone(config: Path) -> None:
    assert (config.parent / "secrets" / "secret_key").stat().st_mode & 0o077 == 0


def test_every_wrong_key_is_named_at_once_with_the_key_that_was_meant(config: Path) -> None:
    changed(config, "reply_to", "replyto")
    changed(config, 'time_zone = "America/New_York"', 'time_zone = "Mars/Olympus"')
    changed(config, "expires_in_days = 7", "expires_in_days = 90")

    with pytest.raises(Misconfigured) as refusal:
        load_settings(config)

    text = str(refusal.value)
    assert "dealer.replyto: unknown key; did you mean 'reply_to'?" in text
    assert "dealer.reply_to: missing" in text
    assert "policies.invite: expires_in_days must lie between 1 and 30" in text


def test_a_secret_is_a_reference_and_never_a_value(config: Path) -> None:
    changed(config, '{ file = "secrets/secret_key" }', '"hunter2hunter2hunter2hunter2hunter2"')

    with pytest.raises(Misconfigured, match="secret_key"):
        load_settings(config)


def test_plain_http_is_for_this_machine_alone(config: Path) -> None:
    changed(config, "http://127.0.0.1:8400", "http://pay.yard.example")

    with pytest.raises(Misconfigured, match="https"):
        load_settings(config)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    result = run(tmp_path / "none.toml", "check")

    assert result.exit_code == 3
    assert "dueport init" in result.stderr


def test_check_names_everything_that_is_missing(config: Path) -> None:
    result = run(config, "check")

    assert result.exit_code == 1
    for missing in ("STRIPE_SECRET_KEY", "PLAID_SECRET", "SMTP_PASSWORD", "mapping.toml"):
        assert missing in result.stdout


def test_check_looks_for_the_folder_of_returned_mail(config: Path) -> None:
    changed(config, 'plugin = "email_smtp"', 'plugin = "email_smtp"\nbounces_folder = "returned"')

    assert "FAIL  bounces folder" in run(config, "check").stdout
    (config.parent / "returned").mkdir()
    assert "ok    bounces folder" in run(config, "check").stdout


def test_a_plugin_that_is_not_installed_is_named(config: Path) -> None:
    changed(config, 'plugin = "erp_generic"', 'plugin = "erp_acme"')

    assert "'erp_acme' is not installed" in run(config, "check").stdout
    assert "erp_acme  not installed" in run(config, "plugins").stdout


def test_with_json_a_refusal_is_json_too(tmp_path: Path) -> None:
    result = run(tmp_path / "none.toml", "plugins", "--json")

    assert result.stdout.startswith('{"error":"Misconfigured"')


@pytest.mark.parametrize("arguments", [["frobnicate"], ["post"], ["worker", "--concurrency", "0"]])
def test_wrong_arguments_are_explained(config: Path, arguments: list[str]) -> None:
    result = run(config, *arguments)

    assert result.exit_code == 2
    assert "Error:" in result.stderr
