"""One demonstration per file, and a browser per test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.demo.running import Running, free_port, started
from tests.journeys.town import OPTIONS
from tools.ensure_browser import find_browser


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    """A fresh demonstration in a folder that the database's account may pass through."""
    root = Path(tempfile.mkdtemp(prefix="dueport-journey-"))
    root.chmod(0o711)
    running = started(root / "demo", free_port())
    yield running
    code, said = running.stop()
    shutil.rmtree(root, ignore_errors=True)
    assert code == 0, said


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=find_browser(), args=OPTIONS)
        yield chromium
        await chromium.close()
