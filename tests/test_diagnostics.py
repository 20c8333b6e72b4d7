"""Diagnostics: they contain what a bug report needs, and no personal data."""

from collections.abc import AsyncIterator
import json
import logging
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.drivers.bambulab_mqtt.capture import (
    as_frame as bambu_frame,
)
from custom_components.filament_slots.drivers.moonraker_filament.capture import (
    as_frame as moonraker_frame,
)
from custom_components.filament_slots.drivers.registry import load_driver_now
from custom_components.filament_slots.redaction import Pseudonyms
from scripts.tools.replay import read_capture, replay

from .common import (
    EXTERNAL,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    driver_of,
    make_entry,
    state,
    unit_state,
)
from .drivers.moonraker_filament.fake_moonraker import INSTANCE, fake_moonraker
from .printers.bambu import BambuPrinter
from .printers.bambu_scenarios import BLUE, RED, WHITE, x1c
from .real_printer import entry_of, running, set_up, until
from .test_replay import captures

ABSENT = {
    "12345678",
    "192.0.2.1",
    SERIAL,
    UNIT_SERIAL,
    TAG["rfid_uid"],
    TAG["external_id"].removeprefix("bambulab:"),
}


def _device(hass: HomeAssistant, entry: MockConfigEntry, *parts: str) -> Any:
    registry = dr.async_get(hass)
    identifier = (DOMAIN, "_".join((str(entry.unique_id), *parts)))
    device = registry.async_get_device_by_identifier(
        identifier, entry.entry_id
    ) or registry.async_get_child_device_by_identifier(identifier, entry.entry_id)
    assert device is not None
    return device


@pytest.fixture
async def entry(hass: HomeAssistant, scripted_driver: None) -> MockConfigEntry:
    """A printer with two units, an external spool and log messages."""
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    units = [unit_state(), unit_state(2, serial="00600A000000002", label="B")]
    await async_deliver(hass, entry, state(*units, direct=[EXTERNAL]))
    driver.services.log.debug("%s at 192.0.2.1 takes 12345678", SERIAL)
    return entry


async def test_a_download_contains_everything_but_secrets(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    text = json.dumps(report)
    assert not {secret for secret in ABSENT if secret in text}
    assert report["schema_version"] == 1
    assert report["entry"] == {
        "version": 1,
        "data": {
            "driver_key": "scripted",
            "model": "X1C",
            "host": "**REDACTED**",
            "port": 8883,
            "serial": "**REDACTED**",
            "access_code": "**REDACTED**",
            "certificate": "**REDACTED**",
        },
        "options": {},
        "state": "loaded",
    }
    assert report["health"]["status"] == "stopped"
    assert report["capture"] is None
    printer = report["printer"]
    # This driver explains nothing.
    assert printer["report"] is None
    assert printer["slots"][0]["explanation"]["details"] is None
    assert [unit["serial"] for unit in printer["units"]] == [
        "006000000000002",
        "006000000000003",
    ]
    assert {slot["unit"] for slot in printer["slots"]} == {
        "006000000000002",
        "006000000000003",
        None,
    }
    first = printer["slots"][0]["identifiers"]
    assert first["rfid_uid"].startswith("A1B000")
    assert first["external_id"].startswith("bambulab:012000")
    assert first["vendor_tag"] == "GFA00"


async def test_a_download_contains_the_figures_of_the_event_pipeline(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    pipeline = report["pipeline"]
    assert (pipeline["stored"], pipeline["failed"], pipeline["queue_depth"]) == (
        1,
        0,
        0,
    )
    assert pipeline["last_commit_ms"] > 0
    assert pipeline["problem"] is None


async def test_a_download_contains_the_audit_without_ids_of_other_printers(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    entry: MockConfigEntry,
) -> None:
    """All printers share the audit, but only this one's ids have pseudonyms."""
    other = make_entry("00M09A000000002", access_code="87654321")
    await async_set_up(hass, other)
    serial = "00600A000000009"
    await async_deliver(hass, other, state(unit_state(serial=serial)))
    context = Context(user_id=hass_admin_user.id)
    slot = _device(hass, other, serial, "2")
    spool = "bambulab:89ABCDEF0123456789ABCDEF01234567"
    words = {"label": "Aunt Agatha's"}
    for service, data in (
        ("assign_spool", {"device_id": slot.id, "external_id": spool, **words}),
        ("purge", {"keep_days": 7}),
    ):
        await hass.services.async_call(
            DOMAIN, service, data, blocking=True, context=context, return_response=True
        )
    path = "/secret/place/history.csv"
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN,
            "export",
            {"path": path, "start_time": "2026-11-01 00:00:00"},
            blocking=True,
            context=context,
        )

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    text = json.dumps(report)
    secrets = {*ABSENT, "87654321", serial, spool[9:], "Agatha", "/secret"}
    assert not {secret for secret in secrets if secret in text}
    exported, purged, assigned = report["audit"]
    assert exported["result"] == {"error": "path_not_allowed"}
    assert exported["details"]["path"] == "**REDACTED**"
    assert purged["user_id"] == hass_admin_user.id
    assert purged["details"] == {"keep_days": 7}
    assert purged["result"]["events"] == 0
    assert assigned["action"] == "assign_spool"
    assert assigned["details"]["device_id"] == slot.id
    assert assigned["result"] == {}


async def test_an_unreadable_audit_leaves_the_rest_of_the_download(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    with patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)):
        report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert report["audit"] is None
    assert report["pipeline"]["stored"] == 1


async def test_the_log_contains_all_levels_and_is_redacted(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    log = driver_of(entry).services.log
    log.debug("Line %d", 1)
    log.warning("Line 2 of 100%")

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    lines = [line.split(" ", 1)[1] for line in report["log"]]
    assert lines[-3:] == [
        "DEBUG 00M000000000001 at **REDACTED** takes **REDACTED**",
        "DEBUG Line 1",
        "WARNING Line 2 of 100%",
    ]


async def test_the_log_contains_only_the_last_lines(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for number in range(600):
        driver_of(entry).services.log.debug("Line %d", number)

    lines = entry.runtime_data.log.lines
    assert len(lines) == 500
    assert lines[0].endswith("Line 100")


async def test_the_download_of_a_unit_or_a_slot_contains_no_other(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    async def places(*parts: str) -> tuple[list[int], list[tuple[int | None, int]]]:
        device = _device(hass, entry, *parts)
        report: Any = await get_diagnostics_for_device(hass, hass_client, entry, device)
        assert report["health"]["status"] == "stopped"
        printer = report["printer"]
        return (
            [unit["ams_unit_no"] for unit in printer["units"]],
            [(slot["ams_unit_no"], slot["slot_no"]) for slot in printer["slots"]],
        )

    assert await places(UNIT_SERIAL) == ([1], [(1, 1), (1, 2), (1, 3), (1, 4)])
    assert await places(UNIT_SERIAL, "2") == ([], [(1, 2)])
    assert await places("direct", "1") == ([], [(None, 1)])
    assert len((await places())[1]) == 9


@pytest.mark.usefixtures("scripted_driver")
async def test_the_download_of_a_failed_entry_contains_the_reason(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    entry = make_entry(port=70000)
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert report["health"]["status"] == "config_error"
    assert report["health"]["last_error"]["code"] == "invalid_config"
    assert "port" in report["health"]["last_error"]["message"]
    assert report["entry"]["state"] == "setup_error"
    assert (report["pipeline"], report["audit"]) == (None, None)
    text = json.dumps(report)
    assert not {secret for secret in ABSENT if secret in text}


# Captures.


@pytest.fixture
async def printer(hass: HomeAssistant, socket_enabled: None) -> AsyncIterator[Any]:
    """A virtual printer, and its running entry; insertions are confirmed quickly."""
    async with BambuPrinter(x1c(), chatter=0.2) as printer:
        entry = entry_of(printer)
        object.__setattr__(entry, "options", {"insert_settle": 0.5})
        await set_up(hass, entry)
        await running(entry)
        yield printer, entry
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_replay_of_the_capture_reproduces_the_events(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, printer: Any
) -> None:
    bambu, entry = printer
    inserted = async_capture_events(hass, f"{DOMAIN}_spool_inserted")
    await bambu.play(bambu.hardware.insert(1, 3, WHITE), speed=20)
    await until(lambda: inserted)

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    capture = report["capture"]
    text = json.dumps(report)
    for spool in (BLUE, RED, WHITE):
        assert str(spool.external_id).removeprefix("bambulab:") not in text
    assert bambu.hardware.serial not in text
    assert bambu.access_code not in text
    assert "BEGIN CERTIFICATE" not in text
    assert {"print", "info"} == {
        key for frame in capture["frames"] for key in frame["payload"]
    }
    again = replay(capture)
    [event] = [e for e in again.events if e["event_type"] == "spool_inserted"]
    [seen] = inserted
    assert event["slot"] == seen.data["slot"]
    slots = {
        (slot["ams_unit_no"], slot["slot_no"]): slot
        for slot in report["printer"]["slots"]
    }
    assert (
        event["identifiers"] == slots[1, 3]["identifiers"] != seen.data["identifiers"]
    )
    for row in again.slots:
        slot = slots[row["ams_unit_no"], row["slot_no"]]
        assert row["present"] == slot["present"]
        assert row["identifiers"] == slot["identifiers"]


async def test_each_slot_is_explained_without_the_ids_of_spools(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, printer: Any
) -> None:
    bambu, entry = printer
    await until(lambda: entry.runtime_data.slots)
    await bambu.play(bambu.hardware.remove(1, 1), speed=100)
    driver = entry.runtime_data.driver
    await until(lambda: any(slot["pending"] for slot in driver.explain()["slots"]))

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    slots = report["printer"]["slots"]
    assert all(slot["explanation"]["answer"] for slot in slots)
    first = slots[0]["explanation"]
    assert "A removal is not confirmed yet." in first["answer"]
    assert first["details"]["reported"]["wire"]["exist"] is False
    masked = first["details"]["identifiers"]["external_id"]
    assert masked == slots[0]["identifiers"]["external_id"]
    assert report["printer"]["report"]["wire"]["tray_exist_bits"]
    text = json.dumps(report)
    assert bambu.hardware.serial not in text
    for unit in bambu.hardware.units.values():
        assert unit.serial not in text
        for bay in unit.bays:
            if bay.spool is not None and bay.spool.external_id is not None:
                assert bay.spool.external_id.removeprefix("bambulab:") not in text


async def test_health_contains_the_past_statuses_of_the_driver(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, printer: Any
) -> None:
    _, entry = printer

    report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)

    assert [change["status"] for change in report["health"]["transitions"]] == [
        "starting",
        "waiting",
        "running",
    ]
    assert report["health"]["counters"]["messages"] > 0
    assert report["health"]["versions"]["serial"].startswith("00M0000000")


async def test_a_klipper_printer_has_a_capture_too(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, socket_enabled: None
) -> None:
    sensor = {"filament_detected": True, "enabled": True}
    async with fake_moonraker({"filament_switch_sensor tool0": sensor}) as moonraker:
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Voron",
            unique_id=INSTANCE,
            data={
                "driver_key": "moonraker_filament",
                "model": None,
                **moonraker.config,
                "instance_id": INSTANCE,
            },
        )
        await set_up(hass, entry)
        await running(entry)
        await moonraker.push("notify_gcode_response", "// echo: my secret plan")
        await moonraker.push("notify_history_changed", {"job": "secret.gcode"})
        await moonraker.update("filament_switch_sensor tool0", filament_detected=False)
        await until(
            lambda: entry.runtime_data.driver.capture()["frames"][-1]["frame"].get(
                "method"
            )
        )

        report: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
        await hass.config_entries.async_unload(entry.entry_id)

    assert "secret" not in json.dumps(report["capture"])
    assert INSTANCE not in json.dumps(report)
    again = replay(report["capture"])
    assert [
        event["event_type"]
        for event in again.events
        if event["event_type"] != "ams_state"
    ] == ["spool_removed"]


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.stem)
def test_a_redacted_capture_reproduces_the_same_events(path: Path) -> None:
    capture = read_capture(path)
    driver = load_driver_now(capture["driver_key"])
    is_bambu = driver.driver_key == "bambulab_mqtt"
    as_frame = bambu_frame if is_bambu else moonraker_frame
    frames = [
        {"t": frame["t"], **kept}
        for frame in capture["frames"]
        if is_bambu or frame["dir"] == "<-"
        if (kept := as_frame(frame["payload" if is_bambu else "frame"])) is not None
    ]

    masked = Pseudonyms(ids=[], secrets=[]).mask({**capture, "frames": frames})

    recorded, redacted = replay(capture), replay(masked)
    assert [_happened(event) for event in redacted.events] == [
        _happened(event) for event in recorded.events
    ]
    assert [_shown(slot) for slot in redacted.slots] == [
        _shown(slot) for slot in recorded.slots
    ]


def _happened(event: dict[str, Any]) -> tuple[object, ...]:
    return event["event_type"], event["event_at"], event.get("slot")


def _shown(slot: dict[str, Any]) -> dict[str, Any]:
    """Return the slot without the ids, but with whether there are any."""
    known = {key: bool(value) for key, value in slot["identifiers"].items()}
    return slot | {"identifiers": known}
