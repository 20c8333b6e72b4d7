"""A printer has one source of slots, and it is asked for no more than it needs."""

from copy import deepcopy
from typing import Any

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.systems import (
    Found,
    choose,
)

from . import statuses
from .klipper import Klipper

SYSTEMS = {
    "sensors": "sensors",
    "happy_hare": "happy_hare",
    "afc": "afc",
    "cfs": "cfs",
    "without_cfs": "cfs",
    "kalico": "cfs",
    "ace_hub": "ace",
    "ace_instances": "ace",
    "ace_inventory": "ace",
    "multi_ace": "ace",
    "qidi_box": "qidi_box",
    "snapmaker_u1": "snapmaker_u1",
    "zmod": "ifs",
    "forge_x": "ifs",
    "port_sensors": "ifs",
    "openams": "openams",
    "openams_boards": "openams",
}


@pytest.mark.parametrize("name", statuses.EVERY)
def test_each_system_is_found_by_its_objects(name: str) -> None:
    klipper = Klipper(statuses.EVERY[name])
    assert klipper.decoder.system == SYSTEMS[name]
    assert klipper.snapshot.complete


@pytest.mark.parametrize("name", statuses.EVERY)
def test_each_field_is_subscribed_by_its_name(name: str) -> None:
    klipper = Klipper(statuses.EVERY[name])
    subscription = klipper.asked[-1]
    assert subscription.method == "printer.objects.subscribe"
    assert subscription.params is not None
    objects: dict[str, Any] = subscription.params["objects"]
    assert objects["webhooks"] == ["state"]
    assert all(fields and isinstance(fields, list) for fields in objects.values())
    assert not {"configfile", "gcode"} & set(objects)
    assert all("filament_position" not in fields for fields in objects.values())
    assert all(name in klipper.status for name in objects)


@pytest.mark.parametrize("name", sorted(set(statuses.EVERY) - {"sensors"}))
def test_sensors_of_a_changer_are_no_slots_of_their_own(name: str) -> None:
    klipper = Klipper(statuses.EVERY[name])
    labels = {slot.label for slot in klipper.snapshot.direct_slots}
    assert labels <= {"T0", "T1", "T2", "T3", "External"}


def test_the_vendors_own_objects_come_before_those_that_imitate_others() -> None:
    both = [*statuses.ace_hub(), *statuses.happy_hare()]
    assert choose(Found(objects=both)).name == "ace"
    assert choose(Found(objects=["AFC", "filament_detect"])).name == "snapmaker_u1"
    assert choose(Found(objects=["mmu", "save_variables"])).name == "happy_hare"


HEADS = ["T0", "T1", "T2", "T3"]


def heads_of(klipper: Klipper) -> list[str | None]:
    return [slot.label for slot in klipper.snapshot.direct_slots]


def test_a_snapmaker_with_an_ace_has_its_heads_and_the_slots_of_the_ace() -> None:
    klipper = Klipper({**statuses.multi_ace(), **statuses.snapmaker_u1()})
    assert klipper.decoder.system == "snapmaker_u1, ace"
    assert heads_of(klipper) == HEADS
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [1, 2]
    klipper.wait(60)
    aces = deepcopy(klipper.status["ace"]["aces"])
    aces[1]["slots"][2] = statuses.ace_slot(2)
    klipper.change("ace", aces=aces)
    klipper.wait(300)
    assert klipper.happened == [("removed", 3, None)]


def test_a_snapmaker_with_openams_has_its_heads_and_the_bays() -> None:
    klipper = Klipper({**statuses.openams(), **statuses.snapmaker_u1()})
    assert klipper.decoder.system == "snapmaker_u1, openams"
    assert heads_of(klipper) == HEADS
    assert len(klipper.snapshot.units) == 1


def test_the_lanes_that_stand_for_the_heads_of_a_snapmaker_are_no_second_slots() -> (
    None
):
    status: statuses.Objects = {
        **statuses.snapmaker_u1(),
        "AFC": {"units": ["AFC_unit U1"], "lanes": ["E0", "E1"]},
        "AFC_unit U1": {"lanes": ["E0", "E1"]},
        "AFC_lane E0": statuses.lane(0, spool_id=77),
        "AFC_lane E1": statuses.lane(0, spool_id=154),
    }
    klipper = Klipper(status)
    assert heads_of(klipper) == HEADS
    assert klipper.snapshot.units == ()

    status["AFC"] = {
        "units": ["AFC_unit U1", "OpenAMS AMS_1"],
        "lanes": ["E0", "E1", "lane1"],
    }
    status["AFC_OpenAMS AMS_1"] = {"lanes": ["lane1"]}
    status["AFC_lane lane1"] = statuses.lane(1, unit="AMS_1", prep=True, load=True)
    klipper = Klipper(status)
    assert heads_of(klipper) == HEADS
    assert [unit.label for unit in klipper.snapshot.units] == ["AMS_1"]
    assert klipper.direct(2).identifiers.external_id == "spoolman:154"


def test_an_afc_without_lanes_leaves_the_printer_its_sensors() -> None:
    klipper = Klipper({**statuses.sensors("runout"), "AFC": {"units": [], "lanes": []}})
    assert klipper.decoder.system == "sensors"
    assert heads_of(klipper) == ["runout"]


def test_variables_are_looked_at_only_where_nothing_else_is_found() -> None:
    plain = {**statuses.sensors("runout"), "save_variables": {"variables": {"x": 1}}}
    klipper = Klipper(plain)
    assert [ask.method for ask in klipper.asked] == [
        "server.info",
        "printer.objects.list",
        "printer.objects.query",
        "printer.objects.subscribe",
    ]
    assert klipper.decoder.system == "sensors"
    assert "save_variables" not in (klipper.asked[-1].params or {})["objects"]

    changer = {**statuses.happy_hare(), "save_variables": {"variables": {}}}
    assert "printer.objects.query" not in [ask.method for ask in Klipper(changer).asked]


def test_a_qidi_without_a_box_has_its_sensor_and_no_box_slots() -> None:
    klipper = Klipper(statuses.qidi_box(0))
    assert klipper.decoder.system == "sensors"
    assert klipper.snapshot.units == ()
    assert [slot.label for slot in klipper.snapshot.direct_slots] == ["fila"]


def test_a_printer_without_any_sensor_has_no_slots() -> None:
    klipper = Klipper(statuses.COMMON)
    assert klipper.snapshot.complete
    assert (klipper.snapshot.units, klipper.snapshot.direct_slots) == ((), ())


def test_a_changer_that_answers_nothing_is_named_in_health() -> None:
    klipper = Klipper({**statuses.sensors("toolhead_sensor"), "mmu": {}})
    assert klipper.snapshot.complete
    assert (klipper.snapshot.units, klipper.snapshot.direct_slots) == ((), ())
    assert klipper.decoder.not_understood == ("mmu",)
