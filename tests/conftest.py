"""Fixtures for all tests; those for Home Assistant apply only where it is used."""

from collections.abc import Iterator
import os
from pathlib import Path
from unittest.mock import Mock, PropertyMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
import pytest
from pytest_homeassistant_custom_component.common import get_test_config_dir
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# Without this import the plugin's own `custom_components` package would be found.
from custom_components.filament_slots import drivers


@pytest.fixture(autouse=True)
def our_integration(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find custom integrations, if the test uses it."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")
        hass: HomeAssistant = request.getfixturevalue("hass")
        # The plugin's media folder is in its own configuration folder.
        hass.config.media_dirs = {"local": hass.config.path("media")}


@pytest.fixture(autouse=True)
def nothing_announced(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the announcements of real printers out; their own tests let them in."""
    if "hass" in request.fixturenames:
        monkeypatch.setattr(
            "custom_components.filament_slots.discovery.announcement_socket",
            Mock(side_effect=OSError("not in tests")),
        )


@pytest.fixture
def hass_config_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give each test an empty folder of its own: the store is a real file in it.

    The plugin's own folder would be shared by all tests, and a copy of it would hold what
    another run has left there.
    """
    return str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session", autouse=True)
def plugin_folder_unchanged() -> Iterator[None]:
    """Fail a run that has written into the folder of the test plugin."""
    before = _files_of_the_plugin()
    yield
    assert _files_of_the_plugin() == before


def _files_of_the_plugin() -> set[str]:
    """Return the files in its configuration folder, without compiled modules."""
    folder = Path(get_test_config_dir())  # type: ignore[no-untyped-call]
    return {str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare Home Assistant's objects without what differs from run to run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
def all_entities_enabled() -> Iterator[None]:
    """Enable the entities that are disabled by default."""
    with patch.object(
        Entity,
        "entity_registry_enabled_default",
        new_callable=PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the entities that write their state, each time they do."""
    written: list[str] = []
    write = Entity.async_write_ha_state

    def note(self: Entity) -> None:
        written.append(self.entity_id)
        write(self)

    monkeypatch.setattr(Entity, "async_write_ha_state", note)
    return written


@pytest.fixture
def scripted_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the scripted driver, as a user would add a folder."""
    folder = Path(__file__).parent / "scripted_drivers"
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(folder)])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how many captures and cases were replayed: without a folder it is none."""
    passed = [report.nodeid for report in terminalreporter.getreports("passed")]
    for kind, test, variable in (
        ("captures", "test_a_recorded_capture", "FILAMENT_SLOTS_CAPTURES"),
        ("cases", "test_a_reported_case", "FILAMENT_SLOTS_CASES"),
    ):
        replayed = sum(test in nodeid for nodeid in passed)
        folder = os.environ.get(variable, f"{variable} not set")
        terminalreporter.write_line(f"{kind} replayed: {replayed} ({folder})")
