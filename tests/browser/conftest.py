"""Fixtures: a Home Assistant process and a browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..e2e.hass import HomeAssistant
from .chromium import Chromium


@pytest.fixture
async def home_assistant(
    tmp_path: Path, socket_enabled: None
) -> AsyncIterator[HomeAssistant]:
    """Run the newest Home Assistant for the duration of a test."""
    folder = tmp_path / "home_assistant"
    folder.mkdir()
    async with HomeAssistant(folder) as running:
        yield running


@pytest.fixture
async def browser(tmp_path: Path, socket_enabled: None) -> AsyncIterator[Chromium]:
    """Run a browser with a new profile."""
    async with Chromium(tmp_path / "browser") as running:
        yield running
