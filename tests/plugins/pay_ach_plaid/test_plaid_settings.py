"""Sandbox and production never mix, and a wrong setting is named before anything starts."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_pay_ach_plaid import plugin
from dueport_pay_ach_plaid.settings import HOSTS, SCRIPT_URL, Settings, check_environment, host_of
from dueport_ports import (
    Cancelling,
    ChangeFeed,
    CollectMode,
    Environment,
    Instruments,
    Misconfigured,
    PaymentMethodKind,
    PaymentProcessor,
    Refunding,
    Registry,
    Secret,
    Settling,
    decode_settings,
)
from dueport_ports.testing.context import plugin_context

README = Path(__file__).resolve().parents[3] / "plugins" / "pay_ach_plaid" / "README.md"


def new(**changes: Any) -> Settings:
    facts: dict[str, Any] = {"client_id": "client", "secret": Secret("canary")}
    return Settings(**(facts | changes))


def test_the_address_follows_the_environment() -> None:
    for environment, host in (
        (Environment.LIVE, "https://production.plaid.com"),
        (Environment.SANDBOX, "https://sandbox.plaid.com"),
    ):
        check_environment(new(), environment)
        assert host_of(new(), environment) == host
    assert new().script_url == "https://cdn.plaid.com/link/v2/stable/link-initialize.js"


@pytest.mark.parametrize(
    ("settings", "environment", "named"),
    [
        (new(api_url=HOSTS[Environment.SANDBOX]), Environment.LIVE, "api_url"),
        (new(api_url="http://127.0.0.1:8420/plaid"), Environment.LIVE, "api_url"),
        (new(script_url="http://127.0.0.1:8420/js/link.js"), Environment.LIVE, "script_url"),
        (new(script_url=f"{SCRIPT_URL}?v=2"), Environment.LIVE, "script_url"),
        (new(api_url=HOSTS[Environment.LIVE]), Environment.SANDBOX, "production"),
        (new(api_url=f"{HOSTS[Environment.LIVE]}:443/"), Environment.SANDBOX, "production"),
        (new(api_url="http://plaid.example"), Environment.SANDBOX, "https"),
        (new(script_url="javascript:alert(1)"), Environment.SANDBOX, "script_url"),
        (new(redirect_uri="http://dealer.example"), Environment.SANDBOX, "redirect_uri"),
        (new(webhook_url="ftp://dealer.example"), Environment.LIVE, "webhook_url"),
    ],
)
def test_a_mix_of_environments_does_not_start(
    settings: Settings, environment: Environment, named: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=named) as caught:
        plugin.build(settings, plugin_context(tmp_path, environment=environment))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": ""},
        {"client_name": "x" * 31},
        {"deployment": ""},
        {"deployment": "Zürich"},
        {"unassessed_limit_cents": -1},
        {"read_timeout_s": 600.0},
        {"connect_timeout_s": 0.0},
    ],
)
def test_a_setting_that_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        new(**changes)


def test_an_unknown_or_misspelt_setting_is_refused() -> None:
    raw = {"client_id": "c", "secret": Secret("s"), "unassesed_limit_cents": 1}
    with pytest.raises(msgspec.ValidationError, match="unassesed_limit_cents"):
        decode_settings(raw, Settings)
    with pytest.raises(Misconfigured, match="never as the value itself"):
        decode_settings({"client_id": "c", "secret": "pasted"}, Settings)


def test_the_secret_is_in_no_repr() -> None:
    assert "canary" not in repr(new())


def test_it_registers_under_its_name_and_offers_what_it_can_do(tmp_path: Path) -> None:
    registry = Registry()
    plugin.register(registry)
    [offer] = registry.offers()
    assert (offer.port, offer.name, offer.settings) == ("processor", "pay_ach_plaid", Settings)
    built = offer.build(new(), plugin_context(tmp_path))
    assert isinstance(built, PaymentProcessor)
    for ability in (ChangeFeed, Instruments, Cancelling, Refunding, Settling):
        assert isinstance(built, ability)
    capabilities = built.capabilities()
    assert capabilities.methods == {PaymentMethodKind.ACH}
    assert capabilities.collect_modes == {CollectMode.SCRIPT}
    assert not capabilities.instant_outcome
    assert "canary" not in repr(built)


def test_plaids_sdk_is_not_imported_by_who_only_looks_for_plugins() -> None:
    code = (
        "import sys; import dueport_pay_ach_plaid.plugin; "
        "print([n for n in ('plaid', 'jwt', 'urllib3') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"


def test_the_readmes_example_is_one_that_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAID_SECRET", "canary")
    text = README.read_text(encoding="utf-8")
    example = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    settings = decode_settings(example["plugins"]["pay_ach_plaid"], Settings)
    check_environment(settings, Environment.LIVE)
    for field in Settings.__struct_fields__:
        assert f"`{field}`" in text, f"the README does not explain {field}"
