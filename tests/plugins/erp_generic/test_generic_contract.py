"""The generic connector keeps the contract, however dirty the files are that it is fed."""

from pathlib import Path

import pytest

from dueport_ports.testing.erp import ErpContract, ErpWorld
from tests.plugins.erp_generic.worlds import GenericWorld


class TestGenericErp(ErpContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> ErpWorld:
        return GenericWorld(tmp_path)
