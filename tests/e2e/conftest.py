"""Fixtures: a Home Assistant process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .hass import NEWEST, OLDEST, HomeAssistant

ENVIRONMENTS = {"newest": NEWEST, "oldest": OLDEST}


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Path:
    """Which Home Assistant: the newest, unless the test asks for each."""
    return ENVIRONMENTS[getattr(request, "param", "newest")]


@pytest.fixture
async def home_assistant(
    tmp_path: Path, environment: Path, socket_enabled: None
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant for the duration of a test."""
    async with HomeAssistant(tmp_path, environment) as running:
        yield running
