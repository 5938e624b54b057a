"""A running sandbox, judged by the published specification, and Stripe's SDK as its client."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from dueport_apps.sandbox.frame import SandboxSettings
from dueport_apps.sandbox.serve import RunningSandbox, serve_sandbox
from tests.patience import PATIENCE_S
from tests.sandbox.stripe.contract import SpecificationContract

API_VERSION = "2026-08-26.dahlia"
START = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
"""A Monday; Thanksgiving is in the week after."""


@pytest.fixture(scope="session")
def contract() -> SpecificationContract:
    return SpecificationContract()


@pytest.fixture
async def sandbox(contract: SpecificationContract) -> AsyncIterator[RunningSandbox]:
    contract.faults.clear()
    settings = SandboxSettings(start_at=START)
    async with serve_sandbox(settings, stripe_contract=contract) as running:
        yield running
    assert contract.faults == []


@pytest.fixture
async def client(sandbox: RunningSandbox) -> AsyncIterator[stripe.StripeClient]:
    async with stripe_client(sandbox) as made:
        yield made


@contextlib.asynccontextmanager
async def stripe_client(
    sandbox: RunningSandbox, *, timeout_s: float = PATIENCE_S, retries: int = 0, key: str = ""
) -> AsyncIterator[stripe.StripeClient]:
    """Stripe's own client, talking to the sandbox while the block runs."""
    transport: Any = stripe.HTTPXClient(timeout=timeout_s)
    yield stripe.StripeClient(
        key or sandbox.frame.settings.stripe_secret_key,
        base_addresses={"api": sandbox.stripe_url},
        http_client=transport,
        max_network_retries=retries,
        stripe_version=API_VERSION,
    )
    await transport.close_async()
