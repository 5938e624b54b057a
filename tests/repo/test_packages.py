"""The package list of pyproject.toml is written by hand; it must not forget a folder."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP_FOLDERS = ("core", "ports", "apps", "plugins")
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    """Return the dotted names of every folder that holds an ``__init__.py``."""
    names = set()
    for package, folder in SETUPTOOLS["package-dir"].items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            names.add(".".join((package, *parts)))
    return names


def test_every_package_is_listed_and_every_listed_one_exists() -> None:
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_on_disk())


def test_no_python_file_lies_in_a_folder_that_is_no_package() -> None:
    strays = [
        str(path.relative_to(ROOT))
        for top in TOP_FOLDERS
        for path in (ROOT / top).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    # Alembic finds its revisions by path, they are never imported by name.
    assert [path for path in strays if "/migrations/" not in path] == []


def test_every_top_folder_package_has_a_name_of_its_own() -> None:
    assert all(name.startswith("dueport_") for name in SETUPTOOLS["package-dir"])


def test_data_files_of_packages_are_declared() -> None:
    declared = SETUPTOOLS["package-data"]
    missing = []
    for package, folder in SETUPTOOLS["package-dir"].items():
        patterns = declared.get(package, [])
        files = {
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
        }
        shipped = {path for pattern in patterns for path in (ROOT / folder).glob(pattern)}
        missing += [str(path.relative_to(ROOT)) for path in sorted(files - shipped)]
    assert [name for name in missing if not name.endswith("README.md")] == []
