"""Whatever a Klipper sends, no event is invented or lost, and nothing is raised."""

from copy import deepcopy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.filament_slots.drivers.moonraker_filament.systems import (
    Context,
    Found,
    choose,
)
from custom_components.filament_slots.model import SlotState, UnitState

from .klipper import Klipper, notification
from .statuses import EVERY, Objects

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.sampled_from([10**30, -(10**30), 0.5, 1e308, "", "1", "-1", "none", "x" * 300])
    | st.text(max_size=4)
)
_JUNK = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["0", "id", "index", "slots", "status", "uid", "gates", "T1"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@st.composite
def mutations(draw: st.DrawFn, objects: Objects) -> list[tuple[str, str, Any]]:
    """Draw changes of fields there are: one value deep inside, or the whole of it."""
    fields = sorted((name, key) for name, values in objects.items() for key in values)
    changes = []
    for name, key in draw(st.lists(st.sampled_from(fields), min_size=1, max_size=4)):
        value = deepcopy(objects[name][key])
        inside = value
        spots: list[tuple[Any, Any]] = []
        while isinstance(inside, dict | list) and inside:
            keys: list[Any] = (
                [*inside] if isinstance(inside, dict) else [*range(len(inside))]
            )
            spot = draw(st.sampled_from(keys))
            spots.append((inside, spot))
            inside = inside[spot]
        if draw(st.booleans()) and spots:
            container, place = draw(st.sampled_from(spots))
            container[place] = draw(_JUNK)
        else:
            value = draw(_JUNK)
        # In Python 0 equals False, so an equal value is not bad input.
        if value != objects[name][key]:
            changes.append((name, key, value))
    return changes


def check_shape(klipper: Klipper) -> None:
    """Check that what is shown could go out as it is."""
    snapshot = klipper.snapshot
    places = [unit.ams_unit_no for unit in snapshot.units]
    assert len(places) == len(set(places))
    for slots in (*(unit.slots for unit in snapshot.units), snapshot.direct_slots):
        numbers = [slot.slot_no for slot in slots]
        assert len(numbers) == len(set(numbers))
        for slot in slots:
            SlotState(
                slot_no=slot.slot_no,
                present=slot.present,
                active=slot.active,
                label=slot.label,
                identifiers=slot.identifiers,
                filament=slot.filament,
            )
    for unit in snapshot.units:
        UnitState(
            ams_unit_no=unit.ams_unit_no,
            slots_total=unit.slots_total,
            serial=unit.serial,
            model=unit.model,
            label=unit.label,
            temperature_c=unit.temperature_c,
            humidity_percent=unit.humidity_percent,
            slots=(),
        )


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_change_breaks_the_snapshot_and_the_next_status_restores_it(
    name: str, data: st.DataObject
) -> None:
    objects = EVERY[name]
    klipper = Klipper(objects)
    before = klipper.snapshot
    assert not klipper.decoder.counters.decode_errors
    for object_name, key, value in data.draw(mutations(objects)):
        klipper.receive(
            notification("notify_status_update", {object_name: {key: value}}, 1.0)
        )
        check_shape(klipper)
        klipper.wait(30)
    assert klipper.decoder.counters.decode_errors == 0
    klipper.receive(notification("notify_klippy_ready"))
    klipper.receive(notification("notify_status_update", deepcopy(objects), 2.0))
    klipper.answer_all()
    check_shape(klipper)
    # The full status was sent again.
    assert klipper.snapshot == before


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_fields_that_vanish_remove_nothing(name: str, data: st.DataObject) -> None:
    objects = {
        thing: fields for thing, fields in EVERY[name].items() if thing != "webhooks"
    }
    klipper = Klipper(objects)
    klipper.wait(60)
    present = {label for label, there in shown(klipper).items() if there}
    gone = data.draw(
        st.lists(st.sampled_from(sorted(objects)), min_size=1, unique=True)
    )
    for thing in gone:
        klipper.receive(
            notification(
                "notify_status_update", {thing: dict.fromkeys(objects[thing])}, 1.0
            )
        )
        klipper.answer_all()
        klipper.wait(60)
    removed = {
        event["meta"]["slot_label"]
        for event in klipper.events
        if event["event_type"] == "spool_removed"
    }
    assert removed == set(), (present, gone)
    assert not [
        event for event in klipper.events if event["event_type"] == "spool_inserted"
    ]


def shown(klipper: Klipper) -> dict[tuple[int | None, int], bool | None]:
    """Return the presence of each slot."""
    return {
        (unit, slot.slot_no): slot.present
        for unit, slots in (
            *((unit.ams_unit_no, unit.slots) for unit in klipper.snapshot.units),
            (None, klipper.snapshot.direct_slots),
        )
        for slot in slots
    }


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_decoder_takes_any_status_at_all(name: str, data: st.DataObject) -> None:
    objects = EVERY[name]
    system = choose(
        Found(
            objects=[*objects],
            variables=objects.get("save_variables", {}).get("variables", {}),
        )
    )
    status = {
        thing: {key: data.draw(_JUNK) for key in kinds}
        for thing, kinds in system.wanted.items()
    }
    ignored: list[str] = []
    reading = system.decode(status, Context(ignore=ignored.append))
    system.ready(status)
    assert reading == system.decode(json.loads(json.dumps(status)), Context())
