"""A Home Assistant process for each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .hass import HomeAssistant


@pytest.fixture
async def home_assistant(
    tmp_path: Path, socket_enabled: None
) -> AsyncIterator[HomeAssistant]:
    """The newest Home Assistant, running; ended with the test, whatever happens."""
    async with HomeAssistant(tmp_path) as running:
        yield running
