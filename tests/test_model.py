"""The standard event: every field and bound, and errors that reveal no values."""

from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.filament_slots.model import (
    MAX_META_BYTES,
    NO_IDENTIFIERS,
    AmsStateEvent,
    Filament,
    Identifiers,
    InvalidEventError,
    SlotStatus,
    SpoolEvent,
    StoredSlot,
    StoredUnit,
    clean_tag,
    event_schema,
    parse_event,
)

SCHEMA = Path(__file__).parent.parent / "docs" / "standard-event.schema.json"

SPOOL: dict[str, Any] = {
    "event_type": "spool_inserted",
    "event_at": "2026-01-01T12:00:00+02:00",
    "printer_id": 1,
    "slot": {"is_ams_slot": True, "ams_unit_no": 1, "slot_no": 2, "slots_total": 4},
    "identifiers": {
        "rfid_uid": "AB",
        "external_id": "bambulab:1",
        "vendor_tag": "GFA00",
    },
    "meta": {"source": "live", "filament": {"material": "PLA"}},
    "event_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
}
STATE: dict[str, Any] = {
    "event_type": "ams_state",
    "event_at": "2026-01-01T12:00:00Z",
    "printer_id": 1,
    "ams_units": [
        {
            "ams_unit_no": 1,
            "slots_total": 4,
            "serial": "S",
            "model": "AMS",
            "label": "A",
            "online": True,
            "drying": False,
            "humidity_percent": 20,
            "humidity_index": 5,
            "temperature_c": 21.5,
            "drying_minutes_left": 0,
            "slots": [
                {
                    "slot_no": 1,
                    "present": True,
                    "active": False,
                    "label": "A1",
                    "identifiers": {"rfid_uid": None},
                    "filament": {"color_hex": "#FF6A13", "colors": ["#FF6A13FF"]},
                }
            ],
        }
    ],
    "direct_slots": [{"slot_no": 1, "present": None}],
}


def changed(event: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy with one value changed; `...` removes the key."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = copy
    for part in way:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return copy


def test_a_spool_event_with_every_field_is_accepted() -> None:
    """Every field of docs/architecture.md "The standard event" at once."""
    event = parse_event(SPOOL)
    assert isinstance(event, SpoolEvent)
    assert event.event_at == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert event.event_at.tzinfo is UTC
    assert event.slot.slots_total == 4
    assert event.identifiers == Identifiers(
        rfid_uid="AB", external_id="bambulab:1", vendor_tag="GFA00"
    )


def test_an_ams_state_with_every_field_is_accepted() -> None:
    """Every field of docs/architecture.md "The standard event" at once."""
    event = parse_event(STATE)
    assert isinstance(event, AmsStateEvent)
    assert event.ams_units[0].humidity_index == 5
    assert event.direct_slots[0].present is None


@pytest.mark.parametrize(
    "kind", ["spool_inserted", "spool_removed", "unknown_spool_detected"]
)
def test_every_spool_event_type_is_accepted(kind: str) -> None:
    """All three have the same fields."""
    assert parse_event(changed(SPOOL, "event_type", kind)).event_type == kind


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (SPOOL, "identifiers"),
        (SPOOL, "meta"),
        (SPOOL, "event_id"),
        (SPOOL, "slot.slots_total"),
        *((SPOOL, f"identifiers.{name}") for name in SPOOL["identifiers"]),
        (STATE, "ams_units"),
        (STATE, "direct_slots"),
        *(
            (STATE, f"ams_units.0.{name}")
            for name in STATE["ams_units"][0]
            if name not in ("ams_unit_no", "slots_total", "slots")
        ),
        *(
            (STATE, f"ams_units.0.slots.0.{name}")
            for name in STATE["ams_units"][0]["slots"][0]
            if name != "slot_no"
        ),
    ],
)
def test_optional_fields_may_be_absent(event: dict[str, Any], path: str) -> None:
    """An absent key means that the value is not known."""
    assert parse_event(changed(event, path, ...)).event_type == event["event_type"]


@pytest.mark.parametrize(
    ("event", "path", "value", "text"),
    [
        (SPOOL, "event_type", ..., "event_type is missing"),
        (SPOOL, "event_type", "SECRET", "event_type must be one of spool_inserted, "),
        (SPOOL, "event_type", ["SECRET"], "event_type must be one of"),
        (SPOOL, "event_at", ..., "event_at: Field required"),
        (
            SPOOL,
            "event_at",
            "2026-01-01T12:00:00",
            "event_at: Input should have timezone",
        ),
        (
            SPOOL,
            "event_at",
            "SECRET",
            "event_at: Value error, must be an ISO-8601 datetime",
        ),
        (SPOOL, "event_at", 1767225600, "event_at: Value error, must be an ISO-8601"),
        (SPOOL, "event_at", "1767225600", "event_at: Value error, must be an ISO-8601"),
        (SPOOL, "event_at", "0001-01-01T00:00:00+14:00", "must be between the years"),
        (SPOOL, "event_at", "9999-12-31T23:59:59-14:00", "must be between the years"),
        (SPOOL, "printer_id", ..., "printer_id: Field required"),
        (SPOOL, "printer_id", "1", "printer_id: Input should be a valid integer"),
        (
            SPOOL,
            "printer_id",
            0,
            "printer_id: Input should be greater than or equal to 1",
        ),
        (SPOOL, "printer_id", True, "printer_id: Input should be a valid integer"),
        (SPOOL, "printer_id", 2**53 + 1, "printer_id: "),
        (SPOOL, "slot", ..., "slot: Field required"),
        (SPOOL, "slot", None, "slot: "),
        (SPOOL, "slot.is_ams_slot", ..., "slot.is_ams_slot: Field required"),
        (SPOOL, "slot.is_ams_slot", 1, "slot.is_ams_slot: "),
        (SPOOL, "slot.is_ams_slot", False, "ams_unit_no must be null exactly when"),
        (SPOOL, "slot.ams_unit_no", None, "ams_unit_no must be null exactly when"),
        (SPOOL, "slot.ams_unit_no", 0, "slot.ams_unit_no: "),
        (SPOOL, "slot.ams_unit_no", 10_000, "slot.ams_unit_no: "),
        (SPOOL, "slot.slot_no", 0, "slot.slot_no: "),
        (SPOOL, "slot.slot_no", 1.5, "slot.slot_no: "),
        (SPOOL, "slot.slot_no", 10_000, "slot.slot_no: "),
        (SPOOL, "slot.slots_total", -1, "slot.slots_total: "),
        (SPOOL, "slot.colour", "SECRET", "slot.colour: Extra inputs are not permitted"),
        (SPOOL, "identifiers.rfid_uid", "", "identifiers.rfid_uid: "),
        (SPOOL, "identifiers.rfid_uid", 5, "identifiers.rfid_uid: "),
        (SPOOL, "identifiers.rfid_uid", "SECRET" * 22, "identifiers.rfid_uid: String"),
        (SPOOL, "identifiers.external_id", "SECRET" * 22, "identifiers.external_id: "),
        (SPOOL, "identifiers.vendor_tag", ["SECRET"], "identifiers.vendor_tag: "),
        (SPOOL, "identifiers.serial", "SECRET", "identifiers.serial: Extra"),
        (SPOOL, "meta", [], "meta: "),
        (SPOOL, "event_id", "", "event_id: "),
        (SPOOL, "event_id", "S" * 65, "event_id: "),
        (SPOOL, "event_id", 5, "event_id: "),
        (SPOOL, "ams_units", [], "ams_units: Extra"),
        (SPOOL, "surprise", 1, "surprise: Extra"),
        (STATE, "slot", SPOOL["slot"], "slot: Extra"),
        (STATE, "identifiers", {}, "identifiers: Extra"),
        (STATE, "ams_units", None, "ams_units: "),
        (STATE, "ams_units", [STATE["ams_units"][0]] * 65, "ams_units: "),
        (STATE, "direct_slots", [{"slot_no": 1}] * 257, "direct_slots: "),
        (
            STATE,
            "ams_units.0.ams_unit_no",
            ...,
            "ams_units.0.ams_unit_no: Field required",
        ),
        (
            STATE,
            "ams_units.0.slots_total",
            ...,
            "ams_units.0.slots_total: Field required",
        ),
        (STATE, "ams_units.0.slots", ..., "ams_units.0.slots: Field required"),
        (STATE, "ams_units.0.serial", "S" * 65, "ams_units.0.serial: "),
        (STATE, "ams_units.0.model", "", "ams_units.0.model: "),
        (STATE, "ams_units.0.label", 1, "ams_units.0.label: "),
        (STATE, "ams_units.0.online", "yes", "ams_units.0.online: "),
        (STATE, "ams_units.0.drying", 0, "ams_units.0.drying: "),
        (STATE, "ams_units.0.humidity_percent", 101, "ams_units.0.humidity_percent: "),
        (STATE, "ams_units.0.humidity_percent", -1, "ams_units.0.humidity_percent: "),
        (STATE, "ams_units.0.humidity_index", 0, "ams_units.0.humidity_index: "),
        (STATE, "ams_units.0.humidity_index", 6, "ams_units.0.humidity_index: "),
        (STATE, "ams_units.0.temperature_c", 201, "ams_units.0.temperature_c: "),
        (
            STATE,
            "ams_units.0.temperature_c",
            float("nan"),
            "ams_units.0.temperature_c: ",
        ),
        (
            STATE,
            "ams_units.0.drying_minutes_left",
            -1,
            "ams_units.0.drying_minutes_left: ",
        ),
        (STATE, "ams_units.0.slots.0.slot_no", 0, "ams_units.0.slots.0.slot_no: "),
        (STATE, "ams_units.0.slots.0.present", 1, "ams_units.0.slots.0.present: "),
        (STATE, "ams_units.0.slots.0.active", "no", "ams_units.0.slots.0.active: "),
        (
            STATE,
            "ams_units.0.slots.0.filament.color_hex",
            "red",
            "filament.color_hex: ",
        ),
        (STATE, "ams_units.0.slots.0.filament.colors", ["#FFF"], "filament.colors.0: "),
        (
            STATE,
            "ams_units.0.slots.0.filament.colors",
            ["#FFFFFF"] * 17,
            "filament.colors: ",
        ),
        (
            STATE,
            "ams_units.0.slots.0.filament.remaining_percent",
            101,
            "remaining_percent: ",
        ),
        (STATE, "ams_units.0.slots.0.filament.remaining_g", -1, "remaining_g: "),
        (STATE, "ams_units.0.slots.0.filament.weight_g", 10**6, "weight_g: "),
        (STATE, "ams_units.0.slots.0.filament.nozzle_min_c", 1001, "nozzle_min_c: "),
        (STATE, "ams_units.0.slots.0.filament.nozzle_max_c", -1, "nozzle_max_c: "),
        (STATE, "ams_units.0.slots.0.filament.name", "N" * 129, "filament.name: "),
        (
            STATE,
            "ams_units.0.slots.0.filament.material",
            "N" * 65,
            "filament.material: ",
        ),
        (STATE, "ams_units.0.slots.0.filament.vendor", "N" * 65, "filament.vendor: "),
        (STATE, "ams_units.0.slots.0.filament.preset", 3, "filament.preset: "),
    ],
)
def test_an_error_names_the_invalid_field_but_not_its_value(
    event: dict[str, Any], path: str, value: object, text: str
) -> None:
    """Values may be tag ids, and the text is logged."""
    with pytest.raises(InvalidEventError) as caught:
        parse_event(changed(event, path, value))
    assert text in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("event", [None, [], "SECRET", 5, object()])
def test_an_event_that_is_no_object_is_refused(event: Any) -> None:
    """Any JSON value is possible."""
    with pytest.raises(InvalidEventError, match="event: must be an object"):
        parse_event(event)


def test_an_event_full_of_errors_has_a_short_text() -> None:
    """The text is logged."""
    event = changed(STATE, "direct_slots", [{"slot_no": 0}] * 200) | {"X" * 5000: 1}
    with pytest.raises(InvalidEventError, match="and 193 more") as caught:
        parse_event(event)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["x" * MAX_META_BYTES, "é" * (MAX_META_BYTES // 2)])
def test_a_meta_above_8_kib_is_truncated_and_the_event_stays(text: str) -> None:
    """Bytes are counted, not characters."""
    assert parse_event(SPOOL | {"meta": {"note": text}}).meta == {"truncated": True}


def test_a_meta_of_exactly_8_kib_is_kept() -> None:
    """The limit itself is allowed."""
    meta = {"note": "x" * (MAX_META_BYTES - len('{"note":""}'))}
    assert parse_event(SPOOL | {"meta": meta}).meta == meta


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, 10**30, "\ud800", b"bytes", pytest.param(..., id="loop")],
)
def test_a_meta_that_is_no_json_is_truncated(value: object) -> None:
    """It could not be stored or sent."""
    meta: dict[str, Any] = {"note": value}
    if value is ...:
        meta["note"] = meta
    assert parse_event(SPOOL | {"meta": meta}).meta == {"truncated": True}


def test_a_meta_is_a_copy() -> None:
    """The sender may change its own dict later."""
    meta: dict[str, Any] = {"list": [1]}
    event = parse_event(SPOOL | {"meta": meta})
    meta["list"].append(2)
    assert event.meta == {"list": [1]}


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    """Update it with: json.dumps(event_schema(), indent=2)."""
    assert json.loads(SCHEMA.read_text()) == event_schema()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(
    _JSON
    | st.builds(
        lambda more: SPOOL | more,
        st.dictionaries(st.sampled_from([*SPOOL, *STATE]), _JSON),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_input_is_accepted_or_raises_an_invalid_event_error(event: Any) -> None:
    """No other exception is raised."""
    try:
        parse_event(event)
    except InvalidEventError:
        return
    assert isinstance(event, dict)


@pytest.mark.parametrize(
    "tag", ["", "0000", "ffff", " N/A ", "none", "unknown", "-1", None, 5]
)
def test_every_way_to_report_no_tag_is_none(tag: object) -> None:
    """Changers report it in many ways."""
    assert clean_tag(tag) is None


def test_a_tag_is_upper_case_with_all_its_digits() -> None:
    """Leading zeros are kept."""
    assert clean_tag(" 00ab ") == "00AB"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("A", "x:1"), ("B", "x:1"), True),
        (("A", "x:1"), ("A", "x:2"), False),
        (("A", None), ("A", "x:1"), True),
        (("A", None), ("B", None), False),
        ((None, None), (None, None), True),
        (("A", None), (None, "x:1"), False),
    ],
)
def test_the_stable_identity_outranks_the_chip(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], same: bool
) -> None:
    """A spool may carry two chips."""
    spools = [
        Identifiers(rfid_uid=chip, external_id=stable) for chip, stable in (one, other)
    ]
    assert spools[0].same_spool(spools[1]) is same
    assert spools[1].same_spool(spools[0]) is same


@pytest.mark.parametrize(
    ("present", "identifiers", "assigned", "status"),
    [
        (None, NO_IDENTIFIERS, None, None),
        (False, NO_IDENTIFIERS, None, SlotStatus.EMPTY),
        (True, NO_IDENTIFIERS, None, SlotStatus.UNIDENTIFIED),
        (True, NO_IDENTIFIERS, "spoolman:1", SlotStatus.IDENTIFIED),
        (True, Identifiers(vendor_tag="GFA00"), None, SlotStatus.IDENTIFIED),
    ],
)
def test_a_slot_is_empty_unidentified_or_identified(
    present: bool | None,
    identifiers: Identifiers,
    assigned: str | None,
    status: str | None,
) -> None:
    """Before the first report it is none of them."""
    slot = StoredSlot(
        unit=None,
        slot_no=1,
        present=present,
        identifiers=identifiers,
        assigned_external_id=assigned,
    )
    assert slot.status == status
    assert slot.key == (None, 1)


def test_the_key_of_a_slot_contains_the_key_of_its_unit() -> None:
    """The number of a unit may change."""
    unit = StoredUnit(key="SERIAL", ams_unit_no=3, slots_total=4)
    assert StoredSlot(unit=unit, slot_no=2).key == ("SERIAL", 2)


def test_filament_omits_keys_that_are_not_known() -> None:
    """Absent keys are not known."""
    assert Filament(material="PLA").as_dict() == {"material": "PLA"}
