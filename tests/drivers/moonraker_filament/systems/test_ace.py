"""Anycubic's ACE in all its forms."""

from typing import Any

import pytest

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import ace_hub, ace_instances, ace_inventory, ace_slot, multi_ace

TAGGED: dict[str, Any] = {
    "status": "ready",
    "sku": "AHPLGY-102",
    "type": "PLA",
    "color": [99, 102, 106],
    "rfid": 2,
}


def hub(**slots: dict[str, Any]) -> list[dict[str, Any]]:
    return ace_hub(**slots)["filament_hub"]["filament_hubs"]  # type: ignore[no-any-return]


def quiet(**slots: dict[str, Any]) -> Klipper:
    klipper = Klipper(ace_hub(**slots))
    klipper.wait(60)
    return klipper


@pytest.mark.parametrize(
    ("status", "present"),
    [
        ("empty", False),
        ("ready", True),
        ("preload", True),
        ("shifting", True),
        ("feeding", True),
        ("unwinding", True),
        ("running", True),
        ("runout", None),
        (None, None),
        (5, None),
    ],
)
def test_every_status_but_empty_and_runout_is_present(
    status: object, present: bool | None
) -> None:
    assert Klipper(ace_hub(slot1={"status": status})).slot(2).present is present


def test_a_product_is_known_only_from_its_tag() -> None:
    typed = {"status": "ready", "type": "PLA", "sku": "AHPLGY-102", "rfid": 1}
    klipper = Klipper(ace_hub(slot0=TAGGED, slot1=typed))
    assert klipper.slot(1).identifiers == Identifiers(vendor_tag="AHPLGY-102")
    assert not klipper.slot(2).identifiers.known
    filament = klipper.slot(1).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "PLA", "color_hex": "#63666A"}
    assert klipper.slot(3).filament is None


def test_an_insert_waits_for_its_tag_to_be_read() -> None:
    klipper = quiet()
    klipper.change(
        "filament_hub", filament_hubs=hub(slot0={"status": "preload", "rfid": 3})
    )
    klipper.wait(20)
    assert klipper.happened == []
    klipper.change("filament_hub", filament_hubs=hub(slot0=TAGGED))
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "AHPLGY-102")]


def test_a_tag_that_cannot_be_read_makes_an_unknown_spool() -> None:
    klipper = quiet()
    klipper.change(
        "filament_hub", filament_hubs=hub(slot0={"status": "preload", "rfid": 3})
    )
    klipper.wait(5)
    klipper.change(
        "filament_hub", filament_hubs=hub(slot0={"status": "ready", "rfid": 1})
    )
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("unknown", 1, None)]


def test_a_tool_change_removes_nothing() -> None:
    klipper = quiet(slot0=TAGGED)
    for status in ("shifting", "unwinding", "ready", "feeding", "runout", "ready"):
        klipper.change(
            "filament_hub", filament_hubs=hub(slot0={**TAGGED, "status": status})
        )
        klipper.wait(20)
    assert klipper.happened == []


def test_the_filament_in_use_is_active() -> None:
    klipper = quiet(slot2=TAGGED)
    klipper.change("filament_hub", current_filament="0-2")
    klipper.change("print_stats", state="printing")
    assert [slot.active for slot in klipper.unit().slots] == [False, False, True, False]
    assert klipper.unit().feeding


def test_units_and_slots_without_a_place_are_counted() -> None:
    status = ace_hub()
    hubs = status["filament_hub"]["filament_hubs"]
    hubs[0]["slots"] = [ace_slot(0), ace_slot(0), ace_slot(9), "slot"]
    hubs += [{"id": "x"}, {"id": 0, "slots": []}, {"id": 1, "slots": [ace_slot(0)]}]
    klipper = Klipper(status)
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [1, 2]
    assert klipper.decoder.counters.ignored > 0


def test_community_drivers_have_an_object_for_each_ace() -> None:
    klipper = Klipper(ace_instances())
    assert [unit.label for unit in klipper.snapshot.units] == ["ACE 1", "ACE 2"]
    assert klipper.slot(2, unit=2).active
    assert not any(slot.active for slot in klipper.unit(1).slots)
    filament = klipper.slot(1).filament
    assert filament is not None
    assert (filament.material, filament.vendor) == ("PETG", "AC")


def test_a_single_ace_may_be_the_object_itself() -> None:
    status = ace_instances()
    status["ace"] = status.pop("ace_instance_0")
    del status["ace_instance_1"]
    klipper = Klipper(status)
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [1]
    assert not any(slot.active for slot in klipper.unit().slots)


def test_others_keep_an_inventory_in_variables() -> None:
    klipper = Klipper(ace_inventory())
    assert [(slot.present, slot.active) for slot in klipper.unit().slots] == [
        (False, False),
        (True, True),
    ]
    assert not klipper.slot(1).identifiable
    filament = klipper.slot(2).filament
    assert filament is not None
    assert (filament.material, filament.color_hex) == ("PETG", "#FF8000")
    klipper.wait(60)
    variables = ace_inventory()["save_variables"]["variables"]
    variables["ace_inventory"][0]["status"] = "ready"
    klipper.change("save_variables", variables=variables)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def test_an_ace_that_has_not_started_yet_removes_nothing() -> None:
    klipper = quiet(slot0=TAGGED)
    klipper.stop()
    booting = ace_hub()
    booting["filament_hub"]["filament_hubs"][0]["status"] = "startup"
    klipper.start(booting)
    assert not klipper.unit().online
    klipper.wait(60)
    klipper.change("filament_hub", filament_hubs=hub(slot0=TAGGED))
    assert klipper.unit().online
    klipper.wait(300)
    assert klipper.happened == []


@pytest.mark.parametrize(
    "lost",
    [
        {"status": "disconnected"},
        {"connection_state": "reconnecting"},
        {"status": "ready", "temp": 0},
    ],
)
def test_an_ace_whose_link_is_down_is_offline_and_loses_no_spool(
    lost: dict[str, Any],
) -> None:
    klipper = Klipper(ace_instances())
    klipper.wait(60)
    before = dict(klipper.status["ace_instance_0"])
    klipper.change("ace_instance_0", slots=[ace_slot(n) for n in range(4)], **lost)
    klipper.wait(300)
    assert [unit.online for unit in klipper.snapshot.units] == [False, True]
    assert [unit["online"] for unit in klipper.events[-1]["ams_units"]] == [False, True]
    klipper.change(
        "ace_instance_0", **before, status="ready", connection_state=None, temp=25
    )
    klipper.wait(300)
    assert klipper.unit(1).online
    assert klipper.happened == []


def test_four_empty_slots_before_the_first_answer_of_an_ace_are_not_believed() -> None:
    klipper = Klipper(ace_instances())
    klipper.wait(60)
    klipper.stop()
    unheard = ace_instances()
    unheard["ace_instance_1"] = {
        "status": "ready",
        "temp": 0,
        "slots": [{"index": n, "status": "empty"} for n in range(4)],
    }
    klipper.start(unheard)
    klipper.wait(120)
    assert [unit.online for unit in klipper.snapshot.units] == [True, False]
    klipper.change("ace_instance_1", temp=25, **ace_instances()["ace_instance_1"])
    klipper.wait(300)
    assert klipper.happened == []


def test_an_empty_ace_that_answers_has_lost_its_spools() -> None:
    klipper = Klipper(ace_instances())
    klipper.wait(60)
    klipper.change("ace_instance_0", temp=25, slots=[ace_slot(n) for n in range(4)])
    klipper.wait(60)
    assert klipper.happened == [("removed", n, None) for n in (1, 2, 3, 4)]


def with_tag(**slot: Any) -> list[dict[str, Any]]:
    """Return the slots of a driver that reports `rfid` as true or false."""
    return [ace_slot(0, rfid=False) | slot] + [
        ace_slot(n, rfid=False) for n in range(1, 4)
    ]


def test_a_tag_that_is_reported_as_true_names_its_spool_once_its_content_follows() -> (
    None
):
    status = ace_instances()
    status["ace_instance_0"] = {"status": "ready", "temp": 25, "slots": with_tag()}
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("ace_instance_0", slots=with_tag(status="ready"))
    klipper.wait(5)
    klipper.change("ace_instance_0", slots=with_tag(status="ready", rfid=True))
    klipper.wait(5)
    assert klipper.happened == []
    klipper.change(
        "ace_instance_0", slots=with_tag(status="ready", rfid=True, sku="AHPLGY-102")
    )
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "AHPLGY-102")]


def test_a_tag_that_is_reported_as_false_names_nothing() -> None:
    status = ace_instances()
    status["ace_instance_0"] = {
        "slots": with_tag(status="ready", sku="AHPLGY-102", rfid=False)
    }
    assert not Klipper(status).slot(1).identifiers.known


def test_the_slot_in_use_may_be_reported_beside_the_instances() -> None:
    status = ace_instances()
    del status["ace"]
    status["ace_state"] = {"current_index": 2}
    klipper = Klipper(status)
    assert [slot.active for slot in klipper.unit(1).slots] == [
        False,
        False,
        True,
        False,
    ]


def test_an_ace_in_a_list_that_is_not_connected_is_offline() -> None:
    status = multi_ace()
    status["ace"]["aces"][1]["connected"] = False
    klipper = Klipper(status)
    assert [unit.online for unit in klipper.snapshot.units] == [True, False]


def test_an_ace_in_a_list_keeps_its_own_number() -> None:
    status = multi_ace()
    status["ace"]["aces"] = [
        *reversed(status["ace"]["aces"]),
        {**status["ace"]["aces"][0], "idx": -1},
    ]
    klipper = Klipper(status)
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [2, 1]
    assert klipper.decoder.counters.ignored > 0


def test_an_instance_that_answers_nothing_is_no_unit_and_is_named_in_health() -> None:
    status = ace_instances()
    del status["ace_instance_1"]["slots"]
    assert [unit.ams_unit_no for unit in Klipper(status).snapshot.units] == [1]
    status = {**ace_instances(), "ace_instance_0": {}, "ace_instance_1": {}}
    klipper = Klipper(status)
    assert klipper.snapshot.units == ()
    assert klipper.decoder.not_understood == ("ace_instance_0", "ace_instance_1")


def test_an_instance_that_reports_that_it_is_not_connected_is_offline() -> None:
    klipper = Klipper(ace_instances())
    klipper.wait(60)
    empty = [ace_slot(n) for n in range(4)]
    klipper.change("ace_instance_0", connected=False, temp=25, slots=empty)
    klipper.wait(300)
    assert not klipper.unit(1).online
    assert klipper.happened == []


def test_a_list_without_any_ace_has_no_unit() -> None:
    klipper = Klipper(multi_ace())
    klipper.wait(60)
    klipper.change("ace", aces=[], status="ready")
    klipper.wait(300)
    assert klipper.snapshot.units == ()
    assert klipper.happened == []


@pytest.mark.parametrize("unset", [[0, 0, 0], [128, 128, 128]])
def test_the_colour_of_a_slot_that_was_never_set_describes_no_filament(
    unset: list[int],
) -> None:
    slot = {"status": "ready", "color": unset, "material": "Unknown"}
    assert Klipper(ace_hub(slot0=slot)).slot(1).filament is None
    filament = Klipper(ace_hub(slot0=slot | {"material": "PLA"})).slot(1).filament
    assert filament is not None
    assert filament.color_hex is not None


def test_a_spool_is_not_unknown_where_reading_tags_is_switched_off() -> None:
    status = ace_instances()
    off = {"status": "ready", "temp": 25, "rfid_sync_enabled": False}
    status["ace_instance_0"] = {**off, "slots": with_tag()}
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("ace_instance_0", slots=with_tag(status="ready"))
    klipper.wait(3)
    assert klipper.happened == [("inserted", 1, None)]
    klipper.wait(300)
    assert len(klipper.happened) == 1
