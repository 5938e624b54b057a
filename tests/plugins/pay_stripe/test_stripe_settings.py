"""Test and live never mix, and a wrong setting is named before anything starts."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dueport_pay_stripe import plugin
from dueport_pay_stripe.collect import browser_script
from dueport_pay_stripe.settings import API_URL, SCRIPT_URL, Settings, check_mode
from dueport_ports import (
    Environment,
    Misconfigured,
    PaymentProcessor,
    Registry,
    Secret,
    decode_settings,
)
from dueport_ports.testing.context import plugin_context

ROOT = Path(__file__).resolve().parents[3]


def live(**changes: Any) -> Settings:
    facts: dict[str, Any] = {
        "secret_key": Secret("sk_live_canary"),
        "publishable_key": "pk_live_1",
        "webhook_secrets": (Secret("whsec_1"),),
    }
    return Settings(**(facts | changes))


def sandbox(**changes: Any) -> Settings:
    return live(
        **({"secret_key": Secret("sk_test_canary"), "publishable_key": "pk_test_1"} | changes)
    )


def test_live_keys_start_in_a_live_deployment_and_test_keys_in_a_sandbox() -> None:
    check_mode(live(), Environment.LIVE)
    check_mode(live(secret_key=Secret("rk_live_restricted")), Environment.LIVE)
    check_mode(sandbox(), Environment.SANDBOX)
    assert (live().api_url, live().script_url) == (API_URL, SCRIPT_URL)


@pytest.mark.parametrize(
    ("settings", "environment", "named"),
    [
        (live(), Environment.SANDBOX, "secret_key is a live key"),
        (sandbox(), Environment.LIVE, "secret_key is a test key"),
        (sandbox(publishable_key="pk_live_1"), Environment.SANDBOX, "publishable_key"),
        (live(publishable_key="pk_test_1"), Environment.LIVE, "publishable_key"),
        (live(secret_key=Secret("pk_live_1")), Environment.LIVE, "secret_key"),
        (live(secret_key=Secret("hunter2")), Environment.LIVE, "sk_live_ or rk_live_"),
        (live(webhook_secrets=(Secret("abc"),)), Environment.LIVE, "whsec_"),
        (live(api_url="https://stripe.evil.example"), Environment.LIVE, "api_url"),
        (live(script_url="https://evil.example/s.js"), Environment.LIVE, "script_url"),
        (sandbox(api_url="http://stripe.example"), Environment.SANDBOX, "https"),
        (sandbox(script_url="javascript:alert(1)"), Environment.SANDBOX, "script_url"),
    ],
)
def test_keys_mode_and_addresses_that_disagree_refuse_to_start(
    settings: Settings, environment: Environment, named: str
) -> None:
    with pytest.raises(Misconfigured, match=named) as caught:
        check_mode(settings, environment)
    assert "canary" not in str(caught.value)


def test_the_factory_checks_the_mode_before_it_builds_anything(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="secret_key"):
        plugin.build(live(), plugin_context(tmp_path))


async def test_the_plugin_registers_itself_under_its_section(tmp_path: Path) -> None:
    registry = Registry()
    plugin.register(registry)
    [offer] = registry.offers()
    assert (offer.port, offer.name, offer.settings) == ("processor", "pay_stripe", Settings)
    built = offer.build(sandbox(), plugin_context(tmp_path))
    assert isinstance(built, PaymentProcessor)
    await built.close()


def test_a_section_of_the_configuration_is_read_with_its_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_canary")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_canary")
    raw = {
        "secret_key": {"env": "STRIPE_SECRET_KEY"},
        "publishable_key": "pk_test_1",
        "webhook_secrets": [{"env": "STRIPE_WEBHOOK_SECRET"}],
        "statement_suffix": "INVOICES",
    }
    settings = decode_settings(raw, Settings)
    assert settings.secret_key.reveal() == "sk_test_canary"
    assert "canary" not in repr(settings)
    with pytest.raises(msgspec.ValidationError, match="secret_kay"):
        decode_settings(raw | {"secret_kay": 1}, Settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"statement_suffix": "A SUFFIX THAT IS FAR TOO LONG"},
        {"statement_suffix": "<b>"},
        {"deployment": ""},
        {"timeout_s": 0.0},
        {"network_retries": 9},
    ],
)
def test_a_setting_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        sandbox(**wrong)


def test_a_pay_page_allows_stripe_and_nobody_else() -> None:
    script = browser_script(live())
    assert script.vendor_url == SCRIPT_URL
    sources = {source for allowed in script.csp.values() for source in allowed}
    assert {source.rpartition(".stripe.com")[1] for source in sources} == {".stripe.com"}
    assert set(script.csp) == {"script-src", "frame-src", "connect-src"}


def test_a_rehearsal_page_allows_the_sandbox_alone() -> None:
    script = browser_script(sandbox(script_url="http://127.0.0.1:8420/js/stripe.js"))
    assert set(script.csp.values()) == {("http://127.0.0.1:8420",)}


def test_the_adapter_writes_no_markup_and_no_inline_style() -> None:
    adapter = browser_script(live()).adapter
    for forbidden in ("innerHTML", ".style", "eval(", "http://", "https://", "console."):
        assert forbidden not in adapter


def test_the_readme_shows_a_section_that_is_read_and_explains_every_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readme = (ROOT / "plugins" / "pay_stripe" / "README.md").read_text(encoding="utf-8")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    snippet = readme.split("```toml\n")[1].split("```")[0]
    raw = tomllib.loads(snippet)["processor"]["pay_stripe"]
    check_mode(decode_settings(raw, Settings), Environment.SANDBOX)
    for field in msgspec.structs.fields(Settings):
        assert f"`{field.name}`" in readme, f"the README does not explain {field.name}"


def test_stripes_sdk_is_loaded_only_when_the_processor_is_built() -> None:
    code = "import sys, dueport_pay_stripe.plugin; sys.exit('stripe' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
