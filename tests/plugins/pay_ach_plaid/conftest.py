"""Fixtures: one fresh Plaid for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.plugins.pay_ach_plaid.plaid_world import PlaidWorld, plaid_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PlaidWorld]:
    async with plaid_world(tmp_path) as running:
        yield running
