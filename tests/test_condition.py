"""Conditions: when they are true of the selected slots."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    condition as condition_helper,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.condition import (
    ConditionChecker,
    async_from_config,
    async_get_all_descriptions,
    async_validate_condition_config,
)
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.condition import CONDITIONS
from custom_components.filament_slots.const import DOMAIN

from .common import (
    EXTERNAL,
    TAG,
    UNIT_SERIAL,
    assert_editor_texts,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

# A tagged PLA, an unidentified PETG, an empty slot, and two whose presence is unknown: a
# slot of the unit, and the external holder, for which the printer has a material set.
KNOWN, UNIDENTIFIED, EMPTY, UNKNOWN = (
    f"sensor.x1c_ams_a_slot_a{n}_filament" for n in range(1, 5)
)
HOLDER = "sensor.x1c_slot_ext_filament"
STATE = state(
    unit_state(slots=[*unit_state()["slots"][:3], slot_state(4, None)]),
    direct=[{**EXTERNAL, "filament": {"material": "PLA"}}],
)

LOADED = "slot_is_loaded"
HOLDS_PLA = ("slot_holds_material", {"material": "PLA"})
IS_KNOWN = "spool_is_known"


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A printer with a unit and an external holder."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, STATE)
    return entry


async def _condition(
    hass: HomeAssistant,
    what: str | tuple[str, dict[str, Any]],
    target: dict[str, Any] | None = None,
    **options: Any,
) -> ConditionChecker:
    kind, given = (what, {}) if isinstance(what, str) else what
    config: dict[str, Any] = {"condition": f"{DOMAIN}.{kind}"}
    if target is not None:
        config["target"] = target
    if given or options:
        config["options"] = given | options
    return await async_from_config(
        hass, await async_validate_condition_config(hass, config)
    )


async def _holds(hass: HomeAssistant, *args: Any, **options: Any) -> bool | None:
    checker = await _condition(hass, *args, **options)
    return checker.async_check()


@pytest.mark.parametrize(
    ("what", "entity_ids", "one", "all_of_them"),
    [
        (LOADED, [KNOWN], True, True),
        (LOADED, [EMPTY], False, False),
        (LOADED, [KNOWN, UNIDENTIFIED], True, True),
        (LOADED, [KNOWN, EMPTY], True, False),
        (LOADED, [UNKNOWN], False, False),
        (LOADED, [KNOWN, UNKNOWN, HOLDER], True, True),
        (HOLDS_PLA, [KNOWN], True, True),
        (HOLDS_PLA, [UNIDENTIFIED], False, False),
        (HOLDS_PLA, [EMPTY], False, False),
        (HOLDS_PLA, [HOLDER], False, False),
        (HOLDS_PLA, [KNOWN, UNIDENTIFIED], True, False),
        (IS_KNOWN, [KNOWN], True, True),
        (IS_KNOWN, [UNIDENTIFIED], False, False),
        (IS_KNOWN, [EMPTY], False, False),
        (IS_KNOWN, [KNOWN, UNIDENTIFIED], True, False),
        (IS_KNOWN, ["sensor.kitchen"], False, False),
    ],
)
async def test_a_condition_holds_for_any_or_for_all_slots(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    what: str | tuple[str, dict[str, Any]],
    entity_ids: list[str],
    one: bool,
    all_of_them: bool,
) -> None:
    target = {"entity_id": entity_ids}

    assert await _holds(hass, what, target) is one
    assert await _holds(hass, what, target, behavior="any") is one
    assert await _holds(hass, what, target, behavior="all") is all_of_them


async def test_an_area_of_a_sensor_itself_selects_its_slot(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    kitchen = ar.async_get(hass).async_create("Kitchen").id
    assert await _holds(hass, LOADED, {"area_id": kitchen}) is False

    er.async_get(hass).async_update_entity(KNOWN, area_id=kitchen)

    assert await _holds(hass, LOADED, {"area_id": kitchen}) is True


@pytest.mark.parametrize(
    ("material", "expected"),
    [("pla", True), (["ABS", "PLA"], True), (["ABS", "ASA"], False)],
)
async def test_one_of_several_materials_is_enough(
    hass: HomeAssistant, entry: MockConfigEntry, material: object, expected: bool
) -> None:
    what = ("slot_holds_material", {"material": material})

    assert await _holds(hass, what, {"entity_id": KNOWN}) is expected


async def test_a_slot_of_unknown_material_matches_no_material(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, spool_event("spool_inserted", 3))

    assert await _holds(hass, LOADED, {"entity_id": EMPTY}) is True
    assert await _holds(hass, HOLDS_PLA, {"entity_id": EMPTY}) is False


async def test_it_follows_the_state_of_the_slot(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    loaded = await _condition(hass, LOADED, {"entity_id": EMPTY})
    known = await _condition(hass, IS_KNOWN, {"entity_id": EMPTY})
    assert (loaded.async_check(), known.async_check()) == (False, False)

    await async_deliver(hass, entry, spool_event("spool_inserted", 3, identifiers=TAG))
    assert (loaded.async_check(), known.async_check()) == (True, True)

    await async_deliver(hass, entry, spool_event("spool_removed", 3))
    assert (loaded.async_check(), known.async_check()) == (False, False)


async def test_without_a_target_every_slot_of_every_printer_counts(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await _holds(hass, LOADED) is True
    assert await _holds(hass, LOADED, behavior="all") is False


async def test_a_printer_or_an_area_selects_its_slots(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    area = ar.async_get(hass).async_create("Workshop").id
    devices = dr.async_get(hass)
    printer = devices.async_get_device_by_identifier(
        (DOMAIN, str(entry.unique_id)), entry.entry_id
    )
    assert printer is not None
    assert await _holds(hass, LOADED, {"device_id": printer.id}) is True
    assert await _holds(hass, LOADED, {"area_id": area}) is False

    devices.async_update_device(printer.id, area_id=area)

    assert await _holds(hass, LOADED, {"area_id": area}) is True


async def test_it_works_with_all_entities_disabled(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(
            entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )
    await hass.config_entries.async_reload(entry.entry_id)

    assert await _holds(hass, IS_KNOWN, {"entity_id": KNOWN}) is True
    assert await _holds(hass, IS_KNOWN, {"entity_id": UNIDENTIFIED}) is False


async def test_it_works_before_the_printer_exists_and_after_it_is_removed(
    hass: HomeAssistant,
) -> None:
    loaded = await _condition(hass, LOADED)
    assert loaded.async_check() is False
    entry = make_entry()

    await async_set_up(hass, entry)
    await async_deliver(hass, entry, STATE)
    assert loaded.async_check() is True

    await hass.config_entries.async_unload(entry.entry_id)
    assert loaded.async_check() is False


async def test_the_slots_of_a_removed_unit_do_not_count(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    unit = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{entry.unique_id}_{UNIT_SERIAL}"), entry.entry_id
    )
    assert unit is not None

    dr.async_get(hass).async_remove_device(unit.id)

    assert await _holds(hass, LOADED) is False


@pytest.mark.parametrize(
    "what",
    [
        "slot_holds_material",
        ("slot_holds_material", {"material": []}),
        (LOADED, {"behavior": "most"}),
        (LOADED, {"material": "PLA"}),
    ],
)
async def test_invalid_options_are_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    what: str | tuple[str, dict[str, Any]],
) -> None:
    with pytest.raises(probatio.Invalid):
        await _condition(hass, what)


async def test_the_editor_offers_the_options_of_the_conditions(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await condition_helper.async_validate_condition_config(
        hass, {"condition": f"{DOMAIN}.{LOADED}"}
    )

    descriptions = await async_get_all_descriptions(hass)

    assert {
        name: set(description["fields"])
        for name in CONDITIONS
        if (description := descriptions[f"{DOMAIN}.{name}"])
    } == {
        "slot_is_loaded": {"behavior"},
        "slot_holds_material": {"material", "behavior"},
        "spool_is_known": {"behavior"},
        "spool_is_low": {"behavior"},
        "slot_matches_spool": {"behavior"},
    }


@pytest.mark.parametrize("language", ["en", "de"])
def test_everything_the_editor_offers_has_a_text_and_an_icon(language: str) -> None:
    assert_editor_texts("conditions", language)
