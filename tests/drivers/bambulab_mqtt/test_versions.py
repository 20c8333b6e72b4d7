"""Who the printer is, by its answer to get_version (docs/protocols/bambu.md 6)."""

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.versions import (
    Module,
    model_by_serial,
    read_versions,
)

from .reports import decoder, feed, module, versions


def test_the_printer_is_identified_by_its_main_module() -> None:
    listener = decoder()
    assert (listener.versions, listener.model) == ({}, None)
    ota = module(
        "ota", "094AB1234567890", product_name="Bambu Lab H2D", sw_ver="01.01.02.07"
    )
    feed(listener, versions(module("mc", "x"), ota))
    assert listener.versions == {
        "model": "H2D",
        "firmware": "01.01.02.07",
        "serial": "094AB1234567890",
    }
    assert listener.model == "H2D"


@pytest.mark.parametrize(
    ("board", "project", "model"),
    [
        ("AP04", "C11", "P1P"),
        ("AP04", "C12", "P1S"),
        ("AP05", "N1", "A1 mini"),
        ("AP05", "N2S", "A1"),
        ("AP05", "", "X1 Carbon"),
        ("AP02", "", "X1E"),
        ("AP99", "", None),
    ],
)
def test_the_board_of_older_firmware_identifies_the_model(
    board: str, project: str, model: str | None
) -> None:
    modules = [
        module("ota", "**REDACTED**"),
        module("esp32", "x", hw_ver=board, project_name=project),
    ]
    answer = read_versions(modules)
    assert answer.model == model
    assert answer.serial is None


@pytest.mark.parametrize(
    ("serial", "model"),
    [
        ("00M00A123456789", "X1 Carbon"),
        ("26A00A123456789", "A2L"),
        ("31B00A123456789", "H2C"),
        ("ZZZ00A123456789", None),
        (None, None),
    ],
)
def test_a_serial_begins_with_its_model(serial: str | None, model: str | None) -> None:
    assert model_by_serial(serial) == model
    assert read_versions([module("ota", serial)]).model == model


def test_units_are_named_by_their_kind_and_id() -> None:
    answer = read_versions(
        [
            module("ams/0", "00600A071815F"),
            module("ams_f1/16", "**REDACTED**"),
            module("n3f/1", ""),
            module("n3s/128", None),
            module("ahb", "19Q00A037B686"),
            module("ams/x", "00600A071815F"),
            module("ams", "00600A071815F"),
        ]
    )
    assert answer.units == {
        0: Module("AMS", "00600A071815F", enumerated=True, firmware="01.02.03.04"),
        16: Module("AMS Lite", None, enumerated=True, firmware="01.02.03.04"),
        1: Module("AMS 2 Pro", None, enumerated=False, firmware="01.02.03.04"),
        128: Module("AMS HT", None, enumerated=True, firmware="01.02.03.04"),
    }


def test_the_hardware_is_the_main_board_and_that_of_a_unit_is_its_own() -> None:
    listener = decoder()
    feed(
        listener,
        versions(
            module("ota", "094AB1234567890", hw_ver="OTA"),
            module("mc", "x", hw_ver="MC07"),
            module("esp32", "x", hw_ver="AP04"),
            module("ams/0", "00600A071815F", hw_ver="AMS08", sw_ver="00.00.06.49"),
            module("ams/1", None, hw_ver="AMS08"),
        ),
    )

    assert listener.versions["hardware"] == "AP04"
    assert listener.unit_versions == [
        {"serial": "00600A071815F", "firmware": "00.00.06.49", "hardware": "AMS08"}
    ]


def test_what_is_no_module_is_passed_over() -> None:
    answer = read_versions([None, 5, "ota", [], {"name": 5}, {"name": "ota", "sn": 5}])
    assert answer.as_dict() == {}
    assert answer.units == {}
