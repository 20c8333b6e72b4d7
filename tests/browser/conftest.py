"""A Home Assistant process and a browser for each test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..e2e.hass import HomeAssistant
from .chromium import Chromium


@pytest.fixture
async def home_assistant(
    tmp_path: Path, socket_enabled: None
) -> AsyncIterator[HomeAssistant]:
    """The newest Home Assistant, running; ended with the test, whatever happens."""
    folder = tmp_path / "home_assistant"
    folder.mkdir()
    async with HomeAssistant(folder) as running:
        yield running


@pytest.fixture
async def browser(tmp_path: Path, socket_enabled: None) -> AsyncIterator[Chromium]:
    """A browser that was never used before."""
    async with Chromium(tmp_path / "browser") as running:
        yield running
