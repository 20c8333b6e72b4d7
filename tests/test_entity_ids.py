"""Entity ids: new entities of a device are named as those it has, whatever was renamed."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.entity_registry import EntityNamePart
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.core.slot_state import SlotKey
from custom_components.filament_slots.devices import UnitKey

from .common import (
    PLA,
    SERIAL,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

UNIT = f"{SERIAL}_{UNIT_SERIAL}"
SLOT_1 = f"{UNIT}_1"

SLOT_NAMES = {
    "filament",
    "status",
    "spool_present",
    "spool_change",
    "inserted",
    "active",
    "remaining",
    "remaining_weight",
}
UNIT_NAMES = {"connected", "humidity", "temperature", "drying_time_left"}


async def _report_little(
    hass: HomeAssistant, entry: MockConfigEntry, **fields: Any
) -> None:
    """Let a unit with two slots report them for the first time."""
    unit: dict[str, Any] = {"temperature_c": None, "drying_minutes_left": None}
    slots = [slot_state(1, True), slot_state(2, True)]
    await async_deliver(hass, entry, state(unit_state(slots=slots, **unit, **fields)))


async def _report_more(
    hass: HomeAssistant, entry: MockConfigEntry, slots: int = 2, **fields: Any
) -> None:
    """Let unit and slots report what they have not reported before."""
    filament = {**PLA, "remaining_g": 700.0}
    reported = [
        slot_state(number, True, filament=filament, active=number == 1)
        for number in range(1, slots + 1)
    ]
    await async_deliver(hass, entry, state(unit_state(slots=reported, **fields)))


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer whose unit and two slots have their first entities."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await _report_little(hass, entry)
    return entry


def _ids(hass: HomeAssistant, device: str = "") -> dict[str, str]:
    """Return the object ids of a device's entities, or of all, by what identifies them."""
    return {
        f"{entity.domain}.{entity.unique_id}": entity.entity_id.partition(".")[2]
        for entity in er.async_get(hass).entities.values()
        if entity.unique_id.rpartition("_")[0].startswith(device)
    }


def _begin(stem: str, names: set[str]) -> set[str]:
    return {f"{stem}_{name}" for name in names}


def _update_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    key: UnitKey | SlotKey | None,
    **update: Any,
) -> None:
    registry = dr.async_get(hass)
    device_id = entry.runtime_data.devices.device_id(key)
    if isinstance(key, tuple):
        registry.async_update_child_device(device_id, **update)
    else:
        registry.async_update_device(device_id, **update)


def _name_device(
    key: UnitKey | SlotKey | None,
) -> Callable[[HomeAssistant, MockConfigEntry], None]:
    def rename(hass: HomeAssistant, entry: MockConfigEntry) -> None:
        _update_device(hass, entry, key, name_by_user="Kitchen")

    return rename


def _name_printer(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, title="Workhorse")


def _move_to_an_area(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    area = ar.async_get(hass).async_create("Workshop")
    devices = entry.runtime_data.devices
    for key in (None, *devices.units, *devices.slots):
        _update_device(hass, entry, key, area_id=area.id)


def _change_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Change nothing."""


def _rename_two_entities(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    registry.async_update_entity(
        "sensor.x1c_ams_a_slot_a1_filament", new_entity_id="sensor.what_i_print_with"
    )
    registry.async_update_entity(
        "sensor.x1c_ams_a_slot_a1_status", new_entity_id="sensor.red_holder_status"
    )


def _disable_entities(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    _name_device((UNIT_SERIAL, 1))(hass, entry)
    registry = er.async_get(hass)
    for entity in list(registry.entities.values()):
        registry.async_update_entity(
            entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (_change_nothing, {}),
        (_change_nothing, {"label": "C", "model": "AMS 2 Pro"}),
        (_name_device((UNIT_SERIAL, 1)), {}),
        (_name_device(UNIT_SERIAL), {}),
        (_name_device(None), {}),
        (_name_printer, {}),
        (_move_to_an_area, {}),
        (_rename_two_entities, {"label": "C"}),
        (_disable_entities, {"label": "C"}),
    ],
    ids=[
        "nothing",
        "the label of the unit",
        "the name of the slot",
        "the name of the unit",
        "the name of the printer's device",
        "the name of the printer",
        "the area",
        "some ids of entities",
        "entities disabled",
    ],
)
@pytest.mark.parametrize("restarted", [False, True], ids=["", "and restarted"])
async def test_new_entities_are_named_as_those_beside_them_whatever_has_changed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    change: Callable[[HomeAssistant, MockConfigEntry], None],
    reported: dict[str, Any],
    restarted: bool,
) -> None:
    change(hass, entry)
    before = _ids(hass)
    if restarted:
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()

    await _report_more(hass, entry, **reported)

    after = _ids(hass)
    new = {after[each] for each in after.keys() - before.keys()}
    assert new == {
        *_begin("x1c_ams_a_slot_a1", {"active", "remaining", "remaining_weight"}),
        *_begin("x1c_ams_a_slot_a2", {"active", "remaining", "remaining_weight"}),
        *_begin("x1c_ams_a", {"temperature", "drying_time_left"}),
        *_begin("x1c", {"active_slot", "active_filament"}),
    }
    assert {each: after[each] for each in before} == before


async def test_a_unit_known_without_its_label_keeps_the_number_in_all_ids(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await _report_little(hass, entry, label=None, model=None)

    await _report_more(hass, entry, slots=3, label="A", model="AMS")

    assert set(_ids(hass, UNIT).values()) == {
        *_begin("x1c_ams_1", UNIT_NAMES),
        *_begin("x1c_ams_1_slot_a1", SLOT_NAMES),
        *_begin("x1c_ams_1_slot_a2", SLOT_NAMES),
        *_begin("x1c_ams_1_slot_a3", SLOT_NAMES),
    }


@pytest.mark.parametrize(
    ("first", "second", "slot", "names"),
    [
        (
            "es",
            "en",
            "x1c_ams_a_ranura_a1",
            {"active", "remaining", "remaining_weight"},
        ),
        ("de", "es", "x1c_ams_a_fach_a1", {"activa", "restante", "peso_restante"}),
        ("en", "de", "x1c_ams_a_slot_a1", {"aktiv", "restmenge", "restgewicht"}),
    ],
)
async def test_ids_in_another_language_begin_as_those_beside_them(
    hass: HomeAssistant, first: str, second: str, slot: str, names: set[str]
) -> None:
    hass.config.language = first
    entry = make_entry()
    await async_set_up(hass, entry)
    await _report_little(hass, entry)
    before = _ids(hass)
    hass.config.language = second
    await hass.config_entries.async_reload(entry.entry_id)

    await _report_more(hass, entry, label="C")

    after = _ids(hass)
    new = {
        after[each]
        for each in after.keys() - before.keys()
        if each.partition(".")[2].startswith(f"{SLOT_1}_")
    }
    assert new == _begin(slot, names)
    assert {each: after[each] for each in before} == before


async def test_a_new_unit_has_its_own_name(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass,
        entry,
        state(unit_state(label="C"), unit_state(2, serial="NEW", label="D")),
    )

    new = set(_ids(hass, f"{SERIAL}_NEW").values())
    assert _begin("x1c_ams_d", UNIT_NAMES) <= new
    assert _begin("x1c_ams_d_slot_a1", SLOT_NAMES - {"remaining_weight"}) <= new


@pytest.mark.parametrize(
    ("renamed", "stem"),
    [(SLOT_1, "x1c_ams_a_slot_a1"), (SERIAL, "x1c_ams_c_slot_a1")],
    ids=["of the slot", "of all devices"],
)
async def test_new_entities_are_named_by_default_where_the_ids_have_nothing_in_common(
    hass: HomeAssistant, entry: MockConfigEntry, renamed: str, stem: str
) -> None:
    """Of a slot they begin as those of its unit, as long as that has any."""
    registry = er.async_get(hass)
    for number, entity in enumerate(list(registry.entities.values())):
        if entity.unique_id.startswith(renamed):
            registry.async_update_entity(
                entity.entity_id, new_entity_id=f"{entity.domain}.my{number}_thing"
            )

    await _report_more(hass, entry, label="C")

    assert registry.async_get(f"sensor.{stem}_remaining")


async def test_ids_with_the_name_of_the_entity_first_keep_that(
    hass: HomeAssistant,
) -> None:
    er.async_get(hass).async_update_settings(
        entity_id_parts=[EntityNamePart.ENTITY, EntityNamePart.DEVICE]
    )
    entry = make_entry()
    await async_set_up(hass, entry)
    await _report_little(hass, entry)
    _name_device((UNIT_SERIAL, 1))(hass, entry)

    await _report_more(hass, entry, slots=3, label="C")

    assert set(_ids(hass, UNIT).values()) == {
        *(f"{name}_x1c_ams_a" for name in UNIT_NAMES),
        *(f"{name}_slot_a1" for name in SLOT_NAMES),
        *(f"{name}_slot_a2" for name in SLOT_NAMES),
        *(f"{name}_slot_a3" for name in SLOT_NAMES),
    }


async def test_a_second_printer_of_the_name_has_numbered_ids(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    second = make_entry("00M09A000000002")
    await async_set_up(hass, second)
    await _report_little(hass, second)
    await _report_more(hass, entry)

    await _report_more(hass, second, label="C")

    assert set(_ids(hass, f"00M09A000000002_{UNIT_SERIAL}_1").values()) == {
        f"x1c_ams_a_slot_a1_{name}_2" for name in SLOT_NAMES
    }


async def test_an_id_made_again_has_the_present_name(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """As "Recreate entity IDs" of a device's page does."""
    await _report_more(hass, entry, label="C")

    registry = er.async_get(hass)
    assert {
        registry.async_regenerate_entity_id(entity).partition(".")[2]
        for entity in registry.entities.values()
        if entity.unique_id.startswith(SLOT_1)
    } == _begin("x1c_ams_c_slot_a1", SLOT_NAMES)


async def test_new_entities_are_enabled_as_by_default(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await _report_more(hass, entry)

    assert {
        entity.unique_id.removeprefix(f"{UNIT}_")
        for entity in er.async_get(hass).entities.values()
        if entity.disabled and entity.unique_id.startswith(UNIT)
    } == {"connected", "temperature", "drying_time_left", "1_inserted", "2_inserted"}


async def test_an_entity_that_is_added_again_is_as_it_was(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The user enabled and renamed it before it was removed."""
    await _report_more(hass, entry)
    registry = er.async_get(hass)
    registry.async_update_entity(
        "sensor.x1c_ams_a_temperature",
        disabled_by=None,
        new_entity_id="sensor.how_warm_it_is",
    )
    registry.async_remove("sensor.how_warm_it_is")

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    entity = registry.async_get("sensor.how_warm_it_is")
    assert entity is not None
    assert not entity.disabled
