"""Where a demonstration keeps its data when nobody says otherwise."""

import os
import tempfile
from pathlib import Path

import pytest

from dueport_apps.demo.config import default_folder


def test_it_is_beside_whoever_starts_it() -> None:
    with tempfile.TemporaryDirectory(prefix="dueport-here-") as name:
        here = Path(name)
        here.chmod(0o711)

        assert default_folder(here) == here / "demo-data"


def test_root_in_a_closed_folder_is_given_an_open_place_of_its_own(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root hands the database to another account")
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)

    found = default_folder(closed)

    assert found.parent == Path("/var/tmp")
    assert found == default_folder(closed)
    assert found != default_folder(tmp_path)
