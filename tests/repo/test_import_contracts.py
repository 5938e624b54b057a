"""Imports run one way; each contract is shown to break on an import that it forbids."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

VIOLATIONS = {
    "layers": ("core/dueport_core/money.py", "import dueport_ports"),
    "nobody-imports-a-plugin": (
        "apps/dueport_apps/settings.py",
        "import dueport_pay_stripe",
    ),
    "plugins-import-ports-alone": (
        "plugins/erp_generic/dueport_erp_generic/plugin.py",
        "import dueport_core.money",
    ),
    "plugins-are-independent": (
        "plugins/erp_spruce/dueport_erp_spruce/plugin.py",
        "import dueport_erp_generic",
    ),
    "core-is-pure": ("core/dueport_core/money.py", "import sqlalchemy"),
    "use-cases-know-no-framework": (
        "apps/dueport_apps/usecases/sync_erp.py",
        "import litestar",
    ),
    "one-container": ("apps/dueport_apps/cli.py", "import dependency_injector"),
}


def lint(root: Path, contract: str | None = None) -> "subprocess.CompletedProcess[str]":
    options = ["--contract", contract] if contract else []
    folders = [root / name for name in ("core", "ports", "apps")]
    folders += sorted((root / "plugins").iterdir())
    return subprocess.run(
        [str(LINT), "--no-cache", *options],
        cwd=root,
        env={"PYTHONPATH": ":".join(map(str, folders)), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the source, in which a file may be spoilt."""
    copy = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__", "static", "*.egg-info")
    for name in ("core", "ports", "apps", "plugins"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_house_keeps_its_import_contracts() -> None:
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(VIOLATIONS)} kept, 0 broken" in result.stdout


@pytest.mark.parametrize("contract", sorted(VIOLATIONS))
def test_each_contract_breaks_on_an_import_that_it_forbids(
    copied_house: Path, contract: str
) -> None:
    name, forbidden = VIOLATIONS[contract]
    file = copied_house / name
    sound = file.read_text()
    file.write_text(f"{sound}\n{forbidden}\n")
    try:
        result = lint(copied_house, contract)
    finally:
        file.write_text(sound)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "0 kept, 1 broken" in result.stdout
