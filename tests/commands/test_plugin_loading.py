"""Nothing unlisted is imported, and a broken plugin takes nobody else down."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dueport_apps.plugin_loader import load_plugins
from dueport_apps.settings import Extension
from dueport_core.errors import Misconfigured


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions, on the path for one test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        sys.modules.pop(name)


def install(site: Path, distribution: str, entry: str, module: str, code: str) -> None:
    """Put a distribution with one plugin there, as an installer would."""
    (site / f"{module}.py").write_text(code)
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dueport.plugins]\n{entry} = {module}\n")
    importlib.invalidate_caches()


GOOD = """
import msgspec
from dueport_ports import Registry, TextSender, hookimpl

class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass

class Silent(TextSender):
    def __init__(self, settings, context):
        pass
    async def send(self, message):
        return None

@hookimpl
def register(registry: Registry) -> None:
    registry.text("text_acme", Settings, Silent{contract})
"""


def test_an_allowed_third_party_plugin_is_listed_with_its_version(site: Path) -> None:
    install(site, "acme-text", "text_acme", "acme_text", GOOD.format(contract=""))

    catalog = load_plugins(
        ["text_acme"], [Extension(name="text_acme", distribution="Acme_Text", version="1.0")]
    )

    assert [(s.name, s.version, s.ports, s.off) for s in catalog.statuses] == [
        ("text_acme", "1.0", ("text",), "")
    ]
    assert catalog.title("text_acme") == "text_acme"


def test_operators_read_a_plugins_title_and_the_name_where_there_is_none(site: Path) -> None:
    install(site, "acme-text", "text_acme", "acme_text", GOOD.format(contract=', title="Acme"'))

    catalog = load_plugins(
        ["text_acme", "pay_stripe"], [Extension(name="text_acme", distribution="acme-text")]
    )

    assert catalog.title("text_acme") == "Acme"
    assert catalog.title("pay_stripe") == "Stripe"
    assert catalog.title("not_installed") == "not_installed"


def test_a_distribution_that_is_not_allowed_is_never_imported(site: Path) -> None:
    marker = site / "imported"
    code = f"open({str(marker)!r}, 'w').close()\n" + GOOD.format(contract="")
    install(site, "totally-unrelated", "pay_stripe_x", "unrelated", code)

    catalog = load_plugins(["pay_stripe_x"])

    assert not marker.exists()
    with pytest.raises(Misconfigured, match="totally-unrelated"):
        catalog.offer("text", "pay_stripe_x")


def test_another_version_than_the_allowed_one_is_refused(site: Path) -> None:
    install(site, "acme-text", "text_acme", "acme_text", GOOD.format(contract=""))

    catalog = load_plugins(
        ["text_acme"], [Extension(name="text_acme", distribution="acme-text", version="2.0")]
    )

    assert "allows 2.0" in catalog.statuses[0].off


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1", "registered nothing"),
        (
            "from dueport_ports import hookimpl\n@hookimpl\ndef regster(registry): pass",
            "regster",
        ),
        (GOOD.format(contract=', contract="99.0"'), "99.0"),
    ],
)
def test_a_broken_plugin_is_off_with_its_reason_and_the_others_are_on(
    site: Path, code: str, reason: str
) -> None:
    install(site, "acme-text", "text_acme", "acme_text", code)

    catalog = load_plugins(
        ["text_acme", "email_smtp"], [Extension(name="text_acme", distribution="acme-text")]
    )

    states = {status.name: status.off for status in catalog.statuses}
    assert reason in states["text_acme"]
    assert states["email_smtp"] == ""
