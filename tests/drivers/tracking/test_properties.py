"""Properties that hold for the tracker whatever a printer reports."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings, strategies as st

from custom_components.filament_slots.drivers.snapshot import Unit
from custom_components.filament_slots.model import NO_IDENTIFIERS

from .tracker_rig import BLUE, RED, SERIAL, Rig

SLOTS = (1, 2)
QUIET = 2000.0  # longer than every wait

type Act = Callable[[Rig], None]


def _act(name: str, **facts: Any) -> Act:
    def act(rig: Rig) -> None:
        getattr(rig, name)(**facts)

    act.__name__ = f"{name}({facts})"
    return act


def _unplug(rig: Rig) -> None:
    rig.unit(online=False)


def _plug(rig: Rig) -> None:
    rig.unit(online=True)


def _lose(rig: Rig) -> None:
    rig.tracker.disconnected()


def slot_acts(slot_no: int) -> list[Act]:
    """Return all changes of one slot that a printer can report."""
    return [
        *(_act("put", spool=spool, slot_no=slot_no) for spool in (RED, BLUE, None)),
        _act("put_unread", slot_no=slot_no),
        _act("put_unread", slot_no=slot_no, reading=True),
        _act("slot", slot_no=slot_no, reading=False, read_done=True),
        _act("slot", slot_no=slot_no, identifiers=NO_IDENTIFIERS, read_done=False),
        _act("slot", slot_no=slot_no, unreadable=True),
        _act("slot", slot_no=slot_no, present=None),
        _act("slot", slot_no=slot_no, present=False),
        _act("slot", slot_no=slot_no, present=True),
        _act("slot", slot_no=slot_no, active=True),
        _act("take", slot_no=slot_no),
    ]


ACTS = [
    *slot_acts(1),
    *slot_acts(2),
    _act("report"),
    _act("report", printing=True),
    _act("report", reading_enabled=False),
    _act("report", frozen=True),
    _act("report", frozen=False),
    _act("unit", drying=True),
    _act("unit", drying=False),
    _act("unit", feeding=True),
    _act("unit", humidity_percent=55.0),
    _unplug,
    _plug,
    _lose,
]
PAUSES = (0, 0.1, 2.4, 2.5, 4.9, 5, 7.9, 8, 30, 59, 60, 121, 601)
STORY = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(PAUSES)), max_size=25)


class Listener:
    """Follows the events as the core does, and checks that they are consistent."""

    def __init__(self) -> None:
        """Begin without any slot."""
        self.present: dict[int, bool | None] = {}
        self.identity: dict[int, str | None] = {}
        self.unknown: dict[int, bool] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Check one event and follow it."""
        if event["event_type"] == "ams_state":
            self._take_state(event)
            return
        slot_no = event["slot"]["slot_no"]
        identity = event["identifiers"]["external_id"]
        match event["event_type"]:
            case "spool_inserted":
                assert self.present[slot_no] is False
                self.present[slot_no] = True
                self.identity[slot_no] = identity
                self.unknown[slot_no] = False
            case "spool_removed":
                assert self.present[slot_no] is True
                assert self.identity[slot_no] == identity
                self.present[slot_no] = False
                self.identity[slot_no] = None
            case "unknown_spool_detected":
                assert self.present[slot_no] is True
                assert self.identity[slot_no] is None
                assert self.unknown.get(slot_no) is False, "once per insertion"
                self.unknown[slot_no] = True

    def _take_state(self, event: dict[str, Any]) -> None:
        for unit in event["ams_units"]:
            for slot in unit["slots"]:
                slot_no, present = slot["slot_no"], slot["present"]
                known = self.present.get(slot_no)
                assert known is None or known == present, "only events change presence"
                self.present[slot_no] = present
                if not present:
                    assert slot["identifiers"]["external_id"] is None
                self.identity[slot_no] = slot["identifiers"]["external_id"]


def play(rig: Rig, story: list[tuple[Act, float]]) -> Listener:
    """Play a story, then report a printer at rest until nothing is pending."""
    for act, pause in story:
        act(rig)
        rig.wait(pause)
    with rig.one_report():
        rig.report(frozen=False, printing=False, reading_enabled=True)
        rig.unit(drying=False, feeding=False, online=True)
        for slot_no in SLOTS:
            rig.slot(slot_no, reading=False, unreadable=False)
    rig.wait(QUIET)
    listener = Listener()
    for event in rig.events:
        listener.take(event)
    return listener


@settings(max_examples=300, deadline=None)
@given(STORY)
def test_insertions_and_removals_alternate_and_the_final_state_is_reported(
    story: list[tuple[Act, float]],
) -> None:
    rig = Rig()
    rig.report()
    listener = play(rig, story)
    for slot in rig.snapshot.units[0].slots:
        if slot.present is not None:
            assert listener.present[slot.slot_no] == slot.present
        if slot.present and slot.read_done and slot.identifiers.known:
            assert listener.identity[slot.slot_no] == slot.identifiers.external_id


@settings(max_examples=100, deadline=None)
@given(STORY)
def test_a_repeated_snapshot_reports_nothing(
    story: list[tuple[Act, float]],
) -> None:
    rig = Rig()
    rig.report()
    play(rig, story)
    rig.events.clear()
    for _ in range(3):
        rig.report()
        rig.wait(QUIET)
    assert rig.events == []


@settings(max_examples=100, deadline=None)
@given(STORY)
def test_a_reconnect_to_an_unchanged_printer_reports_no_change(
    story: list[tuple[Act, float]],
) -> None:
    rig = Rig()
    rig.report()
    play(rig, story)
    with rig.one_report():
        for slot in rig.snapshot.units[0].slots:
            if slot.present is None:
                rig.take(slot.slot_no)
    rig.wait(QUIET)
    rig.events.clear()
    rig.outage()
    rig.report()
    rig.wait(QUIET)
    assert [e for e in rig.events if e["event_type"] != "ams_state"] == []


@settings(max_examples=100, deadline=None)
@given(STORY)
def test_no_timer_is_left_when_nothing_is_pending(
    story: list[tuple[Act, float]],
) -> None:
    rig = Rig()
    rig.report()
    play(rig, story)
    assert rig.clock.pending == 0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.permutations([f"{SERIAL[:-1]}{n}" for n in (1, 2, 3)]),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_units_connected_in_another_order_are_never_a_swap(
    orders: list[tuple[list[str], bool]],
) -> None:
    rig = Rig(units=3, slots=1)
    inside = {
        f"{SERIAL[:-1]}{number}": spool
        for number, spool in ((1, RED), (2, BLUE), (3, None))
    }
    units: dict[str, Unit] = {u.serial or "": u for u in rig.snapshot.units}
    rig.report(
        units=tuple(
            _holding(units[serial], number, spool)
            for number, (serial, spool) in enumerate(inside.items(), start=1)
        )
    )
    rig.wait(QUIET)
    for order, confirmed_late in orders:
        rig.report(units=())
        rig.wait(100)
        arranged = tuple(
            _holding(units[serial], number, inside[serial])
            for number, serial in enumerate(order, start=1)
        )
        if confirmed_late:
            rig.report(units=tuple(_unconfirmed(unit) for unit in arranged))
            rig.wait(5)
        rig.report(units=arranged)
        rig.wait(QUIET)
    assert rig.changes() == []


def _holding(unit: Unit, number: int, spool: Any) -> Unit:
    slot = replace(
        unit.slots[0],
        present=spool is not None,
        identifiers=spool or NO_IDENTIFIERS,
        read_done=spool is not None,
    )
    return replace(unit, ams_unit_no=number, slots=(slot,))


def _unconfirmed(unit: Unit) -> Unit:
    return replace(unit, serial=None, confirmed=False)
