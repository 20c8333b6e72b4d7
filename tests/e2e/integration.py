"""The integration as a user sees it: its dialog, events and entities."""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
import re
import sqlite3
from typing import Any

from ulid_transform import bytes_to_ulid

from ..printers.bambu import BambuPrinter
from ..printers.bambu_hardware import VirtualBambu
from ..printers.bambu_scenarios import Expected
from ..printers.box_turtle import UNIT_KEY, KlipperPrinter
from .client import Client, HomeAssistantError
from .hass import HomeAssistant

DOMAIN = "filament_slots"
SPOOL_EVENTS = ("spool_inserted", "spool_removed", "unknown_spool_detected")

type Event = dict[str, Any]
type State = dict[str, Any]
# The unit's serial (`u` and its number without one) and the slot's number, as in the
# unique ids.
type SlotKey = tuple[str, int]

_ADVANCED = {"port", "verify_ssl"}
_AMS_STATE = 3
_SLOT_KEYS = ("active", "filament", "inserted", "remaining", "spool", "status")


async def add_printer(client: Client, printer: BambuPrinter | KlipperPrinter) -> str:
    """Add a printer by the dialog, and wait for its slots; return the id of its entry.

    What changes before its first report is no event.

    Raises HomeAssistantError with the errors of the dialog.
    """
    entry_id = await add_entry(client, *_filled_in(printer))
    real = printer.hardware if isinstance(printer, BambuPrinter) else printer
    identity = real.serial if isinstance(real, VirtualBambu) else real.identity
    async with asyncio.timeout(120):
        while statuses(await slots(client, identity)).keys() != (
            true_statuses(real).keys()
        ):
            await asyncio.sleep(0.2)
    return entry_id


async def add_entry(client: Client, driver_key: str, fields: dict[str, Any]) -> str:
    """Fill in the dialog of a driver with these fields; return the id of the new entry."""
    step = await client.post("config/config_entries/flow", {"handler": DOMAIN})
    dialog = f"config/config_entries/flow/{step['flow_id']}"
    if step.get("step_id") == "user":
        step = await client.post(dialog, {"driver_key": driver_key})
    while step["type"] in ("progress", "progress_done"):
        await asyncio.sleep(0.2)
        step = await client.get(dialog)
    if step["step_id"] == "pick":
        await client.post(dialog, {"printer": "another"})
    advanced = {name: fields[name] for name in fields.keys() & _ADVANCED}
    asked = {name: value for name, value in fields.items() if name not in advanced}
    answer = await client.post(dialog, asked | {"advanced": advanced})
    if answer["type"] != "create_entry":
        raise HomeAssistantError(
            f"the dialog reported {answer.get('errors') or answer}"
        )
    return str(answer["result"]["entry_id"])


async def add_inventory(client: Client, key: str, url: str) -> str:
    """Add an inventory by the dialog; return the id of the new entry.

    Raises HomeAssistantError with the errors of the dialog.
    """
    step = await client.post("config/config_entries/flow", {"handler": DOMAIN})
    dialog = f"config/config_entries/flow/{step['flow_id']}"
    await client.post(dialog, {"driver_key": key})
    fields = {"url": url, "api_key_header": "X-API-Key", "verify_ssl": True}
    answer = await client.post(dialog, fields)
    if answer["type"] != "create_entry":
        raise HomeAssistantError(f"the dialog reported {answer.get('errors')}")
    return str(answer["result"]["entry_id"])


def _filled_in(printer: BambuPrinter | KlipperPrinter) -> tuple[str, dict[str, Any]]:
    """Return the driver and the fields of its form."""
    match printer:
        case BambuPrinter():
            asked = ("host", "port", "serial", "access_code")
            return "bambulab_mqtt", {key: printer.config[key] for key in asked}
        case KlipperPrinter(moonraker=moonraker):
            return (
                "moonraker_filament",
                moonraker.config | {"api_key": moonraker.api_key, "verify_ssl": True},
            )


async def entry_state(client: Client, entry_id: str) -> str:
    """Return the state of an entry: `loaded`, or why it is not."""
    entry = await client.call("config_entries/get_single", entry_id=entry_id)
    return str(entry["config_entry"]["state"])


async def on_spool_events(client: Client, listener: Callable[[Event], None]) -> None:
    """Call `listener` with each spool event on Home Assistant's bus."""
    for kind in SPOOL_EVENTS:
        await client.on_event(f"{DOMAIN}_{kind}", lambda event: listener(event["data"]))


def summary(event: Event) -> Expected:
    """Return an event in the form in which the scenarios expect it."""
    meta, slot = event["meta"], event["slot"]
    return Expected(
        event["event_type"],
        slot["ams_unit_no"],
        slot["slot_no"],
        event["identifiers"]["external_id"],
        meta["detected_late"],
        meta.get("reason"),
    )


async def slots(client: Client, serial: str) -> dict[SlotKey, dict[str, State]]:
    """Return the states of each slot's entities, by platform and kind: `sensor.status`."""
    states = await client.states()
    found: dict[SlotKey, dict[str, State]] = {}
    for entity in await client.call("config/entity_registry/list"):
        unique_id = str(entity["unique_id"])
        if not unique_id.startswith(f"{serial}_"):
            continue
        # The name of a unit may contain underscores, too.
        match unique_id.removeprefix(f"{serial}_").rsplit("_", 2):
            case [unit, number, key] if unit != "direct" and key in _SLOT_KEYS:
                platform = entity["entity_id"].partition(".")[0]
                if state := states.get(entity["entity_id"]):
                    slot = found.setdefault((unit, int(number)), {})
                    slot[f"{platform}.{key}"] = state
    return found


def statuses(found: dict[SlotKey, dict[str, State]]) -> dict[SlotKey, str]:
    """Return the status of each slot in Home Assistant."""
    return {key: entities["sensor.status"]["state"] for key, entities in found.items()}


def true_statuses(printer: VirtualBambu | KlipperPrinter) -> dict[SlotKey, str]:
    """Return the real status of each slot of the virtual printer."""
    if isinstance(printer, KlipperPrinter):
        return {(UNIT_KEY, slot): status for slot, status in printer.statuses.items()}
    return {
        (unit.serial, number): (
            "empty"
            if bay.spool is None
            else "identified"
            if bay.spool.uuid
            else "unidentified"
        )
        for unit in printer.units.values()
        for number, bay in enumerate(unit.bays, start=1)
    }


def stored(home_assistant: HomeAssistant) -> list[str]:
    """Return the ids of the spool events in the store, by printer and in order."""
    path = home_assistant.folder / ".storage" / DOMAIN / f"{DOMAIN}.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT event_id FROM slot_events WHERE event_type != ?"
            " ORDER BY printer_id, sequence",
            (_AMS_STATE,),
        )
        return [bytes_to_ulid(event_id) for (event_id,) in rows]


def complaints(home_assistant: HomeAssistant) -> list[str]:
    """Return the warnings and errors in the log that concern this integration."""
    ours = re.compile(
        rf" (WARNING|ERROR|CRITICAL) .*{DOMAIN}|custom_components/{DOMAIN}/"
    )
    return [
        line
        for line in home_assistant.log().splitlines()
        if ours.search(line) and "has not been tested by Home Assistant" not in line
    ]


async def until_shown(client: Client, printer: VirtualBambu, seconds: float) -> None:
    """Wait until the entities show what really is in the slots.

    Raises AssertionError when they do not in that time.
    """
    shown: dict[SlotKey, str] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (shown := statuses(await slots(client, printer.serial))) != (
                true_statuses(printer)
            ):
                await asyncio.sleep(0.1)
    there = true_statuses(printer)
    assert shown == there, f"shown {shown}, and not {there}"


async def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is true, at most so long; return whether it is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
