"""Triggers: the events that they run for."""

from collections.abc import Callable, Coroutine
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Context, CoreState, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.dispatcher import DATA_DISPATCHER, async_dispatcher_send
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    async_get_all_descriptions,
    async_initialize_triggers,
    async_validate_trigger_config,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN, SPOOL_EVENTS
from custom_components.filament_slots.coordinator import SIGNAL_SPOOL_EVENT
from custom_components.filament_slots.trigger import TRIGGERS

from .common import (
    AT,
    EXTERNAL,
    PLA,
    TAG,
    UNIT_SERIAL,
    assert_editor_texts,
    async_deliver,
    async_set_up,
    driver_of,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

HT_SERIAL = "19F00A000000001"
OTHER_SERIAL = "00M09A000000002"
TWO_UNITS = state(
    unit_state(),
    unit_state(
        5, serial=HT_SERIAL, model="AMS HT", label="HT-A", slots=[slot_state(1)]
    ),
    direct=[{**EXTERNAL, "present": False}],
)
# The second printer has a unit of its own, at the same number.
ELSEWHERE = state(unit_state(serial="00600A000000009"))

OPTIONS = {
    "spool_inserted": {"material", "identity", "spool", "include_late"},
    "spool_removed": {"material", "identity", "spool", "reason", "include_late"},
    "unknown_spool_detected": {"material", "include_late"},
    "spool_low": {"material", "spool"},
    "spool_mismatched": {"material", "spool"},
}

type Ran = list[dict[str, Any]]
type Near = list[NotTriggeredInfo]
type Attach = Callable[..., Coroutine[Any, Any, tuple[Ran, Near]]]


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A printer with an AMS, an AMS HT and an external slot."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, TWO_UNITS)
    return entry


@pytest.fixture
async def other_entry(hass: HomeAssistant) -> MockConfigEntry:
    """Another printer."""
    entry = make_entry(OTHER_SERIAL)
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, ELSEWHERE)
    return entry


@pytest.fixture
def attach(hass: HomeAssistant) -> Attach:
    """Attach a trigger; return its runs, and the events that did not match its options."""

    async def attach(
        kind: str = "spool_inserted",
        target: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[Ran, Near]:
        ran: Ran = []
        near: Near = []

        async def action(variables: dict[str, Any], _: Context | None = None) -> None:
            ran.append(variables["trigger"])

        @callback
        def did_not_trigger(
            _: dict[str, Any], info: NotTriggeredInfo, __: Context | None = None
        ) -> None:
            near.append(info)

        await _initialize(
            hass, _config(kind, target, **options), action, did_not_trigger
        )
        return ran, near

    return attach


def _config(
    kind: str, target: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    config: dict[str, Any] = {"platform": f"{DOMAIN}.{kind}"}
    if target is not None:
        config["target"] = target
    if options:
        config["options"] = options
    return config


async def _initialize(
    hass: HomeAssistant, config: dict[str, Any], action: Any, did_not_trigger: Any
) -> Callable[[], None] | None:
    return await async_initialize_triggers(
        hass,
        await async_validate_trigger_config(hass, [config]),
        action,
        "test",
        "test",
        lambda *_, **__: None,
        did_not_trigger=did_not_trigger,
    )


def _device(hass: HomeAssistant, entry: MockConfigEntry, *path: object) -> str:
    unique_id = "_".join(str(part) for part in (entry.unique_id, *path))
    registry = dr.async_get(hass)
    find = (
        registry.async_get_child_device_by_identifier
        if len(path) == 2
        else registry.async_get_device_by_identifier
    )
    device = find((DOMAIN, unique_id), entry.entry_id)
    assert device is not None
    return device.id


def _where(ran: Ran) -> list[tuple[int | None, int]]:
    """Return the unit and slot of each run."""
    return [(run["slot"]["ams_unit_no"], run["slot"]["slot_no"]) for run in ran]


def _inserted(slot_no: int, unit_no: int | None = 1, **fields: Any) -> dict[str, Any]:
    return spool_event("spool_inserted", slot_no, unit_no, **fields)


def _with_meta(event: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return event | {"meta": event["meta"] | meta}


async def _everywhere(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    """Insert a spool into a slot of every kind."""
    await async_deliver(
        hass, entry, _inserted(3), _inserted(4), _inserted(1, 5), _inserted(1, None)
    )
    await async_deliver(hass, other, _inserted(3))


@pytest.mark.parametrize("kind", SPOOL_EVENTS)
async def test_a_trigger_runs_for_events_of_its_type_only(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach, kind: str
) -> None:
    ran, near = await attach(kind)

    await async_deliver(
        hass, entry, *(spool_event(each, 3) for each in SPOOL_EVENTS), state()
    )

    assert [run["event_type"] for run in ran] == [kind]
    assert near == []


async def test_the_payload_is_the_whole_event_with_the_ids_of_its_place(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    area = ar.async_get(hass).async_create("Workshop")
    dr.async_get(hass).async_update_device(_device(hass, entry), area_id=area.id)
    ran, _ = await attach()
    event = _with_meta(_inserted(3, identifiers=TAG, event_id="01J"), filament=PLA)

    await async_deliver(hass, entry, event)

    (run,) = ran
    assert {key: run[key] for key in event if key not in ("event_at", "meta")} == {
        key: event[key] for key in event if key not in ("event_at", "meta")
    }
    assert run["meta"]["filament"] == PLA
    ids = {
        "entry_id": entry.entry_id,
        "device_id": _device(hass, entry, UNIT_SERIAL, 3),
        "unit_device_id": _device(hass, entry, UNIT_SERIAL),
        "printer_device_id": _device(hass, entry),
        "entity_id": "event.x1c_ams_a_slot_a3_spool_change",
        "area_id": area.id,
        "place": "X1C · A3",
    }
    assert run["meta"]["place"] == run["place"]
    assert {key: run[key] for key in ids} == ids
    assert dt_util.parse_datetime(run["event_at"]) == dt_util.parse_datetime(AT)
    assert run["description"] == "spool inserted in X1C · A3"


async def test_a_slot_outside_any_unit_has_no_unit_device(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach()

    await async_deliver(hass, entry, _inserted(1, None))

    assert ran[0]["unit_device_id"] is None
    assert ran[0]["printer_device_id"] == _device(hass, entry)
    assert ran[0]["area_id"] is None


async def test_a_renamed_slot_is_described_by_its_new_name(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    dr.async_get(hass).async_update_child_device(
        _device(hass, entry, UNIT_SERIAL, 3), name_by_user="The red one"
    )
    ran, _ = await attach()

    await async_deliver(hass, entry, _inserted(3))

    assert ran[0]["description"] == "spool inserted in X1C · The red one"


ALL_OF_IT = [(1, 3), (1, 4), (5, 1), (None, 1)]


@pytest.mark.parametrize("target", [None, {}, {"device_id": []}])
async def test_without_a_target_every_slot_of_every_printer_counts(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    attach: Attach,
    target: dict[str, Any] | None,
) -> None:
    ran, _ = await attach(target=target)

    await _everywhere(hass, entry, other_entry)

    assert _where(ran) == [*ALL_OF_IT, (1, 3)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param((UNIT_SERIAL, 3), [(1, 3)], id="a slot"),
        pytest.param(("direct", 1), [(None, 1)], id="a direct slot"),
        pytest.param((UNIT_SERIAL,), [(1, 3), (1, 4)], id="a unit"),
        pytest.param((), ALL_OF_IT, id="a printer"),
    ],
)
async def test_a_device_selects_its_slots(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    attach: Attach,
    path: tuple[object, ...],
    expected: list[tuple[int | None, int]],
) -> None:
    ran, near = await attach(target={"device_id": _device(hass, entry, *path)})

    await _everywhere(hass, entry, other_entry)

    assert _where(ran) == expected
    assert near == [], "another slot is no near miss"


@pytest.mark.parametrize(
    ("entity_id", "expected"),
    [
        pytest.param("event.x1c_ams_a_slot_a3_spool_change", [(1, 3)], id="of a slot"),
        pytest.param("sensor.x1c_ams_a_slot_a3_inserted", [(1, 3)], id="disabled"),
        pytest.param("sensor.x1c_ams_a_humidity", [(1, 3), (1, 4)], id="of a unit"),
        pytest.param("sensor.x1c_connection_status", ALL_OF_IT, id="of the printer"),
        pytest.param("sensor.kitchen", [], id="of something else"),
    ],
)
async def test_an_entity_selects_its_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    attach: Attach,
    entity_id: str,
    expected: list[tuple[int | None, int]],
) -> None:
    ran, _ = await attach(target={"entity_id": entity_id})

    await _everywhere(hass, entry, other_entry)

    assert _where(ran) == expected


@pytest.mark.parametrize("by", ["area_id", "floor_id"])
async def test_the_area_of_the_nearest_device_that_has_one_counts(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    attach: Attach,
    by: str,
) -> None:
    floors, areas = fr.async_get(hass), ar.async_get(hass)
    up, down = floors.async_create("Up"), floors.async_create("Down")
    workshop = areas.async_create("Workshop", floor_id=down.floor_id)
    attic = areas.async_create("Attic", floor_id=up.floor_id)
    devices = dr.async_get(hass)
    devices.async_update_device(_device(hass, entry), area_id=workshop.id)
    devices.async_update_device(_device(hass, entry, HT_SERIAL), area_id=attic.id)
    picked = {
        "area_id": (workshop.id, attic.id),
        "floor_id": (down.floor_id, up.floor_id),
    }[by]
    in_workshop, _ = await attach(target={by: picked[0]})
    in_attic, _ = await attach(target={by: picked[1]})

    await _everywhere(hass, entry, other_entry)

    assert _where(in_workshop) == [(1, 3), (1, 4), (None, 1)]
    assert _where(in_attic) == [(5, 1)]


@pytest.mark.parametrize("by", ["area_id", "floor_id", "label_id"])
async def test_an_area_of_the_event_entity_itself_outranks_that_of_its_device(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach, by: str
) -> None:
    """As Home Assistant resolves targets for its own triggers."""
    floors, areas = fr.async_get(hass), ar.async_get(hass)
    labels = lr.async_get(hass)
    made = {
        name: areas.async_create(
            name,
            floor_id=floors.async_create(name).floor_id,
            labels={labels.async_create(name).label_id},
        )
        for name in ("Workshop", "Attic")
    }
    dr.async_get(hass).async_update_device(
        _device(hass, entry, UNIT_SERIAL), area_id=made["Workshop"].id
    )
    er.async_get(hass).async_update_entity(
        "event.x1c_ams_a_slot_a3_spool_change", area_id=made["Attic"].id
    )
    picked = {
        name: {
            "area_id": area.id,
            "floor_id": area.floor_id,
            "label_id": next(iter(area.labels)),
        }[by]
        for name, area in made.items()
    }
    in_workshop, _ = await attach(target={by: picked["Workshop"]})
    in_attic, _ = await attach(target={by: picked["Attic"]})

    await async_deliver(hass, entry, _inserted(3), _inserted(4))

    assert _where(in_workshop) == [(1, 4)]
    assert _where(in_attic) == [(1, 3)]
    assert in_attic[0]["area_id"] == made["Attic"].id


async def test_targets_resolve_to_the_event_entities_that_home_assistant_finds(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    """Areas and labels, in every way in which a slot, its unit or an entity has one."""
    areas, devices, entities = (
        ar.async_get(hass),
        dr.async_get(hass),
        er.async_get(hass),
    )
    names = ("On unit", "On slot", "On entity", "On sensor")
    made = {name: areas.async_create(name).id for name in names}
    labels = {name: lr.async_get(hass).async_create(name).label_id for name in names}
    unit, slot = (_device(hass, entry, UNIT_SERIAL, *path) for path in ((), (2,)))
    event, sensor = (
        "event.x1c_ams_a_slot_a3_spool_change",
        "sensor.x1c_ams_a_slot_a4_filament",
    )
    hidden = "event.x1c_ams_ht_a_slot_a1_spool_change"
    devices.async_update_device(
        unit, area_id=made["On unit"], labels={labels["On unit"]}
    )
    devices.async_update_child_device(
        slot, area_id=made["On slot"], labels={labels["On slot"]}
    )
    entities.async_update_entity(
        event, area_id=made["On entity"], labels={labels["On entity"]}
    )
    entities.async_update_entity(
        hidden,
        area_id=made["On entity"],
        labels={labels["On entity"]},
        hidden_by=er.RegistryEntryHider.USER,
    )
    entities.async_update_entity(sensor, area_id=made["On sensor"])
    ran = {}
    for kind, ids in (("area_id", made), ("label_id", labels)):
        for name, picked in ids.items():
            ran[kind, name], _ = await attach(target={kind: picked})

    await async_deliver(
        hass, entry, *(_inserted(slot_no) for slot_no in (2, 3, 4)), _inserted(1, 5)
    )

    for (kind, name), runs in ran.items():
        picked = (made if kind == "area_id" else labels)[name]
        found = async_extract_referenced_entity_ids(
            hass, TargetSelection({kind: [picked]})
        ).indirectly_referenced
        events = {
            each for each in found if each.startswith("event.") and "a1" not in each
        }
        assert {run["entity_id"] for run in runs} == events, (kind, name)


@pytest.mark.parametrize(
    ("labelled", "expected"),
    [
        ("slot", [(1, 3)]),
        ("unit", [(1, 3), (1, 4)]),
        ("printer", ALL_OF_IT),
        ("entity", [(1, 3)]),
        ("area", [(1, 3), (1, 4)]),
    ],
)
async def test_a_label_of_device_entity_or_area_selects_the_slot(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    attach: Attach,
    labelled: str,
    expected: list[tuple[int | None, int]],
) -> None:
    label = lr.async_get(hass).async_create("Dry").label_id
    devices = dr.async_get(hass)
    match labelled:
        case "slot":
            devices.async_update_child_device(
                _device(hass, entry, UNIT_SERIAL, 3), labels={label}
            )
        case "unit":
            devices.async_update_device(
                _device(hass, entry, UNIT_SERIAL), labels={label}
            )
        case "printer":
            devices.async_update_device(_device(hass, entry), labels={label})
        case "entity":
            er.async_get(hass).async_update_entity(
                "sensor.x1c_ams_a_slot_a3_filament", labels={label}
            )
        case "area":
            area = ar.async_get(hass).async_create("Workshop", labels={label})
            devices.async_update_device(
                _device(hass, entry, UNIT_SERIAL), area_id=area.id
            )
    ran, _ = await attach(target={"label_id": label})

    await _everywhere(hass, entry, other_entry)

    assert _where(ran) == expected


RED_ONE = _with_meta(_inserted(3, identifiers=TAG), filament=PLA)
NAMELESS = _with_meta(_inserted(3), filament={"material": "PETG"})
EXPECTED = _with_meta(
    _inserted(3),
    assigned={"external_id": "spoolman:12", "label": "Red one"},
    place="X1C · A3",
)
LATE = _with_meta(_inserted(3), source="reconcile", detected_late=True)
RAN_OUT = _with_meta(spool_event("spool_removed", 1), reason="runout")
TAKEN_OUT = spool_event("spool_removed", 1)


@pytest.mark.parametrize(
    ("options", "event", "near_miss"),
    [
        pytest.param({"material": "PLA"}, RED_ONE, None, id="material"),
        pytest.param({"material": ["abs", "pla"]}, RED_ONE, None, id="materials"),
        pytest.param({"material": []}, NAMELESS, None, id="no material asked for"),
        pytest.param({"material": "PLA"}, NAMELESS, "other_material", id="another"),
        pytest.param({"material": "PLA"}, LATE, "other_material", id="none known"),
        pytest.param({"identity": "identified"}, RED_ONE, None, id="identified"),
        pytest.param(
            {"identity": "identified"}, NAMELESS, "not_identified", id="not identified"
        ),
        pytest.param({"identity": "unidentified"}, NAMELESS, None, id="unidentified"),
        pytest.param(
            {"identity": "unidentified"}, RED_ONE, "identified", id="not unidentified"
        ),
        pytest.param({"spool": TAG["external_id"]}, RED_ONE, None, id="spool"),
        pytest.param({"spool": [TAG["rfid_uid"].lower()]}, RED_ONE, None, id="tag"),
        pytest.param({"spool": "spoolman:1"}, RED_ONE, "other_spool", id="no spool"),
        pytest.param({"spool": "GFA00"}, RED_ONE, "other_spool", id="a material code"),
        pytest.param({"spool": "spoolman:1"}, NAMELESS, "other_spool", id="unknown"),
        pytest.param({"include_late": True}, LATE, None, id="late ones too"),
        pytest.param({}, LATE, None, id="late ones by default"),
        pytest.param({"include_late": False}, LATE, "detected_late", id="no late ones"),
        pytest.param({"include_late": False}, RED_ONE, None, id="in time"),
        pytest.param({"reason": "runout"}, RAN_OUT, None, id="ran out"),
        pytest.param({"reason": "runout"}, TAKEN_OUT, "other_reason", id="taken out"),
        pytest.param({"reason": "other"}, TAKEN_OUT, None, id="other reason"),
        pytest.param({"reason": "other"}, RAN_OUT, "other_reason", id="no other"),
    ],
)
async def test_options_filter_events_and_report_the_others(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    attach: Attach,
    options: dict[str, Any],
    event: dict[str, Any],
    near_miss: str | None,
) -> None:
    ran, near = await attach(event["event_type"], **options)

    await async_deliver(hass, entry, event)

    if near_miss is None:
        assert len(ran) == 1
        assert near == []
        return
    assert ran == []
    (info,) = near
    assert info.reason == near_miss
    assert info.data is not None
    assert info.data["event_id"]
    assert event["meta"].items() <= info.data["meta"].items()
    assert info.data["entity_id"].startswith("event.x1c_ams_a_slot")


async def test_an_expected_spool_matches_its_assigned_identity(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    this_one, _ = await attach(spool="spoolman:12", identity="identified")
    unidentified, near = await attach(identity="unidentified")

    async_dispatcher_send(
        hass, SIGNAL_SPOOL_EVENT, entry.runtime_data, (UNIT_SERIAL, 3), EXPECTED
    )
    await hass.async_block_till_done()

    assert _where(this_one) == [(1, 3)]
    assert unidentified == []
    assert [info.reason for info in near] == ["identified"]


async def test_an_event_without_meta_is_filtered_by_the_known_fields(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach()
    identified, near = await attach(identity="identified")

    await async_deliver(hass, entry, _inserted(3, identifiers=None, meta=None))

    assert _where(ran) == [(1, 3)]
    assert identified == []
    assert [info.reason for info in near] == ["not_identified"]


async def test_it_runs_with_all_entities_disabled(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(
            entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )
    await hass.config_entries.async_reload(entry.entry_id)
    ran, _ = await attach(target={"entity_id": "event.x1c_ams_a_slot_a3_spool_change"})

    await async_deliver(hass, entry, _inserted(3), _inserted(4))

    assert hass.states.async_all("event") == []
    assert _where(ran) == [(1, 3)]
    assert ran[0]["entity_id"] == "event.x1c_ams_a_slot_a3_spool_change"


async def test_it_survives_a_reload_of_the_printer(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach(target={"device_id": _device(hass, entry)})

    await hass.config_entries.async_reload(entry.entry_id)
    await async_deliver(hass, entry, _inserted(3))

    assert _where(ran) == [(1, 3)]


async def test_it_runs_for_the_last_event_of_a_printer_that_is_being_unloaded(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach()
    driver_of(entry).at_stop = _inserted(3)

    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    assert _where(ran) == [(1, 3)]


async def test_it_works_if_attached_before_the_printer_is_added(
    hass: HomeAssistant, attach: Attach
) -> None:
    ran, _ = await attach()
    entry = make_entry()

    await async_set_up(hass, entry)
    await async_deliver(hass, entry, TWO_UNITS, _inserted(3))

    assert _where(ran) == [(1, 3)]


async def test_it_works_if_attached_before_its_printer_is_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    printer = _device(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    ran, _ = await attach(target={"device_id": printer})

    await async_set_up(hass, entry)
    await async_deliver(hass, entry, _inserted(3))

    assert _where(ran) == [(1, 3)]


async def test_a_unit_that_is_added_later_belongs_to_its_printer(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach(target={"device_id": _device(hass, entry)})
    late_unit = unit_state(2, serial="00600A000000002", label="B")

    await async_deliver(hass, entry, state(unit_state(), late_unit), _inserted(3, 2))

    assert _where(ran) == [(2, 3)]


async def test_a_target_that_no_longer_exists_is_ignored(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    unit = _device(hass, entry, HT_SERIAL)
    ran, _ = await attach(
        target={"device_id": [unit, _device(hass, entry, UNIT_SERIAL, 3)]}
    )
    only_gone, _ = await attach(target={"device_id": unit})

    dr.async_get(hass).async_remove_device(unit)
    await async_deliver(hass, entry, _inserted(1, 5), _inserted(3))
    after_removal, _ = await attach(target={"device_id": unit})
    await async_deliver(hass, entry, _inserted(4))

    assert _where(ran) == [(1, 3)]
    assert only_gone == after_removal == []


async def test_a_slot_whose_unit_was_removed_matches_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    attach: Attach,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot = dr.async_get(hass).async_get(_device(hass, entry, UNIT_SERIAL, 3))
    monkeypatch.setattr(
        dr.async_get(hass),
        "async_get",
        lambda device_id, **_: slot if slot and device_id == slot.id else None,
    )
    ran, _ = await attach()

    await async_deliver(hass, entry, _inserted(3))

    assert ran == []


async def test_a_disabled_printer_triggers_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, attach: Attach
) -> None:
    ran, _ = await attach()
    driver = driver_of(entry)

    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    driver.emit(_inserted(3))
    await hass.async_block_till_done()

    assert ran == []


async def test_it_unsubscribes_when_detached(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    ran: Ran = []

    async def action(variables: dict[str, Any], _: Context | None = None) -> None:
        ran.append(variables["trigger"])

    detach = await _initialize(hass, _config("spool_inserted"), action, None)
    assert detach is not None
    detach()
    await async_deliver(hass, entry, _inserted(3))

    assert ran == []
    assert not any(hass.data[DATA_DISPATCHER].get(SIGNAL_SPOOL_EVENT, ()))


async def test_it_works_without_a_reporter_of_other_events(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    ran: Ran = []

    async def action(variables: dict[str, Any], _: Context | None = None) -> None:
        ran.append(variables["trigger"])

    await _initialize(hass, _config("spool_inserted", material="PLA"), action, None)
    await async_deliver(hass, entry, NAMELESS, RED_ONE)

    assert [run["meta"]["filament"]["material"] for run in ran] == ["PLA"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("spool_inserted", {"identity": "perhaps"}),
        ("spool_inserted", {"reason": "runout"}),
        ("spool_removed", {"reason": "boredom"}),
        ("unknown_spool_detected", {"identity": "identified"}),
        ("unknown_spool_detected", {"spool": "spoolman:1"}),
        ("spool_inserted", {"include_late": "sometimes"}),
        ("spool_inserted", {"colour": "red"}),
    ],
)
async def test_invalid_options_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, options: dict[str, Any]
) -> None:
    with pytest.raises(probatio.Invalid):
        await async_validate_trigger_config(hass, [_config(kind, **options)])


@pytest.fixture
async def automation(hass: HomeAssistant) -> Callable[..., Coroutine[Any, Any, None]]:
    """Set up an automation that calls `test.run` with the id of the event."""

    async def automation(trigger: dict[str, Any]) -> None:
        config = {
            "id": "inserted",
            "alias": "Inserted",
            "mode": "queued",
            "triggers": [{"trigger": trigger.pop("platform"), **trigger}],
            "actions": [
                {"action": "test.run", "data": {"slot": "{{ trigger.slot.slot_no }}"}}
            ],
        }
        assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
        await hass.async_block_till_done()

    return automation


async def test_an_automation_runs_for_events_from_before_the_start(
    hass: HomeAssistant, automation: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    calls = async_mock_service(hass, "test", "run")
    hass.set_state(CoreState.not_running)
    entry = make_entry()
    await async_set_up(hass, entry)
    await automation(_config("spool_inserted"))

    await async_deliver(hass, entry, state(), LATE, _inserted(4))
    assert calls == []
    await hass.async_start()
    await hass.async_block_till_done()

    assert [call.data["slot"] for call in calls] == [3, 4]


async def test_an_event_that_did_not_match_is_in_the_traces(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    automation: Callable[..., Coroutine[Any, Any, None]],
) -> None:
    calls = async_mock_service(hass, "test", "run")
    await automation(_config("spool_inserted", material="PLA"))
    client = await hass_ws_client(hass)

    await async_deliver(hass, entry, NAMELESS)

    assert calls == []
    await client.send_json_auto_id(
        {"type": "trace/list", "domain": "automation", "item_id": "inserted"}
    )
    (listed,) = (await client.receive_json())["result"]
    await client.send_json_auto_id(
        {
            "type": "trace/get",
            "domain": "automation",
            "item_id": "inserted",
            "run_id": listed["run_id"],
        }
    )
    trace = (await client.receive_json())["result"]
    assert "other_material" in str(trace)


async def test_the_editor_offers_the_options_of_the_triggers(
    hass: HomeAssistant,
) -> None:
    await async_setup_component(hass, AUTOMATION, {})
    await async_validate_trigger_config(hass, [_config("spool_inserted")])

    descriptions = await async_get_all_descriptions(hass)

    for name in TRIGGERS:
        description = descriptions[f"{DOMAIN}.{name}"]
        assert description is not None
        assert description["target"]["entity"] == [{"integration": DOMAIN}]
        fields = description["fields"]
        assert set(fields) == OPTIONS[name]
        for field, offer in fields.items():
            options = offer["selector"].get("select", {}).get("options", [])
            await async_validate_trigger_config(
                hass, [_config(name, **{field: option}) for option in options]
            )


@pytest.mark.parametrize("language", ["en", "de"])
def test_everything_the_editor_offers_has_a_text_and_an_icon(language: str) -> None:
    assert_editor_texts("triggers", language)
