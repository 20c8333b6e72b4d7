"""The values that an explanation of a slot contains, and what it names as refused."""

from datetime import timedelta
import logging

from custom_components.filament_slots.drivers.bambulab_mqtt.explanation import (
    wire_state,
)
from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.base import Counters
from custom_components.filament_slots.model import iso_utc
from tests.clock import FakeClock

from .reports import bambu_spool, decoder, delta, feed, four, full, report, unit

GONE = delta(ams_exist_bits="0", tray_exist_bits="0", tray_read_done_bits="0")


def test_a_slot_is_explained_by_its_bits_and_its_last_tray() -> None:
    listener = decoder()
    tray = bambu_spool(1, 7)
    feed(listener, full(unit(0, {"id": "0", "state": 0}, tray), exist="2"))
    feed(listener, delta(tray_reading_bits="1"))

    slots = wire_state(listener.merged).slots
    assert slots[1, 2] == {
        "exist": True,
        "reading": False,
        "read_done": True,
        "read_done_stands": True,
        "drying": False,
        "info": "1001",
        "dry_time": 0,
        "tray": tray,
    }
    assert (slots[1, 1]["exist"], slots[1, 1]["reading"]) == (False, True)
    assert slots[1, 4]["tray"] is None


def test_the_printer_is_explained_by_its_bit_fields_as_it_sends_them() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four()), unit(128, bambu_spool(0, 9)), exist="1000f"))
    unread = {"attr": 0x0702_2000, "code": 0x0002_0057}
    feed(listener, report(1, hms=[unread], device={"extruder": {"info": []}}))

    printer = wire_state(listener.merged).printer
    assert printer["ams_exist_bits"] == "11"
    assert printer["tray_exist_bits"] == "1000f"
    assert printer["version"] == 4
    assert printer["hms_unreadable"] == [(2, 0)]
    assert wire_state(listener.merged).slots[5, 1]["exist"] is True


def test_nothing_is_explained_before_the_first_report() -> None:
    wire = wire_state(decoder().merged)

    assert not wire.slots
    assert wire.printer["tray_exist_bits"] is None


def test_a_report_that_is_not_believed_is_named_with_its_time_and_number() -> None:
    clock = FakeClock()
    counters = Counters(now=clock.now)
    listener = ReportDecoder(logging.getLogger(__name__), counters)
    feed(listener, full(unit(0, *four()), exist="f"))
    start = clock.now()

    feed(listener, GONE)
    feed(listener, report(1, gcode_state="FINISH"))
    clock.tick(60)
    feed(listener, full(unit(0, *four()), exist="f"))
    feed(listener, GONE)

    assert list(counters.refused.values()) == [
        {
            "reason": "a report that all units are gone",
            "count": 2,
            "last_at": iso_utc(start + timedelta(seconds=60)),
        }
    ]
    assert counters.ignored == counters.decode_errors == 0
    assert wire_state(listener.merged).printer["shutting_down"] is True
    # It would have cleared the bits, which are unknown until they are reported again.
    assert wire_state(listener.merged).slots[1, 1]["exist"] is None


def test_reports_that_contradict_each_other_are_named() -> None:
    listener = decoder()
    feed(listener, full(unit(0, *four()), exist="f"))
    feed(listener, delta(ams_exist_bits="3"))
    feed(listener, delta(ams_exist_bits="7"))

    (refused,) = listener.counters.refused.values()
    assert refused["reason"] == "reports that contradict each other"
    assert refused["count"] == 1


def test_values_that_make_no_sense_are_counted_by_their_kind() -> None:
    listener = decoder()
    for value in (5, 6):
        feed(listener, report(1, ams=value))
    listener.feed(b"{")

    assert {
        each["reason"]: each["count"] for each in listener.counters.refused.values()
    } == {"ams has the wrong type": 2, "a message is no JSON object": 1}
