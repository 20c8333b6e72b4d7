"""Slots in a report: presence, reading, activity, the external holders."""

import pytest

from custom_components.filament_slots.drivers.snapshot import Snapshot

from .reports import (
    active,
    bambu_spool,
    delta,
    four,
    full,
    other_spool,
    presence,
    report,
    see,
    slot_of,
    unit,
    unit_of,
)


def test_the_bits_of_every_kind_of_unit_are_found() -> None:
    snapshot = see(
        full(
            unit(0),
            unit(3),
            unit(16),
            unit(128),
            unit(135),
            exist=f"{1 << 1 | 1 << 14 | 1 << 25 | 1 << 16 | 1 << 23:x}",
        )
    )
    assert [each.ams_unit_no for each in snapshot.units] == [1, 4, 5, 12, 13]
    assert presence(snapshot, 1) == [False, True, False, False]
    assert presence(snapshot, 4) == [False, False, True, False]
    assert presence(snapshot, 5) == [True]
    assert presence(snapshot, 12) == [True]
    assert presence(snapshot, 13) == [False, True, False, False]
    assert [slot.label for slot in unit_of(snapshot, 13).slots] == [
        "Lite1",
        "Lite2",
        "Lite3",
        "Lite4",
    ]


def test_presence_is_the_bit_and_never_the_filament() -> None:
    snapshot = see(
        full(unit(0, bambu_spool(0, 5), {"id": "1"}, *four(1)[2:]), exist="e")
    )
    assert presence(snapshot, 1) == [False, True, True, True]
    assert slot_of(snapshot, 1, 1).identifiers.known
    assert slot_of(snapshot, 1, 2).filament is None


def test_the_bits_are_remembered_until_they_are_sent_again() -> None:
    start = full(unit(0, *four(1)), exist="7")
    assert presence(see(start, delta(ams=[unit(0, *four(2))])), 1)[3] is False
    assert presence(see(start, delta(tray_exist_bits="F")), 1)[3] is True


@pytest.mark.parametrize(
    ("state", "present"),
    [
        *((state, False) for state in (0, 8, 10, 26)),
        *((state, True) for state in (1, 3, 9, 11, 17, 21, 27)),
        (None, None),
    ],
)
def test_the_state_counts_only_where_bits_never_came(
    state: int | None, present: bool | None
) -> None:
    tray = {"id": "0"} if state is None else {"id": "0", "state": state}
    without_bits = delta(ams=[unit(0, tray)])
    assert presence(see(without_bits), 1) == [present]
    assert presence(see(without_bits, delta(tray_exist_bits="1")), 1)[0] is True
    assert presence(see(without_bits, delta(tray_exist_bits="0")), 1)[0] is False


@pytest.mark.parametrize(
    "drying", [{"dry_time": 692}, {"info": "1013"}, {"info": "142023"}]
)
def test_the_bits_of_a_drying_unit_are_reported_as_they_are(
    drying: dict[str, object],
) -> None:
    trays = ({"id": str(n), "state": 10} for n in range(4))
    snapshot = see(full(unit(0, *four(1)), unit(1, *trays, **drying), exist="2f"))
    assert unit_of(snapshot, 2).drying
    assert presence(snapshot, 2) == [False, True, False, False]
    assert not unit_of(snapshot, 1).drying


def test_reading_and_the_end_of_reading_are_distinguished() -> None:
    trays = [{"id": str(n)} for n in range(4)]
    snapshot = see(
        full(
            unit(0, *trays),
            exist="b",
            ams={"tray_reading_bits": "2", "tray_read_done_bits": "1"},
        )
    )
    slots = unit_of(snapshot, 1).slots
    assert [slot.reading for slot in slots] == [False, True, False, False]
    assert [slot.read_done for slot in slots] == [True, False, False, False]
    assert presence(snapshot, 1) == [True, True, False, True]


def test_read_done_is_not_known_where_it_was_never_sent() -> None:
    snapshot = see(delta(ams=[unit(0, *four(1))], tray_exist_bits="f"))
    assert {slot.read_done for slot in unit_of(snapshot, 1).slots} == {None}
    assert not any(slot.reading for slot in unit_of(snapshot, 1).slots)


@pytest.mark.parametrize(
    ("attr", "code", "unit_no", "slot_no"),
    [
        (0x0700_2000, 0x0001_0081, 1, 1),
        (0x0701_2200, 0x0001_0082, 2, 3),
        (0x0700_2300, 0x0001_0085, 1, 4),
        (0x0701_2000, 0x0002_0057, 2, 1),
        (0x1800_2000, 0x0001_0083, 5, 1),
        (0x1880_2000, 0x0001_0083, 5, 1),
        (0x1200_3100, 0x0002_0059, 13, 2),
        (0x1880_2000, 0x0002_0058, 5, 1),
        (0x1800_2000, 0x0002_0058, 5, 1),
        (0x0701_3100, 0x0002_0002, 2, 2),
        (0x1880_3000, 0x0002_0002, 5, 1),
        (0x0500_0400, 0x0002_0010, 1, 1),
        (0x0500_0400, 0x0002_0017, 2, 4),
        (0x0500_0400, 0x0002_001F, 4, 4),
    ],
)
def test_a_health_message_names_the_slot_whose_tag_cannot_be_read(
    attr: int, code: int, unit_no: int, slot_no: int
) -> None:
    units = (unit(unit_id) for unit_id in (0, 1, 3, 16, 128))
    start = full(*units, exist="ffff")
    message = report(1, hms=[{"attr": attr, "code": code}])
    snapshot = see(start, message)
    assert {
        (each.ams_unit_no, slot.slot_no)
        for each in snapshot.units
        for slot in each.slots
        if slot.unreadable
    } == {(unit_no, slot_no)}
    gone = see(start, message, report(1, hms=[]))
    assert not any(slot.unreadable for each in gone.units for slot in each.slots)


@pytest.mark.parametrize(
    "entry",
    [
        {"attr": 0x0700_2000, "code": 0x0001_0086},
        {"attr": 0x0700_3000, "code": 0x0001_0081},
        {"attr": 0x0700_2000, "code": 0x0002_0002},
        {"attr": 0x0500_0400, "code": 0x0002_000F},
        {"attr": 0x0500_0400, "code": 0x0002_0020},
        {"attr": 0x0500_0500, "code": 0x0002_0010},
        {"attr": 0x0500_2000, "code": 0x0001_0081},
        {"attr": "x", "code": 0x0001_0081},
        {"attr": 0x0700_2000},
        "0700",
    ],
)
def test_other_health_messages_say_nothing_of_tags(entry: object) -> None:
    snapshot = see(full(unit(0, *four(1)), exist="f"), report(1, hms=[entry]))
    assert not any(slot.unreadable for slot in unit_of(snapshot, 1).slots)


@pytest.mark.parametrize(
    ("attr", "code", "unit_no", "slot_no"),
    [
        (0x0700_2000, 0x0002_0001, 1, 1),
        (0x0701_2300, 0x0002_0001, 2, 4),
        (0x0700_2100, 0x0003_0002, 1, 2),
        (0x0700_2200, 0x0003_0001, 1, 3),
        (0x0701_2000, 0x0002_0005, 2, 1),
        (0x1880_2000, 0x0002_0001, 5, 1),
        (0x1200_2100, 0x0002_0001, 13, 2),
    ],
)
def test_a_health_message_names_the_slot_whose_filament_ran_out(
    attr: int, code: int, unit_no: int, slot_no: int
) -> None:
    start = full(
        unit(0, *four(1)), unit(1, *four(2)), unit(16), unit(128), exist="ffff"
    )
    message = report(1, hms=[{"attr": attr, "code": code}])
    assert {
        (each.ams_unit_no, slot.slot_no)
        for each in see(start, message).units
        for slot in each.slots
        if slot.ran_out and not slot.unreadable
    } == {(unit_no, slot_no)}
    gone = see(start, message, report(1, hms=[]))
    assert not any(slot.ran_out for each in gone.units for slot in each.slots)


def test_a_message_about_drying_names_no_slot_whose_filament_ran_out() -> None:
    entry = {"attr": 0x0700_2500, "code": 0x0002_0001}
    snapshot = see(full(unit(0, *four(1)), exist="f"), report(1, hms=[entry]))
    assert not any(slot.ran_out for slot in unit_of(snapshot, 1).slots)


@pytest.mark.parametrize("family", [0x0700_0000, 0x1200_0000, 0x1800_0000])
def test_a_message_about_the_external_holder_names_no_slot(family: int) -> None:
    attr = family | 0x00FF_2000
    entries = [{"attr": attr, "code": 0x0002_0001}]
    entries.append({"attr": attr | 0x1000, "code": 0x0002_0002})
    units = (unit(unit_id) for unit_id in (0, 3, 16, 128, 135))
    snapshot = see(full(*units, exist="ffffffff"), report(1, hms=entries))
    slots = [slot for each in snapshot.units for slot in each.slots]
    assert not any(slot.ran_out or slot.unreadable for slot in slots)


def _with_tray_now(tray_now: object, *unit_ids: int, **values: object) -> Snapshot:
    units = (unit(unit_id, *four()[: 1 if unit_id > 99 else 4]) for unit_id in unit_ids)
    return see(full(*units, exist="ffffff", ams={"tray_now": tray_now}, **values))


@pytest.mark.parametrize(
    ("tray_now", "units", "label"),
    [
        ("255", (0, 1), None),
        ("0", (0, 1), "A1"),
        ("6", (0, 1), "B3"),
        (6, (0, 1), "B3"),
        ("128", (0, 128), "HT-A"),
        ("2", (16,), "Lite3"),
        ("9", (16,), None),
        ("254", (0,), "Ext"),
        ("x", (0,), None),
    ],
)
def test_tray_now_names_the_active_slot(
    tray_now: object, units: tuple[int, ...], label: str | None
) -> None:
    snapshot = _with_tray_now(tray_now, *units, vt_tray={"id": "254"})
    assert active(snapshot) == ([label] if label else [])


def _extruders(state: int, *snow: int) -> dict[str, object]:
    info = [{"id": n, "snow": held, "temp": 25} for n, held in enumerate(snow)]
    return {"extruder": {"info": info, "state": state}}


_TWO = [{"id": "254"}, {"id": "255"}]


@pytest.mark.parametrize(
    ("state", "snow", "label"),
    [
        (0x002, (259, 65279), "B4"),
        (0x002, (32768, 65279), "HT-A"),
        (0x112, (32768, 65279), None),
        (0x112, (65535, 1), "A2"),
        (0x002, (65280, 65279), "Ext-R"),
        (0x112, (65535, 65024), "Ext-L"),
    ],
)
def test_the_extruder_in_use_outranks_tray_now(
    state: int, snow: tuple[int, ...], label: str | None
) -> None:
    snapshot = _with_tray_now(
        "3", 0, 1, 128, device=_extruders(state, *snow), vir_slot=_TWO
    )
    assert active(snapshot) == ([label] if label else [])


def test_a_single_extruder_is_the_one_in_use() -> None:
    snapshot = _with_tray_now("0", 0, device=_extruders(1, 3), vir_slot=[{"id": "255"}])
    assert active(snapshot) == ["A4"]
    external = _with_tray_now("0", 0, device=_extruders(1, 65280), vt_tray={})
    assert active(external) == ["Ext"]


def test_the_extruders_are_merged_by_id() -> None:
    start = full(
        unit(0, *four(1)),
        unit(1, *four(2)),
        exist="ff",
        device=_extruders(0x002, 0, 257),
    )
    assert active(see(start)) == ["A1"]
    switched = report(device={"extruder": {"state": 0x112}})
    assert active(see(start, switched)) == ["B2"]
    moved = report(device={"extruder": {"info": [{"id": 0, "snow": 2}]}})
    assert active(see(start, moved)) == ["A3"]
    assert active(see(start, report(device={"bed": {"temp": 23}}))) == ["A1"]


@pytest.mark.parametrize(
    ("gcode_state", "printing"),
    [("RUNNING", True), ("PAUSE", True), ("FINISH", False), ("FAILED", False)],
)
def test_a_unit_feeds_while_its_filament_is_in_a_print(
    gcode_state: str, printing: bool
) -> None:
    start = full(
        unit(0, *four(1)),
        unit(1, *four(2)),
        unit(2, *four(3)),
        exist="fff",
        device=_extruders(0x002, 0, 257),
    )
    snapshot = see(start, report(1, gcode_state=gcode_state))
    assert snapshot.printing is printing
    feeding = [each.ams_unit_no for each in snapshot.units if each.feeding]
    assert feeding == ([1, 2] if printing else [])


def test_reading_on_insertion_can_be_switched_off() -> None:
    assert see(full(unit(0, *four(1)), exist="f")).reading_enabled
    off = see(full(unit(0, *four(1)), exist="f"), delta(insert_flag=False))
    assert not off.reading_enabled


def test_the_external_holder_has_neither_sensor_nor_reader() -> None:
    tagged = bambu_spool(0, 5, id="254")
    (slot,) = see(full(exist="0", vt_tray=tagged)).direct_slots
    assert (slot.slot_no, slot.label) == (1, "Ext")
    assert slot.present is None
    assert not (slot.has_sensor or slot.identifiable or slot.reads_tags)
    assert not slot.identifiers.known
    assert slot.filament is not None
    assert slot.filament.preset == "GFA01"


def test_the_external_holder_is_merged_key_by_key() -> None:
    start = report(vt_tray=other_spool(0, id="254"))
    changed = report(vt_tray={"tray_color": "76D9F4FF"})
    (slot,) = see(start, changed).direct_slots
    assert slot.filament is not None
    assert slot.filament.color_hex == "#76D9F4"
    assert slot.filament.material == "PLA"


def test_of_two_external_holders_the_right_one_is_the_first() -> None:
    left = other_spool(0, id="254", tray_type="PETG")
    right = other_spool(0, id="255", tray_type="TPU")
    snapshot = see(report(vir_slot=[left, right], vt_tray=other_spool(0, id="255")))
    assert [
        (slot.slot_no, slot.label, slot.filament and slot.filament.material)
        for slot in snapshot.direct_slots
    ] == [(1, "Ext-R", "TPU"), (2, "Ext-L", "PETG")]
    changed = report(vir_slot=[{"id": "254", "tray_type": "ABS"}])
    after = see(report(vir_slot=[left, right]), changed).direct_slots
    assert [slot.filament and slot.filament.material for slot in after] == [
        "TPU",
        "ABS",
    ]


def test_an_unconfigured_holder_has_no_filament() -> None:
    unset = {
        "id": "255",
        "tray_type": "",
        "tray_color": "00000000",
        "tray_info_idx": "",
    }
    (slot,) = see(report(vir_slot=[unset, {"id": "777"}, 5])).direct_slots
    assert slot.filament is None
    assert slot.slot_no == 1
