"""Drivers that other components bring: gathered, refused, guarded and waited for."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
import json
from pathlib import Path
import shutil
import sys
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

import custom_components
from custom_components.filament_slots import discovery
from custom_components.filament_slots.const import DOMAIN, ENTRY_MINOR_VERSION
from custom_components.filament_slots.driver_capabilities import async_capabilities
from custom_components.filament_slots.driver_host import driver_services
from custom_components.filament_slots.driver_log import DriverLog
from custom_components.filament_slots.drivers import registry
from custom_components.filament_slots.drivers.base import DriverError
from custom_components.filament_slots.drivers.capabilities import InvokeError
from custom_components.filament_slots.drivers.discovery import UdpDiscovery
from custom_components.filament_slots.drivers.guarded import GuardedDriver
from custom_components.filament_slots.drivers.invoke import invoke
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    make_entry,
    spool_event,
    state,
)

COMPONENT = Path(__file__).parent / "components" / "faulty_box"

pytestmark = pytest.mark.usefixtures("scripted_driver")

type Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return what copies the component beside ours, with some of its files replaced."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(
        custom_components, "__path__", [*custom_components.__path__, str(tmp_path)]
    )
    domains: list[str] = []

    def copy(domain: str = "faulty_box", **files: str) -> Path:
        folder = tmp_path / domain
        shutil.copytree(COMPONENT, folder, ignore=shutil.ignore_patterns("__pycache__"))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["domain"] = domain
        (folder / "manifest.json").write_text(json.dumps(manifest))
        for name, source in files.items():
            (folder / f"{name}.py").write_text(source)
        domains.append(domain)
        return folder

    yield copy
    for domain in domains:
        package = f"custom_components.{domain}"
        for name in [n for n in sys.modules if f"{n}.".startswith(f"{package}.")]:
            del sys.modules[name]
        if hasattr(custom_components, domain):
            delattr(custom_components, domain)


@pytest.fixture
async def start(hass: HomeAssistant) -> Any:
    """Return what sets us up; then the components that depend on us are, too."""

    async def set_up() -> None:
        assert await async_setup_component(hass, DOMAIN, {})
        await hass.async_block_till_done(wait_background_tasks=True)

    yield set_up
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()


def _box(fault: str = "") -> MockConfigEntry:
    return MockConfigEntry(
        domain=DOMAIN,
        title="My box",
        unique_id="box-1",
        minor_version=ENTRY_MINOR_VERSION,
        data={
            "driver_key": "faulty_box",
            "model": "Box",
            "host": "box",
            "code": "s3cr3t-code",
            "fault": fault,
        },
    )


def _issues(issue_registry: ir.IssueRegistry) -> dict[str, ir.IssueEntry]:
    return {str(i.translation_key): i for i in issue_registry.issues.values()}


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_printer_of_another_components_driver_is_added_and_read(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    flow = hass.config_entries.flow

    step = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert step["data_schema"] is not None
    options = step["data_schema"].schema["driver_key"].config["options"]
    assert {"value": "faulty_box", "label": "Faulty Box"} in options
    step = await flow.async_configure(step["flow_id"], {"driver_key": "faulty_box"})

    assert step["step_id"] == "faulty_box"
    asked = {"host": "box", "code": "s3cr3t", "advanced": {"fault": ""}}
    done = await flow.async_configure(step["flow_id"], asked)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()

    entry = done["result"]
    assert entry.domain == DOMAIN
    await _until(lambda: bool(entry.runtime_data.slots))
    assert entry.runtime_data.driver.health()["status"] == "running"
    assert entry.runtime_data.devices.slots


@pytest.mark.usefixtures("start")
async def test_the_dialog_lists_the_drivers_before_the_first_printer(
    hass: HomeAssistant, install: Install
) -> None:
    """Nothing else sets us up then."""
    install()

    step = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )

    assert step["data_schema"] is not None
    options = step["data_schema"].schema["driver_key"].config["options"]
    assert {"value": "faulty_box", "label": "Faulty Box"} in options


async def test_the_texts_of_a_form_are_its_components_and_ours_where_it_has_none(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    flow = hass.config_entries.flow
    step = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    step = await flow.async_configure(step["flow_id"], {"driver_key": "faulty_box"})
    asked = {"host": "nowhere", "code": "s3cr3t", "advanced": {"fault": ""}}

    own = await flow.async_configure(step["flow_id"], asked)
    ours = await flow.async_configure(step["flow_id"], asked | {"host": "redirected"})

    # What the frontend looks names, and all other texts, up by.
    assert own["handler"] == own["translation_domain"] == "faulty_box"
    texts = await async_get_translations(hass, "en", "config", {"faulty_box"})
    step_texts = "component.faulty_box.config.step.faulty_box"
    assert texts[f"{step_texts}.data.host"] == "Name of the box"
    assert own["errors"] == {"base": "host_not_found"}
    assert ours["errors"] is not None
    assert ours["errors"]["base"].startswith("The service at this address redirects")
    assert "http://there" in ours["errors"]["base"]


async def test_an_entry_waits_for_its_driver_with_its_stored_slots(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install()
    await start()
    entry = _box()
    await async_set_up(hass, entry)
    await _until(lambda: bool(entry.runtime_data.slots))
    with monkeypatch.context() as removed:
        removed.setattr(registry, "_registered", {})

        assert await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()

        assert len(entry.runtime_data.slots) == 1
        assert entry.runtime_data.health["status"] == "waiting"
        assert not _issues(issue_registry)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=4))
        await hass.async_block_till_done()
        assert list(_issues(issue_registry)) == ["unknown_driver"]
        assert entry.runtime_data.health["status"] == "waiting"
        assert await entry.runtime_data.driver.inventory_addresses() == {}
        assert entry.runtime_data.driver.explain() is None
        await entry.runtime_data.driver.sync_state()

    assert await hass.config_entries.async_reload(entry.entry_id)
    await _until(lambda: entry.runtime_data.connected)
    assert not _issues(issue_registry)


async def test_a_component_that_comes_later_gives_its_entries_their_driver(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    folder = install()
    (folder / "manifest.json").rename(folder / "later.json")
    entry = _box()
    entry.add_to_hass(hass)
    await start()
    assert entry.runtime_data.health["status"] == "waiting"

    (folder / "later.json").rename(folder / "manifest.json")
    hass.data.pop("custom_components")
    assert await async_setup_component(hass, "faulty_box", {})
    await hass.async_block_till_done()

    await _until(lambda: entry.runtime_data.connected)
    assert entry.runtime_data.driver.page == "http://192.0.2.9"


DISCOVERED = (
    (COMPONENT / "driver.py")
    .read_text()
    .replace(
        "    manufacturer:",
        "    discovery = (UdpDiscovery(group='', port=4712, read=lambda *_: None),)\n"
        "    manufacturer:",
    )
    .replace("    Snapshot,\n", "    Snapshot,\n    UdpDiscovery,\n")
)


async def test_printers_of_a_driver_that_comes_later_are_listened_for(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports: list[int] = []

    def listen(way: UdpDiscovery) -> None:
        ports.append(way.port)
        raise OSError

    monkeypatch.setattr(discovery, "announcement_socket", listen)
    install(driver=DISCOVERED)
    make_entry().add_to_hass(hass)

    await start()

    assert ports.count(4712) == 1


@pytest.mark.parametrize("change", ["reauth", "reconfigure"])
async def test_a_change_has_the_components_texts_and_needs_its_driver(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    install()
    await start()
    box = _box()
    await async_set_up(hass, box)

    shown = await getattr(box, f"start_{change}_flow")(hass)
    assert shown["translation_domain"] == shown["handler"] == "faulty_box"
    hass.config_entries.flow.async_abort(shown["flow_id"])
    monkeypatch.setattr(registry, "_registered", {})
    aborted = await getattr(box, f"start_{change}_flow")(hass)

    assert aborted["type"] is FlowResultType.ABORT
    assert aborted["reason"] == "unknown_driver"


async def test_diagnostics_name_the_component_of_the_driver_and_show_none_of_its_fields(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    install: Install,
    start: Any,
) -> None:
    install()
    await start()
    box = _box()
    await async_set_up(hass, box)

    report = json.loads(
        json.dumps(await get_diagnostics_for_config_entry(hass, hass_client, box))
    )

    assert report["driver"]["component"] == "faulty_box"
    assert report["driver"]["version"] == "1.2.3"
    assert report["driver"]["api_version"] == "1.1"
    assert "s3cr3t-code" not in json.dumps(report)


async def test_what_waits_for_a_driver_reads_nothing(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    """It cannot be probed, and decodes no capture."""
    services = driver_services(hass, DriverLog("Box"))

    assert GuardedDriver.frame_decoder()({"payload": {}}) is None
    with pytest.raises(DriverError, match="unknown_driver"):
        await GuardedDriver.probe({}, services)


OTHER_VERSION = (COMPONENT / "filament_slots.py").read_text().replace("1.1", "2.0")
NO_KEY = (COMPONENT / "filament_slots.py").read_text().replace('"faulty_box"', '"a b"')
TAKEN = (
    (COMPONENT / "filament_slots.py")
    .read_text()
    .replace('key="faulty_box"', 'key="bambulab_mqtt"')
)
OF_INVENTORY = TAKEN.replace("bambulab_mqtt", "spoolman")
TWICE = (COMPONENT / "driver.py").read_text().replace('id="ask"', 'id="versions"')
TAKEN_DRIVER = (
    (COMPONENT / "driver.py").read_text().replace('"faulty_box"', '"bambulab_mqtt"')
)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"filament_slots": OTHER_VERSION}, "component_version"),
        (
            {"filament_slots": OTHER_VERSION, "driver": "import no_such_name"},
            "component_version",
        ),
        ({"filament_slots": TAKEN, "driver": TAKEN_DRIVER}, "component_key_taken"),
        ({"filament_slots": OF_INVENTORY}, "component_key_taken"),
        ({"filament_slots": "raise RuntimeError('broken')"}, "component_broken"),
        ({"filament_slots": "import no_such_module"}, "component_broken"),
        ({"filament_slots": "DRIVERS = ("}, "component_broken"),
        ({"filament_slots": "DRIVERS = 5"}, "component_broken"),
        ({"filament_slots": ""}, "component_broken"),
        ({"filament_slots": NO_KEY}, "component_broken"),
        ({"__init__": "raise RuntimeError('broken')"}, "component_broken"),
        ({"driver": "raise RuntimeError('broken')"}, "component_broken"),
        ({"driver": "Driver = 5"}, "component_broken"),
        ({"driver": ""}, "component_broken"),
        ({"driver": TWICE}, "component_broken"),
    ],
)
async def test_what_cannot_be_used_is_refused_with_a_repair_that_names_it(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
    files: dict[str, str],
    why: str,
) -> None:
    install(**files)
    box, other = _box(), make_entry()
    box.add_to_hass(hass)

    await start()
    await async_set_up(hass, other)

    issue = _issues(issue_registry)[why]
    assert issue.translation_placeholders
    assert issue.translation_placeholders["component"] == "Faulty Box"
    assert issue.translation_placeholders["domain"] == "faulty_box"
    assert issue.learn_more_url == "https://example.com/faulty-box"
    assert registry.registered_driver("faulty_box") is None
    assert other.state is ConfigEntryState.LOADED
    assert box.state is ConfigEntryState.LOADED
    assert box.runtime_data.health["status"] == "waiting"


async def test_a_key_belongs_to_the_component_that_came_first(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
) -> None:
    install()
    install("second_box")

    await start()

    first = registry.registered_driver("faulty_box")
    assert first is not None
    placeholders = _issues(issue_registry)["component_key_taken"]
    assert placeholders.translation_placeholders
    assert placeholders.translation_placeholders["other"] == first.component
    assert {first.component, placeholders.translation_placeholders["domain"]} == {
        "faulty_box",
        "second_box",
    }


@pytest.mark.parametrize("fault", ["init", "start", "health", "no health", "flood"])
async def test_a_driver_that_cannot_work_is_stopped_and_affects_no_other_printer(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    install()
    await start()
    box, other = _box(fault), make_entry()
    await async_set_up(hass, other)
    await async_deliver(hass, other, state())
    published = async_capture_spool_events(hass, "spool_removed")

    await async_set_up(hass, box)
    await _until(lambda: "driver_broken" in _issues(issue_registry))
    await async_deliver(hass, other, spool_event("spool_removed", 1))

    assert box.state is ConfigEntryState.LOADED
    assert box.runtime_data.health["status"] == "config_error"
    assert box.runtime_data.health["last_error"]["code"] == "driver_broken"
    assert [event.data["entry_id"] for event in published] == [other.entry_id]
    assert async_shared_core(hass).handler.health()["rejected"] <= 1_000
    assert "s3cr3t-code" not in caplog.text
    assert await hass.config_entries.async_unload(box.entry_id)


@pytest.mark.parametrize("fault", ["page", "explain", "sync", "stop", "inventory"])
async def test_a_driver_goes_on_where_it_fails_in_an_answer(
    hass: HomeAssistant, install: Install, start: Any, fault: str
) -> None:
    install()
    await start()
    box = _box(fault)

    await async_set_up(hass, box)
    await _until(lambda: box.runtime_data.connected)
    driver = box.runtime_data.driver
    assert (driver.explain() is None) is (fault == "explain")
    assert (driver.page is None) is (fault == "page")
    assert bool(await driver.inventory_addresses()) is (fault != "inventory")
    assert driver.capture()
    assert driver.memory() == {}
    await driver.sync_state()

    assert box.runtime_data.health["status"] == "running"
    assert await hass.config_entries.async_unload(box.entry_id)


async def test_a_fault_in_a_session_is_logged_with_its_place_and_without_its_text(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install()
    await start()
    box = _box("session")

    await async_set_up(hass, box)
    await _until(lambda: "The session failed in the driver itself" in caplog.text)

    assert "RuntimeError in " in caplog.text
    assert "faulty_box/driver.py, line " in caplog.text
    assert "s3cr3t-code" not in caplog.text
    assert await hass.config_entries.async_unload(box.entry_id)


async def test_a_fault_in_the_dialog_is_logged_with_its_place_and_without_its_text(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install()
    await start()
    flow = hass.config_entries.flow
    step = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    step = await flow.async_configure(step["flow_id"], {"driver_key": "faulty_box"})

    step = await flow.async_configure(
        step["flow_id"],
        {"host": "raises", "code": "s3cr3t-code", "advanced": {"fault": ""}},
    )

    assert step["errors"] is not None
    assert step["errors"]["base"].startswith("An unexpected error occurred.")
    assert "Unexpected error while probing a printer: RuntimeError in " in caplog.text
    assert "faulty_box/driver.py, line " in caplog.text
    assert "s3cr3t-code" not in caplog.text


async def test_a_driver_that_blocks_the_event_loop_is_named_in_a_repair(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
) -> None:
    install()
    await start()

    await async_set_up(hass, _box("block"))
    await _until(lambda: "component_blocks" in _issues(issue_registry))

    placeholders = _issues(issue_registry)["component_blocks"].translation_placeholders
    assert placeholders
    assert placeholders["component"] == "Faulty Box"
    assert float(placeholders["seconds"]) >= 1.0


async def _ask(entry: MockConfigEntry) -> tuple[str, str]:
    with pytest.raises(InvokeError) as failed:
        await invoke(entry.runtime_data.driver, "ask", {}, 0.5)
    return failed.value.code, failed.value.reason


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ("capability raises", "capability_failed", "driver_broken"),
        ("capability hangs", "timeout", "0.5"),
        ("capability breaks", "invalid_output", "number: Input should be"),
    ],
)
async def test_a_capability_that_fails_is_an_error_and_its_driver_goes_on(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    code: str,
    reason: str,
) -> None:
    install()
    await start()
    entry = _box(fault)
    await async_set_up(hass, entry)
    await _until(lambda: bool(entry.runtime_data.slots))

    failed = await _ask(entry)

    assert failed[0] == code
    assert failed[1].startswith(reason)
    assert entry.runtime_data.driver.health()["status"] == "running"
    assert "s3cr3t-code" not in f"{failed}{caplog.text}"
    # It names the place in the component.
    assert ("RuntimeError in" in caplog.text) is (fault == "capability raises")


async def test_the_connection_is_tested_with_the_probe_of_the_driver(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    entry = _box()
    await async_set_up(hass, entry)
    away = MockConfigEntry(
        domain=DOMAIN,
        unique_id="box-2",
        minor_version=ENTRY_MINOR_VERSION,
        data=entry.data | {"host": "nowhere"},
    )
    await async_set_up(hass, away)

    there, missing = [
        await invoke(each.runtime_data.driver, "test_connection", {})
        for each in (entry, away)
    ]

    (step,) = there["steps"]
    assert (there["ok"], step["name"], step["error"]) == (True, "connection", None)
    (step,) = missing["steps"]
    assert (missing["ok"], step["error"]) == (False, "host_not_found")


async def test_a_capability_ends_with_its_driver(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    entry = _box("capability hangs")
    await async_set_up(hass, entry)
    asking = asyncio.create_task(_ask_long(entry))
    await asyncio.sleep(0)

    assert await hass.config_entries.async_unload(entry.entry_id)

    assert await asking == "driver_stopped"


async def _ask_long(entry: MockConfigEntry) -> str:
    with pytest.raises(InvokeError) as failed:
        await invoke(entry.runtime_data.driver, "ask", {}, 60)
    return failed.value.code


@pytest.mark.parametrize("fault", ["init", "health"])
async def test_a_driver_that_was_stopped_for_its_faults_runs_no_capability(
    hass: HomeAssistant, install: Install, start: Any, fault: str
) -> None:
    install()
    await start()
    entry = _box(fault)
    await async_set_up(hass, entry)

    assert await _ask(entry) == ("driver_stopped", "")


async def test_a_capability_that_blocks_the_event_loop_is_named_in_a_repair(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    issue_registry: ir.IssueRegistry,
) -> None:
    install()
    await start()
    entry = _box("capability blocks")
    await async_set_up(hass, entry)

    await invoke(entry.runtime_data.driver, "ask", {})

    await _until(lambda: "component_blocks" in _issues(issue_registry))


async def test_the_texts_of_capabilities_are_the_components_and_ours_for_the_shared(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    hass.config.language = "de"
    entry = _box()
    await async_set_up(hass, entry)

    listed = await async_capabilities(hass, entry)

    texts = {each["id"]: (each["name"], each["description"]) for each in listed}
    assert texts["ask"] == ("Ask the box", "Asks for a number.")
    assert texts["explain_slot"] == (
        "Fach erklären",
        "Zeigt, warum ein Fach so angezeigt wird.",
    )
    # Their own text of a shared one comes first.
    assert texts["versions"][0] == "Versions of the box"
    assert all(each["read_only"] for each in listed)


async def test_invalid_events_of_a_driver_are_rejected_and_counted(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    box = _box("invalid")

    await async_set_up(hass, box)
    await _until(lambda: bool(box.runtime_data.slots))
    await async_shared_core(hass).handler.drain(box.runtime_data.printer_id)

    assert async_shared_core(hass).handler.health()["rejected"] == 3
    assert box.runtime_data.health["status"] == "running"


async def test_a_driver_emits_events_of_its_own_printer_only(
    hass: HomeAssistant, install: Install, start: Any
) -> None:
    install()
    await start()
    box, other = _box(), make_entry()
    await async_set_up(hass, other)
    await async_deliver(hass, other, state())
    await async_set_up(hass, box)
    await _until(lambda: bool(box.runtime_data.slots))
    before = other.runtime_data.data

    inner = box.runtime_data.driver._driver
    inner.emitter.emit({"printer_id": other.runtime_data.printer_id, **state()})
    await async_shared_core(hass).handler.drain(other.runtime_data.printer_id)
    await async_shared_core(hass).handler.drain(box.runtime_data.printer_id)
    await hass.async_block_till_done()

    assert other.runtime_data.data is before
    assert box.runtime_data.units


async def test_tasks_that_a_driver_leaves_behind_are_cancelled(
    hass: HomeAssistant,
    install: Install,
    start: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install()
    await start()
    box = _box("leak")
    await async_set_up(hass, box)
    await _until(lambda: box.runtime_data.connected)

    assert await hass.config_entries.async_unload(box.entry_id)
    await hass.async_block_till_done()

    (left,) = sys.modules["custom_components.faulty_box.driver"].TASKS
    assert left.cancelled()
    assert "Tasks that the driver faulty_box left running: 1" in caplog.text
