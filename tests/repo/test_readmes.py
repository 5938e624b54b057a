"""READMEs are part of the product: their snippets run or parse, and what they name exists."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = sorted(
    path
    for top in (
        ROOT,
        *(ROOT / name for name in ("core", "ports", "plugins", "apps", "bench", "tests")),
    )
    for path in (top.rglob("README.md") if top != ROOT else top.glob("README.md"))
)
EXECUTED = (ROOT / "ports" / "README.md",)
SNIPPET = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def snippets(readme: Path, language: str) -> list[str]:
    return [body for kind, body in SNIPPET.findall(readme.read_text()) if kind == language]


def name_of(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_every_link_of_a_readme_leads_somewhere(readme: Path) -> None:
    missing = [
        target
        for target in LINK.findall(readme.read_text())
        if not (readme.parent / target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_every_snippet_of_a_readme_is_valid(readme: Path) -> None:
    for body in snippets(readme, "python"):
        assert compile(body, str(readme), "exec", flags=0x2000)  # Top-level await is allowed.
    for body in snippets(readme, "toml"):
        assert isinstance(tomllib.loads(body), dict)


@pytest.mark.parametrize("readme", EXECUTED, ids=name_of)
def test_the_snippets_of_the_plugin_guide_run(readme: Path, tmp_path: Path) -> None:
    space: dict[str, object] = {"__name__": "readme", "__file__": str(tmp_path / "plugin.py")}
    for body in snippets(readme, "python"):
        exec(compile(body, str(readme), "exec"), space)

    from dueport_ports import Registry

    registry = Registry()
    space["register"](registry)  # type: ignore[operator]  # The guide defines a function.
    assert [(offer.port, offer.name) for offer in registry.offers()] == [
        ("invite_delivery", "invite_counter")
    ]
