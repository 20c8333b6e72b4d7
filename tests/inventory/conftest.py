"""Fixtures for the tests of inventories: the loopback interface may be used."""

import pytest


@pytest.fixture(autouse=True)
def loopback(socket_enabled: None) -> None:
    """Allow sockets, for virtual servers."""
