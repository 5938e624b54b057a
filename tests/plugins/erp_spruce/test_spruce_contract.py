"""The Spruce connector keeps the contract of every ERP connector."""

from pathlib import Path

import pytest

from dueport_ports.testing.erp import ErpContract, ErpWorld
from tests.plugins.erp_spruce.worlds import SpruceWorld


class TestSpruceErp(ErpContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> ErpWorld:
        return SpruceWorld(tmp_path)
