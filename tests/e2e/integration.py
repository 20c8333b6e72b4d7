"""Our integration as a user meets it: its dialog, its events, its entities."""

import asyncio
from collections.abc import Callable
from typing import Any

from ..printers.bambu import BambuPrinter
from ..printers.bambu_hardware import VirtualBambu
from ..printers.bambu_scenarios import Expected
from .client import Client, HomeAssistantError

DOMAIN = "filament_slots"
SPOOL_EVENTS = ("spool_inserted", "spool_removed", "unknown_spool_detected")

type Event = dict[str, Any]
type State = dict[str, Any]
# The unit's serial and the number of the slot, as the unique ids have them.
type SlotKey = tuple[str, int]


async def add_printer(client: Client, printer: BambuPrinter) -> str:
    """Fill in the dialog as a user does; return the id of the new entry.

    Raises HomeAssistantError with what the dialog said.
    """
    step = await client.post("config/config_entries/flow", {"handler": DOMAIN})
    dialog = f"config/config_entries/flow/{step['flow_id']}"
    if step["step_id"] == "user":
        step = await client.post(dialog, {"driver_key": "bambulab_mqtt"})
    fields = {key: printer.config[key] for key in ("host", "port", "serial")}
    answer = await client.post(dialog, fields | {"access_code": printer.access_code})
    if answer["type"] != "create_entry":
        raise HomeAssistantError(f"the dialog said {answer.get('errors') or answer}")
    return str(answer["result"]["entry_id"])


async def entry_state(client: Client, entry_id: str) -> str:
    """Return `loaded`, or why the entry is not."""
    entry = await client.call("config_entries/get_single", entry_id=entry_id)
    return str(entry["config_entry"]["state"])


async def on_spool_events(client: Client, listener: Callable[[Event], None]) -> None:
    """Call `listener` with each spool event on Home Assistant's bus."""
    for kind in SPOOL_EVENTS:
        await client.on_event(f"{DOMAIN}_{kind}", lambda event: listener(event["data"]))


def told(event: Event) -> Expected:
    """Return what an event says, as the virtual printers' scenarios expect it."""
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
        match str(entity["unique_id"]).split("_"):
            case [printer, unit, number, key] if printer == serial and unit != "direct":
                platform = entity["entity_id"].partition(".")[0]
                if state := states.get(entity["entity_id"]):
                    slot = found.setdefault((unit, int(number)), {})
                    slot[f"{platform}.{key}"] = state
    return found


def statuses(found: dict[SlotKey, dict[str, State]]) -> dict[SlotKey, str]:
    """Return what Home Assistant says of each slot, in one word."""
    return {key: entities["sensor.status"]["state"] for key, entities in found.items()}


def true_statuses(printer: VirtualBambu) -> dict[SlotKey, str]:
    """Return what is really in the slots of the virtual printer."""
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


async def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is true, at most so long; return whether it is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
