"""FlashForge's IFS through zmod, Forge-X and plain sensors."""

from .klipper import Klipper
from .statuses import forge_x, port_sensors, zmod


def presence(klipper: Klipper) -> list[bool | None]:
    return [slot.present for slot in klipper.unit().slots]


def test_zmod_reports_ports_and_the_channel_in_use() -> None:
    klipper = Klipper(zmod())
    assert presence(klipper) == [False, True, True, True]
    assert [slot.active for slot in klipper.unit().slots] == [False, False, True, False]
    filament = klipper.slot(2).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "PETG", "color_hex": "#0ACC38"}
    assert klipper.slot(3).filament is None
    assert klipper.slot(4).filament is None
    assert klipper.unit().slots_total == 4


def test_ports_come_and_go_and_nothing_is_ever_unknown() -> None:
    klipper = Klipper(zmod(), spool_id=None)
    klipper.wait(60)
    klipper.change("zmod_ifs", Ports=[True, True, False, True])
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("removed", 3, None)]


def test_a_list_that_became_shorter_removes_nothing() -> None:
    klipper = Klipper(zmod())
    klipper.wait(60)
    klipper.change("zmod_ifs", Ports=[False])
    klipper.change("zmod_ifs", Ports=["yes", 1, None])
    klipper.change("zmod_ifs", Ports=None)
    klipper.wait(300)
    assert klipper.happened == []


def test_forge_x_lists_the_channels_that_are_loaded() -> None:
    klipper = Klipper(forge_x())
    assert presence(klipper) == [False, True, False, True]
    assert klipper.slot(2).active
    filament = klipper.slot(4).filament
    assert filament is not None
    assert filament.material == "PLA"
    klipper.change("ifs", loaded_channels=[True, False, False, True])
    assert presence(klipper) == [True, False, False, True]
    klipper.change("ifs", loaded_channels=None)
    assert presence(klipper) == [None] * 4


def test_an_ifs_that_is_not_connected_removes_nothing() -> None:
    klipper = Klipper(forge_x())
    klipper.wait(60)
    klipper.change("ifs", connected=False, loaded_channels=[])
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_plain_sensors_of_the_ports_are_its_slots() -> None:
    klipper = Klipper(port_sensors())
    assert presence(klipper) == [True, False, False, False]
    assert klipper.snapshot.direct_slots == ()
    filament = klipper.slot(4).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "TPU"}
    klipper.change("save_variables", variables={"bambufy_types": ["ABS"]})
    assert klipper.slot(2).filament is None
    klipper.change("save_variables", variables={})
    assert klipper.slot(1).filament is None
