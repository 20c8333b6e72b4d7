"""The TypeScript types of the cards are those that the websocket sends."""

from pathlib import Path
import re
from types import NoneType, UnionType
from typing import Any, TypeAliasType, get_args, get_origin, get_type_hints

import pytest

from custom_components.filament_slots.driver_capabilities import CapabilityData
from custom_components.filament_slots.driver_log import LogLevel, LogLine
from custom_components.filament_slots.driver_subscription import DriverState
from custom_components.filament_slots.drivers.health import (
    Health,
    LastError,
    Transition,
)
from custom_components.filament_slots.entry_health import EntryError, EntryHealth
from custom_components.filament_slots.model import Filament, Identifiers, SlotStatus
from custom_components.filament_slots.serializers import (
    AnnouncedData,
    PrinterData,
    SlotData,
    SlotSpoolData,
    UnitData,
)
from custom_components.filament_slots.slot_spools import LinkSource
from custom_components.filament_slots.spool_library import (
    InventorySpoolData,
    SpoolData,
    SpoolSlotData,
)
from custom_components.filament_slots.websocket import FailedEventData
from custom_components.filament_slots.websocket_drivers import (
    DriverData,
    DriverInfoData,
)

SOURCES = Path(__file__).parents[1] / "frontend" / "src"
NAMES: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    SlotStatus: "Status",
    SlotData: "Slot",
    SlotSpoolData: "SlotSpool",
    LinkSource: "LinkSource",
    UnitData: "Unit",
    AnnouncedData: "Announced",
    SpoolSlotData: "SpoolSlot",
    DriverInfoData: "DriverInfo",
    CapabilityData: "Capability",
    dict[str, Any]: "Schema",
    LogLevel: "Level",
}


def _typescript(hint: Any) -> str:
    """Return a Python type as TypeScript writes it."""
    if hint in NAMES:
        return NAMES[hint]
    if get_origin(hint) is UnionType:
        return " | ".join(map(_typescript, get_args(hint)))
    if get_origin(hint) is dict:
        return f"Record<{', '.join(map(_typescript, get_args(hint)))}>"
    if get_origin(hint) is list:
        return f"{_typescript(*get_args(hint))}[]"
    return str(hint.__name__)


def _interface(file: str, name: str) -> dict[str, str]:
    """Return the fields of an interface with their types."""
    source = (SOURCES / file).read_text(encoding="utf-8")
    found = re.search(rf"interface {name} {{\n(.*?)\n}}", source, re.DOTALL)
    assert found is not None
    return dict(re.findall(r"^\s*(\w+)\??: ([^;]+);", found[1], re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "interface", "backend"),
    [
        ("driver.ts", "Driver", DriverData),
        ("driver.ts", "DriverInfo", DriverInfoData),
        ("driver.ts", "Capability", CapabilityData),
        ("driver.ts", "Health", Health),
        ("driver.ts", "LastError", LastError),
        ("driver.ts", "EntryHealth", EntryHealth),
        ("driver.ts", "EntryError", EntryError),
        ("driver-feed.ts", "DriverState", DriverState),
        ("driver-feed.ts", "Transition", Transition),
        ("driver-feed.ts", "LogLine", LogLine),
        ("health-card.ts", "Failed", FailedEventData),
        ("library.ts", "Spool", SpoolData),
        ("library.ts", "SpoolSlot", SpoolSlotData),
        ("library.ts", "InventorySpool", InventorySpoolData),
        ("model.ts", "Printer", PrinterData),
        ("model.ts", "Unit", UnitData),
        ("model.ts", "Slot", SlotData),
        ("model.ts", "SlotSpool", SlotSpoolData),
        ("model.ts", "Announced", AnnouncedData),
    ],
)
def test_the_fields_that_a_card_reads_have_the_types_of_the_backend(
    file: str, interface: str, backend: type
) -> None:
    fields = _interface(file, interface)
    hints = get_type_hints(backend)

    assert fields
    assert fields.keys() <= hints.keys()
    # What is an object in an event is checked by its fields below.
    typed = {name for name in fields if not isinstance(hints[name], TypeAliasType)}
    assert {name: fields[name] for name in typed} == {
        name: _typescript(hints[name]) for name in typed
    }


@pytest.mark.parametrize("model", [Filament, Identifiers])
def test_the_fields_of_events_that_a_card_reads_exist(
    model: type[Filament | Identifiers],
) -> None:
    fields = _interface("model.ts", model.__name__)

    assert fields
    assert fields.keys() <= model.model_fields.keys()
