"""Fixtures: one specification for the session, one fresh Stripe for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.plugins.pay_stripe.stripe_world import StripeWorld, stripe_world
from tests.sandbox.stripe.contract import SpecificationContract


@pytest.fixture(scope="session")
def specification() -> SpecificationContract:
    return SpecificationContract()


@pytest.fixture
async def world(specification: SpecificationContract, tmp_path: Path) -> AsyncIterator[StripeWorld]:
    async with stripe_world(specification, tmp_path) as running:
        yield running
