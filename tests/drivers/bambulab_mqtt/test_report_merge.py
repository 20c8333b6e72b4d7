"""Full and partial reports are merged into one state (docs/protocols/bambu.md 2)."""

from dataclasses import replace
import logging
from typing import Any

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.model import NO_IDENTIFIERS

from .reports import (
    active,
    bambu_spool,
    decoder,
    delta,
    feed,
    four,
    full,
    other_spool,
    presence,
    report,
    see,
    slot_of,
    unit,
    unit_of,
    x1c,
)


def contradicts(listener: ReportDecoder) -> bool:
    """Whether the reports contradict each other."""
    return listener.contradiction


def test_a_full_report_contains_all_units_and_slots() -> None:
    snapshot = see(x1c())
    assert snapshot.complete
    assert [each.ams_unit_no for each in snapshot.units] == [1, 2, 3, 5]
    assert [each.label for each in snapshot.units] == ["A", "B", "C", "HT-A"]
    assert [len(each.slots) for each in snapshot.units] == [4, 4, 4, 1]
    assert slot_of(snapshot, 2, 3).label == "B3"
    assert slot_of(snapshot, 5, 1).label == "HT-A"
    assert all(slot.reads_tags for each in snapshot.units for slot in each.slots)


def test_a_repeated_report_changes_nothing() -> None:
    listener = decoder()
    assert feed(listener, x1c()) is listener.snapshot
    again = x1c()
    again["print"]["sequence_id"] = "8"
    assert feed(listener, again) is None
    assert listener.snapshot is not None


def test_a_change_of_unread_values_changes_nothing() -> None:
    listener = decoder()
    feed(listener, x1c())
    changed = x1c()
    changed["print"]["ams"]["ams"][0]["tray"][0]["k"] = 0.02
    changed["print"]["device"]["extruder"]["info"][0]["temp"] = 27
    assert feed(listener, changed) is None
    assert feed(listener, report(1, wifi_signal="-50dBm", bed_temper=23.0)) is None


def test_a_partial_report_keeps_what_it_does_not_mention() -> None:
    before = see(x1c())
    after = see(x1c(), delta(tray_now="3", version=20))
    assert active(before) == []
    assert after.units[1:] == before.units[1:]
    assert presence(after, 1) == presence(before, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_units_are_merged_by_id_not_by_position(order: tuple[int, int]) -> None:
    units = [unit(0, *four(1)), unit(1, *four(2), temp="30.5")]
    snapshot = see(
        full(unit(0, *four(1)), unit(1, *four(2)), exist="ff"),
        delta(ams=[units[n] for n in order]),
    )
    assert unit_of(snapshot, 1).temperature_c == 24.7
    assert unit_of(snapshot, 2).temperature_c == 30.5


def test_a_partial_list_deletes_neither_units_nor_trays() -> None:
    snapshot = see(
        full(unit(0, *four(1)), unit(1, *four(2)), exist="ff"),
        delta(ams=[unit(1, bambu_spool(2, 77))]),
    )
    assert presence(snapshot, 1) == presence(snapshot, 2) == [True] * 4
    assert slot_of(snapshot, 2, 3).identifiers.rfid_uid == "0000004D00000100"
    assert slot_of(snapshot, 2, 1).identifiers.rfid_uid == "0000002000000100"


def test_a_unit_goes_with_its_bit_and_comes_back_as_a_new_one() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), unit(1, *four(2)), exist="ff"))
    gone = feed(listener, delta(ams_exist_bits="1", tray_exist_bits="f"))
    assert gone is not None
    assert [each.ams_unit_no for each in gone.units] == [1]
    assert not contradicts(listener)
    assert feed(listener, delta(ams_exist_bits="3")) is None
    assert contradicts(listener)
    back = feed(
        listener,
        delta(ams=[unit(1, *({"id": str(n)} for n in range(4)))], tray_exist_bits="ff"),
    )
    assert back is not None
    assert slot_of(back, 2, 1).present
    assert not slot_of(back, 2, 1).identifiers.known
    assert not contradicts(listener)


def test_a_unit_goes_when_a_full_list_is_without_it() -> None:
    without = full(unit(0, *four(1)), exist="f")
    del without["print"]["ams"]["ams_exist_bits"]
    partial = report(1, ams=without["print"]["ams"])
    both = full(unit(0, *four(1)), unit(1, *four(2)), exist="ff")
    del both["print"]["ams"]["ams_exist_bits"]
    assert len(see(both, partial).units) == 2
    assert len(see(both, partial, without).units) == 1


def test_nothing_is_deleted_by_a_full_list_that_cannot_be_read() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), unit(1, *four(2)), exist="ff"))
    damaged = report(0, ams={"ams": [unit(0, *four(1)), {"id": None}, 5]})
    assert feed(listener, damaged) is None
    assert listener.counters.ignored == 2


def test_a_full_report_without_a_list_deletes_nothing() -> None:
    snapshot = see(full(unit(0, *four(1)), exist="f"), report(0, ams={"tray_now": "2"}))
    assert presence(snapshot, 1) == [True] * 4


def test_of_two_objects_with_one_id_the_later_counts() -> None:
    listener = decoder()
    snapshot = feed(
        listener,
        full(
            unit(0, *four(1)),
            unit(0, bambu_spool(0, 7), bambu_spool(0, 8), temp="31.0"),
            exist="f",
        ),
    )
    assert snapshot is not None
    assert unit_of(snapshot, 1).temperature_c == 31.0
    assert slot_of(snapshot, 1, 1).identifiers.rfid_uid == "0000000800000100"
    assert slot_of(snapshot, 1, 2).identifiers.rfid_uid == "0000001100000100"
    assert listener.counters.ignored == 2


def test_an_id_alone_forgets_the_filament_and_not_the_spool() -> None:
    slot = slot_of(
        see(
            full(unit(0, *four(1)), exist="f"),
            delta(ams=[unit(0, {"id": "1"})], tray_read_done_bits="d"),
        ),
        1,
        2,
    )
    assert slot.present is True
    assert slot.read_done is False
    assert slot.filament is None
    assert slot.identifiers == NO_IDENTIFIERS


def test_a_state_alone_keeps_what_the_slot_is_known_to_hold() -> None:
    start = full(unit(0, *four(1)), exist="f")
    kept = slot_of(see(start, delta(ams=[unit(0, {"id": "1", "state": 27})])), 1, 2)
    assert kept.identifiers.rfid_uid == "0000001100000100"
    forgotten = slot_of(see(start, delta(ams=[unit(0, {"id": "1", "state": 9})])), 1, 2)
    assert forgotten.present is True
    assert not forgotten.identifiers.known
    assert forgotten.filament is None


def test_a_tray_without_values_of_the_filament_is_added_to_the_known_ones() -> None:
    start = full(unit(0, *four(1)), exist="f")
    before = slot_of(see(start), 1, 2)
    after = slot_of(see(start, delta(ams=[unit(0, {"id": "1", "remain": 41})])), 1, 2)
    assert after.identifiers == before.identifiers
    assert after.filament is not None
    assert after.filament.remaining_percent == 41


def test_a_state_of_the_wrong_type_is_not_a_new_state() -> None:
    snapshot = see(
        delta(ams=[unit(0, bambu_spool(0, 5))]),
        delta(ams=[unit(0, {"id": "0", "state": "?"})]),
    )
    assert presence(snapshot, 1) == [True]
    assert slot_of(snapshot, 1, 1).identifiers.known


def test_ids_may_come_as_numbers() -> None:
    units = unit(0, *({**tray, "id": n} for n, tray in enumerate(four(1)))) | {"id": 0}
    assert presence(see(full(units, exist="f")), 1) == [True] * 4


def test_a_full_report_is_complete_even_without_units() -> None:
    snapshot = see(full(exist="0", vt_tray=other_spool(0, id="254")))
    assert snapshot.complete
    assert snapshot.units == ()


def test_a_partial_report_that_lists_the_units_is_complete() -> None:
    assert see(delta(ams=[unit(0, *four(1))])).complete


def test_scalars_alone_are_not_complete() -> None:
    assert not see(delta(tray_now="3")).complete
    assert not see(report(1, ams={"tray_now": "3"}, vt_tray={"id": "254"})).complete
    assert not see(report(1, gcode_state="RUNNING", vir_slot=[])).complete


@pytest.mark.parametrize(
    "holder", [{"vt_tray": {"id": "254"}}, {"vir_slot": [{"id": "255"}]}]
)
def test_a_printer_that_sends_no_units_is_complete_with_its_holder(
    holder: dict[str, Any],
) -> None:
    assert see(report(gcode_state="IDLE", hms=[], **holder)).complete


@pytest.mark.parametrize(
    "holder", [{"vt_tray": {"id": "254"}}, {"vir_slot": [{"id": "255"}]}]
)
def test_a_holder_that_changes_before_the_first_full_report_is_not_all_there_is(
    holder: dict[str, Any],
) -> None:
    listener = decoder()
    feed(listener, report(1, **holder))
    assert not see_now(listener).complete
    reads = {"power_on_flag": True}
    feed(listener, full(unit(0, *four(1)), exist="f", ams=reads, **holder))
    assert see_now(listener).complete
    # The unit is no new one, so that its reads count.
    assert _reads(listener) == [True] * 4


def _reads_prove_nothing(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with reads that may stand since before."""
    return replace(
        snapshot,
        memory={},
        units=tuple(
            replace(
                each,
                slots=tuple(replace(slot, read_stands=True) for slot in each.slots),
            )
            for each in snapshot.units
        ),
    )


def test_the_shutdown_frame_changes_only_reads_but_ends_all_conclusions() -> None:
    listener = decoder()
    reads = {"power_on_flag": True}
    start = full(unit(0, *four(1)), unit(1, *four(2)), exist="ff", ams=reads)
    before = feed(listener, start)
    shutdown = report(
        ams={
            "ams_exist_bits": "0",
            "tray_exist_bits": "0",
            "power_on_flag": False,
            "insert_flag": False,
            "tray_now": "0",
            "version": 0,
        }
    )
    assert before is not None
    unread = _reads_prove_nothing(before)
    frozen = feed(listener, shutdown)
    assert frozen is not None
    assert replace(frozen, memory={}) == replace(unread, frozen=True)
    assert contradicts(listener)
    after = feed(listener, start)
    assert after is not None
    assert replace(after, memory={}) == unread
    assert not contradicts(listener)


def test_what_a_shutdown_frame_changes_is_not_known_until_it_is_reported_again() -> (
    None
):
    listener = decoder()
    start = full(unit(0, *four(1)), exist="f", ams={"tray_now": "2"})
    feed(listener, start)
    gone = {"ams_exist_bits": "0", "tray_exist_bits": "0", "tray_now": "255"}
    feed(listener, delta(**gone, tray_read_done_bits="0"))
    ids = [{"id": str(tray)} for tray in range(4)]
    bits = {"ams_exist_bits": "1", "tray_exist_bits": "f"}
    back = feed(listener, delta(ams=[unit(0, *ids)], **bits))
    assert back is not None
    assert not back.frozen
    assert presence(back, 1) == [True] * 4
    assert {slot.read_done for slot in unit_of(back, 1).slots} == {None}
    assert active(back) == []
    again = feed(listener, delta(tray_read_done_bits="e", tray_now="1"))
    assert again is not None
    assert _reads(listener) == [False, "stands", "stands", "stands"]
    assert active(again) == ["A2"]
    read = feed(listener, delta(tray_read_done_bits="f"))
    assert read is not None
    assert _reads(listener) == [True, "stands", "stands", "stands"]


def test_a_unit_that_was_empty_before_a_loose_contact_is_observed_as_it_is_back() -> (
    None
):
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="0"))
    assert (frozen := feed(listener, delta(ams_exist_bits="0")))
    assert frozen.frozen
    # It is not back before its bit is.
    assert (away := feed(listener, delta(ams=[])))
    assert away.frozen
    # The bits of its slots are not sent, as they are the same.
    back = feed(listener, delta(ams=[unit(0, *four(1))], ams_exist_bits="1"))
    assert back is not None
    assert not back.frozen
    assert presence(back, 1) == [False] * 4


def test_trays_and_values_that_a_shutdown_frame_changes_are_not_known() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    trays = ({"id": "0"}, *four(1)[1:])
    feed(listener, delta(ams=[unit(0, *trays, humidity_raw="50")], ams_exist_bits="0"))
    back = feed(listener, delta(ams=[{"id": "0"}], tray_exist_bits="f"))
    assert back is not None
    assert unit_of(back, 1).humidity_percent is None
    assert unit_of(back, 1).temperature_c == 24.7
    assert [slot.identifiers.known for slot in unit_of(back, 1).slots] == [
        False,
        True,
        True,
        True,
    ]


def test_a_shutdown_frame_is_not_believed_where_all_units_are_away() -> None:
    listener = decoder()
    gone = {"ams_exist_bits": "0", "tray_exist_bits": "0"}
    feed(listener, report(ams=NO_UNITS | {"power_on_flag": True, "version": 70}))
    feed(listener, delta(power_on_flag=False, insert_flag=False, version=0, **gone))
    assert see_now(listener).frozen
    assert see_now(listener).memory["version"] == 70


def test_a_setting_that_a_shutdown_frame_changes_is_the_usual_one() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f", ams={"insert_flag": False}))
    feed(listener, delta(ams_exist_bits="0", insert_flag=True))
    assert listener.snapshot is not None
    assert listener.snapshot.reading_enabled


MEMORY = {
    "version": 9,
    "content": [15, 15, 15],
    "phases": {"0": 1},
    "standing_bits": 0,
    "left": {},
}


NAMELESS = unit(0, *({"id": str(tray)} for tray in range(4)))


def _resumed(memory: dict[str, Any] = MEMORY, **ams: object) -> ReportDecoder:
    """Return a decoder for the connection after one that left this memory."""
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    feed(listener, full(NAMELESS, exist="f", ams={"version": 2} | ams))
    return listener


def see_now(listener: ReportDecoder) -> Snapshot:
    """Return the decoder's snapshot."""
    assert listener.snapshot is not None
    return listener.snapshot


def _reads(listener: ReportDecoder, unit_no: int = 1) -> list[bool | str | None]:
    """Return what is known of the reads of the four slots."""
    return [
        "stands" if slot.read_done and slot.read_stands else slot.read_done
        for slot in unit_of(see_now(listener), unit_no).slots
    ]


def test_a_finished_read_that_stands_since_a_restart_without_reading_proves_nothing() -> (
    None
):
    listener = _resumed()
    assert _reads(listener) == ["stands"] * 4
    feed(listener, delta(tray_reading_bits="1", tray_read_done_bits="d"))
    feed(listener, delta(tray_reading_bits="0"))
    assert _reads(listener) == [True, False, "stands", "stands"]
    feed(listener, delta(tray_read_done_bits="f", version=3))
    assert _reads(listener) == [True, True, "stands", "stands"]


@pytest.mark.parametrize(
    "ams",
    [{"power_on_flag": True}, {"version": 9}, {"version": 12}],
    ids=["reads on start", "nothing changed", "counted on"],
)
def test_a_finished_read_counts_where_the_printer_did_not_restart_or_read_then(
    ams: dict[str, Any],
) -> None:
    assert _reads(_resumed(**ams)) == [True] * 4


def test_that_a_printer_reads_nothing_when_it_is_switched_on_is_remembered() -> None:
    before = _resumed(power_on_flag=False, version=12)
    memory = dict(see_now(before).memory)
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    ams = {"ams": [NAMELESS], "tray_read_done_bits": "f", "version": 2}
    feed(listener, report(0, ams=ams, gcode_state="IDLE", hms=[]))
    assert _reads(listener) == ["stands"] * 4
    feed(listener, full(NAMELESS, exist="f", ams={"version": 2}))
    assert _reads(listener) == ["stands"] * 4


def test_a_name_that_an_empty_slot_has_lost_meanwhile_shows_no_restart() -> None:
    memory = MEMORY | {"content": [7, 7, 7]}  # the fourth, which is empty, had one
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    feed(listener, full(NAMELESS, exist="7", ams={"version": 9}))
    assert _reads(listener) == [True, True, True, False]


def test_a_restart_is_known_from_the_phase_of_a_unit_too() -> None:
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    restarted = NAMELESS | {"info": "20001001"}
    feed(listener, full(restarted, exist="f", ams={"version": 12}))
    assert _reads(listener) == ["stands"] * 4


@pytest.mark.parametrize(
    "memory",
    [
        {},
        MEMORY | {"version": 2, "content": [15, 15, 2]},  # counted to it again
        MEMORY | {"content": [15]},
        MEMORY | {"version": None},
        MEMORY | {"phases": 5},
        {"standing_bits": 0},
    ],
)
def test_finished_reads_prove_nothing_where_a_restart_cannot_be_excluded(
    memory: dict[str, Any],
) -> None:
    assert _reads(_resumed(memory)) == ["stands"] * 4
    assert _reads(_resumed(memory, power_on_flag=True)) == [True] * 4


def test_a_version_that_comes_before_the_units_excludes_no_restart() -> None:
    listener = decoder()
    feed(listener, delta(version=20, tray_now="255"))
    feed(listener, full(unit(0, *four(1)), exist="f", ams={"version": 20}))
    assert _reads(listener) == ["stands"] * 4


def test_a_read_that_proved_nothing_proves_nothing_on_the_next_connection() -> None:
    listener = _resumed()
    feed(listener, delta(tray_reading_bits="1"))
    feed(listener, delta(tray_reading_bits="0", version=3))
    assert listener.snapshot is not None
    again = _resumed(dict(listener.snapshot.memory), version=4)
    assert _reads(again) == [True, "stands", "stands", "stands"]


def test_a_read_that_comes_back_with_the_filament_proves_nothing_either() -> None:
    listener = _resumed()
    feed(listener, delta(tray_exist_bits="e", tray_read_done_bits="e"))
    feed(listener, delta(tray_exist_bits="f", tray_read_done_bits="f"))
    assert _reads(listener) == ["stands"] * 4
    feed(listener, delta(tray_read_done_bits="e"))
    feed(listener, delta(tray_read_done_bits="f"))
    assert _reads(listener) == [True, "stands", "stands", "stands"]


def test_a_slot_that_was_named_between_two_connections_was_read_then() -> None:
    listener = ReportDecoder(
        logging.getLogger(__name__), memory=MEMORY | {"standing_bits": -1}
    )
    trays = (bambu_spool(0, 5), *({"id": str(tray)} for tray in range(1, 4)))
    feed(listener, full(unit(0, *trays), exist="f", ams={"version": 12}))
    assert _reads(listener) == [True, "stands", "stands", "stands"]


def test_a_name_that_an_empty_slot_had_before_a_restart_is_nothing_that_was_read() -> (
    None
):
    listener = _resumed(version=12)
    feed(listener, delta(ams=[unit(0, bambu_spool(0, 5), bambu_spool(1, 6))]))
    feed(listener, delta(tray_exist_bits="c", tray_read_done_bits="c"))
    memory = dict(see_now(listener).memory)
    again = ReportDecoder(logging.getLogger(__name__), memory=memory)
    trays = (bambu_spool(0, 5), bambu_spool(1, 7), *NAMELESS["tray"][2:])
    feed(again, full(unit(0, *trays), exist="f", ams={"version": 1}))
    assert _reads(again) == ["stands"] * 4
    assert [slot.identifiers.known for slot in unit_of(see_now(again), 1).slots][
        :2
    ] == [
        False,
        True,
    ]

    twice = ReportDecoder(
        logging.getLogger(__name__), memory=dict(see_now(again).memory)
    )
    feed(twice, full(unit(0, *trays), exist="f", ams={"version": 1}))
    assert not unit_of(see_now(twice), 1).slots[0].identifiers.known
    feed(twice, delta(tray_reading_bits="1", tray_read_done_bits="e", version=2))
    feed(twice, delta(tray_reading_bits="0", tray_read_done_bits="f", version=3))
    assert unit_of(see_now(twice), 1).slots[0].identifiers.known


def test_an_empty_slot_is_shown_with_its_name_after_a_restart_too() -> None:
    # So that the next spool in it is not taken for that one before its read has ended.
    listener = _resumed(version=12)
    feed(listener, delta(ams=[unit(0, bambu_spool(0, 5))]))
    feed(listener, delta(tray_exist_bits="e", tray_read_done_bits="e"))
    memory = dict(see_now(listener).memory)
    after = ReportDecoder(logging.getLogger(__name__), memory=memory)
    trays = (bambu_spool(0, 5), *NAMELESS["tray"][1:])
    feed(after, full(unit(0, *trays), exist="e", ams={"version": 1}))
    slot = unit_of(see_now(after), 1).slots[0]
    assert (slot.present, slot.identifiers.known) == (False, True)


def test_a_spool_not_read_before_a_restart_is_not_named_as_the_one_that_left() -> None:
    listener = _resumed(version=12)
    feed(listener, delta(ams=[unit(0, bambu_spool(0, 5))]))
    feed(listener, delta(tray_exist_bits="e", tray_read_done_bits="e"))
    feed(listener, delta(tray_exist_bits="f"))
    trays = (bambu_spool(0, 5), *NAMELESS["tray"][1:])
    memory = dict(see_now(listener).memory)
    for _ in range(2):
        after = ReportDecoder(logging.getLogger(__name__), memory=memory)
        feed(after, full(unit(0, *trays), exist="f", ams={"version": 1}))
        assert not unit_of(see_now(after), 1).slots[0].identifiers.known
        memory = dict(see_now(after).memory)


@pytest.mark.parametrize(("exist", "named"), [("f", True), ("e", False), ("0", False)])
def test_a_slot_that_was_empty_before_a_refused_report_is_not_named_by_what_it_was(
    exist: str, *, named: bool
) -> None:
    listener = _resumed(version=9)
    trays = (bambu_spool(0, 5), *NAMELESS["tray"][1:])
    feed(listener, delta(ams=[unit(0, *trays)]))
    feed(listener, delta(tray_exist_bits=exist, tray_read_done_bits=exist))
    memories = []
    for message in (
        delta(ams_exist_bits="0", tray_exist_bits="0", version=0),
        # The units are back, and not named yet.
        delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits=exist, version=9),
    ):
        feed(listener, message)
        memories.append(dict(see_now(listener).memory))
    for memory, version in zip(memories, (10, 2), strict=True):
        after = ReportDecoder(logging.getLogger(__name__), memory=memory)
        feed(after, full(unit(0, *trays), exist="f", ams={"version": version}))
        assert _reads(after) == ["stands"] * 4
        assert unit_of(see_now(after), 1).slots[0].identifiers.known is named


def test_a_name_that_appeared_over_a_restart_without_reading_was_read() -> None:
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    trays = (bambu_spool(0, 5), *NAMELESS["tray"][1:])
    feed(listener, full(unit(0, *trays), exist="f", ams={"version": 2}))
    assert _reads(listener) == [True, "stands", "stands", "stands"]


@pytest.mark.parametrize(
    ("msg", "listed"),
    [
        (1, NAMELESS),
        (1, unit(0, *four(1))),
        (None, NAMELESS),
        (None, unit(0, *four(1))),
        (0, NAMELESS),  # some call all reports full
    ],
)
def test_partial_reports_before_the_first_full_one_of_a_later_connection_do_not_count(
    msg: int | None, listed: dict[str, Any]
) -> None:
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    bits = dict.fromkeys(("tray_exist_bits", "tray_read_done_bits"), "f")
    ams = bits | {"ams_exist_bits": "1", "ams": [listed], "version": 12}
    holder = other_spool(0, id="254")
    feed(listener, report(msg, ams=ams, vt_tray=holder))
    assert not see_now(listener).complete
    feed(listener, report(msg, gcode_state="RUNNING"))
    assert not see_now(listener).complete
    feed(listener, report(msg and 0, ams=ams, gcode_state="RUNNING", hms=[]))
    assert see_now(listener).complete
    feed(listener, full(unit(0, *four(1)), exist="e", ams={"version": 12}))
    slots = unit_of(see_now(listener), 1).slots
    assert [slot.present for slot in slots] == [False, True, True, True]
    assert all(slot.identifiers.known for slot in slots)


@pytest.mark.parametrize("version", [9, 2])
def test_reads_that_stand_after_a_loose_contact_before_the_first_list_prove_nothing(
    version: int,
) -> None:
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    gone = dict.fromkeys(("ams_exist_bits", "tray_exist_bits"), "0")
    feed(listener, delta(**gone, tray_read_done_bits="0"))
    reads = {"power_on_flag": True, "version": version}
    feed(listener, full(NAMELESS, exist="f", ams=reads))
    assert _reads(listener) == ["stands"] * 4


def test_a_spool_read_in_a_slot_that_had_its_name_keeps_it_over_a_loose_contact() -> (
    None
):
    before = _resumed(version=12)
    feed(before, delta(ams=[unit(0, bambu_spool(0, 5))]))
    feed(before, delta(tray_exist_bits="e", tray_read_done_bits="e"))
    memory = dict(see_now(before).memory)
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    trays = (bambu_spool(0, 5), *four(1)[1:])
    feed(listener, full(unit(0, *trays), exist="e", ams={"version": 13}))
    feed(listener, delta(tray_exist_bits="f", tray_reading_bits="1"))
    feed(listener, delta(tray_reading_bits="0", tray_read_done_bits="f"))
    feed(listener, delta(ams_exist_bits="0", tray_exist_bits="0"))
    feed(listener, full(unit(0, *trays), exist="f", ams={"version": 14}))
    assert _reads(listener) == ["stands"] * 4
    assert unit_of(see_now(listener), 1).slots[0].identifiers.known


@pytest.mark.parametrize("named", [True, False])
def test_a_named_slot_that_was_filled_between_two_connections_was_read_then(
    *, named: bool
) -> None:
    listener = _resumed()
    if named:
        feed(listener, delta(ams=[unit(0, bambu_spool(0, 5))]))
    feed(listener, delta(tray_exist_bits="e", tray_read_done_bits="e"))
    again = _resumed(dict(see_now(listener).memory), version=5)
    assert _reads(again) == [named or "stands", "stands", "stands", "stands"]


def _read_by(*messages: dict[str, Any]) -> ReportDecoder:
    """Return a decoder of a printer that reads on start, so that nothing stands."""
    listener = decoder()
    both = full(unit(0, *four(1)), unit(1, *four(2)), exist="ff")
    both["print"]["ams"] |= {"power_on_flag": True, "version": 20}
    for message in (both, *messages):
        feed(listener, message)
    return listener


NO_UNITS = {"ams": [], "ams_exist_bits": "0", "tray_exist_bits": "0"}
BLANK = unit(1, *({"id": str(tray)} for tray in range(4)))


@pytest.mark.parametrize(
    "gone",
    [
        delta(ams_exist_bits="1"),
        delta(ams_exist_bits="1", tray_exist_bits="f", tray_read_done_bits="f"),
        report(0, ams={"ams": [unit(0, *four(1))]}),
        report(ams=NO_UNITS),
    ],
    ids=["its bit", "its bits", "not listed", "all gone"],
)
def test_a_finished_read_of_a_unit_that_was_away_proves_nothing(
    gone: dict[str, Any],
) -> None:
    listener = _read_by(gone)
    assert [unit.ams_unit_no for unit in see_now(listener).units] in ([1], [])
    bits = {"ams_exist_bits": "3", "tray_exist_bits": "ff", "tray_read_done_bits": "ff"}
    feed(listener, delta(ams=[unit(0, *four(1)), BLANK], **bits))
    assert _reads(listener, 2) == ["stands"] * 4
    feed(listener, delta(tray_reading_bits="10", tray_read_done_bits="ef"))
    feed(listener, delta(tray_reading_bits="0", tray_read_done_bits="ff"))
    assert _reads(listener, 2) == [True, "stands", "stands", "stands"]


def test_a_unit_that_is_listed_before_its_bit_is_connected_with_its_bit() -> None:
    bits = {"tray_exist_bits": "f", "tray_read_done_bits": "f"}
    listener = _read_by(delta(ams_exist_bits="1", **bits), delta(ams=[BLANK]))
    assert [unit.ams_unit_no for unit in see_now(listener).units] == [1]
    feed(listener, delta(ams_exist_bits="3", tray_exist_bits="ff"))
    assert [unit.ams_unit_no for unit in see_now(listener).units] == [1, 2]
    assert not listener.contradiction
    feed(listener, delta(ams_exist_bits="1"))
    feed(listener, delta(ams_exist_bits="3"))
    assert [unit.ams_unit_no for unit in see_now(listener).units] == [1]


def test_the_reads_of_a_unit_count_although_another_one_was_away() -> None:
    listener = _read_by(
        delta(ams_exist_bits="1"), delta(ams_exist_bits="3", ams=[BLANK])
    )
    assert _reads(listener) == [True] * 4


@pytest.mark.parametrize(("reads", "proof"), [(True, True), (False, "stands")])
def test_a_unit_that_was_away_between_two_connections_was_read_if_the_printer_reads_then(
    *, reads: bool, proof: bool | str
) -> None:
    listener = _read_by(delta(ams_exist_bits="1", power_on_flag=reads, version=21))
    again = ReportDecoder(logging.getLogger(__name__), memory=see_now(listener).memory)
    back = full(unit(0, *four(1)), BLANK, exist="ff")
    back["print"]["ams"] |= {"power_on_flag": reads, "version": 23}
    feed(again, back)
    assert _reads(again) == [True] * 4
    assert _reads(again, 2) == [proof] * 4


def test_a_connection_without_a_list_of_the_units_knows_of_none_that_was_away() -> None:
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    feed(listener, delta(power_on_flag=False, version=20))
    assert listener.merged.memory["standing_bits"] == 0


def test_memory_names_only_the_units_that_can_be() -> None:
    phases = {"phases": {"0": 1, "A": 1}}
    listener = _resumed(MEMORY | phases, version=9, power_on_flag=True)
    assert listener.snapshot is not None
    assert listener.snapshot.memory == MEMORY | {
        "phases": {"0": 0},
        "reads_on_start": True,
    }


def test_a_restart_is_known_from_the_version_before_the_shutdown_frame() -> None:
    listener = _resumed(version=12)
    feed(listener, delta(ams_exist_bits="0", version=0))
    assert listener.snapshot is not None
    assert listener.snapshot.memory["version"] == 12
    feed(listener, full(NAMELESS, exist="f", ams={"version": 1}))
    assert _reads(listener) == ["stands"] * 4


def test_reads_that_stand_do_not_count_before_it_is_known_whether_tags_are_read() -> (
    None
):
    memory = MEMORY | {"content": [], "standing_bits": -1}
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    feed(listener, delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="f"))
    feed(listener, full(NAMELESS, exist="f", ams={"version": 9}))
    assert _reads(listener) == ["stands"] * 4


def test_reads_that_a_loose_contact_made_unknown_are_asked_for() -> None:
    listener = _resumed(version=9)
    gone = dict.fromkeys(("ams_exist_bits", "tray_exist_bits"), "0")
    feed(listener, delta(**gone, tray_read_done_bits="0"))
    feed(listener, delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="f"))
    assert contradicts(listener)
    feed(listener, full(NAMELESS, exist="f", ams={"version": 9}))
    assert not contradicts(listener)


def test_what_a_loose_contact_changed_is_no_sign_of_a_restart() -> None:
    listener = _resumed(MEMORY, version=9)
    feed(listener, delta(ams_exist_bits="0", tray_exist_bits="0"))
    assert listener.snapshot is not None
    memory = dict(listener.snapshot.memory)
    assert _reads(_resumed(memory, version=9, power_on_flag=True)) == ["stands"] * 4
    assert _reads(_resumed(memory, version=8, power_on_flag=True)) == [True] * 4


def test_all_units_may_go_in_a_full_report_that_lists_none() -> None:
    start = full(unit(0, *four(1)), exist="f")
    assert see(start, full(exist="0")).units == ()
    partial = delta(ams=[], ams_exist_bits="0", tray_exist_bits="0")
    assert len(see(start, partial).units) == 1


def test_everything_is_needed_until_a_report_contained_the_state_of_the_print() -> None:
    listener = decoder()
    needed = [listener.needs_everything]
    for message in (
        report(0, ams={"ams": [unit(0, *four(1))], "tray_exist_bits": "f"}),
        report(1, gcode_state="IDLE"),
        delta(ams=[unit(0, {"id": "0", "state": 10})]),  # a contradiction
    ):
        feed(listener, message)
        needed.append(listener.needs_everything)
    assert see_now(listener).complete
    assert needed == [True, True, False, True]


def test_a_state_against_its_bit_is_a_contradiction() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 11})]))
    assert not contradicts(listener)
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 10})]))
    assert contradicts(listener)
    feed(listener, report(ams={"ams": [unit(0, *four(1))], "tray_exist_bits": "f"}))
    assert not contradicts(listener)


def test_stale_full_trays_are_no_contradiction() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="e"))
    feed(listener, delta(ams=[unit(0, bambu_spool(0, 5, state=3))]))
    assert not contradicts(listener)


def test_fragments_without_a_command_are_reports() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    assert feed(listener, {"print": {"gcode_state": "RUNNING"}}) is not None
    assert feed(listener, {"print": {"stat": "46258008"}}) is None
    assert listener.counters.ignored == 0


def test_answers_to_commands_are_ignored() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    answer = {
        "command": "ams_filament_setting",
        "ams": {"tray_exist_bits": "0"},
        "ams_id": 0,
        "result": "success",
    }
    assert feed(listener, {"print": answer}) is None
    assert feed(listener, {"system": {"command": "ledctrl"}}) is None
    assert feed(listener, {"info": {"command": "get_version"}}) is None
    assert listener.counters.ignored == 3


@pytest.mark.parametrize(
    ("exist", "state"), [("f", 10), ("e", 11)], ids=["state absent", "bit absent"]
)
def test_a_state_contradicts_its_bit_in_both_directions(exist: str, state: int) -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist=exist))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": state})]))
    assert contradicts(listener)


@pytest.mark.parametrize("drying", [{"dry_time": 90}, {"info": "1011"}])
def test_a_unit_that_dries_contradicts_nothing(drying: dict[str, object]) -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1), **drying), exist="f"))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 10}, **drying)]))
    assert not contradicts(listener)
    feed(listener, delta(ams=[unit(0, {"id": "1", "state": 10})]))
    assert contradicts(listener)


def test_one_unit_that_dries_excuses_no_other() -> None:
    listener = decoder()
    feed(
        listener,
        full(unit(0, *four(1), dry_time=90), unit(1, *four(2)), exist="ff"),
    )
    feed(listener, delta(ams=[unit(1, {"id": "0", "state": 10})]))
    assert contradicts(listener)


def test_a_state_is_compared_with_the_bit_of_its_own_slot() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), unit(1, *four(2)), exist="df"))
    feed(listener, delta(ams=[unit(1, {"id": "1", "state": 10})]))
    assert not contradicts(listener)
    feed(listener, delta(ams=[unit(1, {"id": "2", "state": 10})]))
    assert contradicts(listener)


def test_an_id_alone_is_no_contradiction() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, delta(ams=[unit(0, {"id": "0"})]))
    assert not contradicts(listener)


def test_a_state_that_cannot_be_read_is_no_contradiction() -> None:
    listener = decoder()
    feed(listener, full(unit(0, {"id": "0"}), exist="1"))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": "?"})]))
    assert not contradicts(listener)
    assert listener.counters.decode_errors == 0


def test_a_state_without_bits_contradicts_nothing() -> None:
    listener = decoder()
    feed(listener, delta(ams=[unit(0, *four(1))]))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 10})]))
    assert not contradicts(listener)


def test_bits_that_change_together_with_the_units_are_no_contradiction() -> None:
    listener = decoder()
    state = {"id": "0", "state": 11}
    feed(listener, full(unit(0, state), unit(1, *four(2)), exist="f1"))
    feed(listener, delta(ams_exist_bits="1", tray_exist_bits="0"))
    assert not contradicts(listener)


def test_what_a_full_report_left_contradictory_is_not_asked_for_again() -> None:
    listener = decoder()
    feed(
        listener,
        full(unit(0, {"id": "0", "state": 10}), exist="1", ams={"ams_exist_bits": "3"}),
    )
    assert not contradicts(listener)
    feed(listener, delta(tray_now="0"))
    assert not contradicts(listener)


@pytest.mark.parametrize(
    "partial", [{"tray_exist_bits": "e"}, {"ams": [unit(0)]}, {"tray_now": "1"}]
)
def test_only_bits_and_units_together_resolve_a_contradiction(
    partial: dict[str, Any],
) -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 10})]))
    feed(listener, delta(**partial))
    assert contradicts(listener)
    feed(listener, delta(ams=[unit(0)], tray_exist_bits="e"))
    assert not contradicts(listener)


@pytest.mark.parametrize("msg", [0, 1, None])
def test_no_units_by_the_bits_alone_is_a_shutdown(msg: int | None) -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    after = feed(listener, report(msg, ams={"ams_exist_bits": "0"}))
    assert after is not None
    assert after.frozen
    assert presence(after, 1) == [True] * 4
    assert contradicts(listener)
    assert feed(listener, delta(tray_now="1", tray_exist_bits="e")) is not None
    assert listener.snapshot is not None
    assert listener.snapshot.frozen


def test_a_printer_without_units_does_not_shut_down_by_its_bits() -> None:
    listener = decoder()
    feed(listener, full(exist="0"))
    feed(listener, delta(ams_exist_bits="0", tray_now="254"))
    assert listener.snapshot is not None
    assert not listener.snapshot.frozen
    assert not contradicts(listener)


def test_a_full_list_with_a_unit_of_an_unknown_kind_still_deletes() -> None:
    listener = decoder()
    both = full(unit(0, *four(1)), unit(1, *four(2)), exist="ff")
    del both["print"]["ams"]["ams_exist_bits"]
    feed(listener, both)
    feed(listener, report(0, ams={"ams": [unit(0, *four(1)), {"id": "77"}]}))
    assert listener.snapshot is not None
    assert [each.ams_unit_no for each in listener.snapshot.units] == [1]
    assert listener.counters.ignored == 1


def test_a_unit_that_is_listed_without_values_is_there() -> None:
    assert [each.ams_unit_no for each in see(delta(ams=[{"id": "0"}])).units] == [1]


def test_a_tray_that_the_unit_cannot_have_is_ignored() -> None:
    listener = decoder()
    units = (
        unit(0, *four(1), bambu_spool(4, 5)),
        unit(128, bambu_spool(0, 6), bambu_spool(1, 7)),
    )
    snapshot = feed(listener, delta(ams=list(units)))
    assert snapshot is not None
    assert [len(each.slots) for each in snapshot.units] == [4, 1]
    assert listener.counters.ignored == 2


def test_a_tray_with_one_value_of_the_filament_is_replaced() -> None:
    slot = slot_of(
        see(
            full(unit(0, *four(1)), exist="f"),
            delta(ams=[unit(0, {"id": "1", "tray_type": "PETG"})]),
        ),
        1,
        2,
    )
    assert not slot.identifiers.known
    assert slot.filament is not None
    assert (slot.filament.material, slot.filament.remaining_percent) == ("PETG", None)


def test_a_tray_without_a_state_is_added_to_whatever_its_state_is() -> None:
    without = {k: v for k, v in bambu_spool(0, 5).items() if k != "state"}
    slot = slot_of(
        see(
            delta(ams=[unit(0, without)]),
            delta(ams=[unit(0, {"id": "0", "remain": 41})]),
        ),
        1,
        1,
    )
    assert slot.identifiers.known
    assert slot.filament is not None
    assert slot.filament.remaining_percent == 41


def test_a_known_state_without_information_replaces_the_content() -> None:
    slot = slot_of(
        see(
            full(unit(0, bambu_spool(0, 5, state=9)), exist="1"),
            delta(ams=[unit(0, {"id": "0", "remain": 41})]),
        ),
        1,
        1,
    )
    assert not slot.identifiers.known


def test_a_first_tray_without_values_of_the_filament_is_taken() -> None:
    slot = slot_of(see(delta(ams=[unit(0, {"id": "0", "state": 11})])), 1, 1)
    assert slot.present is True
    assert slot.filament is None


def test_a_tray_of_the_wrong_types_leaves_the_known_one() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    assert feed(listener, delta(ams=[unit(0, bambu_spool(1, 9, cols=5))])) is None
    assert listener.snapshot is not None
    assert slot_of(listener.snapshot, 1, 2).identifiers.known
    assert listener.counters.ignored == 1


def test_an_external_holder_of_an_unknown_kind_is_ignored() -> None:
    listener = decoder()
    bad = [other_spool(0, id="3"), other_spool(0, id="255", cols=5), 7]
    assert feed(listener, report(1, vir_slot=bad)) is None
    assert listener.counters.ignored == 3


def test_a_holder_keeps_what_a_partial_report_does_not_mention() -> None:
    for key, start, change in (
        ("vt_tray", other_spool(0, id="254"), {"id": "254", "tray_type": "PETG"}),
        ("vir_slot", [other_spool(0, id="255")], [{"id": "255", "tray_type": "PETG"}]),
    ):
        snapshot = see(full(exist="0", **{key: start}), report(1, **{key: change}))
        (slot,) = snapshot.direct_slots
        assert slot.filament is not None
        assert slot.filament.material == "PETG"
        assert slot.filament.color_hex == "#0ACC38"


def test_a_holder_of_the_wrong_types_does_not_complete_the_state() -> None:
    listener = decoder()
    feed(listener, report(1, vt_tray={"id": "254", "cols": 5}, gcode_state="IDLE"))
    assert listener.snapshot is not None
    assert not listener.snapshot.complete
    assert listener.counters.ignored == 1


def test_an_extruder_is_read_only_with_its_id_and_its_content() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    infos = [{"id": 0, "snow": 2}, {"id": 0}, {"snow": 1}, 5]
    feed(listener, report(1, device={"extruder": {"info": infos}}))
    assert listener.snapshot is not None
    assert active(listener.snapshot) == ["A3"]
    assert (listener.counters.ignored, listener.counters.decode_errors) == (1, 0)


def test_an_empty_value_is_neither_taken_nor_counted() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    assert feed(listener, delta(tray_now="", tray_exist_bits=None)) is None
    assert listener.counters.ignored == 0


@pytest.mark.parametrize(
    ("device", "ignored"), [({}, 0), ({"extruder": 5}, 1), ({"extruder": {}}, 0)]
)
def test_a_device_without_extruders_spoils_nothing_else(
    device: dict[str, Any], ignored: int
) -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    assert feed(listener, report(1, device=device, ams={"tray_exist_bits": "e"}))
    assert listener.counters.ignored == ignored
    assert listener.counters.decode_errors == 0


def test_a_list_of_units_of_the_wrong_type_is_ignored_and_the_bits_are_taken() -> None:
    listener = decoder()
    snapshot = feed(listener, report(1, ams={"ams": "0", "tray_now": "1"}))
    assert snapshot is not None
    assert not snapshot.complete
    assert (listener.counters.ignored, listener.counters.decode_errors) == (1, 0)


def test_a_full_report_resolves_a_contradiction_even_without_bits() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four(1)), exist="f"))
    feed(listener, delta(ams=[unit(0, {"id": "0", "state": 10})]))
    assert contradicts(listener)
    feed(listener, report(0, ams={"ams": [unit(0, *four(1))]}))
    assert not contradicts(listener)


def test_a_first_tray_of_the_wrong_types_leaves_the_slot_without_content() -> None:
    listener = decoder()
    broken = bambu_spool(0, 5, cols=5)
    snapshot = feed(listener, full(unit(0, broken), exist="1"))
    assert snapshot is not None
    slot = slot_of(snapshot, 1, 1)
    assert (slot.present, slot.filament) == (True, None)
    assert (listener.counters.ignored, listener.counters.decode_errors) == (1, 0)


def test_a_read_broken_off_after_a_loose_contact_does_not_prove_the_next_name() -> None:
    listener = _resumed(version=9)
    gone = dict.fromkeys(("ams_exist_bits", "tray_exist_bits"), "0")
    feed(listener, delta(**gone, tray_read_done_bits="0"))
    feed(listener, delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="e"))
    feed(listener, delta(tray_exist_bits="f", tray_reading_bits="1"))
    feed(listener, delta(tray_exist_bits="e", tray_reading_bits="0"))
    feed(listener, delta(ams=[unit(0, bambu_spool(0, 5))]))
    feed(listener, delta(tray_exist_bits="f"))
    slot = unit_of(see_now(listener), 1).slots[0]
    assert slot.identifiers.known
    assert slot.read_stands


@pytest.mark.parametrize("sent_again", [True, False])
def test_a_slot_that_was_nameless_before_a_loose_contact_and_has_a_name_now_was_read(
    *, sent_again: bool
) -> None:
    before = _resumed(version=12)
    feed(before, delta(ams=[unit(0, *four(1)[:2])]))
    gone = delta(ams_exist_bits="0", tray_exist_bits="0", tray_read_done_bits="0")
    for message in [gone] * (1 + sent_again):
        feed(before, message)
    memory = dict(see_now(before).memory)
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    feed(listener, full(unit(0, *four(1)), exist="f", ams={"version": 14}))
    assert _reads(listener) == ["stands", "stands", True, True]


def test_a_nameless_slot_that_is_named_after_a_loose_contact_before_the_first_list_was_read() -> (
    None
):
    listener = ReportDecoder(logging.getLogger(__name__), memory=MEMORY)
    trays = (bambu_spool(0, 5), *NAMELESS["tray"][1:])
    for message in (
        delta(ams_exist_bits="0", tray_exist_bits="0", tray_read_done_bits="0"),
        # The units are back, and not named yet.
        delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="f"),
        delta(ams=[unit(0, *trays)]),
        full(unit(0, *trays), exist="f", ams={"version": 12}),
    ):
        feed(listener, message)
    assert _reads(listener) == [True, "stands", "stands", "stands"]


def test_the_names_that_were_left_outlive_a_loose_contact_before_the_first_list() -> (
    None
):
    left = {"0": "bambulab:" + f"{16:032X}"}
    listener = ReportDecoder(
        logging.getLogger(__name__), memory=MEMORY | {"left": left, "content": []}
    )
    feed(listener, delta(ams_exist_bits="0", tray_exist_bits="0"))
    restarted = {"version": 2, "power_on_flag": False}
    feed(listener, full(unit(0, *four(1)), exist="f", ams=restarted))
    slots = unit_of(see_now(listener), 1).slots
    assert [s.identifiers.known for s in slots] == [False, True, True, True]


def test_a_name_omitted_after_a_loose_contact_is_not_taken_for_that_of_a_read() -> None:
    left = {"0": "bambulab:" + f"{16:032X}"}
    before = ReportDecoder(
        logging.getLogger(__name__), memory=MEMORY | {"left": left, "content": []}
    )
    restarted = {"version": 2, "power_on_flag": False}
    feed(before, full(unit(0, *four(1)), exist="f", ams=restarted))
    assert not unit_of(see_now(before), 1).slots[0].identifiers.known
    for message in (
        delta(ams_exist_bits="0", tray_exist_bits="0", tray_read_done_bits="0"),
        delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="f"),
        # One slot is named again, as it has changed.
        delta(
            ams=[unit(0, {"id": "0", "state": 11}, four(1)[1])],
            tray_exist_bits="d",
            tray_read_done_bits="d",
        ),
    ):
        feed(before, message)
    memory = dict(see_now(before).memory)
    assert memory["left"] == left | {"1": "bambulab:" + f"{17:032X}"}
    listener = ReportDecoder(logging.getLogger(__name__), memory=memory)
    feed(listener, full(unit(0, *four(1)), exist="d", ams={"version": 4}))
    slot = unit_of(see_now(listener), 1).slots[0]
    assert (slot.read_stands, slot.identifiers.known) == (True, False)


def test_an_empty_slot_is_not_nameless_before_it_is_named_again_after_a_loose_contact() -> (
    None
):
    listener = ReportDecoder(logging.getLogger(__name__))
    feed(listener, full(unit(0, *four(1)), exist="f", ams={"version": 1}))
    for message in (
        delta(ams_exist_bits="0", tray_exist_bits="0", tray_read_done_bits="0"),
        delta(ams=[NAMELESS], ams_exist_bits="1", tray_exist_bits="f"),
        delta(tray_exist_bits="f", tray_read_done_bits="e"),
        delta(tray_exist_bits="e"),
    ):
        feed(listener, message)
    assert unit_of(see_now(listener), 1).slots[0].read_stands
    feed(listener, full(unit(0, *four(1)), exist="e", ams={"version": 1}))
    assert not unit_of(see_now(listener), 1).slots[0].read_stands
